/* SPDX-License-Identifier: Apache-2.0
 * replay.c - calls of durable runs (standard R3, R6): a step that was recorded answers again, one
 * that is being made is joined, a new one is made and its result is durable before the answer's end
 * leaves.
 *
 * The recorded answer is the provider's own, placeholders in place. It passes the output guardrails
 * as they are now, so that a replay never shows what today's rules would take away. */
#include "gateway/stage.h"

#include "base/must.h"
#include "gateway/attempt.h"
#include "gateway/pipeline.h"
#include "gateway/probe.h"
#include "gateway/reply.h"
#include "gateway/run_ledger.h"
#include "gateway/run_shape.h"
#include "gateway/tool_call.h"
#include "gateway/upstream.h"
#include "sys/notify.h"

#include <stdlib.h>

enum replay_phase {
    REPLAY_OPEN,
    REPLAY_CLAIM,
    REPLAY_ACT,
    REPLAY_INTEND,
    REPLAY_MAKE,
    REPLAY_KEPT
};

/* A waiter that the journal may still post when the exchange has gone. */
struct waiting {
    struct journal_waiter waiter;
    struct exchange *x;
};

struct replay {
    enum replay_phase phase;
    enum journal_answer answer;
    struct run *run;
    struct run_work *work;
    struct waiting *waiting;
    struct probe *probe;
    struct journal_claim claim;
    struct step_call call;
    struct step step;
    struct buf heard;
    int64_t intent;   /* the row of an intent that is to become durable */
    uint64_t bytes;   /* of the intent */
    struct str found; /* the answer of a probe */
    bool answered;    /* by whoever was called; not durable yet */
    bool keeping;     /* `work` makes the result durable */
};

/* ---- waiting ---- */

static struct replay *replay_of(struct exchange *x)
{
    return x->replay;
}

static void posted(struct message *message)
{
    struct waiting *waiting = LIST_OBJECT(message, struct waiting, waiter.message);
    struct exchange *x = waiting->x;
    free(waiting);
    if (x != NULL) {
        replay_of(x)->waiting = NULL;
        pipeline_resume(x);
    }
}

static struct waiting *wait_new(struct exchange *x)
{
    struct waiting *waiting = must_have(calloc(1, sizeof *waiting));
    waiting->waiter.message.run = posted;
    waiting->waiter.home = x->gateway->loop;
    list_init(&waiting->waiter.link);
    waiting->x = x;
    return waiting;
}

/* Work that cannot even begin is an error of the store's. */
static enum flow wait_for(struct exchange *x, struct replay *r, struct run_work *work)
{
    r->work = work;
    if (work == NULL) {
        exchange_refuse(x, 503, "journal_unavailable", "the journal takes no more work now");
        return FLOW_REPLY;
    }
    return FLOW_WAIT;
}

/* ---- refusals ---- */

static enum flow refuse(struct exchange *x, unsigned status, const char *reason, const char *words)
{
    exchange_refuse(x, status, reason, "%s", words);
    return FLOW_REPLY;
}

static enum flow refuse_store(struct exchange *x, enum err why)
{
    switch (why) {
    case ERR_DENIED:
        return refuse(x, 410, "run_erased", "this run's key is gone: what it recorded was erased");
    case ERR_NOT_FOUND:
        return refuse(x, 410, "answer_expired",
                      "the recorded answer of this step has gone by its retention");
    default:
        return refuse(x, 503, "journal_unavailable", "the journal could not be read or written");
    }
}

/* ---- opening ---- */

static void opened(struct exchange *x, struct run_work *work, enum err result)
{
    struct replay *r = replay_of(x);
    (void)work;
    r->work = NULL;
    if (result != ERR_OK) {
        (void)refuse_store(x, result);
        return;
    }
    pipeline_resume(x);
}

static enum flow open_run(struct exchange *x, struct replay *r)
{
    if (r->run == NULL) {
        struct commons *commons = x->gateway->commons;
        if (x->route->ephemeral) {
            return refuse(x, 400, "ephemeral_run",
                          "an ephemeral route keeps nothing, so its calls cannot be a run's steps");
        }
        if (commons->journal == NULL || commons->keyring == NULL) {
            return refuse(x, 503, "journal_unavailable", "runs need a store and its keys");
        }
        if (journal_run(commons->journal, x->principal.tenant, x->place.run, &r->run) != ERR_OK) {
            return refuse(x, 503, "too_many_runs", "too many runs are in use at once");
        }
    }
    r->waiting = wait_new(x);
    enum err code = run_load(r->run, &r->waiting->waiter);
    if (code == ERR_BUSY) {
        return FLOW_WAIT;
    }
    free(r->waiting);
    r->waiting = NULL;
    if (code == ERR_AGAIN) {
        return wait_for(x, r, run_open(x, r->run, opened));
    }
    const struct run_file *file = run_attached(r->run);
    run_shape(x, &file->digests, &r->call);
    r->phase = REPLAY_CLAIM;
    return FLOW_NEXT;
}

