/* SPDX-License-Identifier: Apache-2.0
 * Any JSON as a request of each dialect: it is refused with words, or it gets a reply of valid
 * JSON.
 */
#include "provider/brain.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void think(const struct json *json, struct arena *arena,
                  bool (*read)(struct ask *ask, struct ask_problem *problem))
{
    struct ask ask = {.json = json, .arena = arena, .hash = 1};
    struct ask_problem problem = {STR(""), STR("")};
    struct reply reply;
    struct buf scratch;
    if (!read(&ask, &problem)) {
        must(problem.message.len > 0);
        return;
    }
    buf_init(&scratch, (size_t)1 << 24);
    brain_answer(&ask, &script_do_nothing, &scratch, &reply);
    for (size_t i = 0; i < reply.call_count; i++) {
        must(json_valid(reply.calls[i].arguments, NULL));
    }
    buf_end(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096);
    struct json json;
    if (json_parse(&json, (struct str){(const char *)data, size}, NULL, arena, NULL) == ERR_OK) {
        think(&json, arena, ask_chat);
        think(&json, arena, ask_responses);
        think(&json, arena, ask_messages);
    }
    arena_free(arena);
    return 0;
}
