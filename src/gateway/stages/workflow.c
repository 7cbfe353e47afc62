/* SPDX-License-Identifier: Apache-2.0
 * workflow.c - calls below /run/RUN/TRY/workflow/ (standard R3): steps that the agent's own code
 * makes, and waiting for times, signals, people and other runs (docs/workflow.md).
 *
 * A step of code is durable as an intent before the agent is told to make it, and out at its try
 * from then on: no claim of an exchange. What is waited for is durable, too: a call that is held
 * enters the waiting room, looks at the store, and looks again when it is woken. So neither a lost
 * wake-up nor a restart loses anything; a call that is not answered in time is told to ask again.
 */
#include "gateway/stage.h"

#include "base/must.h"
#include "gateway/enqueue.h"
#include "gateway/pipeline.h"
#include "gateway/run_call.h"
#include "gateway/workflow_ask.h"
#include "gateway/workflow_event.h"
#include "gateway/workflow_reply.h"
#include "resilience/workflow_store.h"
#include "sys/notify.h"

#include <stdlib.h>

/* A waiter that the room may still post when the exchange has gone. */
struct held {
    struct waiter waiter;
    struct exchange *x;
};

struct workflow {
    struct run_call c;
    struct workflow_ask ask;
    enum flow (*next)(struct exchange *x, struct workflow *w); /* what follows when resumed */
    struct exchange *x;
    struct held *held; /* in the room, or posted */
    struct timer timer;
    struct instant since; /* the call is held; zero: not yet */
    int64_t due_us;       /* of what is waited for; 0: not read yet */
    struct workflow_event event;
    struct buf answer;     /* that is being recorded */
    unsigned status;       /* of it */
    int64_t signal;        /* taken in vain by the last unit */
    enum run_state ending; /* of an end: what the run becomes */
    uint64_t tries;        /* of its job, which is given back; 0: it is not */
};

static struct workflow *workflow_of(struct exchange *x)
{
    return LIST_OBJECT(x->run_call, struct workflow, c);
}

static enum flow claim(struct exchange *x, struct workflow *w);
static enum flow look(struct exchange *x, struct workflow *w);

/* ---- telling ---- */

static enum flow tell(struct exchange *x, const struct workflow *w, unsigned status,
                      struct workflow_told *told)
{
    told->step = w->c.step.seq;
    RECORD(&x->record, loop_wall(x->gateway->loop), workflow_called, .run = x->place.run,
           .attempt = x->place.attempt, .step = told->step,
           .kind = str_of(workflow_name(w->ask.kind)), .state = str_of(told->state));
    workflow_tell(x, status, told);
    return FLOW_REPLY;
}

static void recorded_came(struct exchange *x, struct run_work *work, enum err result)
{
    struct workflow *w = workflow_of(x);
    struct workflow_told told = {0};
    run_call_done(&w->c);
    if (result == ERR_OK) {
        result = workflow_recorded(run_work_answer(work), x->arena, &told);
    }
    if (result != ERR_OK) {
        (void)run_call_refuse_store(x, result);
        return;
    }
    x->replayed = true;
    (void)tell(x, w, 200, &told);
}

static enum flow tell_recorded(struct exchange *x, struct workflow *w)
{
    if (w->c.step.state == STEP_SKIPPED) {
        return run_call_say(x, 409, "step_skipped", "a person decided that this step is skipped");
    }
    return run_call_wait(x, &w->c, run_answer(x, w->c.run, w->c.step.number, recorded_came));
}

/* ---- keeping ---- */

static void refuse_kept(struct exchange *x, enum err why)
{
    if (why == ERR_EXISTS) {
        (void)run_call_say(x, 409, "child_exists", "another run has the name of this child");
        return;
    }
    (void)run_call_refuse_kept(x, why);
}

static void intended(struct exchange *x, struct run_work *work, enum err result)
{
    struct workflow *w = workflow_of(x);
    (void)work;
    run_call_intended(&w->c, result);
    if (result != ERR_OK) {
        refuse_kept(x, result);
        return;
    }
    crash_at(CRASH_POINT(step_intended));
    pipeline_resume(x);
}

