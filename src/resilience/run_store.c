/* SPDX-License-Identifier: Apache-2.0
 * run_store.c - statements whose columns nobody else counts.
 *
 * Rows stand in order of arrival and the unique indexes are narrow: clustering by run costs three
 * times the throughput of appending. Bodies come last in a row, so that metadata is read without
 * them. */
#include "resilience/run_store.h"

#include "base/must.h"

#include <string.h>

static const struct migration migrations[] = {
    {1, "CREATE TABLE runs(number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, id TEXT NOT NULL,"
        " agent TEXT NOT NULL, principal TEXT NOT NULL, data_key TEXT NOT NULL,"
        " owner TEXT NOT NULL, attempt INTEGER NOT NULL, state INTEGER NOT NULL,"
        " epoch INTEGER NOT NULL, created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL,"
        " bytes INTEGER NOT NULL, divergences INTEGER NOT NULL, reason TEXT NOT NULL,"
        " UNIQUE(tenant, id));"
        "CREATE INDEX runs_by_time ON runs(updated_us);"
        "CREATE INDEX runs_by_key ON runs(data_key);"
        "CREATE TABLE steps(number INTEGER PRIMARY KEY, run INTEGER NOT NULL,"
        " seq INTEGER NOT NULL, kind INTEGER NOT NULL, effect INTEGER NOT NULL,"
        " state INTEGER NOT NULL, exact BLOB NOT NULL, loose BLOB NOT NULL, sort BLOB NOT NULL,"
        " occurrence INTEGER NOT NULL, step_key TEXT NOT NULL, attempt INTEGER NOT NULL,"
        " name TEXT NOT NULL, exchange TEXT NOT NULL, idem TEXT NOT NULL,"
        " status INTEGER NOT NULL, streamed INTEGER NOT NULL, head BLOB NOT NULL,"
        " rest BLOB NOT NULL, bytes INTEGER NOT NULL, intent_us INTEGER NOT NULL,"
        " done_us INTEGER NOT NULL, answer BLOB, UNIQUE(run, seq), UNIQUE(run, exact, occurrence));"
        "CREATE TABLE run_parts(run INTEGER NOT NULL, id BLOB NOT NULL, parent BLOB NOT NULL,"
        " bytes BLOB NOT NULL, UNIQUE(run, id))"},
};
const struct schema run_schema = {"runs", migrations, 1};

/* ---- runs ---- */

static const struct statement insert_run = {
    "INSERT INTO runs(number, tenant, id, agent, principal, data_key, owner, attempt, state, epoch,"
    " created_us, updated_us, bytes, divergences, reason)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, 0, 0, '')",
    11};
static const struct statement take_run = {
    "UPDATE runs SET epoch = epoch + 1, owner = ?3, updated_us = ?4"
    " WHERE number = ?1 AND epoch = ?2",
    4};
static const struct statement raise_run = {
    "UPDATE runs SET attempt = ?3, updated_us = ?4 WHERE number = ?1 AND epoch = ?2"
    " AND attempt <= ?3",
    4};
static const struct statement move_run = {
    "UPDATE runs SET state = ?3, divergences = ?4, reason = ?5, updated_us = ?6"
    " WHERE number = ?1 AND epoch = ?2 AND state IN (0, 4)", /* RUN_OPEN, RUN_DIVERGED */
    6};
static const struct statement steer_run = {
    "UPDATE runs SET state = ?3, divergences = 0, reason = ?4, updated_us = ?5"
    " WHERE number = ?1 AND epoch = ?2 AND state = ?6",
    6};

#define RUN_COLUMNS                                                                                \
    "r.number, r.tenant, r.id, r.agent, r.principal, r.data_key, k.wrapped, r.owner,"              \
    " r.attempt, r.state, r.epoch, r.created_us, r.updated_us, r.bytes, r.divergences, r.reason,"  \
    " (SELECT count(*) FROM steps s WHERE s.run = r.number)"                                       \
    " FROM runs r LEFT JOIN data_keys k ON k.id = r.data_key "
const struct statement run_find = {"SELECT " RUN_COLUMNS "WHERE r.tenant = ?1 AND r.id = ?2", 2};
const struct statement run_list = {"SELECT " RUN_COLUMNS
                                   "WHERE (?1 = '' OR r.tenant = ?1) AND (?2 < 0 OR r.state = ?2)"
                                   " AND (?3 = '' OR r.agent = ?3) AND r.number < ?4"
                                   " ORDER BY r.number DESC LIMIT ?5",
                                   5};

