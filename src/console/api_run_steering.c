/* SPDX-License-Identifier: Apache-2.0
 * api_run_steering.c - what people decide about runs: cancel, resume, and steps without a result.
 *
 * Invariants: the run's place in the journal is held from before its row is read until the decision
 * is durable - its loading where nobody uses it, the step in question where somebody does - so that
 * no call acts on what is just being changed. Memory follows the store, never the other way. */
#include "console/routes.h"

#include "base/must.h"
#include "console/run_grip.h"
#include "gateway/run_seal.h"
#include "gateway/tool_answer.h"
#include "resilience/queue_store.h"
#include "resilience/run_store.h"

enum change { CHANGE_CANCEL, CHANGE_RESUME, CHANGE_HAPPENED, CHANGE_AGAIN, CHANGE_SKIP };

static const char *const change_names[] = {"cancel", "resume", "happened", "again", "skip"};

struct steering {
    enum change change;
    struct run_grip grip; /* without a server there is no journal */
    struct journal_claim claim;
    struct run_row row;
    struct step_row step;
    enum run_state to;
    struct wall at;
};

/* ---- holding ---- */

/* Lets everything go; what was decided is durable, or did not happen. */
static void let_go(struct asked *asked)
{
    struct steering *s = asked->state;
    if (s->claim.making) {
        enum step_state was = s->step.step.state;
        journal_settle(&s->claim, was == STEP_FAILED ? STEP_FAILED : STEP_IN_DOUBT,
                       s->step.step.number, 0, s->at);
    }
    run_grip_release(&s->grip);
}

/* False: it was refused. */
static bool hold_run(struct asked *asked, struct steering *s, struct str tenant)
{
    struct journal *journal = asked->console->options.commons->journal;
    if (journal == NULL) {
        return true;
    }
    asked->ending = let_go;
    enum err code = run_grip_take(&s->grip, journal, tenant, asked_text(asked, "id"));
    if (code == ERR_LIMIT) {
        asked_refuse(asked, 503, "too_many_runs", "too many runs are in use at once");
        return false;
    }
    if (code != ERR_OK) {
        asked_refuse(asked, 503, "run_busy", "this run is just being read; try again");
        return false;
    }
    return true;
}

static struct run_row row_kept(const struct value *row, struct arena *arena)
{
    struct run_row kept;
    run_read(row, &kept);
    kept.tenant = arena_str(arena, kept.tenant);
    kept.id = arena_str(arena, kept.id);
    kept.data_key = arena_str(arena, kept.data_key);
    kept.wrapped = arena_str(arena, kept.wrapped);
    return kept;
}

static void begin(struct asked *asked, enum change change, void (*then)(struct asked *asked))
{
    struct steering *s = arena_new_of(asked->arena, struct steering);
    const struct api_value *given = asked_value(asked, "tenant");
    struct str tenant = given->given ? given->text : STR("default");
    *s = (struct steering){.change = change, .at = env_wall(asked->console->options.commons->env)};
    asked->state = s;
    if (!run_id_is_valid(asked_text(asked, "id"))) {
        asked_refuse(asked, 404, "unknown_run", "this is no name of a run");
        return;
    }
    if (hold_run(asked, s, tenant)) {
        struct value *values = arena_array_of(asked->arena, struct value, 2);
        values[0] = value_of_text(tenant);
        values[1] = value_of_text(asked_text(asked, "id"));
        asked_read(asked, &run_find, values, 1, then);
    }
}

static bool found(struct asked *asked, struct steering *s)
{
    if (asked->query.row_count == 0) {
        asked_refuse(asked, 404, "unknown_run", "there is no such run of this tenant");
        return false;
    }
    s->row = row_kept(asked->query.rows, asked->arena);
    return true;
}

/* ---- deciding ---- */

