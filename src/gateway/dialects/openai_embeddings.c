/* SPDX-License-Identifier: Apache-2.0
 * openai_embeddings.c - /v1/embeddings. Vectors of two models cannot be compared, so nothing ever
 * stands in for the model asked: no rules, no person. */
#include "gateway/dialect.h"

static enum err read_request(const struct json *json, struct request_view *view,
                             struct fault *fault)
{
    enum err code = dialect_read_common(json, view, fault);
    if (code == ERR_OK && json_get(json, JSON_ROOT, STR("input")) == JSON_NONE) {
        code = fault_set(fault, ERR_INVALID, "'input' is missing");
    }
    view->streams = false;
    return code;
}

static enum failure read_answer(const struct json *json, struct answer_view *answer,
                                struct arena *arena)
{
    (void)arena;
    uint32_t data = json_get(json, JSON_ROOT, STR("data"));
    if (!json_is(json, data, JSON_ARRAY) || json_count(json, data) == 0) {
        return FAILURE_malformed;
    }
    dialect_add_usage(json, json_get(json, JSON_ROOT, STR("usage")), answer);
    answer->has_content = true;
    answer->terminal = true;
    return FAILURE_none;
}

const struct dialect dialect_openai_embeddings = {
    .name = "openai-embeddings",
    .provider = PROVIDER_OPENAI,
    .path = STR_CONST("/embeddings"),
    .read_request = read_request,
    .read_answer = read_answer,
    .write_error = dialect_write_openai_error,
};