struct store_step run_insert(const struct run_row *row, struct arena *arena)
{
    struct value *v = arena_array_of(arena, struct value, 11);
    const struct str texts[] = {row->tenant,    row->id,       row->agent,
                                row->principal, row->data_key, row->owner};
    v[0] = value_of_i64(row->number);
    for (size_t i = 0; i < 6; i++) {
        v[1 + i] = value_of_text(texts[i]);
    }
    v[7] = value_of_i64(row->attempt);
    v[8] = value_of_i64(row->state);
    v[9] = value_of_i64(row->epoch);
    v[10] = value_of_i64(row->created_us);
    return (struct store_step){&insert_run, v, true};
}

/* Room for `count` values; the first two name the run as its owner knows it. */
static struct value *owned(int64_t run, int64_t epoch, size_t count, struct arena *arena)
{
    struct value *v = arena_array_of(arena, struct value, count);
    v[0] = value_of_i64(run);
    v[1] = value_of_i64(epoch);
    return v;
}

struct store_step run_take(int64_t run, int64_t epoch, struct str owner, struct wall now,
                           struct arena *arena)
{
    struct value *v = owned(run, epoch, 4, arena);
    v[2] = value_of_text(owner);
    v[3] = value_of_i64(now.us);
    return (struct store_step){&take_run, v, true};
}

struct store_step run_raise(int64_t run, int64_t epoch, uint32_t attempt, struct wall now,
                            struct arena *arena)
{
    struct value *v = owned(run, epoch, 4, arena);
    v[2] = value_of_i64(attempt);
    v[3] = value_of_i64(now.us);
    return (struct store_step){&raise_run, v, true};
}

struct store_step run_move(const struct run_row *row, struct wall now, struct arena *arena)
{
    struct value *v = owned(row->number, row->epoch, 6, arena);
    v[2] = value_of_i64(row->state);
    v[3] = value_of_i64(row->divergences);
    v[4] = value_of_text(row->reason);
    v[5] = value_of_i64(now.us);
    return (struct store_step){&move_run, v, true};
}

struct store_step run_steer(const struct run_row *row, enum run_state to, struct wall now,
                            struct arena *arena)
{
    struct value *v = owned(row->number, row->epoch, 6, arena);
    v[2] = value_of_i64(to);
    v[3] = value_of_text(row->reason);
    v[4] = value_of_i64(now.us);
    v[5] = value_of_i64(row->state);
    return (struct store_step){&steer_run, v, true};
}

void run_read(const struct value *row, struct run_row *to)
{
    *to = (struct run_row){
        .number = row[0].integer,
        .tenant = row[1].bytes,
        .id = row[2].bytes,
        .agent = row[3].bytes,
        .principal = row[4].bytes,
        .data_key = row[5].bytes,
        .wrapped = row[6].kind == VALUE_BLOB ? row[6].bytes : STR(""),
        .owner = row[7].bytes,
        .attempt = (uint32_t)row[8].integer,
        .state = (enum run_state)row[9].integer,
        .epoch = row[10].integer,
        .created_us = row[11].integer,
        .updated_us = row[12].integer,
        .bytes = (uint64_t)row[13].integer,
        .divergences = (uint32_t)row[14].integer,
        .reason = row[15].bytes,
        .steps = (uint64_t)row[16].integer,
    };
}

/* ---- steps ---- */

#define IS_OURS "EXISTS(SELECT 1 FROM runs WHERE number = ?1 AND epoch = ?2)"
/* A result is final: state 1 is STEP_DONE. */
#define UNDONE "number = ?3 AND run = ?1 AND state <> 1 AND " IS_OURS

static const struct statement insert_step = {
    "INSERT INTO steps(run, number, seq, kind, effect, state, exact, loose, sort, occurrence,"
    " step_key, attempt, name, exchange, idem, status, streamed, head, rest, bytes, intent_us,"
    " done_us, answer)"
    " SELECT ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,"
    " ?20, ?21, ?22, ?23, ?24 WHERE " IS_OURS,
    24};
static const struct statement count_bytes = {
    "UPDATE runs SET bytes = bytes + ?3, updated_us = ?4 WHERE number = ?1 AND epoch = ?2", 4};
static const struct statement finish_step = {
    "UPDATE steps SET state = ?4, status = ?5, streamed = ?6, bytes = bytes + ?7, done_us = ?8,"
    " answer = ?9, exchange = ?10, attempt = ?11 WHERE " UNDONE,
    11};
static const struct statement move_step = {"UPDATE steps SET state = ?4 WHERE " UNDONE, 4};

static struct value digest_value(const struct run_digest *digest)
{
    return value_of_blob(run_digest_str(digest));
}

static struct value answer_value(struct str answer)
{
    return answer.len > 0 ? value_of_blob(answer) : value_null();
}