/* ---- claiming ---- */

static void record_divergence(struct exchange *x, const struct replay *r)
{
    RECORD(&x->record, loop_wall(x->gateway->loop), run_diverged, .run = x->place.run,
           .attempt = x->place.attempt, .step = r->claim.passed > 0 ? r->claim.passed : r->step.seq,
           .verdict = str_of(r->claim.relaxed                ? "journal"
                             : r->answer == JOURNAL_DIVERGED ? "stopped"
                                                             : "live"));
}

/* The fence or the state of the run is durable. */
static void settled_run(struct exchange *x, struct run_work *work, enum err result)
{
    struct replay *r = replay_of(x);
    (void)work;
    r->work = NULL;
    if (result == ERR_NOT_FOUND) {
        (void)refuse(x, 409, "run_taken_over", "another server, or a later try, has this run now");
        return;
    }
    if (result != ERR_OK) {
        (void)refuse_store(x, result);
        return;
    }
    pipeline_resume(x);
}

static enum flow claim(struct exchange *x, struct replay *r)
{
    r->waiting = wait_new(x);
    const struct journal_asking asking = {.run = r->run,
                                          .attempt = x->place.attempt,
                                          .call = &r->call,
                                          .policy = &x->generation->runs.policy,
                                          .now = loop_wall(x->gateway->loop),
                                          .waiter = &r->waiting->waiter};
    r->answer = journal_claim(&asking, &r->claim, &r->step);
    if (r->answer == JOURNAL_JOIN) {
        return FLOW_WAIT;
    }
    free(r->waiting);
    r->waiting = NULL;
    r->phase = REPLAY_ACT;
    if (r->claim.relaxed || r->claim.passed > 0) {
        record_divergence(x, r);
    }
    if (r->claim.raised) {
        r->claim.raised = false;
        return wait_for(x, r, run_fence(x, r->run, x->place.attempt, settled_run));
    }
    return FLOW_NEXT;
}

/* ---- acting ---- */

static enum flow refuse_answer(struct exchange *x, const struct replay *r)
{
    switch (r->answer) {
    case JOURNAL_FENCED:
        return refuse(x, 409, "try_fenced", "a later try of this run has begun");
    case JOURNAL_CONFLICT:
        return refuse(x, 409, "step_conflict", "this step's key was used for another request");
    case JOURNAL_FULL:
        return refuse(x, 409, "run_full",
                      "this run has as many steps, or bytes, as one may have; it can be cancelled, "
                      "exported and branched");
    case JOURNAL_DIVERGED:
        exchange_refuse(x, 409, "run_diverged",
                        "this run diverged: recorded step %u waits and something else was asked; "
                        "see: aire runs show %.*s",
                        r->step.seq, STR_ARG(x->place.run));
        return FLOW_REPLY;
    default:
        return refuse(x, 409, "run_closed", "this run has ended");
    }
}

static void answer_came(struct exchange *x, struct run_work *work, enum err result)
{
    struct replay *r = replay_of(x);
    r->work = NULL;
    if (result != ERR_OK) {
        (void)refuse_store(x, result);
        return;
    }
    upstream_replay(x, run_work_answer(work));
}

/* ---- effects: durable intent before the call, durable result behind it ---- */

static bool has_effect(const struct replay *r)
{
    return r->call.effect != EFFECT_READ;
}

/* The same for all tries: it follows from the run's key and the step's number, whose intent is
 * durable before it is sent (UUID version 8, RFC 9562, section 5.8). */
static void set_key(struct exchange *x, const struct replay *r)
{
    uint8_t b[32];
    const struct run_file *file = run_attached(r->run);
    seal_mac(&file->digests, arena_printf(x->arena, "idempotency key of step %u", r->claim.seq), b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x80);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    x->tool.key = arena_printf(
        x->arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
        b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
        b[15]);
}

static int64_t row_of(const struct replay *r)
{
    return r->step.number != 0 ? r->step.number : r->intent;
}

/* A state that nobody waits for: should it be lost, the intent that stands there says less, never
 * more. */
static void tell_state(struct exchange *x, const struct replay *r, enum step_state state)
{
    struct run_work *work = run_step_moved(x, r->run, row_of(r), state, NULL);
    if (work != NULL) {
        run_work_leave(work);
    }
}

static void intended(struct exchange *x, struct run_work *work, enum err result)
{
    struct replay *r = replay_of(x);
    (void)work;
    r->work = NULL;
    if (result != ERR_OK) {
        r->intent = 0;
        (void)refuse_store(x, result);
        return;
    }
    r->step.number = row_of(r);
    r->step.state = STEP_INTENT;
    crash_at(CRASH_POINT(step_intended));
    r->phase = REPLAY_MAKE;
    pipeline_resume(x);
}

