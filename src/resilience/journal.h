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
void journal_drop_idle(struct journal *journal); /* from memory: keys were destroyed */
void run_ref(struct run *run);                   /* one more, by who has one */
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
/* A copy, whoever holds it; its key is borrowed. NOT_FOUND. */
enum err run_step(struct run *run, uint32_t seq, struct step *step) MUST_USE;
void run_fenced(struct run *run, uint32_t attempt); /* that try has begun, its fence is durable */

/* What a call asks of the journal. */
struct journal_asking {
    struct run *run;
    uint32_t attempt;
    const struct step_call *call;
    uint32_t seq; /* the step that an earlier answer named; 0: by what is asked */
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

/* ---- steps that are no call: the agent's own code, and what is waited for ---- */

/* The claim makes no longer; the intent is durable. Lent: the step is out at this try, which asks
 * for no equal one before it reports; a later try takes it over (AGAIN, DOUBT). Else whoever comes
 * to see whether it has happened may claim it; the claim keeps its place, to claim it again. */
void journal_part(struct journal_claim *claim, int64_t number, uint64_t bytes, bool lent);
/* The try reports a step that is out at it. MAKE: to be settled. REPLAY: it was reported before.
 * OUT: it is not, or a report is just being kept. FENCED. */
enum journal_answer journal_recall(struct run *run, uint32_t attempt, uint32_t seq,
                                   struct journal_claim *claim, struct step *step);
/* A call of this try that is no step. MAKE, FENCED, DIVERGED, CLOSED. */
enum journal_answer journal_enter(struct run *run, uint32_t attempt, struct journal_claim *claim);

/* ---- what a person or the agent decided, when it is durable ---- */

void run_set_state(struct run *run, enum run_state state);
/* Holds a step that nobody makes while a decision about it becomes durable: journal_settle ends it,
 * DONE, FAILED (make it again) or SKIPPED. BUSY: it is made; EXISTS: it has a result; NOT_FOUND. */
enum err run_hold(struct run *run, uint32_t seq, struct journal_claim *claim) MUST_USE;

#endif
