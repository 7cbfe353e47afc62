/* SPDX-License-Identifier: Apache-2.0
 * api_status.c - all of the present state in one answer.
 *
 * It is put together on a worker: everything it reads may be read from any thread, and a long list
 * of keys must not hold up a loop. */
#include "base/map.h"
#include "console/routes.h"
#include "console/views.h"
#include "sys/file.h"

#include <stdio.h>

struct status {
    struct asked *asked;
    struct commons *commons;
    struct generation *generation;
    struct json_writer *w;
    struct instant now;
    struct wall wall;
    const struct principal **holders; /* of keys, each once */
    size_t holder_count;
};

/* ---- targets ---- */

static void put_target(const struct status *s, const struct target *target)
{
    struct target_state *state = target->state;
    struct breaker_view view;
    char last_error[sizeof state->last_error];
    if (state == NULL) {
        return;
    }
    breaker_look(state->breaker, s->now, &view);
    mutex_lock(&state->lock);
    struct wall last_at = state->last_error_at;
    (void)str_copy(str_of(state->last_error), last_error, sizeof last_error);
    mutex_unlock(&state->lock);
    json_begin_object(s->w);
    json_member_str(s->w, "name", target->name);
    json_member_str(s->w, "provider", target->provider->name);
    json_member_str(s->w, "model", target->model);
    json_member_cstr(s->w, "breaker", breaker_state_name(view.state));
    json_member_u64(s->w, "consecutive_failures", view.failures);
    json_member_u64(s->w, "retry_in_ms", view.retry_in_ms);
    json_member_u64(s->w, "openings", view.openings);
    json_member_u64(s->w, "open_us", view.open_us_total);
    json_member_u64(s->w, "attempts", atomic_load(&state->attempts));
    json_member_u64(s->w, "failures", atomic_load(&state->failures));
    json_member_u64(s->w, "in_flight", atomic_load(&state->in_flight));
    json_member_cstr(s->w, "last_error", last_error[0] != '\0' ? last_error : NULL);
    view_time(s->w, "last_error_at", last_at.us);
    json_end_object(s->w);
}

static void put_targets(const struct status *s)
{
    json_key(s->w, "targets");
    json_begin_array(s->w);
    for (size_t i = 0; i < s->generation->target_count; i++) {
        put_target(s, &s->generation->targets[i]);
    }
    for (size_t kind = 0; kind < 2; kind++) {
        if (s->generation->plain[kind] != NULL) {
            put_target(s, s->generation->plain[kind]->tiers[0].targets[0]);
        }
    }
    for (size_t i = 0; i < s->generation->tool_count; i++) {
        put_target(s, &s->generation->tools[i].target);
    }
    json_end_array(s->w);
}

/* ---- routes ---- */

static void put_route(const struct status *s, const struct route *route, bool stopped)
{
    struct incident_view incident;
    incident_look(route->state->incident, &incident);
    json_begin_object(s->w);
    json_member_str(s->w, "name", route->name);
    json_key(s->w, "tiers");
    json_begin_array(s->w);
    for (size_t i = 0; i < route->tier_count; i++) {
        json_put_str(s->w, route->tiers[i].name);
    }
    json_end_array(s->w);
    json_member_bool(s->w, "stopped", stopped);
    json_member_u64(s->w, "exchanges", atomic_load(&route->state->exchanges));
    json_member_u64(s->w, "fallbacks", atomic_load(&route->state->fallbacks));
    json_member_u64(s->w, "failures", atomic_load(&route->state->failures));
    json_key(s->w, "incidents");
    json_begin_object(s->w);
    json_member_bool(s->w, "open", incident.open);
    json_member_u64(s->w, "count", incident.count);
    json_member_u64(s->w, "mttr_us_mean", incident.mttr_us_mean);
    json_member_u64(s->w, "mttr_us_max", incident.mttr_us_max);
    json_end_object(s->w);
    json_end_object(s->w);
}

