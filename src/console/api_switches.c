/* SPDX-License-Identifier: Apache-2.0
 * api_switches.c - kill switches, and the configuration.
 *
 * Invariant: a switch is durable before it is acknowledged, and moves for all loops before the
 * answer leaves. */
#include "console/routes.h"

/* ---- switches ---- */

static bool has_route(const struct generation *g, struct str name)
{
    bool found = false;
    for (size_t i = 0; i < g->route_count; i++) {
        found = found || str_equal(g->routes[i].name, name);
    }
    for (size_t i = 0; i < sizeof g->plain / sizeof g->plain[0]; i++) {
        found = found || (g->plain[i] != NULL && str_equal(g->plain[i]->name, name));
    }
    return found;
}

void api_put_declared(struct asked *asked, enum stop_kind kind, struct str name)
{
    if (asked->console->options.apply == NULL) {
        json_member_cstr(&asked->w, "declared", NULL);
        return;
    }
    struct generation *g = commons_current(asked->console->options.commons);
    bool declared = kind == STOP_ROUTE  ? has_route(g, name)
                    : kind == STOP_TOOL ? generation_tool(g, name) != NULL
                                        : generation_agent(g, name) != NULL;
    json_member_bool(&asked->w, "declared", declared);
    generation_unref(g);
}

static void moved(struct asked *asked)
{
    const struct stop *stop = asked->state;
    if (asked->result == ERR_OK) {
        asked->result = stops_set(asked->console->options.commons->stops, stop->kind, stop->name,
                                  stop->stopped);
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    json_begin_object(&asked->w);
    json_member_cstr(&asked->w, "kind", stop_kind_name(stop->kind));
    json_member_str(&asked->w, "name", stop->name);
    json_member_bool(&asked->w, "stopped", stop->stopped);
    json_member_str(&asked->w, "by", stop->by);
    api_put_declared(asked, stop->kind, stop->name);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

static void move(struct asked *asked, enum stop_kind kind, bool stopped)
{
    struct stop *stop = arena_new_of(asked->arena, struct stop);
    *stop = (struct stop){.kind = kind,
                          .name = asked_text(asked, "name"),
                          .stopped = stopped,
                          .by = asked->by,
                          .reason = asked_text(asked, "reason")};
    if (!domain_name_valid(stop->name)) {
        asked_refuse(asked, 422, "bad_name", "this is no name of an agent, route or tool");
        return;
    }
    asked->state = stop;
    stops_unit(stop, env_wall(asked->console->options.commons->env), asked->arena, &asked->unit);
    ASKED_TELL(asked, switch_moved, .kind = str_of(stop_kind_name(kind)), .name = stop->name,
               .stopped = stopped, .by = stop->by, .reason = stop->reason);
    asked_write(asked, moved);
}

void api_agent_stop(struct asked *asked)
{
    move(asked, STOP_AGENT, true);
}

void api_agent_start(struct asked *asked)
{
    move(asked, STOP_AGENT, false);
}

void api_route_stop(struct asked *asked)
{
    move(asked, STOP_ROUTE, true);
}

void api_route_start(struct asked *asked)
{
    move(asked, STOP_ROUTE, false);
}

void api_tool_stop(struct asked *asked)
{
    move(asked, STOP_TOOL, true);
}

void api_tool_start(struct asked *asked)
{
    move(asked, STOP_TOOL, false);
}

/* ---- configuration ---- */

static enum err run_apply(struct asked *asked)
{
    const struct console_options *options = &asked->console->options;
    return options->apply(options->object, &asked->fault);
}

static void apply_recorded(struct asked *asked)
{
    uint32_t number = atomic_load(&asked->console->options.commons->generation_number);
    if (asked->fault.code != ERR_OK) {
        asked_refuse(asked, 422, "bad_configuration", "%s", asked->fault.words);
        return;
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked); /* applied, but the audit does not know */
        return;
    }
    json_begin_object(&asked->w);
    json_member_u64(&asked->w, "generation", number);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

static void applied(struct asked *asked)
{
    asked->fault.code = asked->result;
    ASKED_TELL(asked, configuration_changed,
               .generation = atomic_load(&asked->console->options.commons->generation_number),
               .applied = asked->result == ERR_OK, .reason = str_of(asked->fault.words));
    asked->unit = (struct store_unit){0};
    asked_write(asked, apply_recorded);
}

void api_config_apply(struct asked *asked)
{
    if (asked->console->options.apply == NULL) {
        asked_refuse(asked, 503, "no_server", "no server is running that could apply it");
        return;
    }
    asked_work(asked, run_apply, applied);
}
