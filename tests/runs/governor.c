/* SPDX-License-Identifier: Apache-2.0
 * governor.c - one process: the real gateway on one or two loops, and all it has in memory. */
#include "runs/parts.h"

#include "base/must.h"
#include "gateway/events.h"
#include "gateway/generation.h"
#include "security/keyring.h"
#include "sys/net.h"

#include <stdio.h>
#include <stdlib.h>

#define STATIONS_MAX 2

static const char configuration[] =
    "version: 1\n"
    "guardrails:\n"
    "  default: {input: {injection: {mode: off}, pii: {mode: off}, secrets: {mode: off},\n"
    "    sanitize: {mode: off}}, output: {pii: {mode: off}, secrets: {mode: off}}}\n"
    "providers:\n"
    "  p: {dialect: openai, base_url: \"http://" TOOLS_AT "/v1\"}\n"
    "targets:\n"
    "  one: {provider: p, model: m}\n"
    "tools:\n"
    "  shop:\n"
    "    http: \"http://" TOOLS_AT "\"\n"
    "    rate: 100000/min\n"
    "    guardrails: off\n"
    "    timeouts: {connect: 1s, head: 2s, idle: 1s, total: 5s}\n"
    "    retries: {attempts: 2, backoff: 20ms}\n"
    "    breaker: {failures: 1000}\n"
    "    actions:\n"
    "      find: {effect: read}\n"
    "      put: {effect: idempotent}\n"
    "      pay: {effect: keyed, idempotency: {header: Idempotency-Key}}\n"
    "      refund: {effect: unsafe}\n"
    "      transfer: {effect: unsafe, idempotency: {header: Idempotency-Key},"
    " probe: \"GET /probe/{key}\"}\n"
    "routes:\n"
    "  \"*\": {path: [one], guardrails: off, retries: {attempts: 2, backoff: 20ms},\n"
    "    breaker: {failures: 1000},\n"
    "    timeouts: {connect: 1s, head: 2s, first_token: 1s, idle: 1s, total: 5s}}\n";

struct station {
    struct governor *governor;
    struct loop *loop;
    struct telemetry telemetry;
    struct gateway *gateway;
    struct http_server *server;
};

struct governor {
    struct world *world;
    struct commons commons;
    struct station stations[STATIONS_MAX];
    size_t count;
};

static void on_head(void *owner, struct http_call *call)
{
    gateway_on_head(((struct station *)owner)->gateway, call);
}

static void on_request(void *owner, struct http_call *call)
{
    gateway_on_request(((struct station *)owner)->gateway, call);
}

static void on_writable(void *owner, struct http_call *call)
{
    gateway_on_writable(((struct station *)owner)->gateway, call);
}

static void on_gone(void *owner, struct http_call *call)
{
    gateway_on_gone(((struct station *)owner)->gateway, call);
}

static const struct http_handler handler = {on_head, on_request, on_writable, on_gone, NULL};

static void open_station(struct governor *governor, struct station *station)
{
    struct world *world = governor->world;
    struct address at;
    struct address bound;
    station->governor = governor;
    station->loop = loop_new(governor->commons.env);
    sim_add_loop(world->sim, station->loop);
    station->telemetry = (struct telemetry){
        .events = &gateway_events,
        .metrics = metrics_new(&gateway_metrics, &gateway_events),
        .log = &governor->commons.env->log,
        .event_level = LOG_ERROR};
    const struct gateway_options options = {station->loop, &governor->commons, station->telemetry};
    station->gateway = gateway_new(&options);
    const struct http_server_options server = {.loop = station->loop,
                                               .handler = &handler,
                                               .owner = station,
                                               .limits = http_server_limits_default,
                                               .connections = &governor->commons.connections,
                                               .memory = &governor->commons.memory};
    station->server = http_server_new(&server);
    enum err code = address_parse(STR(GOVERNOR_AT), &at);
    code = code == ERR_OK ? http_server_listen(station->server, &at, true, &bound) : code;
    must(code == ERR_OK);
}

static void load(struct governor *governor)
{
    static const struct secret_source secrets = {0};
    const struct generation_sources sources = {
        .env = governor->commons.env, .secrets = &secrets, .registry = governor->commons.registry};
    struct generation *generation;
    struct fault fault;
    if (generation_load(&sources, str_of(configuration), &generation, &fault) != ERR_OK) {
        (void)fprintf(stderr, "runs: configuration, line %u: %s\n", fault.line, fault.words);
        must(false);
    }
    commons_swap(&governor->commons, generation);
}

struct governor *governor_new(struct world *world)
{
    static const struct master_place place = {.name = "/nowhere"};
    const uint64_t seed[2] = {world->seed, world->restarts};
    struct governor *governor = must_have(calloc(1, sizeof *governor));
    struct commons *commons = &governor->commons;
    struct masters masters = {.count = 1};
    masters.items[0] = master_of(&(const struct seal_key){{7}});
    governor->world = world;
    disk_start(world->disk);
    commons->env = sim_env_env(world->sim);
    commons->store = disk_store(world->disk);
    commons->identity = identity_new(seed);
    commons->limits = limits_new(seed);
    commons->stops = stops_new();
    commons->registry = registry_new();
    commons->journal = journal_new(seed);
    commons->keyring = keyring_new(commons->env, &place, &masters);
    commons->sessions = sessions_new(commons->keyring, commons->store, commons->env);
    commons->memory.max = (size_t)1 << 30;
    commons->connections.max = 1000;
    atomic_store(&commons->loopback_only, true);
    mutex_init(&commons->lock);
    load(governor);
    governor->count = 1 + (size_t)world_below(world, STATIONS_MAX);
    for (size_t i = 0; i < governor->count; i++) {
        open_station(governor, &governor->stations[i]);
    }
    return governor;
}

struct commons *governor_commons(struct governor *governor)
{
    return &governor->commons;
}

struct loop *governor_loop(struct governor *governor)
{
    return governor->stations[0].loop;
}

/* Nothing of this reaches anybody: it only gives the memory back. What the kernel had of it goes on
 * its way. */
static void take_apart(struct governor *governor)
{
    bool ran = true;
    for (size_t i = 0; i < governor->count; i++) {
        http_server_free(governor->stations[i].server);
        gateway_free(governor->stations[i].gateway);
    }
    while (ran) {
        ran = false;
        for (size_t i = 0; i < governor->count; i++) {
            ran = loop_turn(governor->stations[i].loop, false) || ran;
        }
    }
}

void governor_kill(struct governor *governor)
{
    struct commons *commons = &governor->commons;
    struct world *world = governor->world;
    sim_env_mute(world->sim, true);
    disk_kill(world->disk);
    take_apart(governor);
    for (size_t i = 0; i < governor->count; i++) {
        struct station *station = &governor->stations[i];
        sim_remove_loop(world->sim, station->loop);
        loop_free(station->loop);
        metrics_free(station->telemetry.metrics);
    }
    sim_env_mute(world->sim, false);
    generation_unref(commons->current);
    journal_free(commons->journal);
    registry_free(commons->registry);
    identity_free(commons->identity);
    sessions_free(commons->sessions);
    keyring_free(commons->keyring);
    limits_free(commons->limits);
    stops_free(commons->stops);
    mutex_end(&commons->lock);
    free(governor);
}
