/* SPDX-License-Identifier: Apache-2.0
 * queue_store.c - one table; what is over stands in none of its hot indexes. */
#include "resilience/queue_store.h"

#include "base/num.h"

/* States: 0 READY, 1 CLAIMED, 2 PARKED, 3 OVER. */
static const struct migration migrations[] = {
    {1, "CREATE TABLE jobs(run INTEGER PRIMARY KEY, tenant TEXT NOT NULL, queue TEXT NOT NULL,"
        " state INTEGER NOT NULL, priority INTEGER NOT NULL, due_us INTEGER NOT NULL,"
        " tries INTEGER NOT NULL, tries_max INTEGER NOT NULL, attempt INTEGER NOT NULL,"
        " lease_ms INTEGER NOT NULL, lease_us INTEGER NOT NULL, worker TEXT NOT NULL,"
        " input_id BLOB NOT NULL, input BLOB NOT NULL);"
        "CREATE INDEX jobs_ready ON jobs(tenant, queue, priority DESC, due_us) WHERE state = 0;"
        "CREATE INDEX jobs_held ON jobs(lease_us) WHERE state = 1"},
};
const struct schema queue_schema = {"queue", migrations, 1};

int64_t job_backoff_us(uint64_t tries, uint64_t random)
{
    uint64_t doublings = tries > 1 ? num_min(tries - 1, 20) : 0;
    uint64_t most = num_min((uint64_t)US_PER_S << doublings, (uint64_t)JOB_BACKOFF_MAX_US);
    return (int64_t)(random % (most + 1));
}

/* ---- writing ---- */

static const struct statement insert_job = {
    "INSERT INTO jobs(run, tenant, queue, state, priority, due_us, tries, tries_max, attempt,"
    " lease_ms, lease_us, worker, input_id, input)"
    " VALUES(?1, ?2, ?3, 0, ?4, ?5, 0, ?6, 0, 0, 0, '', ?7, ?8)",
    8};
static const struct statement claim_job = {
    "UPDATE jobs SET state = 1, tries = tries + 1, attempt = ?2, lease_ms = ?3, lease_us = ?4,"
    " worker = ?5 WHERE run = ?1 AND state = 0",
    5};
static const struct statement raise_run = {
    "UPDATE runs SET attempt = ?2, updated_us = ?3 WHERE number = ?1 AND attempt = ?2 - 1"
    " AND state = 0",
    3};
static const struct statement beat_job = {
    "UPDATE jobs SET lease_us = ?4 + lease_ms * 1000 WHERE state = 1 AND attempt = ?3 AND run ="
    " (SELECT number FROM runs WHERE tenant = ?1 AND id = ?2 AND state = 0)",
    4};
static const struct statement release_job = {
    "UPDATE jobs SET state = ?3, due_us = ?4, worker = '' WHERE run = ?1 AND attempt = ?2"
    " AND state = 1",
    4};
static const struct statement bury_run = {
    "UPDATE runs SET state = 5, reason = 'its tries are used up', updated_us = ?2"
    " WHERE number = ?1 AND state = 0",
    2};
static const struct statement end_job = {
    "UPDATE jobs SET state = ?2, worker = '' WHERE run = ?1 AND state < 3", 2};
static const struct statement resume_job = {
    "UPDATE jobs SET state = 0, due_us = ?2, tries = 0 WHERE run = ?1 AND state = 2", 2};

static struct value *values_of(struct arena *arena, size_t count, int64_t run)
{
    struct value *v = arena_array_of(arena, struct value, count);
    v[0] = value_of_i64(run);
    return v;
}

struct store_step job_insert(const struct job_row *row, struct arena *arena)
{
    struct value *v = values_of(arena, 8, row->run);
    v[1] = value_of_text(row->tenant);
    v[2] = value_of_text(row->queue);
    v[3] = value_of_i64((int64_t)row->priority);
    v[4] = value_of_i64(row->due_us);
    v[5] = value_of_i64((int64_t)row->tries_max);
    v[6] = value_of_blob(row->input_id);
    v[7] = value_of_blob(row->input);
    return (struct store_step){&insert_job, v, true};
}

