/* SPDX-License-Identifier: Apache-2.0
 * route.c - which route answers this model name for this agent, and is either of them stopped? (R5,
 * O3) */
#include "gateway/stage.h"

static enum flow on_request(struct exchange *x, void *state)
{
    (void)state;
    const struct generation *g = x->generation;
    const struct route *route = generation_route(g, x->view.model_name);
    if (route == NULL) {
        route = g->plain[x->dialect->provider];
    }
    if (route == NULL) {
        exchange_refuse(x, 404, "model_not_found",
                        "no route is named '" STR_FMT "' and no provider speaks this API",
                        STR_ARG(x->view.model_name));
        return FLOW_REPLY;
    }
    if (x->agent != NULL && x->agent->route.len > 0 && !str_equal(x->agent->route, route->name)) {
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
    if (stops_has(stops, STOP_ROUTE, route->name)) {
        exchange_refuse(x, 503, "route_stopped", "route '" STR_FMT "' has been stopped",
                        STR_ARG(route->name));
        return FLOW_REPLY;
    }
    return FLOW_NEXT;
}

const struct stage stage_route = {.name = "route", .on_request = on_request};