static enum flow keep_intent(struct exchange *x, struct workflow *w,
                             const struct store_step *beside, size_t count)
{
    const bool code = w->ask.kind == WORKFLOW_STEP;
    const struct kept_step intent = {.step = &w->c.step,
                                     .state = STEP_INTENT,
                                     .name = w->ask.name,
                                     .idem = code ? run_call_key(x, &w->c) : STR(""),
                                     .beside = beside,
                                     .beside_count = count};
    return run_call_intend(x, &w->c, &intent, intended);
}

static void kept(struct exchange *x, struct run_work *work, enum err result)
{
    struct workflow *w = workflow_of(x);
    struct workflow_told told = {0};
    run_call_done(&w->c);
    if (result == ERR_NOT_FOUND && w->event.signal > 0 && w->event.signal != w->signal) {
        w->signal = w->event.signal; /* another step was faster */
        w->next = look;
        pipeline_resume(x);
        return;
    }
    if (result != ERR_OK) {
        refuse_kept(x, result);
        return;
    }
    journal_settle(&w->c.claim, STEP_DONE, run_work_number(work), w->c.bytes + run_work_bytes(work),
                   loop_wall(x->gateway->loop));
    crash_at(CRASH_POINT(step_kept));
    if (w->ask.queue.len > 0) { /* a child's */
        (void)waiting_wake_one(x->gateway->commons->waiting,
                               waiting_queue(x->principal.tenant, w->ask.queue, x->arena));
    }
    result = workflow_recorded(buf_str(&w->answer), x->arena, &told);
    must(result == ERR_OK);
    (void)tell(x, w, 200, &told);
}

/* Steps of others, in the unit of a result. */
struct beside {
    const struct store_step *steps;
    size_t count;
};
#define NOTHING ((struct beside){0})

/* The step is over: its answer becomes durable, then it is told. */
static enum flow keep(struct exchange *x, struct workflow *w, unsigned status, struct str json,
                      struct beside beside)
{
    buf_clear(&w->answer);
    workflow_record(status, json, &w->answer);
    const struct kept_step result = {.step = &w->c.step,
                                     .state = STEP_DONE,
                                     .name = w->ask.name,
                                     .answer = buf_str(&w->answer),
                                     .status = status,
                                     .beside = beside.steps,
                                     .beside_count = beside.count};
    return run_call_keep(x, &w->c, &result, kept);
}

/* It makes no longer; what its intent weighs is counted once. */
static void part(struct workflow *w, bool lent)
{
    journal_part(&w->c.claim, run_call_row(&w->c), w->c.bytes, lent);
    w->c.bytes = 0;
}

/* ---- code of the agent's own ---- */

static enum flow hand_out(struct exchange *x, struct workflow *w)
{
    struct workflow_told told = {.state = "make", .key = run_call_key(x, &w->c)};
    part(w, true);
    return tell(x, w, 201, &told);
}

static enum flow begin_step(struct exchange *x, struct workflow *w)
{
    w->next = hand_out;
    bool stands = w->c.step.number != 0 && w->c.step.state == STEP_INTENT;
    return stands ? FLOW_NEXT : keep_intent(x, w, NULL, 0);
}

static void given_back(struct exchange *x, struct run_work *work, enum err result)
{
    struct workflow *w = workflow_of(x);
    struct workflow_told told = {.state = "failed"};
    (void)work;
    run_call_done(&w->c);
    if (result != ERR_OK) {
        refuse_kept(x, result);
        return;
    }
    journal_settle(&w->c.claim, STEP_FAILED, w->c.step.number, 0, loop_wall(x->gateway->loop));
    (void)tell(x, w, 200, &told);
}