void job_claim(const struct job_claim *claim, struct arena *arena,
               struct store_step steps[JOB_CLAIM_STEPS])
{
    struct value *v = values_of(arena, 5, claim->run);
    v[1] = value_of_i64(claim->attempt);
    v[2] = value_of_i64((int64_t)claim->lease_ms);
    v[3] = value_of_i64(claim->now.us + (int64_t)claim->lease_ms * 1000);
    v[4] = value_of_text(claim->worker);
    steps[0] = (struct store_step){&claim_job, v, true};
    v = values_of(arena, 3, claim->run);
    v[1] = value_of_i64(claim->attempt);
    v[2] = value_of_i64(claim->now.us);
    steps[1] = (struct store_step){&raise_run, v, true};
}

struct store_step job_beat(struct str tenant, struct str id, uint32_t attempt, struct wall now,
                           struct arena *arena)
{
    struct value *v = arena_array_of(arena, struct value, 4);
    v[0] = value_of_text(tenant);
    v[1] = value_of_text(id);
    v[2] = value_of_i64(attempt);
    v[3] = value_of_i64(now.us);
    return (struct store_step){&beat_job, v, true};
}

struct store_step job_release(int64_t run, uint32_t attempt, enum job_state state, int64_t due_us,
                              struct arena *arena)
{
    struct value *v = values_of(arena, 4, run);
    v[1] = value_of_i64(attempt);
    v[2] = value_of_i64(state);
    v[3] = value_of_i64(due_us);
    return (struct store_step){&release_job, v, true};
}

struct store_step job_bury(int64_t run, struct wall now, struct arena *arena)
{
    struct value *v = values_of(arena, 2, run);
    v[1] = value_of_i64(now.us);
    return (struct store_step){&bury_run, v, true};
}

struct store_step job_end(int64_t run, enum job_state state, struct arena *arena)
{
    struct value *v = values_of(arena, 2, run);
    v[1] = value_of_i64(state);
    return (struct store_step){&end_job, v, false};
}

struct store_step job_resume(int64_t run, struct wall now, struct arena *arena)
{
    struct value *v = values_of(arena, 2, run);
    v[1] = value_of_i64(now.us);
    return (struct store_step){&resume_job, v, false};
}

/* ---- reading ---- */

const struct statement job_ready = {
    "SELECT j.run, r.id, r.attempt, j.input, r.data_key, k.wrapped FROM jobs j"
    " JOIN runs r ON r.number = j.run JOIN data_keys k ON k.id = r.data_key"
    " WHERE j.tenant = ?1 AND j.queue = ?2 AND j.state = 0 AND j.due_us <= ?3 AND r.state = 0"
    " ORDER BY j.priority DESC, j.due_us LIMIT 16",
    3};
const struct statement job_find = {
    "SELECT r.data_key, k.wrapped, j.input_id FROM runs r"
    " LEFT JOIN data_keys k ON k.id = r.data_key LEFT JOIN jobs j ON j.run = r.number"
    " WHERE r.tenant = ?1 AND r.id = ?2",
    2};
const struct statement job_show = {
    "SELECT state, attempt, tries, tries_max FROM jobs WHERE run = ?1", 1};
const struct statement job_lost = {
    "SELECT j.run, r.tenant, r.id, j.attempt, j.tries, j.tries_max FROM jobs j"
    " JOIN runs r ON r.number = j.run WHERE j.state = 1 AND j.lease_us < ?1"
    " ORDER BY j.lease_us LIMIT 256",
    1};
const struct statement job_depths = {
    "SELECT tenant, queue, sum(CASE state WHEN 0 THEN 1 ELSE 0 END),"
    " sum(CASE state WHEN 1 THEN 1 ELSE 0 END), min(CASE state WHEN 0 THEN due_us END)"
    " FROM jobs WHERE state < 2 GROUP BY tenant, queue ORDER BY tenant, queue LIMIT 1000",
    0};

/* One that waits for its time is touched by it. */
const struct statement job_prune = {
    "DELETE FROM jobs WHERE run IN (SELECT j.run FROM jobs j JOIN runs r ON r.number = j.run"
    " WHERE r.updated_us < ?1 AND j.due_us < ?1 LIMIT 1000)",
    1};
