/* SPDX-License-Identifier: Apache-2.0
 * models.c - GET /models of either family, passed to the provider where no route is declared. */
#include "gateway/dialect.h"

static enum failure read_answer(const struct json *json, struct answer_view *answer,
                                struct arena *arena)
{
    (void)arena;
    if (!json_is(json, json_get(json, JSON_ROOT, STR("data")), JSON_ARRAY)) {
        return FAILURE_malformed;
    }
    answer->usage.known = true; /* a list costs no tokens */
    answer->terminal = true;
    return FAILURE_none;
}

const struct dialect dialect_openai_models = {
    .name = "openai-models",
    .provider = PROVIDER_OPENAI,
    .path = STR_CONST("/models"),
    .read_answer = read_answer,
    .write_error = dialect_write_openai_error,
};

const struct dialect dialect_anthropic_models = {
    .name = "anthropic-models",
    .provider = PROVIDER_ANTHROPIC,
    .path = STR_CONST("/v1/models"),
    .read_answer = read_answer,
    .write_error = dialect_write_anthropic_error,
};
