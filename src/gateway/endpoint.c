/* SPDX-License-Identifier: Apache-2.0
 * endpoint.c - look-up in a table of six. */
#include "gateway/endpoint.h"

static const struct endpoint endpoints[] = {
#define ENDPOINT(name, method, path, dialect) {#name, STR_CONST(method), STR_CONST(path), dialect},
#include "gateway/endpoints.def"
#undef ENDPOINT
};

const struct endpoint *endpoint_find(struct str method, struct str path,
                                     const struct endpoint **other)
{
    struct str wanted = str_equal(method, STR("HEAD")) ? STR("GET") : method;
    *other = NULL;
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        if (str_equal(endpoints[i].path, path)) {
            *other = &endpoints[i];
            if (str_equal(endpoints[i].method, wanted)) {
                return &endpoints[i];
            }
        }
    }
    return NULL;
}

enum provider_kind endpoint_family(struct str path)
{
    return str_starts(path, STR("/v1/messages")) ? PROVIDER_ANTHROPIC : PROVIDER_OPENAI;
}
