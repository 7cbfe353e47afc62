/* SPDX-License-Identifier: Apache-2.0
 * endpoint.c - look-up in a table of six; tools and workflows have names of their own. */
#include "gateway/endpoint.h"

#include "gateway/workflow_ask.h"

static const struct endpoint endpoints[] = {
#define ENDPOINT(name, method, path, dialect) {#name, STR_CONST(method), STR_CONST(path), dialect},
#include "gateway/endpoints.def"
#undef ENDPOINT
};

static const struct endpoint workflow = {"workflow", STR_CONST("POST"), STR_CONST(WORKFLOW_PATH),
                                         &dialect_workflow};
static const struct endpoint tools = {"tools", STR_CONST(""), STR_CONST(TOOL_PATH), &dialect_tool};

const struct endpoint *endpoint_find(struct str method, struct str path,
                                     const struct endpoint **other)
{
    struct str wanted = str_equal(method, STR("HEAD")) ? STR("GET") : method;
    *other = NULL;
    if (str_starts(path, tools.path)) {
        return &tools;
    }
    if (str_starts(path, workflow.path)) {
        *other = &workflow;
        return str_equal(wanted, workflow.method) ? &workflow : NULL;
    }
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
    return str_starts(path, STR("/v1/messages"))                             ? PROVIDER_ANTHROPIC
           : str_starts(path, tools.path) || str_starts(path, workflow.path) ? PROVIDER_TOOL
                                                                             : PROVIDER_OPENAI;
}