static enum flow keep_report(struct exchange *x, struct workflow *w)
{
    bool failed = w->ask.error != JSON_NONE;
    if (failed && !w->ask.final) {
        return run_call_wait(
            x, &w->c, run_step_moved(x, w->c.run, w->c.step.number, STEP_FAILED, given_back));
    }
    return keep(x, w, failed ? WORKFLOW_FAILED : WORKFLOW_DONE,
                json_raw(&x->json, failed ? w->ask.error : w->ask.result), NOTHING);
}

static enum flow report(struct exchange *x, struct workflow *w)
{
    w->c.answer = journal_recall(w->c.run, x->place.attempt, w->ask.seq, &w->c.claim, &w->c.step);
    switch (w->c.answer) {
    case JOURNAL_MAKE:
        return keep_report(x, w);
    case JOURNAL_REPLAY: /* the answer to an earlier report was lost */
        return tell_recorded(x, w);
    case JOURNAL_FENCED:
        return run_call_refuse(x, &w->c);
    default:
        exchange_refuse(x, 409, "step_not_held", "step %u is not out at this try", w->ask.seq);
        return FLOW_REPLY;
    }
}

/* ---- children ---- */

/* A child and the step that tells of it become durable together. */
static enum flow begin_child(struct exchange *x, struct workflow *w)
{
    struct store_step steps[ENQUEUE_STEPS];
    struct commons *commons = x->gateway->commons;
    size_t count = RUN_BIRTH_STEPS;
    bool queued = w->ask.queue.len > 0;
    struct run_birth child = {
        .id = arena_printf(x->arena, STR_FMT "." STR_FMT "-%u", STR_ARG(x->place.run),
                           STR_ARG(w->ask.name), w->c.step.seq),
        .agent = x->agent != NULL ? x->agent->name : STR(""),
        .scope = {x->principal.tenant, x->principal.name, x->user, x->session},
        .now = loop_wall(x->gateway->loop)};
    if (!run_id_is_valid(child.id)) {
        return run_call_say(x, 400, "invalid_request",
                            "the names of run and child are too long together: at most 64 bytes");
    }
    keyring_begin(commons->keyring);
    if (queued) {
        struct job_row job = {.queue = w->ask.queue,
                              .priority = JOB_PRIORITY,
                              .tries_max = JOB_TRIES,
                              .due_us = child.now.us};
        struct str input = w->ask.input != JSON_NONE ? json_raw(&x->json, w->ask.input)
                                                     : STR("null");
        count = enqueue(commons, &child, &job, input, x->arena, steps);
    } else {
        run_birth(commons, &child, x->arena, steps);
    }
    seal_key_wipe(&child.key.key);
    enum flow flow = keep(x, w, WORKFLOW_DONE,
                          arena_printf(x->arena, "{\"run\":\"" STR_FMT "\"}", STR_ARG(child.id)),
                          (struct beside){steps, count});
    keyring_commit(commons->keyring);
    return flow;
}

/* ---- the end of a run ---- */

static const char *end_word(const struct workflow *w)
{
    return w->ending == RUN_OPEN ? "queued" : run_state_name(w->ending);
}

static enum flow tell_end(struct exchange *x, const struct workflow *w)
{
    struct workflow_told told = {.state = end_word(w), .run = x->place.run};
    return tell(x, w, 200, &told);
}

static void ended(struct exchange *x, struct run_work *work, enum err result)
{
    struct workflow *w = workflow_of(x);
    (void)work;
    run_call_done(&w->c);
    if (result != ERR_OK) {
        refuse_kept(x, result);
        return;
    }
    (void)tell_end(x, w);
}

/* Back into the queue, behind a back-off; without tries left it is dead, and parked. */
static struct store_step retry_step(struct exchange *x, const struct workflow *w)
{
    const struct run_file *file = run_attached(w->c.run);
    bool dead = w->ending == RUN_DEAD;
    int64_t due_us = loop_wall(x->gateway->loop).us +
                     job_backoff_us(w->tries, rng_next(&x->gateway->rng));
    return job_release(file->row, x->place.attempt, dead ? JOB_PARKED : JOB_READY, due_us,
                       x->arena);
}

