/* SPDX-License-Identifier: Apache-2.0
 * run_call.h - one call's part in a durable run: the run read, its step claimed, the fence of a new
 * try durable. Every call of a run goes this way, whatever answers it (stages replay, workflow).
 *
 * A run_call is the state of a stage, zeroed at first; x->run_call points to it. Its functions
 * are called again when the exchange is resumed and go on where they were.
 */
#ifndef AIRE_GATEWAY_RUN_CALL_H
#define AIRE_GATEWAY_RUN_CALL_H

#include "gateway/run_ledger.h"
#include "gateway/stage.h"

struct run_waiting;

struct run_call {
    struct run *run;
    struct run_work *work;       /* under way; whoever began it clears it in its `done` */
    struct run_waiting *waiting; /* for the run to be read, or for a step that another call makes */
    struct journal_claim claim;
    struct step_call call;
    struct step step;
    enum journal_answer answer;
    bool decided;   /* `answer` is the journal's */
    bool keeping;   /* `work` makes the step's result durable */
    int64_t intent; /* the row of an intent that is to become durable */
    uint64_t bytes; /* of it, not counted yet */
};

/* NEXT: the run is in memory. */
enum flow run_call_open(struct exchange *x, struct run_call *c);
/* Claims the step of c->call, or, where `seq` is not 0, that one. NEXT: c->answer is there, and
 * fence and state of the run are durable. */
enum flow run_call_claim(struct exchange *x, struct run_call *c, uint32_t seq);
/* Goes on when `work` is done; NULL: the store takes no more, which is told. */
enum flow run_call_wait(struct exchange *x, struct run_call *c, struct run_work *work);
/* It is done: the first line of every `done`. */
static inline void run_call_done(struct run_call *c)
{
    c->work = NULL;
    c->keeping = false;
}
/* The step's intent becomes durable: a new row, or one that failed, which is a promise that nothing
 * happened. `kept` is of state INTENT. */
enum flow run_call_intend(struct exchange *x, struct run_call *c, const struct kept_step *kept,
                          run_done *done);
/* In its `done`: c->step has the row. */
void run_call_intended(struct run_call *c, enum err result);
/* The step's result becomes durable. Should the exchange end before, it is seen to its end. */
enum flow run_call_keep(struct exchange *x, struct run_call *c, const struct kept_step *kept,
                        run_done *done);
/* The row of the step, durable or about to be; 0: none. */
static inline int64_t run_call_row(const struct run_call *c)
{
    return c->step.number != 0 ? c->step.number : c->intent;
}
/* Is something under way that resumes the exchange? */
static inline bool run_call_waits(const struct run_call *c)
{
    return c->work != NULL || c->waiting != NULL;
}
/* The fence of this try becomes durable. */
enum flow run_call_fence(struct exchange *x, struct run_call *c);

/* ---- refusing: all of them REPLY ---- */

enum flow run_call_say(struct exchange *x, unsigned status, const char *reason, const char *words);
/* The answers of the journal that let nothing happen: FENCED, DIVERGED, CONFLICT ... */
enum flow run_call_refuse(struct exchange *x, const struct run_call *c);
enum flow run_call_refuse_store(struct exchange *x, enum err why); /* it was read */
enum flow run_call_refuse_kept(struct exchange *x, enum err why);  /* it was written */
/* Its step may have happened: it stands so from now on. */
enum flow run_call_doubt(struct exchange *x, struct run_call *c);

/* ---- */

/* A state of its step that nobody waits for: should it be lost, the intent that stands there says
 * less, never more. */
void run_call_tell(struct exchange *x, struct run_call *c, enum step_state state);
/* The idempotency key of the claimed step, the same for all tries. */
struct str run_call_key(struct exchange *x, const struct run_call *c);
/* Lets everything go; a claim that makes has been settled. */
void run_call_end(struct exchange *x, struct run_call *c);

#endif
