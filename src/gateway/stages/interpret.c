/* SPDX-License-Identifier: Apache-2.0
 * interpret.c - the body as its dialect reads it; what cannot be read is never forwarded. */
#include "gateway/stage.h"

#include "gateway/models.h"
#include "gateway/tool_call.h"

/* Declared routes are what a client may ask for; without any, the provider knows. */
static enum flow list_models(struct exchange *x)
{
    bool anthropic = http_head_has(http_call_head(x->call), STR("anthropic-version"));
    if (x->generation->route_count > 0) {
        models_reply(x, anthropic);
        return FLOW_REPLY;
    }
    x->dialect = anthropic ? &dialect_anthropic_models : &dialect_openai_models;
    return FLOW_NEXT;
}

/* A body of many tiny values is dwarfed by its tape; 2^20 values are far more than a request has.
 */
#define BODY_NODES_MAX (UINT32_C(1) << 20)

/* The tape lives as long as the exchange, so it counts as buffered. */
static bool parse(struct exchange *x, struct json_problem *problem)
{
    const struct json_limits limits = {.nodes_max = BODY_NODES_MAX};
    size_t before = arena_bytes(x->arena);
    if (json_parse(&x->json, http_call_body(x->call), &limits, x->arena, problem) != ERR_OK) {
        exchange_refuse(x, 400, "invalid_json", "the body is not valid JSON: %s at byte %zu",
                        problem->what, problem->offset);
        return false;
    }
    if (!exchange_charge(x, arena_bytes(x->arena) - before)) {
        exchange_refuse(x, 503, "out_of_memory", "out of buffer memory");
        return false;
    }
    return true;
}

static enum flow on_request(struct exchange *x, void *state)
{
    (void)state;
    if (x->dialect == &dialect_tool) {
        return tool_call_read(x);
    }
    if (!x->complete) {
        return FLOW_WAIT; /* resumed when the whole body is there */
    }
    if (x->dialect == NULL) {
        return list_models(x);
    }
    struct json_problem problem;
    struct fault fault = {0};
    if (!parse(x, &problem)) {
        return FLOW_REPLY;
    }
    if (x->dialect->read_request(&x->json, &x->view, &fault) != ERR_OK) {
        exchange_refuse(x, 400, "invalid_request", "%s", fault.words);
        return FLOW_REPLY;
    }
    x->view.model_name = json_string(&x->json, x->view.model, x->arena);
    if (x->view.streams && !x->dialect->streams) {
        exchange_refuse(x, 400, "invalid_request", "this endpoint does not stream");
        return FLOW_REPLY;
    }
    return FLOW_NEXT;
}

const struct stage stage_interpret = {.name = "interpret", .on_request = on_request};
