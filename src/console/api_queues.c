/* SPDX-License-Identifier: Apache-2.0
 * api_queues.c - runs for workers: enqueued, claimed, kept by heartbeats.
 *
 * A claim that finds nothing is held: it enters the waiting room, looks, and looks again when it is
 * woken or a moment has passed (a run may have become due, a lease may have run out). Invariant: a
 * claim is durable, with the fence of its try, before its worker is told. */
#include "console/routes.h"

#include "base/must.h"
#include "console/run_grip.h"
#include "gateway/enqueue.h"
#include "gateway/run_seal.h"
#include "gateway/workflow_ask.h"
#include "sys/notify.h"

#include <stdlib.h>

#define LOOK_AGAIN_MS 500
#define RACES_MAX     16 /* lost to other workers in a row; then it waits a moment */

/* ---- enqueue ---- */

struct enqueuing {
    struct str tenant;
    struct str id;
    struct str input;
    struct job_row job;
    struct store_step steps[ENQUEUE_STEPS];
};

static void answer_run(struct asked *asked, unsigned status)
{
    const struct enqueuing *e = asked->state;
    json_begin_object(&asked->w);
    json_member_str(&asked->w, "run", e->id);
    json_end_object(&asked->w);
    asked_answer(asked, status);
}

/* data key, that as it is wrapped, the job's input_id */
static void compare(struct asked *asked)
{
    const struct enqueuing *e = asked->state;
    const struct value *row = asked->query.rows;
    struct keyring *keyring = asked->console->options.commons->keyring;
    struct data_key key;
    bool same = asked->query.row_count > 0 && row[1].kind == VALUE_BLOB &&
                row[2].kind == VALUE_BLOB &&
                keyring_unwrap(keyring, row[0].bytes, row[1].bytes, &key) == ERR_OK;
    if (same) {
        same = enqueue_same(&key, e->job.queue, e->input, row[2].bytes);
        seal_key_wipe(&key.key);
    }
    if (same) {
        answer_run(asked, 200);
    } else {
        asked_refuse(asked, 409, "run_conflict",
                     "there is a run of this name already, with another queue or input");
    }
}