struct store_step step_insert(const struct step_row *row, struct arena *arena)
{
    const struct step *step = &row->step;
    struct value *v = arena_array_of(arena, struct value, 24);
    const int64_t first[] = {row->run,        row->epoch,        step->number, step->seq,
                             step->call.kind, step->call.effect, step->state};
    for (size_t i = 0; i < 7; i++) {
        v[i] = value_of_i64(first[i]);
    }
    v[7] = digest_value(&row->step.call.exact);
    v[8] = digest_value(&row->step.call.loose);
    v[9] = digest_value(&row->step.call.sort);
    v[10] = value_of_i64(step->occurrence);
    v[11] = value_of_text(step->call.key);
    v[12] = value_of_i64(row->step.attempt);
    v[13] = value_of_text(row->name);
    v[14] = value_of_text(row->exchange);
    v[15] = value_of_text(row->idem);
    v[16] = value_of_i64(row->status);
    v[17] = value_of_i64(row->streamed ? 1 : 0);
    v[18] = value_of_blob(part_id_str(&row->head));
    v[19] = value_of_blob(part_id_str(&row->rest));
    v[20] = value_of_i64((int64_t)row->bytes);
    v[21] = value_of_i64(step->intent_at.us);
    v[22] = value_of_i64(step->done_at.us);
    v[23] = answer_value(row->answer);
    return (struct store_step){&insert_step, v, true};
}

struct store_step step_finish(const struct step_row *row, struct arena *arena)
{
    struct value *v = owned(row->run, row->epoch, 11, arena);
    v[2] = value_of_i64(row->step.number);
    v[3] = value_of_i64(row->step.state);
    v[4] = value_of_i64(row->status);
    v[5] = value_of_i64(row->streamed ? 1 : 0);
    v[6] = value_of_i64((int64_t)row->bytes);
    v[7] = value_of_i64(row->step.done_at.us);
    v[8] = answer_value(row->answer);
    v[9] = value_of_text(row->exchange);
    v[10] = value_of_i64(row->step.attempt);
    return (struct store_step){&finish_step, v, true};
}

struct store_step step_count(const struct step_row *row, struct arena *arena)
{
    struct value *v = owned(row->run, row->epoch, 4, arena);
    v[2] = value_of_i64((int64_t)row->bytes);
    v[3] = value_of_i64(row->step.done_at.us);
    return (struct store_step){&count_bytes, v, true};
}

struct store_step step_move(int64_t number, int64_t run, int64_t epoch, enum step_state state,
                            struct arena *arena)
{
    struct value *v = owned(run, epoch, 4, arena);
    v[2] = value_of_i64(number);
    v[3] = value_of_i64(state);
    return (struct store_step){&move_step, v, true};
}

#define STEP_COLUMNS                                                                               \
    "number, run, seq, kind, effect, state, exact, loose, sort, occurrence, step_key, attempt,"    \
    " name, exchange, idem, status, streamed, head, rest, bytes, intent_us, done_us"
const struct statement step_list = {
    "SELECT " STEP_COLUMNS " FROM steps WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3", 3};
const struct statement step_answer = {
    "SELECT " STEP_COLUMNS ", answer FROM steps WHERE number = ?1", 1};
#define COLUMNS 22

static bool read_16(const struct value *value, uint8_t to[16])
{
    if (value->kind != VALUE_BLOB || value->bytes.len != 16) {
        return false;
    }
    memcpy(to, value->bytes.at, 16);
    return true;
}

enum err step_read(const struct value *row, size_t columns, struct step_row *to)
{
    must(columns >= COLUMNS);
    *to = (struct step_row){
        .run = row[1].integer,
        .name = row[12].bytes,
        .exchange = row[13].bytes,
        .idem = row[14].bytes,
        .status = (unsigned)row[15].integer,
        .streamed = row[16].integer != 0,
        .bytes = (uint64_t)row[19].integer,
        .answer = columns > COLUMNS && row[COLUMNS].kind == VALUE_BLOB ? row[COLUMNS].bytes
                                                                       : STR(""),
    };
    struct step *step = &to->step;
    step->number = row[0].integer;
    step->seq = (uint32_t)row[2].integer;
    step->call.kind = (enum step_kind)row[3].integer;
    step->call.effect = (enum step_effect)row[4].integer;
    step->state = (enum step_state)row[5].integer;
    step->occurrence = (uint32_t)row[9].integer;
    step->attempt = (uint32_t)row[11].integer;
    step->call.key = row[10].bytes;
    step->intent_at.us = row[20].integer;
    step->done_at.us = row[21].integer;
    bool whole = read_16(&row[6], step->call.exact.bytes) &&
                 read_16(&row[7], step->call.loose.bytes) &&
                 read_16(&row[8], step->call.sort.bytes) && read_16(&row[17], to->head.bytes) &&
                 read_16(&row[18], to->rest.bytes) && step->seq > 0 &&
                 step->call.kind <= STEP_JOIN && step->call.effect <= EFFECT_UNSAFE &&
                 step->state <= STEP_FAILED;
    return whole ? ERR_OK : ERR_CORRUPT;
}