static void decided(struct asked *asked)
{
    struct steering *s = asked->state;
    bool of_step = s->change >= CHANGE_HAPPENED;
    if (asked->result == ERR_NOT_FOUND) {
        asked_refuse(asked, 409, "changed_meanwhile", "the run has changed meanwhile; look again");
        return;
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    if (s->claim.making) {
        journal_settle(&s->claim, s->step.step.state, s->step.step.number, s->step.bytes, s->at);
    } else if (!of_step && run_grip_in_memory(&s->grip)) {
        run_set_state(s->grip.run, s->to);
    }
    let_go(asked); /* before it is told */
    if (s->change == CHANGE_CANCEL) {
        waiting_wake(asked->console->options.commons->waiting,
                     waiting_end(s->row.tenant, s->row.id, asked->arena));
    }
    json_begin_object(&asked->w);
    json_member_str(&asked->w, "id", s->row.id);
    json_member_str(&asked->w, "tenant", s->row.tenant);
    if (of_step) {
        json_member_u64(&asked->w, "step", s->step.step.seq);
    }
    json_member_cstr(&asked->w, "state",
                     of_step ? step_state_name(s->step.step.state) : run_state_name(s->to));
    json_member_str(&asked->w, "by", asked->by);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

static void submit(struct asked *asked, struct store_step *steps, size_t count, size_t bytes)
{
    const struct steering *s = asked->state;
    asked->unit = (struct store_unit){.steps = steps, .count = count, .bytes = bytes + 512};
    ASKED_TELL(asked, run_steered, .run = s->row.id, .tenant = s->row.tenant,
               .change = str_of(change_names[s->change]), .step = s->step.step.seq, .by = asked->by,
               .reason = asked_text(asked, "reason"));
    asked_write(asked, decided);
}

/* ---- a run ---- */

static void move_run(struct asked *asked)
{
    struct steering *s = asked->state;
    if (!found(asked, s)) {
        return;
    }
    bool cancel = s->change == CHANGE_CANCEL;
    bool fits = cancel ? s->row.state == RUN_OPEN || s->row.state == RUN_DIVERGED
                       : s->row.state != RUN_OPEN && s->row.state != RUN_DONE;
    if (!fits) {
        asked_refuse(asked, 409, "wrong_state", "this run is %s; it cannot be %s",
                     run_state_name(s->row.state), cancel ? "cancelled" : "resumed");
        return;
    }
    s->to = cancel ? RUN_CANCELLED : RUN_OPEN;
    s->row.reason = asked_text(asked, "reason");
    struct store_step *steps = arena_array_of(asked->arena, struct store_step, 2);
    steps[0] = run_steer(&s->row, s->to, s->at, asked->arena);
    steps[1] = cancel ? job_end(s->row.number, JOB_PARKED, asked->arena)
                      : job_resume(s->row.number, s->at, asked->arena);
    submit(asked, steps, 2, s->row.reason.len);
}

void api_run_cancel(struct asked *asked)
{
    begin(asked, CHANGE_CANCEL, move_run);
}

void api_run_resume(struct asked *asked)
{
    begin(asked, CHANGE_RESUME, move_run);
}

/* ---- a step ---- */

/* What the agent gets for it from now on. False: it was refused. */
static bool seal_answer(struct asked *asked, struct steering *s)
{
    struct keyring *keyring = asked->console->options.commons->keyring;
    struct data_key key;
    struct str body = asked_text(asked, "answer");
    struct json json;
    if (s->row.wrapped.len == 0) {
        asked_refuse(asked, 410, "run_erased", "this run's key is gone: what it held was erased");
        return false;
    }
    if (keyring == NULL ||
        keyring_unwrap(keyring, s->row.data_key, s->row.wrapped, &key) != ERR_OK) {
        asked_refuse(asked, 503, "no_master_key", "the answer cannot be sealed without master key");
        return false;
    }
    bool is_json = json_parse(&json, body, NULL, asked->arena, NULL) == ERR_OK;
    const struct tool_answer answer = {.status = 200,
                                       .content_type = is_json ? STR("application/json")
                                                               : STR("text/plain; charset=utf-8"),
                                       .body = body};
    struct buf whole;
    buf_init(&whole, body.len + 1024);
    enum err code = tool_answer_write(&answer, &whole);
    must(code == ERR_OK);
    s->step.answer = run_seal(keyring, NULL, &key, RUN_ANSWER, buf_str(&whole), asked->arena);
    s->step.bytes = whole.len;
    s->step.status = answer.status;
    s->step.step.done_at = s->at;
    buf_end(&whole);
    seal_key_wipe(&key.key);
    return true;
}

static void submit_step(struct asked *asked, struct steering *s)
{
    static const enum step_state states[] = {
        [CHANGE_HAPPENED] = STEP_DONE, [CHANGE_AGAIN] = STEP_FAILED, [CHANGE_SKIP] = STEP_SKIPPED};
    struct step_row *row = &s->step;
    struct store_step *steps = arena_array_of(asked->arena, struct store_step, 2);
    row->bytes = 0;
    if (s->change == CHANGE_HAPPENED && !seal_answer(asked, s)) {
        return;
    }
    row->step.state = states[s->change];
    if (s->change != CHANGE_HAPPENED) {
        steps[0] = step_move(row->step.number, row->run, row->epoch, row->step.state, asked->arena);
        submit(asked, steps, 1, 0);
        return;
    }
    steps[0] = step_finish(row, asked->arena);
    steps[1] = step_count(row, asked->arena);
    submit(asked, steps, 2, row->answer.len);
}

/* Its state in the store may be behind that in memory, which is asked first. */
static void decide_step(struct asked *asked)
{
    struct steering *s = asked->state;
    const struct store_query *query = &asked->query;
    uint64_t seq = asked_value(asked, "seq")->count;
    bool there = query->row_count > 0 &&
                 step_read(query->rows, query->columns, &s->step) == ERR_OK &&
                 s->step.step.seq == seq;
    if (!there) {
        asked_refuse(asked, 404, "unknown_step", "this run has no such step");
        return;
    }
    s->step.run = s->row.number;
    s->step.epoch = s->row.epoch;
    s->step.exchange = arena_str(asked->arena, s->step.exchange);
    enum err code = s->step.step.state == STEP_DONE || s->step.step.state == STEP_SKIPPED
                        ? ERR_EXISTS
                        : ERR_OK;
    if (code == ERR_OK && run_grip_in_memory(&s->grip)) {
        code = run_hold(s->grip.run, s->step.step.seq, &s->claim);
    }
    if (code != ERR_OK) {
        asked_refuse(asked, 409, code == ERR_BUSY ? "step_busy" : "step_decided", "step %u %s",
                     s->step.step.seq,
                     code == ERR_BUSY ? "is just being made; look again when it has ended"
                                      : "has its result, or was decided before");
        return;
    }
    submit_step(asked, s);
}

static void find_step(struct asked *asked)
{
    struct steering *s = asked->state;
    uint64_t seq = asked_value(asked, "seq")->count;
    if (!found(asked, s)) {
        return;
    }
    struct value *values = arena_array_of(asked->arena, struct value, 3);
    values[0] = value_of_i64(s->row.number);
    values[1] = value_of_i64((int64_t)seq - 1);
    values[2] = value_of_i64(1);
    asked_read(asked, &step_list, values, 1, decide_step);
}

void api_run_step(struct asked *asked)
{
    uint64_t seq = asked_value(asked, "seq")->count;
    for (enum change change = CHANGE_HAPPENED; change <= CHANGE_SKIP; change++) {
        if (!str_equal(asked_text(asked, "decision"), str_of(change_names[change]))) {
            continue;
        }
        if (asked_value(asked, "answer")->given && change != CHANGE_HAPPENED) {
            asked_refuse(asked, 422, "bad_answer", "'answer' goes with the decision happened");
        } else if (seq < 1 || seq > RUN_STEPS_MAX) {
            asked_refuse(asked, 404, "unknown_step", "steps have numbers from 1 to %d",
                         RUN_STEPS_MAX);
        } else {
            begin(asked, change, find_step);
        }
        return;
    }
    asked_refuse(asked, 422, "bad_decision", "'decision' must be happened, again or skip");
}
