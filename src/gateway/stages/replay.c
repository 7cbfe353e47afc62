/* SPDX-License-Identifier: Apache-2.0
 * replay.c - calls of durable runs (standard R3, R6): a step that was recorded answers again, one
 * that is being made is joined, a new one is made and its result is durable before the answer's end
 * leaves.
 *
 * The recorded answer is the provider's own, placeholders in place. It passes the output guardrails
 * as they are now, so that a replay never shows what today's rules would take away. */
#include "gateway/stage.h"

#include "gateway/attempt.h"
#include "gateway/pipeline.h"
#include "gateway/probe.h"
#include "gateway/reply.h"
#include "gateway/run_call.h"
#include "gateway/run_shape.h"
#include "gateway/tool_call.h"
#include "gateway/upstream.h"
#include "sys/notify.h"

#include <string.h>

enum replay_phase {
    REPLAY_OPEN,
    REPLAY_CLAIM,
    REPLAY_ACT,
    REPLAY_INTEND,
    REPLAY_MAKE,
    REPLAY_KEPT
};

struct replay {
    struct run_call c;
    enum replay_phase phase;
    struct probe *probe;
    struct buf heard;
    struct str found; /* the answer of a probe */
    bool answered;    /* by whoever was called; not durable yet */
};

static struct replay *replay_of(struct exchange *x)
{
    return LIST_OBJECT(x->run_call, struct replay, c);
}

static void answer_came(struct exchange *x, struct run_work *work, enum err result)
{
    struct replay *r = replay_of(x);
    run_call_done(&r->c);
    if (result != ERR_OK) {
        (void)run_call_refuse_store(x, result);
        return;
    }
    upstream_replay(x, run_work_answer(work));
}

/* ---- effects: durable intent before the call, durable result behind it ---- */

static bool has_effect(const struct replay *r)
{
    return r->c.call.effect != EFFECT_READ;
}

static void intended(struct exchange *x, struct run_work *work, enum err result)
{
    struct replay *r = replay_of(x);
    (void)work;
    run_call_intended(&r->c, result);
    if (result != ERR_OK) {
        (void)run_call_refuse_store(x, result);
        return;
    }
    crash_at(CRASH_POINT(step_intended));
    r->phase = REPLAY_MAKE;
    pipeline_resume(x);
}

static enum flow begin_call(struct exchange *x, struct replay *r)
{
    buf_init(&r->heard, x->generation->answer_bytes_max + RUN_ANSWER_EXTRA);
    x->heard = &r->heard;
    x->outlives = true;
    if (has_effect(r) && (r->c.step.number == 0 || r->c.step.state != STEP_INTENT)) {
        const struct kept_step intent = {.step = &r->c.step,
                                         .state = STEP_INTENT,
                                         .name = run_shape_name(x),
                                         .idem = x->tool.key};
        return run_call_intend(x, &r->c, &intent, intended);
    }
    r->phase = REPLAY_MAKE;
    crash_at(CRASH_POINT(step_before_call));
    return FLOW_NEXT;
}

static void kept(struct exchange *x, struct run_work *work, enum err result);

static void probed(struct exchange *x, enum probe_says says, struct str answer)
{
    struct replay *r = replay_of(x);
    r->probe = NULL;
    if (says == PROBE_NOTHING) {
        (void)run_call_doubt(x, &r->c);
    } else if (says == PROBE_NOT) {
        r->c.answer = JOURNAL_AGAIN;
        r->phase = REPLAY_INTEND;
        pipeline_resume(x);
    } else {
        const struct kept_step found = {.step = &r->c.step,
                                        .state = STEP_DONE,
                                        .answer = arena_str(x->arena, answer),
                                        .status = 200};
        r->found = found.answer;
        (void)run_call_keep(x, &r->c, &found, kept);
    }
}

static enum flow resolve(struct exchange *x, struct replay *r)
{
    if (x->tool.tool == NULL || x->tool.action->probe.method.len == 0) {
        return run_call_doubt(x, &r->c);
    }
    r->probe = probe_ask(x, probed);
    return FLOW_WAIT;
}

static enum flow act(struct exchange *x, struct replay *r)
{
    switch (r->c.answer) {
    case JOURNAL_REPLAY:
        if (r->c.step.state == STEP_SKIPPED) {
            return run_call_say(x, 409, "step_skipped",
                                "a person decided that this step is skipped");
        }
        return run_call_wait(x, &r->c, run_answer(x, r->c.run, r->c.step.number, answer_came));
    case JOURNAL_DOUBT:
        x->tool.key = run_call_key(x, &r->c);
        return resolve(x, r);
    case JOURNAL_MAKE:
    case JOURNAL_AGAIN:
        if (has_effect(r)) {
            x->tool.key = run_call_key(x, &r->c);
        }
        r->phase = REPLAY_INTEND;
        return FLOW_NEXT;
    default:
        return run_call_refuse(x, &r->c);
    }
}

static enum flow open_run(struct exchange *x, struct replay *r)
{
    enum flow flow = run_call_open(x, &r->c);
    if (flow == FLOW_NEXT) {
        const struct run_file *file = run_attached(r->c.run);
        run_shape(x, &file->digests, &r->c.call);
        r->phase = REPLAY_CLAIM;
    }
    return flow;
}

static enum flow claim_step(struct exchange *x, struct replay *r)
{
    enum flow flow = run_call_claim(x, &r->c, 0);
    if (flow == FLOW_NEXT) {
        r->phase = REPLAY_ACT;
    }
    return flow;
}

