/* SPDX-License-Identifier: Apache-2.0
 * journal.h - which recorded step a call of a run is: answered again, joined, made, or refused
 * (standard R3, R6).
 *
 * A step is known by what is asked, never by when: the digest of the masked request and its place
 * among equal digests, or the key that the agent gives it (then `exact` is the key's digest and
 * `loose` the request's). Within a try a call takes the lowest place that no call of this try
 * holds; a call that failed, or whose client left, gives its place back. A higher try raises the
 * fence: calls of lower ones are refused, and every recorded step is there to be answered again.
 *
 * The journal is memory and decisions: no I/O. The caller loads a run's steps, makes durable what
 * must be, settles each claim once. One mutex a run, nothing called under it but loop_post. Any
 * thread.
 */
#ifndef AIRE_RESILIENCE_JOURNAL_H
#define AIRE_RESILIENCE_JOURNAL_H

#include "io/loop.h"
#include "resilience/step.h"

struct journal;
struct run;

#define RUN_STEPS_MAX      10000                 /* further steps are refused: FULL */
#define RUN_BYTES_MAX      ((uint64_t)256 << 20) /* of bodies, as asked and answered */
#define JOURNAL_RUNS_MAX   20000                 /* in memory */
#define JOURNAL_STEPS_IDLE 500000 /* of runs nobody uses; beyond it the oldest are forgotten */

enum journal_answer {
    JOURNAL_MAKE,     /* a new step, or one whose maker failed: make the call */
    JOURNAL_REPLAY,   /* the step answers */
    JOURNAL_JOIN,     /* another call is making it; when the waiter was posted, claim again */
    JOURNAL_AGAIN,    /* its maker died between intent and result: make it again, same key */
    JOURNAL_DOUBT,    /* likewise, but making it again may do it twice */
    JOURNAL_FENCED,   /* a higher try has begun */
    JOURNAL_DIVERGED, /* the run stands still until a person decides */
    JOURNAL_CONFLICT, /* this key was used for another request */
    JOURNAL_FULL,     /* RUN_STEPS_MAX or RUN_BYTES_MAX */
    JOURNAL_CLOSED    /* done, failed, cancelled */
};

/* The hold of one call on one step; embedded in the caller's object, zeroed at first. */
struct journal_claim {
    struct run *run;
    uint32_t seq;     /* 0: holds nothing */
    uint32_t attempt; /* the try */
    bool making;      /* MAKE, AGAIN, DOUBT: to be settled */
    bool holds;       /* internal: the place is still its own */
    bool raised;      /* its try's fence is not durable yet: it must be before anything else */
    bool relaxed;     /* answered by a step whose request differs in what does not matter */
    uint32_t passed;  /* the step that waited when this call, which does not fit it, came; or 0 */
};

struct journal_waiter {
    struct message message; /* its `run` gets the waiter on `home`, and frees it */
    struct loop *home;
    struct link link; /* internal */
};

struct journal *journal_new(const uint64_t seed[2]);
void journal_free(struct journal *journal); /* no references are left; NULL is fine */

/* A reference, to a run not loaded yet where it is not in memory. INVALID; LIMIT. */
enum err journal_run(struct journal *journal, struct str tenant, struct str id,
                     struct run **run) MUST_USE;
void run_ref(struct run *run); /* one more, by who has one */
void run_unref(struct run *run);
/* What the loader keeps with a run, set before run_loaded; freed with the run. */
void run_attach(struct run *run, void *object, void (*end)(void *object));
void *run_attached(const struct run *run);
struct str run_tenant(const struct run *run);
struct str run_id(const struct run *run);
struct run_facts {
    int64_t row; /* the store's number of the run */
    int64_t epoch;
    uint32_t attempt; /* the fence */
    uint32_t divergences;
    enum run_state state;
    uint64_t bytes;
    uint32_t steps;
};
/* OK: in memory. AGAIN: the caller loads it, then run_loaded. BUSY: another does, and posts. */
enum err run_load(struct run *run, struct journal_waiter *waiter /* or NULL */) MUST_USE;
/* Steps in order of seq, with gaps, copied. `result` not OK: the next one who asks tries again. */
void run_loaded(struct run *run, enum err result, const struct run_facts *facts,
                const struct step *steps, size_t count);
void run_facts(struct run *run, struct run_facts *facts);
void run_fenced(struct run *run, uint32_t attempt); /* the fence of that try is durable */

/* What a call asks of the journal. */
struct journal_asking {
    struct run *run;
    uint32_t attempt;
    const struct step_call *call;
    const struct journal_policy *policy;
    struct wall now;
    struct journal_waiter *waiter; /* posted after JOIN */
};
/* Decides; `step` gets the step in question (its key borrowed while the run is held). After JOIN
 * with the same claim: goes on with the step that was waited for. */
enum journal_answer journal_claim(const struct journal_asking *asking, struct journal_claim *claim,
                                  struct step *step);
/* Stops waiting, and lets the place go. True: the waiter stays unposted, the caller frees it. */
bool journal_leave(struct run *run, struct journal_claim *claim, struct journal_waiter *waiter);
/* The client left, and may ask again in this try. A call that is made goes on. */
void journal_orphan(struct journal_claim *claim);
/* Ends what a claim makes; `bytes` more of bodies are stored, and row `number`, or 0. DONE: its
 * result is durable. FAILED: it did not happen, for sure, or may be made again all the same.
 * IN_DOUBT: it may have happened. Whoever joined is posted. */
void journal_settle(struct journal_claim *claim, enum step_state state, int64_t number,
                    uint64_t bytes, struct wall now);

/* ---- what a person or the agent decided, when it is durable ---- */

void run_set_state(struct run *run, enum run_state state);
/* Holds a step that nobody makes while a decision about it becomes durable: journal_settle ends it,
 * DONE, FAILED (make it again) or SKIPPED. BUSY: it is made; EXISTS: it has a result; NOT_FOUND. */
enum err run_hold(struct run *run, uint32_t seq, struct journal_claim *claim) MUST_USE;

#endif