static enum flow write_end(struct exchange *x, struct workflow *w)
{
    const struct run_file *file = run_attached(w->c.run);
    bool failed = w->ask.error != JSON_NONE;
    workflow_record(failed ? WORKFLOW_FAILED : WORKFLOW_DONE,
                    json_raw(&x->json, failed ? w->ask.error : w->ask.result), &w->answer);
    const struct run_ending ending = {
        .state = w->ending,
        .answer = buf_str(&w->answer),
        .beside = w->tries > 0 ? retry_step(x, w)
                               : job_end(file->row, failed ? JOB_PARKED : JOB_OVER, x->arena)};
    return run_call_wait(x, &w->c, run_end(x, w->c.run, &ending, ended));
}

/* state, try, tries, tries_max. Only the try that holds its run's job may give it back. */
static void job_came(struct exchange *x, struct run_work *work, enum err result)
{
    struct workflow *w = workflow_of(x);
    const struct store_query *rows = run_work_rows(work);
    run_call_done(&w->c);
    if (result != ERR_OK) {
        (void)run_call_refuse_store(x, result);
        return;
    }
    const struct value *row = rows->rows;
    bool has = rows->row_count > 0 && row[1].integer == x->place.attempt;
    if (has && row[0].integer == JOB_READY) { /* the answer to an earlier word was lost */
        w->ending = RUN_OPEN;
        (void)tell_end(x, w);
        return;
    }
    if (has && row[0].integer == JOB_CLAIMED) {
        w->tries = (uint64_t)row[2].integer;
        w->ending = row[2].integer < row[3].integer ? RUN_OPEN : RUN_DEAD;
    }
    (void)write_end(x, w);
}

static enum flow begin_end(struct exchange *x, struct workflow *w)
{
    const struct run_file *file = run_attached(w->c.run);
    bool failed = w->ask.error != JSON_NONE;
    w->ending = failed ? RUN_FAILED : RUN_DONE;
    if (!failed || !w->ask.final) { /* of an end it says `retry` */
        return write_end(x, w);
    }
    const struct value value = value_of_i64(file->row);
    return run_call_wait(x, &w->c, run_query(x, w->c.run, &job_show, &value, job_came));
}

/* By the same try, whose first answer may have been lost. */
static bool was_ended(const struct exchange *x, struct workflow *w)
{
    struct run_facts facts;
    bool failed = w->ask.error != JSON_NONE;
    run_facts(w->c.run, &facts);
    w->ending = facts.state;
    return facts.attempt == x->place.attempt &&
           (failed ? facts.state == RUN_FAILED || facts.state == RUN_DEAD
                   : facts.state == RUN_DONE);
}

static enum flow end_run(struct exchange *x, struct workflow *w)
{
    if (run_call_waits(&w->c)) {
        return FLOW_WAIT;
    }
    if (!w->c.decided) {
        w->c.answer = journal_enter(w->c.run, x->place.attempt, &w->c.claim);
        w->c.decided = true;
    }
    if (w->c.claim.raised) {
        return run_call_fence(x, &w->c);
    }
    if (w->c.answer == JOURNAL_CLOSED && was_ended(x, w)) {
        return tell_end(x, w);
    }
    return w->c.answer == JOURNAL_MAKE ? begin_end(x, w) : run_call_refuse(x, &w->c);
}

/* ---- waiting ---- */

static void posted(struct message *message)
{
    struct held *held = LIST_OBJECT(message, struct held, waiter.message);
    struct exchange *x = held->x;
    free(held);
    if (x != NULL) {
        workflow_of(x)->held = NULL;
        pipeline_resume(x);
    }
}

static void timed(struct timer *timer)
{
    pipeline_resume(LIST_OBJECT(timer, struct workflow, timer)->x);
}