static bool same(const struct run_digest *a, const struct run_digest *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* The recorded answer under today's guardrails. It claims nothing: the run, its fence and its other
 * calls stay as they are, and nothing is asked of a provider or tool. */
static enum flow rehearse(struct exchange *x, struct replay *r)
{
    struct step *step = &r->c.step;
    const struct step_call *call = &r->c.call;
    if (run_step(r->c.run, x->place.rehearses, step) != ERR_OK || step->state != STEP_DONE) {
        return run_call_say(x, 409, "nothing_recorded", "this step has no recorded answer");
    }
    if (!same(&call->exact, &step->call.exact) ||
        (call->key.len > 0 && !same(&call->loose, &step->call.loose))) {
        return run_call_say(x, 409, "asked_otherwise",
                            "by today's configuration this is another request than the recorded "
                            "one");
    }
    r->phase = REPLAY_KEPT;
    return run_call_wait(x, &r->c, run_answer(x, r->c.run, step->number, answer_came));
}

static enum flow on_request(struct exchange *x, void *state)
{
    struct replay *r = state;
    enum flow flow = FLOW_NEXT;
    if (x->place.run.len == 0 || x->verdict >= VERDICT_ESCALATE) {
        return FLOW_NEXT; /* no step, or one that will be refused */
    }
    while (flow == FLOW_NEXT && r->phase < REPLAY_MAKE) {
        if (run_call_waits(&r->c) || r->probe != NULL) {
            return FLOW_WAIT;
        }
        bool rehearsal = r->phase == REPLAY_CLAIM && x->place.rehearses > 0;
        flow = r->phase == REPLAY_OPEN    ? open_run(x, r)
               : rehearsal                ? rehearse(x, r)
               : r->phase == REPLAY_CLAIM ? claim_step(x, r)
               : r->phase == REPLAY_ACT   ? act(x, r)
                                          : begin_call(x, r);
    }
    return flow;
}

/* ---- keeping ---- */

static void kept(struct exchange *x, struct run_work *work, enum err result)
{
    struct replay *r = replay_of(x);
    run_call_done(&r->c);
    if (result != ERR_OK) {
        bool taken = result == ERR_NOT_FOUND;
        reply_instead(x, taken ? 409 : 503, taken ? "run_taken_over" : "journal_unavailable",
                      taken ? "another server has this run now"
                            : "the result of this step could not be made durable");
        return;
    }
    journal_settle(&r->c.claim, STEP_DONE, run_work_number(work), r->c.bytes + run_work_bytes(work),
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
    const struct kept_step result = {.step = &r->c.step,
                                     .state = STEP_DONE,
                                     .name = run_shape_name(x),
                                     .idem = x->tool.key,
                                     .answer = by_model ? buf_str(&r->heard)
                                                        : buf_str(&x->stand_in),
                                     .status = by_model ? x->attempt->status : 200,
                                     .streamed = x->view.streams};
    crash_at(CRASH_POINT(step_answered));
    r->c.work = run_keep(x, r->c.run, &result, kept);
    r->c.keeping = r->c.work != NULL;
    if (r->c.work == NULL) {
        reply_instead(x, 503, "journal_unavailable", "the journal takes no more work now");
        return FLOW_REPLY;
    }
    return FLOW_WAIT;
}

static void on_gone(struct exchange *x, void *state)
{
    struct replay *r = state;
    (void)x;
    if (r->c.claim.seq > 0) {
        journal_orphan(&r->c.claim);
    }
}

/* A tool's answer that was stopped: the effect has happened all the same, and stays recorded. */
static struct run_work *keep_stopped(struct exchange *x, struct replay *r)
{
    const struct kept_step result = {.step = &r->c.step,
                                     .state = STEP_DONE,
                                     .answer = buf_str(&r->heard),
                                     .status = x->attempt->status};
    return run_keep(x, r->c.run, &result, NULL);
}

/* A call that gave no durable result. Under a key, or where repeating does no harm, it is made
 * again; else it is in doubt once the tool may have got it. */
static void give_back(struct exchange *x, struct replay *r)
{
    bool stopped = has_effect(r) && r->c.step.number != 0 && !r->answered && r->heard.len > 0;
    bool reached = r->answered || stopped || tool_call_in_doubt(x) || r->c.answer == JOURNAL_DOUBT;
    bool doubt = reached && r->c.call.effect == EFFECT_UNSAFE;
    enum step_state state = doubt ? STEP_IN_DOUBT : STEP_FAILED;
    struct run_work *work = r->c.keeping ? r->c.work : stopped ? keep_stopped(x, r) : NULL;
    journal_orphan(&r->c.claim);
    if (work != NULL) {
        r->c.work = NULL;
        run_work_settles(work, &r->c.claim, state);
        return;
    }
    if (run_call_row(&r->c) != 0 && (doubt || !reached)) {
        run_call_tell(x, &r->c, state);
    }
    journal_settle(&r->c.claim, state, run_call_row(&r->c), r->c.bytes,
                   loop_wall(x->gateway->loop));
}

/* What the client is told now is no answer of its step: it may ask for it again. */
static void on_failed(struct exchange *x, void *state)
{
    struct replay *r = state;
    if (r->c.claim.making) {
        give_back(x, r);
    } else if (r->c.claim.seq > 0) {
        journal_orphan(&r->c.claim);
    }
}

static void on_end(struct exchange *x, void *state)
{
    struct replay *r = state;
    if (r->probe != NULL) {
        probe_cancel(r->probe);
        r->probe = NULL;
    }
    if (r->c.claim.making) {
        give_back(x, r); /* nobody listens */
    }
    run_call_end(x, &r->c);
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
