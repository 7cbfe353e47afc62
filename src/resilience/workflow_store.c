/* SPDX-License-Identifier: Apache-2.0
 * workflow_store.c - three small tables beside those of runs. */
#include "resilience/workflow_store.h"

static const struct migration migrations[] = {
    {1, "CREATE TABLE run_waits(run INTEGER NOT NULL, seq INTEGER NOT NULL,"
        " due_us INTEGER NOT NULL, UNIQUE(run, seq));"
        "CREATE TABLE run_signals(number INTEGER PRIMARY KEY, run INTEGER NOT NULL,"
        " name TEXT NOT NULL, id TEXT NOT NULL, step INTEGER NOT NULL, sent_us INTEGER NOT NULL,"
        " value BLOB NOT NULL, UNIQUE(run, name, id));"
        "CREATE INDEX run_signals_by_step ON run_signals(run, step);"
        "CREATE TABLE run_ends(run INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE(run))"},
};
const struct schema workflow_schema = {"workflow", migrations, 1};

/* ---- waits ---- */

static const struct statement insert_wait = {
    "INSERT INTO run_waits(run, seq, due_us) VALUES(?1, ?2, ?3)", 3};
const struct statement wait_find = {"SELECT due_us FROM run_waits WHERE run = ?1 AND seq = ?2", 2};

struct store_step wait_insert(int64_t run, uint32_t seq, int64_t due_us, struct arena *arena)
{
    struct value *v = arena_array_of(arena, struct value, 3);
    v[0] = value_of_i64(run);
    v[1] = value_of_i64(seq);
    v[2] = value_of_i64(due_us);
    return (struct store_step){&insert_wait, v, true};
}

/* ---- signals ---- */

/* State 0 is RUN_OPEN, 4 RUN_DIVERGED: a person may let it go on. The bound is SIGNALS_MAX. */
static const struct statement insert_signal = {
    "INSERT INTO run_signals(number, run, name, id, step, sent_us, value)"
    " SELECT ?1, ?2, ?3, ?4, 0, ?5, ?6"
    " WHERE EXISTS(SELECT 1 FROM runs WHERE number = ?2 AND state IN (0, 4))"
    " AND (SELECT count(*) FROM run_signals WHERE run = ?2 AND step = 0) < 1000",
    6};
static const struct statement take_signal = {
    "UPDATE run_signals SET step = ?2 WHERE number = ?1 AND step = 0", 2};
const struct statement signal_next = {
    "SELECT number, value FROM run_signals WHERE run = ?1 AND name = ?2 AND step = 0"
    " ORDER BY number LIMIT 1",
    2};

struct store_step signal_insert(const struct signal_row *row, struct arena *arena)
{
    struct value *v = arena_array_of(arena, struct value, 6);
    struct str id = row->id.len > 0 ? row->id
                                    : arena_printf(arena, " %llx", (unsigned long long)row->number);
    v[0] = value_of_i64(row->number);
    v[1] = value_of_i64(row->run);
    v[2] = value_of_text(row->name);
    v[3] = value_of_text(id);
    v[4] = value_of_i64(row->sent_us);
    v[5] = value_of_blob(row->value);
    return (struct store_step){&insert_signal, v, true};
}

struct store_step signal_take(int64_t number, uint32_t seq, struct arena *arena)
{
    struct value *v = arena_array_of(arena, struct value, 2);
    v[0] = value_of_i64(number);
    v[1] = value_of_i64(seq);
    return (struct store_step){&take_signal, v, true};
}

/* ---- ends ---- */

static const struct statement insert_end = {
    "INSERT INTO run_ends(run, value) VALUES(?1, ?2)"
    " ON CONFLICT(run) DO UPDATE SET value = excluded.value",
    2};
const struct statement end_find = {
    "SELECT r.state, r.data_key, k.wrapped, e.value FROM runs r"
    " LEFT JOIN data_keys k ON k.id = r.data_key LEFT JOIN run_ends e ON e.run = r.number"
    " WHERE r.tenant = ?1 AND r.id = ?2",
    2};

struct store_step end_insert(int64_t run, struct str value, struct arena *arena)
{
    struct value *v = arena_array_of(arena, struct value, 2);
    v[0] = value_of_i64(run);
    v[1] = value_of_blob(value);
    return (struct store_step){&insert_end, v, true};
}

/* ---- retention ---- */

#define OLD                                                                                        \
    "(SELECT r.number FROM runs r WHERE r.updated_us < ?1 AND NOT EXISTS (SELECT 1 FROM run_waits" \
    " w WHERE w.run = r.number AND w.due_us >= ?1 AND w.due_us < 9223372036854775807))"

const struct statement signal_prune = {
    "DELETE FROM run_signals WHERE number IN (SELECT number FROM run_signals WHERE run IN"
    " " OLD " LIMIT 1000)",
    1};
const struct statement end_prune = {
    "DELETE FROM run_ends WHERE run IN (SELECT run FROM run_ends WHERE run IN"
    " " OLD " LIMIT 1000)",
    1};
const struct statement wait_prune = {
    "DELETE FROM run_waits WHERE (run, seq) IN (SELECT run, seq FROM run_waits WHERE run IN"
    " " OLD " LIMIT 1000)",
    1};
