/* SPDX-License-Identifier: Apache-2.0
 * queue_store.h - runs that wait in a queue for a worker: jobs, one a run.
 *
 * A job says when its run may be claimed and by whom it is held; the run itself says whether at
 * all: only open runs are claimed. A claim raises the run's try in the same unit, so the fence
 * holds off whoever had it before. A lease that ran out is seen by a loop, never by a start-up step
 * alone.
 */
#ifndef AIRE_RESILIENCE_QUEUE_STORE_H
#define AIRE_RESILIENCE_QUEUE_STORE_H

#include "base/when.h"
#include "resilience/run_store.h"

extern const struct schema queue_schema; /* area "queue" */

#define JOB_PRIORITY       5 /* 0 to 9, the highest first */
#define JOB_PRIORITY_MAX   9
#define JOB_TRIES          5
#define JOB_TRIES_MAX      1000
#define JOB_LEASE_MS       30000
#define JOB_LEASE_MS_MIN   1000
#define JOB_LEASE_MS_MAX   3600000
#define JOB_BACKOFF_MAX_US (300 * US_PER_S)

/* Waits; is held by a worker; waits for a person, as its run failed or was ended; over. */
enum job_state { JOB_READY, JOB_CLAIMED, JOB_PARKED, JOB_OVER };

struct job_row {
    int64_t run;
    struct str tenant;
    struct str queue;
    uint64_t priority;
    uint64_t tries_max;
    int64_t due_us;
    struct str input;    /* packed and sealed by the caller */
    struct str input_id; /* keyed digest of queue and input */
};

/* How long a run waits for its next try: any time up to 1, 2, 4 ... seconds, at most five minutes
 * (exponential back-off with full jitter). `tries` have been made. */
int64_t job_backoff_us(uint64_t tries, uint64_t random);

/* ---- writing: steps for a store_unit ---- */

struct store_step job_insert(const struct job_row *row, struct arena *arena);
/* Both in one unit; NOT_FOUND: somebody else has it, or the run is not open. `attempt` is the one
 * after the run's last. */
struct job_claim {
    int64_t run;
    uint32_t attempt;
    uint64_t lease_ms;
    struct str worker;
    struct wall now;
};
#define JOB_CLAIM_STEPS 2
void job_claim(const struct job_claim *claim, struct arena *arena,
               struct store_step steps[JOB_CLAIM_STEPS]);
/* The lease begins anew; NOT_FOUND: this try holds it no longer. */
struct store_step job_beat(struct str tenant, struct str id, uint32_t attempt, struct wall now,
                           struct arena *arena);
/* The try that held it is over: READY at `due_us`, or PARKED. NOT_FOUND: it does not hold it. */
struct store_step job_release(int64_t run, uint32_t attempt, enum job_state state, int64_t due_us,
                              struct arena *arena);
/* Its run's tries are used up: DEAD. NOT_FOUND: it is not open. */
struct store_step job_bury(int64_t run, struct wall now, struct arena *arena);
/* Its run has ended: PARKED or OVER; harmless where there is none. */
struct store_step job_end(int64_t run, enum job_state state, struct arena *arena);
/* A person lets its run go on: claimable at once, with all tries; harmless likewise. */
struct store_step job_resume(int64_t run, struct wall now, struct arena *arena);

/* Retention: of runs not touched since ?1, a thousand rows. */
extern const struct statement job_prune;

/* ---- reading ---- */

/* In the order in which they are claimed: ?1 tenant, ?2 queue, ?3 now: run, its id, its try, input,
 * data key, that as it is wrapped. */
#define JOB_READY_ROWS 16
extern const struct statement job_ready;
/* ?1 tenant, ?2 id: the run's data key, that as it is wrapped, the job's input_id (null: no job).
 */
extern const struct statement job_find;
/* ?1 run: state, try that had it last, tries, tries_max. */
extern const struct statement job_show;
/* Whose lease ran out before ?1, at most JOB_LOST_ROWS: run, tenant, id, try, tries, tries_max. */
#define JOB_LOST_ROWS 256
extern const struct statement job_lost;
/* For people: tenant, queue, how many are ready, how many are held, since when the oldest waits. */
extern const struct statement job_depths;

#endif