/* False: too many wait, which was told. */
static bool enter(struct exchange *x, struct workflow *w)
{
    struct commons *commons = x->gateway->commons;
    if (w->held != NULL || w->event.name.len == 0) {
        return true;
    }
    struct held *held = must_have(calloc(1, sizeof *held));
    held->x = x;
    held->waiter.home = x->gateway->loop;
    held->waiter.message.run = posted;
    list_init(&held->waiter.link);
    if (waiting_enter(commons->waiting, w->event.name, &held->waiter) != ERR_OK) {
        free(held);
        exchange_refuse(x, 503, "too_many_waiting", "%d calls wait already; ask again later",
                        WAITING_MAX);
        return false;
    }
    w->held = held;
    return true;
}

static void leave(struct exchange *x, struct workflow *w)
{
    if (w->held != NULL) {
        w->held->x = NULL;
        if (waiting_leave(x->gateway->commons->waiting, &w->held->waiter)) {
            free(w->held);
        }
        w->held = NULL;
    }
    timer_disarm(&w->timer);
}

static bool is_due(const struct exchange *x, const struct workflow *w)
{
    return loop_wall(x->gateway->loop).us >= w->due_us;
}

static enum flow ask_again_later(struct exchange *x, struct workflow *w)
{
    struct workflow_told told = {.state = "waiting",
                                 .due_us = w->due_us != WAIT_FOR_EVER ? w->due_us : 0};
    x->upstream_us += instant_since_us(loop_now(x->gateway->loop), w->since);
    journal_orphan(&w->c.claim); /* whoever asks again finds its place free */
    w->c.claim.seq = 0;
    return tell(x, w, 202, &told);
}

/* Woken, by the room or the clock. */
static enum flow awake(struct exchange *x, struct workflow *w)
{
    uint64_t held_us = instant_since_us(loop_now(x->gateway->loop), w->since);
    bool came = w->event.name.len > 0 && w->held == NULL;
    timer_disarm(&w->timer);
    bool over = held_us >= w->ask.hold_ms * 1000 || x->gateway->draining;
    if (over && !came && !is_due(x, w)) {
        return ask_again_later(x, w);
    }
    w->c.decided = false;
    w->next = claim;
    return FLOW_NEXT;
}

static enum flow hold(struct exchange *x, struct workflow *w)
{
    struct loop *loop = x->gateway->loop;
    part(w, false);
    if (w->since.ns == 0) {
        w->since = loop_now(loop);
    }
    w->next = awake;
    if (w->event.name.len > 0 && w->held == NULL) {
        return FLOW_NEXT; /* something happened while it looked */
    }
    uint64_t held_ms = instant_since_us(loop_now(loop), w->since) / 1000;
    int64_t left_us = w->due_us - loop_wall(loop).us;
    uint64_t left_ms = left_us > 0 ? ((uint64_t)left_us + 999) / 1000 : 0;
    uint64_t hold_ms = w->ask.hold_ms > held_ms ? w->ask.hold_ms - held_ms : 0;
    uint64_t delay_ms = left_ms < hold_ms ? left_ms : hold_ms;
    if (delay_ms == 0 || x->gateway->draining) {
        return FLOW_NEXT;
    }
    timer_arm(loop, &w->timer, delay_ms);
    return FLOW_WAIT;
}

static void looked(struct exchange *x, struct run_work *work, enum err result)
{
    struct workflow *w = workflow_of(x);
    struct buf json;
    const struct store_query *rows = run_work_rows(work);
    run_call_done(&w->c);
    if (result != ERR_OK && result != ERR_LIMIT) {
        (void)run_call_refuse_store(x, result);
        return;
    }
    buf_init(&json, RUN_ANSWER_MAX);
    enum err code = workflow_event_read(x, w->c.run, &w->event, rows, &json);
    if (code == ERR_OK) {
        const struct store_step taken = signal_take(w->event.signal, w->c.step.seq, x->arena);
        (void)keep(x, w, w->event.status, buf_str(&json),
                   (struct beside){&taken, w->event.signal > 0 ? 1 : 0});
    } else if (code == ERR_NOT_FOUND) {
        (void)run_call_say(x, 404, "unknown_event",
                           "what this step waits for is not, or no longer, known here");
    } else if (code != ERR_AGAIN) {
        (void)run_call_refuse_store(x, code);
    } else if (is_due(x, w)) {
        w->event.signal = 0;
        (void)keep(x, w, WORKFLOW_LATE, STR("null"), NOTHING);
    } else {
        w->next = hold;
        pipeline_resume(x);
    }
    buf_end(&json);
}