/* ---- parts ---- */

static const struct statement insert_part = {
    "INSERT INTO run_parts(run, id, parent, bytes) VALUES(?1, ?2, ?3, ?4)"
    " ON CONFLICT(run, id) DO NOTHING",
    4};
/* The walk carries ids only; the bytes are fetched once for each. */
const struct statement part_chain = {
    "WITH RECURSIVE chain(id, parent, depth) AS ("
    "SELECT id, parent, 1 FROM run_parts WHERE run = ?1 AND id = ?2 UNION ALL"
    " SELECT p.id, p.parent, c.depth + 1 FROM chain c"
    " JOIN run_parts p ON p.run = ?1 AND p.id = c.parent WHERE c.depth < ?3)"
    " SELECT p.id, p.parent, p.bytes FROM chain c"
    " JOIN run_parts p ON p.run = ?1 AND p.id = c.id ORDER BY c.depth",
    3};
const struct statement part_one = {
    "SELECT id, parent, bytes FROM run_parts WHERE run = ?1 AND id = ?2", 2};

enum err part_read(const struct value *row, struct body_part *to)
{
    *to = (struct body_part){.bytes = row[2].bytes};
    bool whole = read_16(&row[0], to->id.bytes) && read_16(&row[1], to->parent.bytes) &&
                 row[2].kind == VALUE_BLOB;
    return whole ? ERR_OK : ERR_CORRUPT;
}

struct store_step part_insert(int64_t run, const struct part_id *id, const struct part_id *parent,
                              struct str sealed, struct arena *arena)
{
    struct value *v = arena_array_of(arena, struct value, 4);
    v[0] = value_of_i64(run);
    v[1] = value_of_blob(part_id_str(id));
    v[2] = value_of_blob(part_id_str(parent));
    v[3] = value_of_blob(sealed);
    return (struct store_step){&insert_part, v, false};
}

/* ---- retention ---- */

/* A run that sleeps is touched when it wakes (workflow_store.c); who waits for ever does not count.
 */
#define WOKEN     "(SELECT run FROM run_waits WHERE due_us >= "
#define UNTOUCHED "updated_us < ?1 AND number NOT IN " WOKEN "?1 AND due_us < 9223372036854775807)"
#define OLD       "(SELECT number FROM runs WHERE " UNTOUCHED ")"
#define AGING                                                                                      \
    "(SELECT number FROM runs WHERE " UNTOUCHED " AND (updated_us >= ?2 OR number IN " WOKEN "?2)" \
    "))"
#define HAS_ROWS(run)                                                                              \
    "(EXISTS (SELECT 1 FROM steps s WHERE s.run = " run ".number)"                                 \
    " OR EXISTS (SELECT 1 FROM run_parts p WHERE p.run = " run ".number))"
#define EMPTY " r.updated_us < ?1 AND NOT " HAS_ROWS("r")

const struct statement run_prune_answers = {
    "UPDATE steps SET answer = NULL WHERE number IN (SELECT number FROM steps"
    " WHERE answer IS NOT NULL AND run IN " AGING " LIMIT 1000)",
    2};
const struct statement run_prune_parts = {
    "DELETE FROM run_parts WHERE (run, id) IN (SELECT run, id FROM run_parts WHERE run IN " AGING
    " LIMIT 1000)",
    2};
const struct statement run_prune_steps = {
    "DELETE FROM steps WHERE number IN (SELECT number FROM steps WHERE run IN " OLD " LIMIT 1000)",
    1};
const struct statement run_prune_keys = {
    "DELETE FROM data_keys WHERE id IN (SELECT r.data_key FROM runs r JOIN data_keys k"
    " ON k.id = r.data_key WHERE" EMPTY " AND NOT EXISTS (SELECT 1 FROM runs b"
    " WHERE b.data_key = r.data_key AND (b.updated_us >= ?1 OR " HAS_ROWS("b") ")) LIMIT 1000)",
    1};
const struct statement run_prune_runs = {
    "DELETE FROM runs WHERE number IN (SELECT r.number FROM runs r WHERE" EMPTY
    " AND NOT EXISTS (SELECT 1 FROM data_keys k WHERE k.id = r.data_key) LIMIT 1000)",
    1};
