/* SPDX-License-Identifier: Apache-2.0
 * run_call.c - opening, claiming, fencing, and the words of what is refused.
 *
 * Invariant: of `work` and `waiting` at most one is set; either resumes the exchange once. */
#include "gateway/run_call.h"

#include "base/must.h"
#include "gateway/pipeline.h"
#include "gateway/run_shape.h"

#include <stdlib.h>

/* ---- waiting ---- */

/* A waiter that the journal may still post when the exchange has gone. */
struct run_waiting {
    struct journal_waiter waiter;
    struct exchange *x;
};

static void posted(struct message *message)
{
    struct run_waiting *waiting = LIST_OBJECT(message, struct run_waiting, waiter.message);
    struct exchange *x = waiting->x;
    free(waiting);
    if (x != NULL) {
        x->run_call->waiting = NULL;
        pipeline_resume(x);
    }
}

static struct run_waiting *wait_new(struct exchange *x)
{
    struct run_waiting *waiting = must_have(calloc(1, sizeof *waiting));
    waiting->waiter.message.run = posted;
    waiting->waiter.home = x->gateway->loop;
    list_init(&waiting->waiter.link);
    waiting->x = x;
    return waiting;
}

enum flow run_call_wait(struct exchange *x, struct run_call *c, struct run_work *work)
{
    c->work = work;
    return work != NULL
               ? FLOW_WAIT
               : run_call_say(x, 503, "journal_unavailable", "the journal takes no more work now");
}

enum flow run_call_intend(struct exchange *x, struct run_call *c, const struct kept_step *kept,
                          run_done *done)
{
    if (c->step.number != 0) {
        return run_call_wait(x, c, run_step_moved(x, c->run, c->step.number, STEP_INTENT, done));
    }
    struct run_work *work = run_keep(x, c->run, kept, done);
    if (work != NULL) {
        c->intent = run_work_number(work);
        c->bytes = run_work_bytes(work);
    }
    return run_call_wait(x, c, work);
}

void run_call_intended(struct run_call *c, enum err result)
{
    run_call_done(c);
    c->step.number = result == ERR_OK ? run_call_row(c) : c->step.number;
    c->step.state = result == ERR_OK ? STEP_INTENT : c->step.state;
    c->intent = 0;
}

enum flow run_call_keep(struct exchange *x, struct run_call *c, const struct kept_step *kept,
                        run_done *done)
{
    struct run_work *work = run_keep(x, c->run, kept, done);
    c->keeping = work != NULL;
    return run_call_wait(x, c, work);
}

/* ---- refusing ---- */

enum flow run_call_say(struct exchange *x, unsigned status, const char *reason, const char *words)
{
    exchange_refuse(x, status, reason, "%s", words);
    return FLOW_REPLY;
}

enum flow run_call_refuse_store(struct exchange *x, enum err why)
{
    switch (why) {
    case ERR_DENIED:
        return run_call_say(x, 410, "run_erased",
                            "this run's key is gone: what it recorded was erased");
    case ERR_NOT_FOUND:
        return run_call_say(x, 410, "answer_expired",
                            "the recorded answer of this step has gone by its retention");
    default:
        return run_call_say(x, 503, "journal_unavailable",
                            "the journal could not be read or written");
    }
}

enum flow run_call_refuse_kept(struct exchange *x, enum err why)
{
    if (why == ERR_NOT_FOUND) {
        return run_call_say(x, 409, "run_taken_over",
                            "another server, or a later try, has this run now");
    }
    return run_call_say(x, 503, "journal_unavailable", "this could not be made durable; ask again");
}

enum flow run_call_refuse(struct exchange *x, const struct run_call *c)
{
    switch (c->answer) {
    case JOURNAL_FENCED:
        return run_call_say(x, 409, "try_fenced", "a later try of this run has begun");
    case JOURNAL_CONFLICT:
        return run_call_say(x, 409, "step_conflict",
                            "this step's key was used for another request");
    case JOURNAL_FULL:
        return run_call_say(x, 409, "run_full",
                            "this run has as many steps, or bytes, as one may have; it can be "
                            "cancelled, exported and branched");
    case JOURNAL_DIVERGED:
        exchange_refuse(x, 409, "run_diverged",
                        "this run diverged: recorded step %u waits and something else was asked; "
                        "see: aire runs show %.*s",
                        c->step.seq, STR_ARG(x->place.run));
        return FLOW_REPLY;
    case JOURNAL_OUT:
        return run_call_say(x, 409, "step_busy",
                            "this try has this step already and has not reported it; equal steps "
                            "side by side need names of their own (x-aire-step)");
    default:
        return run_call_say(x, 409, "run_closed", "this run has ended");
    }
}

enum flow run_call_doubt(struct exchange *x, struct run_call *c)
{
    run_call_tell(x, c, STEP_IN_DOUBT);
    journal_settle(&c->claim, STEP_IN_DOUBT, c->step.number, 0, loop_wall(x->gateway->loop));
    exchange_refuse(x, 503, "step_in_doubt",
                    "whether step %u happened is not known, and repeating it may do it twice; "
                    "decide with: aire runs resolve %.*s %u",
                    c->step.seq, STR_ARG(x->place.run), c->step.seq);
    return FLOW_REPLY;
}

/* ---- opening ---- */

static void opened(struct exchange *x, struct run_work *work, enum err result)
{
    (void)work;
    run_call_done(x->run_call);
    if (result != ERR_OK) {
        (void)run_call_refuse_store(x, result);
        return;
    }
    pipeline_resume(x);
}