static void put_routes(const struct status *s)
{
    const struct generation *g = s->generation;
    struct stops *stops = s->commons->stops;
    json_key(s->w, "routes");
    json_begin_array(s->w);
    for (size_t i = 0; i < g->route_count; i++) {
        put_route(s, &g->routes[i], stops_has(stops, STOP_ROUTE, g->routes[i].name));
    }
    for (size_t kind = 0; kind < 2; kind++) {
        if (g->plain[kind] != NULL) {
            put_route(s, g->plain[kind], stops_has(stops, STOP_ROUTE, g->plain[kind]->name));
        }
    }
    for (size_t i = 0; i < g->tool_count; i++) {
        put_route(s, &g->tools[i].route, stops_has(stops, STOP_TOOL, g->tools[i].name));
    }
    json_end_array(s->w);
}

/* ---- agents ---- */

static void add_spend(const struct status *s, const struct principal *principal,
                      const struct agent *agent, struct limit_view *sum)
{
    struct limit_view view;
    char subject[3 * DOMAIN_NAME_MAX + 16];
    int length = snprintf(subject, sizeof subject, STR_FMT " " STR_FMT " agent:" STR_FMT,
                          STR_ARG(principal->tenant), STR_ARG(principal->name),
                          STR_ARG(agent->name));
    struct str name = {subject, (size_t)length < sizeof subject ? (size_t)length : 0};
    if (limits_look(s->commons->limits, name, s->wall, &view)) {
        sum->day_microusd += view.day_microusd;
        sum->month_microusd += view.month_microusd;
        sum->day_tokens += view.day_tokens;
        sum->month_tokens += view.month_tokens;
        sum->held_microusd += view.held_microusd;
        sum->held_tokens += view.held_tokens;
    }
}

/* Limits are kept per holder of a key; people ask for the agent's sum. */
static struct limit_view agent_spend(const struct status *s, const struct agent *agent)
{
    struct limit_view sum = {0};
    for (size_t i = 0; i < s->holder_count; i++) {
        add_spend(s, s->holders[i], agent, &sum);
    }
    return sum;
}

static void put_agent(const struct status *s, const struct agent *agent)
{
    struct limit_view spend = agent_spend(s, agent);
    const struct limit_rule *limits = &agent->limits;
    json_begin_object(s->w);
    json_member_str(s->w, "name", agent->name);
    json_member_str(s->w, "owner", agent->owner);
    json_member_str(s->w, "route", agent->route);
    json_member_bool(s->w, "stopped", stops_has(s->commons->stops, STOP_AGENT, agent->name));
    json_member_cstr(s->w, "limits_mode", mode_name(agent->limits_mode));
    view_rate(s->w, &limits->rate);
    json_member_i64(s->w, "day_microusd", spend.day_microusd);
    json_member_i64(s->w, "day_microusd_max", limits->day_microusd);
    json_member_i64(s->w, "month_microusd", spend.month_microusd);
    json_member_i64(s->w, "month_microusd_max", limits->month_microusd);
    json_member_u64(s->w, "day_tokens", spend.day_tokens);
    json_member_u64(s->w, "day_tokens_max", limits->day_tokens);
    json_member_u64(s->w, "month_tokens", spend.month_tokens);
    json_member_u64(s->w, "month_tokens_max", limits->month_tokens);
    json_member_i64(s->w, "held_microusd", spend.held_microusd);
    json_end_object(s->w);
}

static void put_agents(const struct status *s)
{
    json_key(s->w, "agents");
    json_begin_array(s->w);
    for (size_t i = 0; i < s->generation->agent_count; i++) {
        put_agent(s, &s->generation->agents[i]);
    }
    json_end_array(s->w);
}

/* ---- the rest ---- */

static void put_stop(void *object, enum stop_kind kind, struct str name)
{
    struct json_writer *w = object;
    json_begin_object(w);
    json_member_cstr(w, "kind", stop_kind_name(kind));
    json_member_str(w, "name", name);
    json_end_object(w);
}

