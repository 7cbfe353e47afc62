/* SPDX-License-Identifier: Apache-2.0
 * fuzz_workflow_ask.c - any path and body of a workflow call: refused, or read within its limits
 * and known again. The first line is what stands behind /workflow/. */
#include "base/must.h"
#include "gateway/workflow_ask.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct workflow_ask *ask, const struct json *json)
{
    static const struct seal_key key = {{1}};
    struct step_call first;
    struct step_call second;
    must(ask->hold_ms <= WORKFLOW_HOLD_MS_MAX && ask->seq <= RUN_STEPS_MAX);
    must(ask->ms <= WORKFLOW_MS_MAX || ask->ms == UINT64_MAX);
    must(ask->name.len <= WORKFLOW_TEXT_BYTES_MAX);
    if (ask->kind != WORKFLOW_REPORT && ask->kind != WORKFLOW_END) {
        workflow_shape(ask, json, &key, STR(""), &first);
        workflow_shape(ask, json, &key, STR(""), &second);
        must(memcmp(&first.exact, &second.exact, sizeof first.exact) == 0);
        workflow_shape(ask, json, &key, STR("name"), &second);
        must(memcmp(&first.loose, &second.loose, sizeof first.loose) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = {(const char *)data, size};
    struct str tail;
    struct arena *arena = arena_new(4096);
    struct json json;
    struct request_view view = {0};
    struct workflow_ask ask;
    struct fault fault = {0};
    (void)str_split(&body, '\n', &tail);
    if (json_parse(&json, body, NULL, arena, NULL) == ERR_OK &&
        dialect_workflow.read_request(&json, &view, &fault) == ERR_OK) {
        enum err code = workflow_read(tail, &json, arena, &ask, &fault);
        must(code == ERR_OK || fault.words[0] != '\0');
        if (code == ERR_OK) {
            check(&ask, &json);
        }
    }
    arena_free(arena);
    return 0;
}
