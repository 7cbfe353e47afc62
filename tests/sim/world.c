/* SPDX-License-Identifier: Apache-2.0
 * world.c - builds a run, lets it happen, takes it apart. */
#include "sim/world.h"
#include "security/session.h"

#include "app/tables.h"
#include "base/must.h"
#include "gateway/events.h"
#include "gateway/pipeline.h"
#include "sim/checks.h"
#include "sim/judge.h"
#include "sim/spy.h"
#include "store/history.h"
#include "sys/net.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DRAIN_MS_MAX 120000

/* ---- what is known ---- */

void world_broken(struct world *world, const char *invariant, const char *format, ...)
{
    if (world->broken[0] != '\0') {
        return;
    }
    int length = snprintf(world->broken, sizeof world->broken, "%s: ", invariant);
    for (char *c = world->broken; *c != '\0'; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
    va_list values;
    va_start(values, format);
    (void)vsnprintf(world->broken + length, sizeof world->broken - (size_t)length, format, values);
    va_end(values);
}

static struct str key_of(const int64_t *number)
{
    return (struct str){(const char *)number, sizeof *number};
}

struct proof *world_find(const struct world *world, int64_t number)
{
    return map_get(world->proofs, key_of(&number));
}

struct proof *world_proof(struct world *world, int64_t number)
{
    struct proof *proof = world_find(world, number);
    if (proof == NULL) {
        proof = arena_new_of(world->arena, struct proof);
        proof->number = number;
        proof->next = world->first_proof;
        world->first_proof = proof;
        enum err code = map_put(world->proofs, key_of(&number), proof);
        must(code == ERR_OK);
    }
    return proof;
}

struct proof *world_trace(const struct world *world, struct str trace)
{
    struct proof *proof = world->first_proof;
    while (proof != NULL && !str_equal(proof->trace, trace)) {
        proof = proof->next;
    }
    return proof;
}

struct channel *proof_channel(struct proof *proof, uint64_t key)
{
    for (size_t i = 0; i < proof->channel_count; i++) {
        if (proof->channels[i].key == key) {
            return &proof->channels[i];
        }
    }
    if (proof->channel_count == WORLD_CHANNELS_MAX) {
        return NULL;
    }
    struct channel *channel = &proof->channels[proof->channel_count++];
    *channel = (struct channel){.key = key};
    return channel;
}

/* ---- servers ---- */

static void on_head(void *owner, struct http_call *call)
{
    struct station *station = owner;
    const struct http_head *head = http_call_head(call);
    const struct endpoint *other;
    bool begins = endpoint_find(head->method, http_call_path(call), &other) != NULL &&
                  !http_head_has(head, STR("content-encoding"));
    station->world->begun += begins ? 1 : 0;
    gateway_on_head(station->gateway, call);
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

static void on_refuse(void *owner, struct str target, unsigned status, const char *what,
                      struct buf *body)
{
    gateway_on_refuse(((struct station *)owner)->gateway, target, status, what, body);
}

static const struct http_handler handler = {on_head, on_request, on_writable, on_gone, on_refuse};

static void open_station(struct world *world, struct station *station)
{
    struct address at;
    struct address bound;
    station->world = world;
    station->loop = loop_new(world->commons.env);
    sim_add_loop(world->sim, station->loop);
    station->telemetry = (struct telemetry){
        .events = &gateway_events,
        .metrics = metrics_new(&gateway_metrics, &gateway_events),
        .log = &world->commons.env->log,
        .event_level = LOG_ERROR};
    const struct gateway_options gateway = {station->loop, &world->commons, station->telemetry};
    station->gateway = gateway_new(&gateway);
    const struct http_server_options server = {.loop = station->loop,
                                               .handler = &handler,
                                               .owner = station,
                                               .limits = http_server_limits_default,
                                               .connections = &world->commons.connections,
                                               .memory = &world->commons.memory};
    station->server = http_server_new(&server);
    enum err code = address_parse(STR(PLAN_GATEWAY), &at);
    code = code == ERR_OK ? http_server_listen(station->server, &at, true, &bound) : code;
    must(code == ERR_OK);
}

/* ---- configuration, store, provider ---- */

static enum err read_rules(void *object, struct str path, struct buf *to)
{
    (void)object;
    return str_equal(path, STR("rules.yaml")) ? buf_add(to, str_of(plan_rules)) : ERR_NOT_FOUND;
}

static void load(struct world *world)
{
    static const struct secret_source secrets = {0};
    const struct generation_sources sources = {.env = world->commons.env,
                                               .secrets = &secrets,
                                               .registry = world->commons.registry,
                                               .read = read_rules};
    world->configuration = plan_configuration(&world->rng, world->arena);
    struct generation *generation;
    struct fault fault;
    if (generation_load(&sources, world->configuration, &generation, &fault) != ERR_OK) {
        (void)fprintf(stderr, "sim: configuration, line %u: %s\n", fault.line, fault.words);
        must(false);
    }
    must(world->generation_count < WORLD_GENERATIONS_MAX);
    world->generations[world->generation_count++] = generation_ref(generation);
    commons_swap(&world->commons, generation);
}

static void on_reload(struct timer *timer)
{
    struct world *world = LIST_OBJECT(timer, struct world, reload);
    load(world);
    if (world->generation_count < WORLD_GENERATIONS_MAX) {
        timer_arm(world->client_loop, timer, 1 + rng_below(&world->rng, 5000));
    }
}

static void on_stop(struct timer *timer)
{
    struct world *world = LIST_OBJECT(timer, struct world, stop);
    bool stopped = stops_has(world->commons.stops, STOP_AGENT, STR("a0"));
    enum err code = stops_set(world->commons.stops, STOP_AGENT, STR("a0"), !stopped);
    code = code == ERR_OK ? stops_set(world->commons.stops, STOP_ROUTE, STR("r0"), !stopped) : code;
    must(code == ERR_OK);
    if (!stopped) {
        timer_arm(world->client_loop, timer, 1000);
    }
}

/* One record in `exchanges`, and reviews, are refused; the last page that the file may have is its
 * last one now. */
static const struct migration fault_tables[] = {
    {1, "CREATE TABLE sim_fault(exchanges INTEGER, reviews INTEGER);"
        "INSERT INTO sim_fault VALUES(0, 0);"
        "CREATE TRIGGER sim_fault_exchanges BEFORE INSERT ON exchanges"
        " WHEN (SELECT exchanges FROM sim_fault) > 0"
        " AND (NEW.key >> 19) % (SELECT exchanges FROM sim_fault) = 0"
        " BEGIN SELECT RAISE(ABORT, 'refused'); END;"
        "CREATE TRIGGER sim_fault_reviews BEFORE INSERT ON reviews"
        " WHEN (SELECT reviews FROM sim_fault) > 0"
        " BEGIN SELECT RAISE(ABORT, 'refused'); END;"},
};
static const struct schema fault_schema = {"simulator", fault_tables, 1};
static const struct statement refuse_records = {"UPDATE sim_fault SET exchanges = ?1, reviews = ?2",
                                                2};
static const struct statement allow_no_page = {"PRAGMA max_page_count = 1", 0};

static void write_now(struct world *world, const struct statement *statement, struct value *values)
{
    struct store_step step = {statement, values, false};
    struct store_unit unit = {.steps = &step, .count = 1, .bytes = 64};
    enum err code = store_write_now(world->commons.store, &unit);
    must(code == ERR_OK);
}

static void on_store_fails(struct timer *timer)
{
    struct world *world = LIST_OBJECT(timer, struct world, store_fails);
    world->store_closed = true;
    write_now(world, &allow_no_page, NULL);
}

static void open_store(struct world *world)
{
    struct schema schemas[TABLES_SCHEMAS + 1];
    tables_schemas(schemas);
    schemas[TABLES_SCHEMAS] = fault_schema;
    const struct store_options options = {.location = STR("memory:"),
                                          .schemas = schemas,
                                          .schema_count = TABLES_SCHEMAS + 1,
                                          .env = world->commons.env};
    struct fault fault;
    if (store_open(&options, &world->commons.store, &fault) != ERR_OK) {
        (void)fprintf(stderr, "sim: store: %s\n", fault.words);
        must(false);
    }
    const struct master_place place = {.name = "/nowhere"};
    struct masters masters = {.count = 1};
    masters.items[0] = master_of(&(const struct seal_key){{7}});
    /* Records stay in clear, so that they can be compared with what was seen. */
    world->keyring = keyring_new(world->commons.env, &place, &masters);
    world->commons.sessions = sessions_new(world->keyring, world->commons.store,
                                           world->commons.env);
    struct note_signer signer;
    const uint8_t seed[SIGN_SEED_BYTES] = {7};
    enum err named = note_signer_of(&signer, NOTE_PLAIN, STR("sim"), seed);
    must(named == ERR_OK);
    store_sign(world->commons.store, &signer);
    if (plan_chance(&world->rng, 200)) {
        world->records_refused = 1 + rng_below(&world->rng, 5);
        struct value values[] = {value_of_i64((int64_t)world->records_refused), value_of_i64(1)};
        write_now(world, &refuse_records, values);
    }
}

static void open_provider(struct world *world)
{
    struct fault fault;
    struct provider_options options = {.script = plan_script(&world->rng, world->arena)};
    world->script = options.script;
    world->provider_loop = loop_new(world->commons.env);
    sim_add_loop(world->sim, world->provider_loop);
    options.loop = world->provider_loop;
    enum err code = address_parse(STR(PLAN_PROVIDER), &options.listen);
    must(code == ERR_OK);
    world->provider = provider_new(&options, &fault);
    if (world->provider == NULL) {
        (void)fprintf(stderr, "sim: script, line %u: %s\n" STR_FMT, fault.line, fault.words,
                      STR_ARG(options.script));
        must(false);
    }
}

static void make_key(struct world *world)
{
    const struct key_entry wanted = {
        .principal = {.tenant = STR("firm"), .name = STR("service"), .may_vouch = true},
        .limits = {.rate = {30, 60000}, .day_tokens = 100000}};
    struct key_entry made;
    struct store_unit unit;
    enum err code = identity_make(world->commons.env, &wanted, world->arena, world->key, &made,
                                  &unit);
    code = code == ERR_OK ? identity_add(world->commons.identity, &made) : code;
    must(code == ERR_OK);
}

/* ---- the run ---- */

static void open_commons(struct world *world)
{
    const uint64_t seed[2] = {world->seed, 1};
    struct commons *commons = &world->commons;
    commons->env = sim_env_env(world->sim);
    commons->identity = identity_new(seed);
    commons->limits = limits_new(seed);
    commons->stops = stops_new();
    commons->registry = registry_new();
    commons->recording = true;
    world->tight = plan_chance(&world->rng, 100);
    commons->memory.max = world->tight ? 200000 : (size_t)1 << 30;
    commons->connections.max = 1000;
    atomic_store(&commons->loopback_only, true);
    mutex_init(&commons->lock);
    if (plan_chance(&world->rng, 300)) {
        make_key(world);
    }
}

static void choose_faults(struct world *world)
{
    struct sim_faults faults = {0};
    world->faulty = plan_chance(&world->rng, 300);
    world->judging = plan_chance(&world->rng, 600);
    world->abrupt = plan_chance(&world->rng, 100);
    if (world->faulty) {
        faults = (struct sim_faults){
            .refuse_permille = 100, .reset_permille = 20, .stall_permille = 20, .stall_ms = 1500};
    }
    sim_env_faults(world->sim, &faults);
    pipeline_set_extra(world->judging ? &judge_judging : &judge_watching);
}

static void open_world(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    world->seed = seed;
    rng_seed(&world->rng, seed);
    world->arena = arena_new(65536);
    world->sim = sim_env_new(seed);
    const uint64_t map_seed[2] = {1, 2};
    world->proofs = map_new(map_seed, 100000);
    choose_faults(world);
    open_commons(world);
    open_store(world);
    load(world);
    world->station_count = 1 + (size_t)rng_below(&world->rng, WORLD_STATIONS_MAX);
    for (size_t i = 0; i < world->station_count; i++) {
        open_station(world, &world->stations[i]);
    }
    open_provider(world);
    world->client_loop = loop_new(world->commons.env);
    sim_add_loop(world->sim, world->client_loop);
    world->client_count = 1 + (size_t)rng_below(&world->rng, WORLD_CLIENTS_MAX);
    for (size_t i = 0; i < world->client_count; i++) {
        world->clients[i] = client_new(world, i);
    }
    timer_init(&world->reload, on_reload);
    timer_init(&world->stop, on_stop);
    timer_init(&world->store_fails, on_store_fails);
    if (plan_chance(&world->rng, 500)) {
        timer_arm(world->client_loop, &world->reload, rng_below(&world->rng, 5000));
    }
    if (plan_chance(&world->rng, 150)) {
        timer_arm(world->client_loop, &world->stop, rng_below(&world->rng, 5000));
    }
    if (plan_chance(&world->rng, 100)) {
        timer_arm(world->client_loop, &world->store_fails, rng_below(&world->rng, 5000));
    }
}

/* The last request that reached the provider, if it was one alone since the last look. */
static void look_at_provider(struct world *world)
{
    struct str text;
    struct str body;
    if (!spy_look(world->provider, &world->requests_seen, &text, &body)) {
        return;
    }
    size_t trace = str_find(text, STR("traceparent:00-"));
    if (trace == SIZE_MAX || !str_starts(text, STR("POST\n/t"))) {
        world_broken(world, "what_is_sent_is_the_original_with_the_recorded_edits",
                     "a request without a trace reached the provider");
        return;
    }
    struct delivery *delivery = arena_new_of(world->arena, struct delivery);
    delivery->trace = arena_str(world->arena, str_cut(text, trace + 15, trace + 47));
    delivery->target = (unsigned)(text.at[7] - '0');
    delivery->body = arena_str(world->arena, body);
    delivery->next = world->deliveries;
    world->deliveries = delivery;
}

static bool over(const struct world *world)
{
    size_t connections = 0;
    for (size_t i = 0; i < world->station_count; i++) {
        connections += http_server_connections(world->stations[i].server);
    }
    return world->clients_over == world->client_count && connections == 0 &&
           atomic_load(&world->commons.in_flight) == 0;
}

static void run(struct world *world)
{
    uint64_t until = world->abrupt ? rng_below(&world->rng, 6000) : WORLD_MS_MAX;
    while (!over(world) && sim_env_ms(world->sim) < until && sim_step(world->sim)) {
        look_at_provider(world);
    }
}

static void close_stations(struct world *world)
{
    timer_disarm(&world->reload);
    timer_disarm(&world->stop);
    timer_disarm(&world->store_fails);
    for (size_t i = 0; i < world->client_count; i++) {
        if (!world->clients[i]->over) {
            client_stop(world->clients[i]);
        }
    }
    for (size_t i = 0; i < world->station_count; i++) {
        http_server_free(world->stations[i].server);
        gateway_free(world->stations[i].gateway);
        while (loop_turn(world->stations[i].loop, false)) {
            /* answers of the store to exchanges that have ended */
        }
    }
}

/* Connections that linger come to their end. */
static void drain(struct world *world)
{
    uint64_t until = sim_env_ms(world->sim) + DRAIN_MS_MAX;
    provider_free(world->provider);
    while (sim_env_sockets(world->sim) > 0 && sim_env_ms(world->sim) < until &&
           sim_step(world->sim)) {
        /* nothing is asked for any more */
    }
}

static void check(struct world *world)
{
    every_request_gets_one_whole_answer_or_a_cut(world);
    close_stations(world);
    drain(world);
    every_admitted_exchange_ends_exactly_once(world);
    the_history_of_records_is_whole(world);
    records_say_what_clients_saw(world);
    what_is_not_durable_is_not_told(world);
    what_is_sent_is_the_original_with_the_recorded_edits(world);
    breakers_move_by_legal_steps_only(world);
    reservations_return_exactly_once(world);
    all_memory_returns(world);
    configurations_end_with_their_last_exchange(world);
}

static void close_world(struct world *world)
{
    struct commons *commons = &world->commons;
    for (size_t i = 0; i < world->client_count; i++) {
        client_free(world->clients[i]);
    }
    store_close(commons->store);
    for (size_t i = 0; i < world->station_count; i++) {
        metrics_free(world->stations[i].telemetry.metrics);
        loop_free(world->stations[i].loop);
    }
    loop_free(world->provider_loop);
    loop_free(world->client_loop);
    for (size_t i = 0; i < world->generation_count; i++) {
        generation_unref(world->generations[i]);
    }
    generation_unref(commons->current);
    registry_free(commons->registry);
    identity_free(commons->identity);
    sessions_free(commons->sessions);
    keyring_free(world->keyring);
    limits_free(commons->limits);
    stops_free(commons->stops);
    mutex_end(&commons->lock);
    map_free(world->proofs);
    sim_env_free(world->sim);
    arena_free(world->arena);
    pipeline_set_extra(NULL);
}

const char *world_run(uint64_t seed, bool story)
{
    static struct world world;
    open_world(&world, seed);
    run(&world);
    check(&world);
    if (story) {
        world_story(&world);
    }
    close_world(&world);
    return world.broken;
}
