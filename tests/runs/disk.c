/* SPDX-License-Identifier: Apache-2.0
 * disk.c - store.h for one process after the other: real SQLite in memory, real statements and
 * schemas, but queue, time and faults are the simulator's. It stands in for src/store/store.c.
 *
 * A batch is what waits when the disk gets to it. It is committed, or fails, or its outcome is
 * unknown; a process may die before or behind that, and is then told nothing. A lying disk tells
 * first and writes later: the checks must notice. */
#include "runs/parts.h"

#include "app/tables.h"
#include "base/must.h"
#include "store/batch.h"
#include "store/database.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

struct store {
    struct disk *disk;
};

struct disk {
    struct world *world;
    struct store store;
    struct loop *loop;
    struct timer writes;
    struct timer reads;
    struct store_unit *first; /* waiting */
    struct store_unit **end;
    struct store_query *asked;
    struct store_query **asked_end;
    bool alive;
    bool closed;
};

/* One for all seeds: it costs more to make than a run. */
static struct database *database;

/* ---- telling ---- */

static void told(struct message *message)
{
    struct store_unit *unit = LIST_OBJECT(message, struct store_unit, message);
    unit->done(unit);
}

static void tell(struct store_unit *unit, enum err result)
{
    unit->result = result;
    unit->message.run = told;
    if (unit->home == NULL) {
        unit->done(unit);
    } else {
        loop_post(unit->home, &unit->message);
    }
}

/* OK: each has a result of its own. */
static void tell_all(struct store_unit *unit, enum err result)
{
    while (unit != NULL) {
        struct store_unit *next = unit->next;
        tell(unit, result == ERR_OK ? unit->result : result);
        unit = next;
    }
}

static struct store_unit *take_all(struct disk *disk)
{
    struct store_unit *first = disk->first;
    disk->first = NULL;
    disk->end = &disk->first;
    return first;
}

/* ---- writing ---- */

static void commit(struct store_unit *first)
{
    enum err code = batch_write(database, NULL, first);
    must(code == ERR_OK);
}

static void fail(struct disk *disk, struct store_unit *first, enum err result)
{
    disk->closed = true;
    world_says(disk->world, "disk: a commit failed (%s); closed", err_name(result));
    tell_all(first, result);
}

/* True: the process died of it. */
static bool dies(struct disk *disk, enum happening when)
{
    struct world *world = disk->world;
    if (!world->swarm.dies_at_commits || world->healed || !world_chance(world, 15)) {
        return false;
    }
    world_happened(world, when);
    world_kill(world,
               when == HAPPENED_killed_before_commit ? "before a commit" : "behind a commit");
    return true;
}

static void on_write(struct timer *timer)
{
    struct disk *disk = LIST_OBJECT(timer, struct disk, writes);
    struct world *world = disk->world;
    if (disk->first == NULL || dies(disk, HAPPENED_killed_before_commit)) {
        return;
    }
    bool fails = world->swarm.commits_fail && !world->healed && world_chance(world, 12);
    if (fails && world_chance(world, 300)) {
        world_happened(world, HAPPENED_commit_failed);
        fail(disk, take_all(disk), ERR_IO);
        return;
    }
    bool lost = fails && world_chance(world, 500);
    if (!lost) {
        commit(disk->first);
    }
    if (fails) {
        world_happened(world,
                       lost ? HAPPENED_commit_unknown_lost : HAPPENED_commit_unknown_written);
        fail(disk, take_all(disk), ERR_UNKNOWN);
    } else if (!dies(disk, HAPPENED_killed_behind_commit)) {
        tell_all(take_all(disk), ERR_OK);
    }
}

/* A copy that is written later, or never. */
struct promise {
    struct store_unit unit;
    struct arena *arena;
};

static void forget(struct store_unit *unit)
{
    arena_free(LIST_OBJECT(unit, struct promise, unit)->arena);
}

static void lie(struct disk *disk, struct store_unit *unit)
{
    struct arena *arena = arena_new(1024);
    struct promise *promise = arena_new_of(arena, struct promise);
    promise->arena = arena;
    promise->unit = (struct store_unit){
        .steps = arena_array_of(arena, struct store_step, unit->count),
        .count = unit->count,
        .done = forget};
    for (size_t i = 0; i < unit->count; i++) {
        const struct store_step *step = &unit->steps[i];
        size_t parameters = step->statement->parameters;
        struct value *values = arena_array_of(arena, struct value, parameters);
        for (size_t v = 0; v < parameters; v++) {
            values[v] = step->values[v];
            if (values[v].kind == VALUE_BLOB || values[v].kind == VALUE_TEXT) {
                values[v].bytes = arena_str(arena, values[v].bytes);
            }
        }
        promise->unit.steps[i] = (struct store_step){step->statement, values, step->must_change};
    }
    tell(unit, ERR_OK);
    *disk->end = &promise->unit;
    disk->end = &promise->unit.next;
}

static uint64_t latency_ms(const struct disk *disk)
{
    return world_below(disk->world, disk->world->swarm.slow_disk ? 40 : 4);
}