static void due_came(struct exchange *x, struct run_work *work, enum err result)
{
    struct workflow *w = workflow_of(x);
    const struct store_query *rows = run_work_rows(work);
    run_call_done(&w->c);
    if (result != ERR_OK || rows->row_count == 0) {
        (void)run_call_refuse_store(x, result != ERR_OK ? result : ERR_CORRUPT);
        return;
    }
    w->due_us = rows->rows[0].integer;
    pipeline_resume(x);
}

static enum flow look(struct exchange *x, struct workflow *w)
{
    const struct run_file *file = run_attached(w->c.run);
    if (!enter(x, w)) {
        return FLOW_REPLY;
    }
    if (w->due_us == 0) {
        const struct value values[] = {value_of_i64(file->row), value_of_i64(w->c.step.seq)};
        return run_call_wait(x, &w->c, run_query(x, w->c.run, &wait_find, values, due_came));
    }
    if (w->event.statement != NULL) {
        return run_call_wait(x, &w->c,
                             run_query(x, w->c.run, w->event.statement, w->event.values, looked));
    }
    if (is_due(x, w)) {
        return keep(x, w, WORKFLOW_DONE, STR("null"), NOTHING);
    }
    w->next = hold;
    return FLOW_NEXT;
}

static int64_t due_of(const struct exchange *x, const struct workflow *w)
{
    return w->ask.ms == UINT64_MAX ? WAIT_FOR_EVER
                                   : loop_wall(x->gateway->loop).us + (int64_t)w->ask.ms * 1000;
}

/* Whoever waits for the first time says until when: that stands for all tries. */
static enum flow begin_wait(struct exchange *x, struct workflow *w)
{
    struct store_step steps[WORKFLOW_EVENT_STEPS + 1];
    const struct run_file *file = run_attached(w->c.run);
    struct keyring *keyring = x->gateway->commons->keyring;
    workflow_event(x, w->c.run, &w->ask, w->c.step.seq, &w->event);
    w->next = look;
    if (w->c.step.number != 0) {
        return FLOW_NEXT;
    }
    if (!enter(x, w)) {
        return FLOW_REPLY;
    }
    w->due_us = due_of(x, w);
    keyring_begin(keyring);
    size_t count = workflow_event_steps(x, &w->ask, &w->event, steps);
    steps[count++] = wait_insert(file->row, w->c.step.seq, w->due_us, x->arena);
    enum flow flow = keep_intent(x, w, steps, count);
    keyring_commit(keyring);
    return flow;
}

/* ---- the way of a call ---- */

static enum flow act(struct exchange *x, struct workflow *w)
{
    switch (w->c.answer) {
    case JOURNAL_REPLAY:
        return tell_recorded(x, w);
    case JOURNAL_DOUBT:
        return run_call_doubt(x, &w->c);
    case JOURNAL_MAKE:
    case JOURNAL_AGAIN:
        return w->ask.kind == WORKFLOW_STEP    ? begin_step(x, w)
               : w->ask.kind == WORKFLOW_CHILD ? begin_child(x, w)
                                               : begin_wait(x, w);
    default:
        return run_call_refuse(x, &w->c);
    }
}

static enum flow claim(struct exchange *x, struct workflow *w)
{
    enum flow flow = run_call_claim(x, &w->c, w->ask.seq);
    if (flow == FLOW_NEXT) {
        w->next = act;
    }
    return flow;
}