static void enqueued(struct asked *asked)
{
    const struct enqueuing *e = asked->state;
    if (asked->result == ERR_EXISTS) {
        struct value *values = arena_array_of(asked->arena, struct value, 2);
        values[0] = value_of_text(e->tenant);
        values[1] = value_of_text(e->id);
        asked_read(asked, &job_find, values, 1, compare);
        return;
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    crash_at(CRASH_POINT(job_enqueued));
    (void)waiting_wake_one(asked->console->options.commons->waiting,
                           waiting_queue(e->tenant, e->job.queue, asked->arena));
    answer_run(asked, 201);
}

static uint64_t count_or(const struct asked *asked, const char *name, uint64_t otherwise)
{
    const struct api_value *value = asked_value(asked, name);
    return value->given ? value->count : otherwise;
}

/* False: it was refused. */
static bool take_job(struct asked *asked, struct enqueuing *e, struct wall now)
{
    const struct api_value *due = asked_value(asked, "not_before_ms");
    struct str input = asked_text(asked, "input");
    e->job = (struct job_row){.queue = asked_text(asked, "queue"),
                              .priority = count_or(asked, "priority", JOB_PRIORITY),
                              .tries_max = count_or(asked, "tries_max", JOB_TRIES),
                              .due_us = now.us};
    e->input = input.len > 0 ? input : STR("null");
    if (due->given && due->count < (uint64_t)INT64_MAX / 1000) {
        int64_t due_us = (int64_t)due->count * 1000;
        e->job.due_us = due_us > now.us ? due_us : now.us;
    }
    const char *wrong = !run_id_is_valid(e->id) ? "'id' must be the name of a run"
                        : !workflow_name_is_valid(e->job.queue)
                            ? "'queue' must be 1 to 64 printable bytes"
                        : e->job.priority > JOB_PRIORITY_MAX ? "'priority' must be from 0 to 9"
                        : e->job.tries_max < 1 || e->job.tries_max > JOB_TRIES_MAX
                            ? "'tries_max' must be from 1 to 1000"
                        : due->given && due->count >= (uint64_t)INT64_MAX / 1000
                            ? "'not_before_ms' is no time"
                            : NULL;
    if (wrong != NULL) {
        asked_refuse(asked, 422, "bad_job", "%s", wrong);
    }
    return wrong == NULL;
}

void api_run_enqueue(struct asked *asked)
{
    struct commons *commons = asked->console->options.commons;
    struct enqueuing *e = arena_new_of(asked->arena, struct enqueuing);
    struct wall now = env_wall(commons->env);
    asked->state = e;
    if (!asked_tenant(asked, &e->tenant)) {
        return;
    }
    if (commons->keyring == NULL) {
        asked_refuse(asked, 503, "no_master_key", "a run's input cannot be sealed");
        return;
    }
    e->id = asked_value(asked, "id")->given
                ? asked_text(asked, "id")
                : arena_printf(asked->arena, "run-%016llx",
                               (unsigned long long)commons_number(commons, now));
    if (!take_job(asked, e, now)) {
        return;
    }
    struct run_birth birth = {.id = e->id, .scope = {e->tenant, asked->by}, .now = now};
    keyring_begin(commons->keyring);
    size_t count = enqueue(commons, &birth, &e->job, e->input, asked->arena, e->steps);
    seal_key_wipe(&birth.key.key);
    asked->unit = (struct store_unit){
        .steps = e->steps, .count = count, .bytes = e->job.input.len + 1024};
    asked_write(asked, enqueued);
    keyring_commit(commons->keyring);
}

/* ---- claim ---- */

/* A waiter that the room may still post when the call has ended. */
struct held {
    struct waiter waiter;
    struct asked *asked;
};

struct claiming {
    struct asked *asked;
    struct str tenant;
    struct str queue;
    uint64_t lease_ms;
    uint64_t hold_ms;
    struct instant since;
    struct timer timer;
    struct held *held;
    bool reading; /* the store has it */
    unsigned races;
    struct run_grip grip;
    struct str id;
    struct str input;
    struct job_claim job;
    struct store_step steps[JOB_CLAIM_STEPS];
};

static void look(struct asked *asked);

static void leave(struct asked *asked)
{
    struct claiming *c = asked->state;
    run_grip_release(&c->grip);
    timer_disarm(&c->timer);
    if (c->held != NULL) {
        c->held->asked = NULL;
        if (waiting_leave(asked->console->options.commons->waiting, &c->held->waiter)) {
            free(c->held);
        }
        c->held = NULL;
    }
}

static void woken(struct asked *asked)
{
    struct claiming *c = asked->state;
    if (!c->reading) {
        look(asked);
    }
}

static void posted(struct message *message)
{
    struct held *held = LIST_OBJECT(message, struct held, waiter.message);
    struct asked *asked = held->asked;
    free(held);
    if (asked != NULL) {
        ((struct claiming *)asked->state)->held = NULL;
        woken(asked);
    }
}

static void timed(struct timer *timer)
{
    woken(LIST_OBJECT(timer, struct claiming, timer)->asked);
}

static bool enter(struct asked *asked, struct claiming *c)
{
    struct waiting *waiting = asked->console->options.commons->waiting;
    if (c->held != NULL || c->hold_ms == 0) {
        return true;
    }
    struct held *held = must_have(calloc(1, sizeof *held));
    held->asked = asked;
    held->waiter.home = asked->console->options.loop;
    held->waiter.message.run = posted;
    list_init(&held->waiter.link);
    if (waiting_enter(waiting, waiting_queue(c->tenant, c->queue, asked->arena), &held->waiter) !=
        ERR_OK) {
        free(held);
        asked_refuse(asked, 503, "too_many_waiting", "%d calls wait already; ask again later",
                     WAITING_MAX);
        return false;
    }
    c->held = held;
    return true;
}

static void nothing(struct asked *asked)
{
    struct claiming *c = asked->state;
    struct loop *loop = asked->console->options.loop;
    uint64_t held_ms = instant_since_us(loop_now(loop), c->since) / 1000;
    if (held_ms >= c->hold_ms || atomic_load(asked->console->options.draining) ||
        http_call_sock(asked->call) < 0) {
        json_put_null(&asked->w); /* 204 has no body */
        asked_answer(asked, 204);
        return;
    }
    uint64_t left_ms = c->hold_ms - held_ms;
    timer_arm(loop, &c->timer, left_ms < LOOK_AGAIN_MS ? left_ms : LOOK_AGAIN_MS);
}

static void claimed(struct asked *asked)
{
    struct claiming *c = asked->state;
    c->reading = false;
    if (asked->result == ERR_NOT_FOUND) {
        run_grip_release(&c->grip);
        if (++c->races < RACES_MAX) {
            look(asked);
        } else {
            c->races = 0;
            nothing(asked);
        }
        return;
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    if (run_grip_in_memory(&c->grip)) {
        run_fenced(c->grip.run, c->job.attempt);
    }
    run_grip_release(&c->grip);
    crash_at(CRASH_POINT(job_claimed));
    json_begin_object(&asked->w);
    json_member_str(&asked->w, "run", c->id);
    json_member_u64(&asked->w, "try", c->job.attempt);
    json_key(&asked->w, "input");
    json_put_raw(&asked->w, c->input);
    json_member_u64(&asked->w, "lease_ms", c->lease_ms);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

/* run, its id, its try, input, data key, that as it is wrapped. False: the next one. */
static bool take_row(struct asked *asked, struct claiming *c, const struct value *row)
{
    struct commons *commons = asked->console->options.commons;
    struct data_key key;
    struct buf input;
    if (row[2].integer >= RUN_TRY_MAX ||
        keyring_unwrap(commons->keyring, row[4].bytes, row[5].bytes, &key) != ERR_OK) {
        return false;
    }
    buf_init(&input, 2 * API_BODY_BYTES_MAX);
    enum err code = run_unseal(&key, RUN_ANSWER, row[3].bytes, &input);
    seal_key_wipe(&key.key);
    if (code == ERR_OK) {
        code = run_grip_take(&c->grip, commons->journal, c->tenant, row[1].bytes);
    }
    if (code == ERR_OK) {
        c->id = arena_str(asked->arena, row[1].bytes);
        c->input = arena_str(asked->arena, buf_str(&input));
        c->job.run = row[0].integer;
        c->job.attempt = (uint32_t)row[2].integer + 1;
    }
    buf_end(&input);
    return code == ERR_OK;
}

static void came(struct asked *asked)
{
    struct claiming *c = asked->state;
    const struct store_query *query = &asked->query;
    c->reading = false;
    for (size_t i = 0; i < query->row_count && http_call_sock(asked->call) >= 0; i++) {
        if (take_row(asked, c, &query->rows[i * query->columns])) {
            c->job.now = env_wall(asked->console->options.commons->env);
            job_claim(&c->job, asked->arena, c->steps);
            asked->unit = (struct store_unit){
                .steps = c->steps, .count = JOB_CLAIM_STEPS, .bytes = 512};
            c->reading = true;
            asked_write(asked, claimed);
            return;
        }
    }
    nothing(asked);
}

static void look(struct asked *asked)
{
    struct claiming *c = asked->state;
    timer_disarm(&c->timer);
    if (!enter(asked, c)) {
        return;
    }
    struct value *values = arena_array_of(asked->arena, struct value, 3);
    values[0] = value_of_text(c->tenant);
    values[1] = value_of_text(c->queue);
    values[2] = value_of_i64(env_wall(asked->console->options.commons->env).us);
    c->reading = true;
    asked_read(asked, &job_ready, values, JOB_READY_ROWS, came);
}

void api_queue_claim(struct asked *asked)
{
    struct claiming *c = arena_new_of(asked->arena, struct claiming);
    struct commons *commons = asked->console->options.commons;
    c->asked = asked;
    c->queue = asked_text(asked, "name");
    c->lease_ms = count_or(asked, "lease_ms", JOB_LEASE_MS);
    c->hold_ms = count_or(asked, "hold_ms", WORKFLOW_HOLD_MS);
    c->since = loop_now(asked->console->options.loop);
    c->job.lease_ms = c->lease_ms;
    c->job.worker = asked_text(asked, "worker");
    timer_init(&c->timer, timed);
    asked->state = c;
    asked->ending = leave;
    if (!asked_tenant(asked, &c->tenant)) {
        return;
    }
    if (commons->journal == NULL || commons->keyring == NULL) {
        asked_refuse(asked, 503, "journal_unavailable", "queues need a server and its keys");
    } else if (c->lease_ms < JOB_LEASE_MS_MIN || c->lease_ms > JOB_LEASE_MS_MAX) {
        asked_refuse(asked, 422, "bad_lease", "'lease_ms' must be from %d to %d", JOB_LEASE_MS_MIN,
                     JOB_LEASE_MS_MAX);
    } else if (c->hold_ms > WORKFLOW_HOLD_MS_MAX) {
        asked_refuse(asked, 422, "bad_hold", "'hold_ms' must be at most %d", WORKFLOW_HOLD_MS_MAX);
    } else if (!domain_name_valid(c->job.worker)) {
        asked_refuse(asked, 422, "bad_worker", "'worker' must be 1 to %d printable bytes",
                     DOMAIN_NAME_MAX);
    } else {
        look(asked);
    }
}

/* ---- heartbeat ---- */

static void beaten(struct asked *asked)
{
    if (asked->result == ERR_NOT_FOUND) {
        asked_refuse(asked, 409, "try_fenced", "this try does not hold the run, or it has ended");
        return;
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    json_begin_object(&asked->w);
    json_member_str(&asked->w, "run", asked_text(asked, "run"));
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

void api_queue_heartbeat(struct asked *asked)
{
    struct str tenant;
    struct store_step *step = arena_new_of(asked->arena, struct store_step);
    uint64_t attempt = asked_value(asked, "try")->count;
    if (!asked_tenant(asked, &tenant)) {
        return;
    }
    if (attempt < 1 || attempt > RUN_TRY_MAX) {
        asked_refuse(asked, 422, "bad_try", "'try' must be from 1 to %u", RUN_TRY_MAX);
        return;
    }
    *step = job_beat(tenant, asked_text(asked, "run"), (uint32_t)attempt,
                     env_wall(asked->console->options.commons->env), asked->arena);
    asked->unit = (struct store_unit){.steps = step, .count = 1, .bytes = 256};
    asked_write(asked, beaten);
}

/* ---- depths ---- */

static void list(struct asked *asked)
{
    const struct store_query *query = &asked->query;
    int64_t now_us = env_wall(asked->console->options.commons->env).us;
    json_begin_object(&asked->w);
    json_key(&asked->w, "queues");
    json_begin_array(&asked->w);
    for (size_t i = 0; i < query->row_count; i++) {
        const struct value *row = &query->rows[i * query->columns];
        int64_t waited_us = row[4].kind == VALUE_INTEGER ? now_us - row[4].integer : 0;
        json_begin_object(&asked->w);
        json_member_str(&asked->w, "tenant", row[0].bytes);
        json_member_str(&asked->w, "queue", row[1].bytes);
        json_member_i64(&asked->w, "ready", row[2].integer);
        json_member_i64(&asked->w, "claimed", row[3].integer);
        json_member_i64(&asked->w, "oldest_ms", waited_us > 0 ? waited_us / 1000 : 0);
        json_end_object(&asked->w);
    }
    json_end_array(&asked->w);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

void api_queues(struct asked *asked)
{
    asked_read(asked, &job_depths, NULL, 1000, list);
}
