/* SPDX-License-Identifier: Apache-2.0
 * stops.c - which agents, routes and tools are stopped: a map a kind, and a count that spares the
 * lock.
 *
 * Invariant: `count` is the number of entries in all maps, changed under the mutex only; a reader
 * that sees 0 has seen a moment at which nothing was stopped.
 */
#include "operations/stops.h"

#include "base/map.h"
#include "base/must.h"
#include "domain/principal.h"
#include "sys/thread.h"

#include <stdatomic.h>
#include <stdlib.h>

#define KINDS 3

struct stops {
    struct mutex mutex;
    struct map *names[KINDS]; /* values are not used */
    _Atomic size_t count;
};

static const char *const kind_names[KINDS] = {"agent", "route", "tool"};

const char *stop_kind_name(enum stop_kind kind)
{
    must((unsigned)kind < KINDS);
    return kind_names[kind];
}

struct stops *stops_new(void)
{
    /* Only operators choose these names, so the seed need not be secret. */
    static const uint64_t seed[2] = {0, 0};
    struct stops *stops = must_have(calloc(1, sizeof *stops));
    mutex_init(&stops->mutex);
    for (size_t i = 0; i < KINDS; i++) {
        stops->names[i] = map_new(seed, STOPS_MAX);
    }
    return stops;
}

void stops_free(struct stops *stops)
{
    if (stops == NULL) {
        return;
    }
    for (size_t i = 0; i < KINDS; i++) {
        map_free(stops->names[i]);
    }
    mutex_end(&stops->mutex);
    free(stops);
}

/* ---- durable ---- */

static const struct migration migrations[] = {
    {1, "CREATE TABLE stops (kind TEXT NOT NULL, name TEXT NOT NULL, \"by\" TEXT NOT NULL,"
        " reason TEXT NOT NULL, at_us BIGINT NOT NULL, PRIMARY KEY (kind, name));"},
};
const struct schema stops_schema = {"stops", migrations, 1};

/* The first who stopped it stays named: stopping twice changes nothing, but counts as a change.
 * Over the most there is no change: a table that stops_load cannot hold would keep the server down.
 */
static const struct statement insert_stop = {
    "INSERT INTO stops (kind, name, \"by\", reason, at_us) SELECT ?1, ?2, ?3, ?4, ?5"
    " WHERE (SELECT count(*) FROM stops) < ?6"
    " OR EXISTS (SELECT 1 FROM stops WHERE kind = ?1 AND name = ?2)"
    " ON CONFLICT (kind, name) DO UPDATE SET kind = excluded.kind",
    6};
static const struct statement delete_stop = {"DELETE FROM stops WHERE kind = ?1 AND name = ?2", 2};
static const struct statement read_stops = {"SELECT kind, name FROM stops", 0};

static enum err load_row(struct stops *stops, const struct value row[2])
{
    for (size_t i = 0; i < KINDS; i++) {
        if (row[0].kind == VALUE_TEXT && row[1].kind == VALUE_TEXT &&
            str_equal(row[0].bytes, str_of(kind_names[i]))) {
            return stops_set(stops, (enum stop_kind)i, row[1].bytes, true);
        }
    }
    return ERR_CORRUPT;
}

enum err stops_load(struct stops *stops, struct store *store)
{
    struct store_query query = {.rows_max = STOPS_MAX};
    enum err err = store_read_now(store, &read_stops, NULL, &query);
    for (size_t i = 0; i < query.row_count && err == ERR_OK; i++) {
        err = load_row(stops, &query.rows[i * query.columns]);
    }
    store_query_end(&query);
    return err;
}

void stops_unit(const struct stop *stop, struct wall now, struct arena *arena,
                struct store_unit *unit)
{
    struct value *values = arena_array_of(arena, struct value, 6);
    struct store_step *step = arena_new_of(arena, struct store_step);
    values[0] = value_of_text(str_of(stop_kind_name(stop->kind)));
    values[1] = value_of_text(arena_str(arena, stop->name));
    values[2] = value_of_text(arena_str(arena, stop->by));
    values[3] = value_of_text(arena_str(arena, stop->reason));
    values[4] = value_of_i64(now.us);
    values[5] = value_of_i64(STOPS_MAX);
    step->statement = stop->stopped ? &insert_stop : &delete_stop;
    step->values = values;
    step->must_change = stop->stopped;
    *unit = (struct store_unit){
        .steps = step, .count = 1, .bytes = stop->name.len + stop->by.len + stop->reason.len};
}

/* ---- live ---- */

enum err stops_set(struct stops *stops, enum stop_kind kind, struct str name, bool stopped)
{
    must((unsigned)kind < KINDS);
    if (!domain_name_valid(name)) {
        return ERR_INVALID;
    }
    enum err err = ERR_OK;
    struct map *names = stops->names[kind];
    mutex_lock(&stops->mutex);
    bool known = map_get(names, name) != NULL;
    if (stopped && !known) {
        err = stops->count < STOPS_MAX ? map_put(names, name, stops) : ERR_LIMIT;
        stops->count += err == ERR_OK;
    } else if (!stopped && known) {
        (void)map_remove(names, name);
        stops->count--;
    }
    mutex_unlock(&stops->mutex);
    return err;
}

bool stops_has(struct stops *stops, enum stop_kind kind, struct str name)
{
    must((unsigned)kind < KINDS);
    if (stops->count == 0) {
        return false;
    }
    mutex_lock(&stops->mutex);
    bool has = map_get(stops->names[kind], name) != NULL;
    mutex_unlock(&stops->mutex);
    return has;
}

struct stopped_name {
    enum stop_kind kind;
    struct str name;
};

void stops_each(struct stops *stops,
                void (*each)(void *object, enum stop_kind kind, struct str name), void *object)
{
    struct arena *arena = arena_new(4096);
    mutex_lock(&stops->mutex);
    struct stopped_name *copies = arena_array_of(arena, struct stopped_name, stops->count + 1);
    size_t count = 0;
    for (size_t kind = 0; kind < KINDS; kind++) {
        size_t at = 0;
        struct str name;
        void *value = NULL;
        while (map_next(stops->names[kind], &at, &name, &value)) {
            copies[count].kind = (enum stop_kind)kind;
            copies[count].name = arena_str(arena, name);
            count++;
        }
    }
    mutex_unlock(&stops->mutex);
    for (size_t i = 0; i < count; i++) {
        each(object, copies[i].kind, copies[i].name);
    }
    arena_free(arena);
}