static enum flow find_run(struct exchange *x, struct run_call *c)
{
    struct commons *commons = x->gateway->commons;
    x->run_call = c;
    if (x->route->ephemeral) {
        return run_call_say(x, 400, "ephemeral_run",
                            "an ephemeral route keeps nothing, so its calls cannot be a run's "
                            "steps");
    }
    if (commons->journal == NULL || commons->keyring == NULL) {
        return run_call_say(x, 503, "journal_unavailable", "runs need a store and its keys");
    }
    if (journal_run(commons->journal, x->principal.tenant, x->place.run, &c->run) != ERR_OK) {
        return run_call_say(x, 503, "too_many_runs", "too many runs are in use at once");
    }
    return FLOW_NEXT;
}

enum flow run_call_open(struct exchange *x, struct run_call *c)
{
    if (run_call_waits(c)) {
        return FLOW_WAIT;
    }
    if (c->run == NULL && find_run(x, c) != FLOW_NEXT) {
        return FLOW_REPLY;
    }
    c->waiting = wait_new(x);
    enum err code = run_load(c->run, &c->waiting->waiter);
    if (code == ERR_BUSY) {
        return FLOW_WAIT;
    }
    free(c->waiting);
    c->waiting = NULL;
    return code == ERR_AGAIN ? run_call_wait(x, c, run_open(x, c->run, opened)) : FLOW_NEXT;
}

/* ---- claiming ---- */

static void record_divergence(struct exchange *x, const struct run_call *c)
{
    RECORD(&x->record, loop_wall(x->gateway->loop), run_diverged, .run = x->place.run,
           .attempt = x->place.attempt, .step = c->claim.passed > 0 ? c->claim.passed : c->step.seq,
           .verdict = str_of(c->claim.relaxed                ? "journal"
                             : c->answer == JOURNAL_DIVERGED ? "stopped"
                                                             : "live"));
}

/* The fence or the state of the run is durable. */
static void settled_run(struct exchange *x, struct run_work *work, enum err result)
{
    (void)work;
    run_call_done(x->run_call);
    if (result == ERR_OK) {
        pipeline_resume(x);
    } else {
        (void)run_call_refuse_kept(x, result);
    }
}

enum flow run_call_fence(struct exchange *x, struct run_call *c)
{
    c->claim.raised = false;
    return run_call_wait(x, c, run_fence(x, c->run, x->place.attempt, settled_run));
}

static enum flow ask_journal(struct exchange *x, struct run_call *c, uint32_t seq)
{
    c->waiting = wait_new(x);
    const struct journal_asking asking = {.run = c->run,
                                          .attempt = x->place.attempt,
                                          .call = &c->call,
                                          .seq = seq,
                                          .policy = &x->generation->runs.policy,
                                          .now = loop_wall(x->gateway->loop),
                                          .waiter = &c->waiting->waiter};
    c->answer = journal_claim(&asking, &c->claim, &c->step);
    if (c->answer == JOURNAL_JOIN) {
        return FLOW_WAIT;
    }
    free(c->waiting);
    c->waiting = NULL;
    c->decided = true;
    if (c->claim.relaxed || c->claim.passed > 0) {
        record_divergence(x, c);
    }
    return FLOW_NEXT;
}

enum flow run_call_claim(struct exchange *x, struct run_call *c, uint32_t seq)
{
    if (run_call_waits(c) || (!c->decided && ask_journal(x, c, seq) != FLOW_NEXT)) {
        return FLOW_WAIT;
    }
    if (c->claim.raised) {
        return run_call_fence(x, c);
    }
    if (c->claim.passed > 0) { /* counted, or the end of the run for now */
        c->claim.passed = 0;
        return run_call_wait(
            x, c, run_moved(x, c->run, STR("a call fits no recorded step"), settled_run));
    }
    return FLOW_NEXT;
}

/* ---- */

void run_call_tell(struct exchange *x, struct run_call *c, enum step_state state)
{
    struct run_work *work = run_step_moved(x, c->run, run_call_row(c), state, NULL);
    if (work != NULL) {
        run_work_leave(work);
    }
}

/* The same for all tries, another in each branch: it follows from the run's key, its row and the
 * step's number, whose intent is durable before the key is told (UUID version 8, RFC 9562, section
 * 5.8). */
struct str run_call_key(struct exchange *x, const struct run_call *c)
{
    uint8_t b[32];
    const struct run_file *file = run_attached(c->run);
    struct str what = arena_printf(x->arena, "idempotency key of run %lld step %u",
                                   (long long)file->row, c->claim.seq);
    seal_mac(&file->digests, what, b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x80);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    return arena_printf(x->arena,
                        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                        b[12], b[13], b[14], b[15]);
}

void run_call_end(struct exchange *x, struct run_call *c)
{
    if (c->work != NULL) {
        run_work_leave(c->work);
        c->work = NULL;
    }
    if (c->waiting != NULL) {
        c->waiting->x = NULL;
        if (journal_leave(c->run, &c->claim, &c->waiting->waiter)) {
            free(c->waiting);
        }
        c->waiting = NULL;
    }
    if (x->gone && c->claim.seq > 0) {
        journal_orphan(&c->claim); /* the answer was not told */
    }
    if (c->run != NULL) {
        run_unref(c->run);
        c->run = NULL;
    }
}
