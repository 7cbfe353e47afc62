/* SPDX-License-Identifier: Apache-2.0
 * route.c - which route answers this model name or tool for this agent, and is one of them stopped?
 * (R5, O3) */
#include "gateway/stage.h"

#include "gateway/workflow_ask.h"

static const struct route *find_route(const struct exchange *x)
{
    if (x->tool.tool != NULL) {
        return &x->tool.tool->route;
    }
    if (x->dialect == &dialect_workflow) {
        return &workflow_route;
    }
    const struct route *route = generation_route(x->generation, x->view.model_name);
    return route != NULL ? route : x->generation->plain[x->dialect->provider];
}

/* `route` of an agent says which models it may use; tools have no part in it. */
static bool may_use(const struct agent *agent, const struct exchange *x, const struct route *route)
{
    return agent == NULL || agent->route.len == 0 || x->dialect->provider == PROVIDER_TOOL ||
           str_equal(agent->route, route->name);
}

static enum flow on_request(struct exchange *x, void *state)
{
    (void)state;
    const struct route *route = find_route(x);
    if (route == NULL) {
        exchange_refuse(x, 404, "model_not_found",
                        "no route is named '" STR_FMT "' and no provider speaks this API",
                        STR_ARG(x->view.model_name));
        return FLOW_REPLY;
    }
    if (!may_use(x->agent, x, route)) {
        exchange_refuse(x, 403, "route_not_allowed",
                        "agent '" STR_FMT "' may use the route '" STR_FMT "' only",
                        STR_ARG(x->agent->name), STR_ARG(x->agent->route));
        return FLOW_REPLY;
    }
    x->route = route;
    struct stops *stops = x->gateway->commons->stops;
    if (x->agent != NULL && stops_has(stops, STOP_AGENT, x->agent->name)) {
        exchange_refuse(x, 503, "agent_stopped", "agent '" STR_FMT "' has been stopped",
                        STR_ARG(x->agent->name));
        return FLOW_REPLY;
    }
    if (x->tool.tool != NULL && stops_has(stops, STOP_TOOL, x->tool.tool->name)) {
        exchange_refuse(x, 503, "tool_stopped", "tool '" STR_FMT "' has been stopped",
                        STR_ARG(x->tool.tool->name));
        return FLOW_REPLY;
    }
    if (stops_has(stops, STOP_ROUTE, route->name)) {
        exchange_refuse(x, 503, "route_stopped", "route '" STR_FMT "' has been stopped",
                        STR_ARG(route->name));
        return FLOW_REPLY;
    }
    return FLOW_NEXT;
}

const struct stage stage_route = {.name = "route", .on_request = on_request};