static enum flow open_run(struct exchange *x, struct workflow *w)
{
    enum flow flow = run_call_open(x, &w->c);
    if (flow != FLOW_NEXT) {
        return flow;
    }
    const struct run_file *file = run_attached(w->c.run);
    if (w->ask.kind == WORKFLOW_REPORT || w->ask.kind == WORKFLOW_END) {
        w->next = w->ask.kind == WORKFLOW_REPORT ? report : end_run;
        return FLOW_NEXT;
    }
    workflow_shape(&w->ask, &x->json, &file->digests, x->place.key, &w->c.call);
    w->next = claim;
    return FLOW_NEXT;
}

static enum flow read_ask(struct exchange *x, struct workflow *w)
{
    struct fault fault = {0};
    struct str tail = str_cut(x->path, sizeof WORKFLOW_PATH - 1, x->path.len);
    w->x = x;
    w->next = open_run;
    timer_init(&w->timer, timed);
    buf_init(&w->answer, RUN_ANSWER_MAX);
    if (http_call_body(x->call).len > WORKFLOW_BODY_BYTES_MAX) {
        return run_call_say(x, 413, "body_too_large", "a body here has at most 1 MiB");
    }
    enum err code = workflow_read(tail, &x->json, x->arena, &w->ask, &fault);
    if (code != ERR_OK) {
        bool unknown = code == ERR_NOT_FOUND;
        exchange_refuse(x, unknown ? 404 : 400, unknown ? "unknown_endpoint" : "invalid_request",
                        "%s", fault.words);
        return FLOW_REPLY;
    }
    return FLOW_NEXT;
}

static enum flow on_request(struct exchange *x, void *state)
{
    struct workflow *w = state;
    enum flow flow = FLOW_NEXT;
    if (x->dialect != &dialect_workflow) {
        return FLOW_NEXT;
    }
    if (w->next == NULL) {
        w->next = read_ask;
    }
    while (flow == FLOW_NEXT) {
        flow = run_call_waits(&w->c) ? FLOW_WAIT : w->next(x, w);
    }
    return flow;
}

/* ---- the end of a call ---- */

static void on_gone(struct exchange *x, void *state)
{
    struct workflow *w = state;
    (void)x;
    if (w->c.claim.seq > 0) {
        journal_orphan(&w->c.claim);
    }
}

/* A claim that came to nothing. A result that is being kept is seen to its end; a report is still
 * to be made; what is waited for, too; code that was never handed out did not happen. */
static void give_back(struct exchange *x, struct workflow *w)
{
    int64_t row = run_call_row(&w->c);
    if (w->c.keeping) {
        struct run_work *work = w->c.work;
        w->c.work = NULL;
        run_work_settles(work, &w->c.claim, STEP_FAILED);
    } else if (row != 0 && w->ask.kind != WORKFLOW_STEP) {
        part(w, w->ask.kind == WORKFLOW_REPORT);
    } else {
        if (row != 0) {
            run_call_tell(x, &w->c, STEP_FAILED);
        }
        journal_settle(&w->c.claim, STEP_FAILED, row, w->c.bytes, loop_wall(x->gateway->loop));
    }
}

/* What the client is told now is no answer of its step: it may ask for it again. */
static void on_failed(struct exchange *x, void *state)
{
    struct workflow *w = state;
    if (w->c.claim.making) {
        give_back(x, w);
    }
    if (w->c.claim.seq > 0) {
        journal_orphan(&w->c.claim);
    }
}

static void on_end(struct exchange *x, void *state)
{
    struct workflow *w = state;
    if (w->next == NULL) {
        return;
    }
    leave(x, w);
    if (w->c.claim.making) {
        give_back(x, w); /* nobody listens */
    }
    run_call_end(x, &w->c);
    buf_end(&w->answer);
}

const struct stage stage_workflow = {.name = "workflow",
                                     .state_size = sizeof(struct workflow),
                                     .on_request = on_request,
                                     .on_failed = on_failed,
                                     .on_gone = on_gone,
                                     .on_end = on_end};