/* What failed and is made again has a row that must say so first: a row that failed is a promise
 * that nothing happened. */
static enum flow intend(struct exchange *x, struct replay *r)
{
    if (r->step.number != 0) {
        return wait_for(x, r, run_step_moved(x, r->run, r->step.number, STEP_INTENT, intended));
    }
    const struct kept_step intent = {
        .step = &r->step, .state = STEP_INTENT, .name = run_shape_name(x), .idem = x->tool.key};
    struct run_work *work = run_keep(x, r->run, &intent, intended);
    if (work != NULL) {
        r->intent = run_work_number(work);
        r->bytes = run_work_bytes(work);
    }
    return wait_for(x, r, work);
}

static enum flow begin_call(struct exchange *x, struct replay *r)
{
    buf_init(&r->heard, x->generation->answer_bytes_max + RUN_ANSWER_EXTRA);
    x->heard = &r->heard;
    x->outlives = true;
    if (has_effect(r) && (r->step.number == 0 || r->step.state != STEP_INTENT)) {
        return intend(x, r);
    }
    r->phase = REPLAY_MAKE;
    crash_at(CRASH_POINT(step_before_call));
    return FLOW_NEXT;
}

static void in_doubt(struct exchange *x, struct replay *r)
{
    tell_state(x, r, STEP_IN_DOUBT);
    journal_settle(&r->claim, STEP_IN_DOUBT, r->step.number, 0, loop_wall(x->gateway->loop));
    exchange_refuse(x, 503, "step_in_doubt",
                    "whether step %u happened is not known, and repeating it may do it twice; "
                    "decide with: aire runs resolve %.*s %u",
                    r->step.seq, STR_ARG(x->place.run), r->step.seq);
}

static void kept(struct exchange *x, struct run_work *work, enum err result);

static void probed(struct exchange *x, enum probe_says says, struct str answer)
{
    struct replay *r = replay_of(x);
    r->probe = NULL;
    if (says == PROBE_NOTHING) {
        in_doubt(x, r);
    } else if (says == PROBE_NOT) {
        r->answer = JOURNAL_AGAIN;
        r->phase = REPLAY_INTEND;
        pipeline_resume(x);
    } else {
        const struct kept_step found = {.step = &r->step,
                                        .state = STEP_DONE,
                                        .answer = arena_str(x->arena, answer),
                                        .status = 200};
        r->found = found.answer;
        r->work = run_keep(x, r->run, &found, kept);
        r->keeping = r->work != NULL;
        if (r->work == NULL) {
            (void)refuse_store(x, ERR_LIMIT);
        }
    }
}

static enum flow resolve(struct exchange *x, struct replay *r)
{
    if (x->tool.tool == NULL || x->tool.action->probe.method.len == 0) {
        in_doubt(x, r);
        return FLOW_REPLY;
    }
    r->probe = probe_ask(x, probed);
    return FLOW_WAIT;
}

static enum flow act(struct exchange *x, struct replay *r)
{
    if (r->claim.passed > 0) { /* counted, or the end of the run for now */
        r->claim.passed = 0;
        return wait_for(x, r,
                        run_moved(x, r->run, STR("a call fits no recorded step"), settled_run));
    }
    switch (r->answer) {
    case JOURNAL_REPLAY:
        if (r->step.state == STEP_SKIPPED) {
            return refuse(x, 409, "step_skipped", "a person decided that this step is skipped");
        }
        return wait_for(x, r, run_answer(x, r->run, r->step.number, answer_came));
    case JOURNAL_DOUBT:
        set_key(x, r);
        return resolve(x, r);
    case JOURNAL_MAKE:
    case JOURNAL_AGAIN:
        if (has_effect(r)) {
            set_key(x, r);
        }
        r->phase = REPLAY_INTEND;
        return FLOW_NEXT;
    default:
        return refuse_answer(x, r);
    }
}

static enum flow on_request(struct exchange *x, void *state)
{
    struct replay *r = state;
    enum flow flow = FLOW_NEXT;
    if (x->place.run.len == 0 || x->verdict >= VERDICT_ESCALATE) {
        return FLOW_NEXT; /* no step, or one that will be refused */
    }
    x->replay = r;
    while (flow == FLOW_NEXT && r->phase < REPLAY_MAKE) {
        if (r->work != NULL || r->waiting != NULL || r->probe != NULL) {
            return FLOW_WAIT;
        }
        flow = r->phase == REPLAY_OPEN    ? open_run(x, r)
               : r->phase == REPLAY_CLAIM ? claim(x, r)
               : r->phase == REPLAY_ACT   ? act(x, r)
                                          : begin_call(x, r);
    }
    return flow;
}

/* ---- keeping ---- */