static void put_store(const struct status *s)
{
    struct store_health health;
    store_health(s->commons->store, &health);
    json_key(s->w, "store");
    json_begin_object(s->w);
    json_member_cstr(s->w, "name", health.name);
    json_member_bool(s->w, "open", health.open);
    json_member_bool(s->w, "away", health.away);
    json_member_cstr(s->w, "why", health.open ? NULL : health.why);
    json_member_cstr(s->w, "durability", health.durability);
    json_member_u64(s->w, "queued_bytes", health.queued_bytes);
    json_member_u64(s->w, "facts_written", health.facts_written);
    json_member_u64(s->w, "facts_lost", health.facts_lost);
    json_member_u64(s->w, "commits", health.commits);
    json_member_u64(s->w, "commit_us_last", health.commit_us_last);
    json_member_u64(s->w, "commit_us_max", health.commit_us_max);
    json_end_object(s->w);
}

static void put_process(const struct status *s)
{
    const struct console_options *options = &s->asked->console->options;
    int64_t up_us = s->wall.us - options->started.us;
    json_member_cstr(s->w, "version", AIRE_VERSION);
    view_time(s->w, "started", options->started.us);
    json_member_i64(s->w, "uptime_s", up_us > 0 ? up_us / US_PER_S : 0);
    json_member_bool(s->w, "draining", atomic_load(options->draining));
    json_member_u64(s->w, "generation", s->generation->number);
    view_time(s->w, "generation_loaded", s->generation->loaded.us);
    json_member_u64(s->w, "in_flight", atomic_load(&s->commons->in_flight));
    json_member_u64(s->w, "connections", cap_used(&s->commons->connections));
    json_member_u64(s->w, "connections_max", s->commons->connections.max);
    json_member_u64(s->w, "buffered_bytes", cap_used(&s->commons->memory));
    json_member_u64(s->w, "buffered_bytes_max", s->commons->memory.max);
    json_member_u64(s->w, "resident_bytes", file_memory_bytes());
    json_member_double(s->w, "cpu_s", file_cpu_s());
    json_member_bool(s->w, "recording", s->commons->recording);
    json_member_u64(s->w, "keys", identity_count(s->commons->identity));
}

static const struct principal local = {.tenant = STR_CONST("default"), .name = STR_CONST("local")};

/* Several keys of one holder share a subject. A store that is closed for writing may still be read;
 * if not, the sums lack the holders of keys. */
static void find_holders(struct status *s, struct arena *arena)
{
    struct key_entry *keys = NULL;
    size_t count = 0;
    uint64_t seed[2];
    env_entropy(s->commons->env, seed, sizeof seed);
    err_ignore(identity_list(s->commons->store, arena, &keys, &count));
    struct map *seen = map_new(seed, count + 1);
    s->holders = arena_array_of(arena, const struct principal *, count + 1);
    s->holders[s->holder_count++] = &local;
    err_ignore(map_put(seen, STR("default local"), seen));
    for (size_t i = 0; i < count; i++) {
        const struct principal *holder = &keys[i].principal;
        struct str name = arena_printf(arena, STR_FMT " " STR_FMT, STR_ARG(holder->tenant),
                                       STR_ARG(holder->name));
        if (map_get(seen, name) == NULL && map_put(seen, name, seen) == ERR_OK) {
            s->holders[s->holder_count++] = holder;
        }
    }
    map_free(seen);
}

static enum err run(struct asked *asked)
{
    struct commons *commons = asked->console->options.commons;
    struct arena *arena = arena_new((size_t)16 * 1024);
    struct status s = {.asked = asked,
                       .commons = commons,
                       .generation = commons_current(commons),
                       .w = &asked->w,
                       .now = env_instant(commons->env),
                       .wall = env_wall(commons->env)};
    if (s.generation->agent_count > 0) {
        find_holders(&s, arena);
    }
    json_begin_object(s.w);
    put_process(&s);
    put_store(&s);
    put_targets(&s);
    put_routes(&s);
    put_agents(&s);
    json_key(s.w, "stops");
    json_begin_array(s.w);
    stops_each(commons->stops, put_stop, s.w);
    json_end_array(s.w);
    json_end_object(s.w);
    generation_unref(s.generation);
    arena_free(arena);
    return ERR_OK;
}

static void done(struct asked *asked)
{
    asked_answer(asked, 200);
}

void api_status(struct asked *asked)
{
    asked_work(asked, run, done);
}