enum err store_submit(struct store *store, struct store_unit *unit)
{
    struct disk *disk = store->disk;
    if (!disk->alive) {
        return ERR_LIMIT;
    }
    unit->next = NULL;
    if (disk->closed) {
        tell(unit, ERR_IO);
        return ERR_OK;
    }
    if (disk->world->lying) {
        lie(disk, unit);
    } else {
        *disk->end = unit;
        disk->end = &unit->next;
    }
    if (!timer_armed(&disk->writes)) {
        timer_arm(disk->loop, &disk->writes, latency_ms(disk));
    }
    return ERR_OK;
}

/* ---- reading ---- */

static void answered(struct message *message)
{
    struct store_query *query = LIST_OBJECT(message, struct store_query, message);
    query->done(query);
}

static void answer_all(struct disk *disk)
{
    struct store_query *query = disk->asked;
    disk->asked = NULL;
    disk->asked_end = &disk->asked;
    while (query != NULL) {
        struct store_query *next = query->next;
        database->kind->query(database, query);
        query->message.run = answered;
        loop_post(query->home, &query->message);
        query = next;
    }
}

static void on_read(struct timer *timer)
{
    answer_all(LIST_OBJECT(timer, struct disk, reads));
}

enum err store_submit_query(struct store *store, struct store_query *query)
{
    struct disk *disk = store->disk;
    if (!disk->alive) {
        return ERR_LIMIT;
    }
    query->next = NULL;
    *disk->asked_end = query;
    disk->asked_end = &query->next;
    if (!timer_armed(&disk->reads)) {
        timer_arm(disk->loop, &disk->reads, latency_ms(disk) / 2);
    }
    return ERR_OK;
}

void store_query_end(struct store_query *query)
{
    arena_free(query->arena);
    query->arena = NULL;
    query->rows = NULL;
    query->row_count = 0;
}

/* ---- what nobody calls here ---- */

enum err store_open(const struct store_options *options, struct store **store, struct fault *why)
{
    (void)options;
    *store = NULL;
    return fault_set(why, ERR_UNSUPPORTED, "the simulator has a disk of its own");
}

enum err store_open_read(struct str location, struct store **store, struct fault *why)
{
    (void)location;
    return store_open(NULL, store, why);
}

enum err store_shown(struct str location, char *to, size_t room)
{
    return str_copy(location, to, room) ? ERR_OK : ERR_INVALID;
}

void store_close(struct store *store)
{
    (void)store;
}

enum err store_read_now(struct store *store, const struct statement *statement,
                        const struct value *values, struct store_query *result)
{
    (void)store;
    result->statement = statement;
    result->values = values;
    database->kind->query(database, result);
    return result->result;
}

enum err store_write_now(struct store *store, struct store_unit *unit)
{
    (void)store;
    unit->next = NULL;
    commit(unit);
    return unit->result;
}

void store_health(struct store *store, struct store_health *health)
{
    *health = (struct store_health){.open = !store->disk->closed};
}

/* ---- life ---- */

static void open_database(void)
{
    struct fault fault = {0};
    struct schema schemas[TABLES_SCHEMAS];
    tables_schemas(schemas);
    const struct schema_plan plan = {schemas, TABLES_SCHEMAS};
    const struct database_options memory = {.location = STR("memory:"), .use = USE_WRITE};
    enum err code = database_open(&memory, &database, &fault);
    code = code == ERR_OK ? schema_prepare(database, &plan, &fault) : code;
    must(code == ERR_OK);
}

struct disk *disk_new(struct world *world)
{
    struct disk *disk = must_have(calloc(1, sizeof *disk));
    if (database == NULL) {
        open_database();
    }
    enum err code = database->kind->script(database,
                                           "DELETE FROM runs; DELETE FROM steps;"
                                           "DELETE FROM run_parts; DELETE FROM data_keys");
    must(code == ERR_OK);
    disk->world = world;
    disk->store.disk = disk;
    disk->loop = world->loop;
    disk->end = &disk->first;
    disk->asked_end = &disk->asked;
    timer_init(&disk->writes, on_write);
    timer_init(&disk->reads, on_read);
    return disk;
}

void disk_free(struct disk *disk)
{
    must(disk->first == NULL && disk->asked == NULL);
    free(disk);
}

struct store *disk_store(struct disk *disk)
{
    return &disk->store;
}

void disk_start(struct disk *disk)
{
    disk->alive = true;
    disk->closed = false;
}

void disk_kill(struct disk *disk)
{
    disk->alive = false;
    timer_disarm(&disk->writes);
    timer_disarm(&disk->reads);
    tell_all(take_all(disk), ERR_IO); /* to memory that goes with the process */
    answer_all(disk);
}

bool disk_closed(const struct disk *disk)
{
    return disk->closed;
}

int64_t disk_number(struct disk *disk, const char *sql, const char *text, int64_t number)
{
    /* A statement is known by its address: the few that there are stay. */
    static struct statement known[16];
    size_t i = 0;
    (void)disk;
    while (known[i].sql != NULL && known[i].sql != sql) {
        i++;
        must(i < sizeof known / sizeof known[0]);
    }
    if (known[i].sql == NULL) {
        struct statement made = {sql, 2};
        memcpy(&known[i], &made, sizeof made);
    }
    const struct value values[] = {value_of_text(str_of(text)), value_of_i64(number)};
    int64_t found = -1;
    enum err code = database_number(database, &known[i], values, &found);
    must(code == ERR_OK);
    return found;
}