static void kept(struct exchange *x, struct run_work *work, enum err result)
{
    struct replay *r = replay_of(x);
    r->work = NULL;
    r->keeping = false;
    if (result != ERR_OK) {
        bool taken = result == ERR_NOT_FOUND;
        reply_instead(x, taken ? 409 : 503, taken ? "run_taken_over" : "journal_unavailable",
                      taken ? "another server has this run now"
                            : "the result of this step could not be made durable");
        return;
    }
    journal_settle(&r->claim, STEP_DONE, run_work_number(work), r->bytes + run_work_bytes(work),
                   loop_wall(x->gateway->loop));
    r->phase = REPLAY_KEPT;
    crash_at(CRASH_POINT(step_kept));
    if (x->state == EXCHANGE_REQUEST) {
        upstream_replay(x, r->found); /* by a probe */
    } else {
        pipeline_resume(x);
    }
}

static enum flow on_response(struct exchange *x, void *state)
{
    struct replay *r = state;
    if (r->phase != REPLAY_MAKE) {
        return FLOW_NEXT;
    }
    bool by_model = x->attempt != NULL;
    r->answered = true;
    const struct kept_step result = {.step = &r->step,
                                     .state = STEP_DONE,
                                     .name = run_shape_name(x),
                                     .idem = x->tool.key,
                                     .answer = by_model ? buf_str(&r->heard)
                                                        : buf_str(&x->stand_in),
                                     .status = by_model ? x->attempt->status : 200,
                                     .streamed = x->view.streams};
    r->work = run_keep(x, r->run, &result, kept);
    r->keeping = r->work != NULL;
    if (r->work == NULL) {
        reply_instead(x, 503, "journal_unavailable", "the journal takes no more work now");
        return FLOW_REPLY;
    }
    return FLOW_WAIT;
}

static void on_gone(struct exchange *x, void *state)
{
    struct replay *r = state;
    (void)x;
    if (r->claim.seq > 0) {
        journal_orphan(&r->claim);
    }
}

/* A tool's answer that was stopped: the effect has happened all the same, and stays recorded. */
static struct run_work *keep_stopped(struct exchange *x, struct replay *r)
{
    const struct kept_step result = {.step = &r->step,
                                     .state = STEP_DONE,
                                     .answer = buf_str(&r->heard),
                                     .status = x->attempt->status};
    return run_keep(x, r->run, &result, NULL);
}

/* A call that gave no durable result. Under a key, or where repeating does no harm, it is made
 * again; else it is in doubt once the tool may have got it. */
static void give_back(struct exchange *x, struct replay *r)
{
    bool stopped = has_effect(r) && r->step.number != 0 && !r->answered && r->heard.len > 0;
    bool reached = r->answered || stopped || tool_call_in_doubt(x) || r->answer == JOURNAL_DOUBT;
    bool doubt = reached && r->call.effect == EFFECT_UNSAFE;
    enum step_state state = doubt ? STEP_IN_DOUBT : STEP_FAILED;
    struct run_work *work = r->keeping ? r->work : stopped ? keep_stopped(x, r) : NULL;
    journal_orphan(&r->claim);
    if (work != NULL) {
        r->work = NULL;
        run_work_settles(work, &r->claim, state);
        return;
    }
    if (row_of(r) != 0 && (doubt || !reached)) {
        tell_state(x, r, state);
    }
    journal_settle(&r->claim, state, row_of(r), r->bytes, loop_wall(x->gateway->loop));
}

/* What the client is told now is no answer of its step: it may ask for it again. */
static void on_failed(struct exchange *x, void *state)
{
    struct replay *r = state;
    if (r->claim.making) {
        give_back(x, r);
    } else if (r->claim.seq > 0) {
        journal_orphan(&r->claim);
    }
}

static void on_end(struct exchange *x, void *state)
{
    struct replay *r = state;
    if (r->claim.making) {
        give_back(x, r); /* nobody listens */
    } else if (x->gone && r->claim.seq > 0) {
        journal_orphan(&r->claim); /* the answer was not told */
    }
    if (r->work != NULL) {
        run_work_leave(r->work);
    }
    if (r->probe != NULL) {
        probe_cancel(r->probe);
        r->probe = NULL;
    }
    if (r->waiting != NULL) {
        r->waiting->x = NULL;
        if (journal_leave(r->run, &r->claim, &r->waiting->waiter)) {
            free(r->waiting);
        }
    }
    if (r->run != NULL) {
        run_unref(r->run);
    }
    buf_end(&r->heard);
    x->heard = NULL;
}

const struct stage stage_replay = {.name = "replay",
                                   .state_size = sizeof(struct replay),
                                   .on_request = on_request,
                                   .on_response = on_response,
                                   .on_failed = on_failed,
                                   .on_gone = on_gone,
                                   .on_end = on_end};
