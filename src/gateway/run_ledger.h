/* SPDX-License-Identifier: Apache-2.0
 * run_ledger.h - durable runs between the journal's memory and the store: loading, sealing,
 * keeping.
 *
 * Each run has a data key of its own, under which its requests and answers are sealed and its
 * digests are made. Work outlives the exchange that asked for it: what others wait for (a run that
 * is being loaded) and what must not be lost (a result) goes on when its exchange ends.
 */
#ifndef AIRE_GATEWAY_RUN_LEDGER_H
#define AIRE_GATEWAY_RUN_LEDGER_H

#include "gateway/exchange.h"
#include "resilience/journal.h"
#include "resilience/run_store.h"

#define RUN_ANSWER_EXTRA KIB(64) /* an answer of the configured limit, and its head */
#define RUN_ANSWER_MAX   ((size_t)1 << 30)

/* What is kept with a run in memory (run_attached). */
struct run_file {
    int64_t row;
    int64_t epoch;
    struct data_key key;
    char key_id[24]; /* of `key` */
    struct seal_key digests;
    struct mutex lock; /* guards `parts` */
    struct parts_known parts;
};

struct run_work;

/* Of the exchange that asked, on its loop; not called once it has let go. */
typedef void run_done(struct exchange *x, struct run_work *work, enum err result);

/* The exchange waits no longer. */
void run_work_leave(struct run_work *work);
/* Nor does it, but what it makes is being kept: the claim is settled DONE when that is durable, and
 * as `otherwise` where it does not become so. */
void run_work_settles(struct run_work *work, struct journal_claim *claim,
                      enum step_state otherwise);

/* Reads the run, or makes it; run_loaded is called in any case. NULL: the store takes no more. */
struct run_work *run_open(struct exchange *x, struct run *run, run_done *done);
/* The fence of a new try becomes durable. */
struct run_work *run_fence(struct exchange *x, struct run *run, uint32_t attempt, run_done *done);
/* A divergence, or the end of it, becomes durable. */
struct run_work *run_moved(struct exchange *x, struct run *run, struct str reason, run_done *done);

struct kept_step {
    const struct step *step; /* number 0: a new row, else an intent's */
    enum step_state state;
    struct str name;
    struct str idem;
    struct str answer; /* as it came; "" for an intent */
    unsigned status;
    bool streamed;
    const struct store_step *beside; /* of the same unit; copied */
    size_t beside_count;
};
/* Intent or result, with the request's new parts. run_work_number and _bytes are known at once. */
struct run_work *run_keep(struct exchange *x, struct run *run, const struct kept_step *kept,
                          run_done *done);
/* An intent that is no longer one, or is in doubt. */
struct run_work *run_step_moved(struct exchange *x, struct run *run, int64_t number,
                                enum step_state state, run_done *done);
/* The recorded answer of a step, as it came; afterwards run_work_answer. NOT_FOUND: it has gone by
 * its retention; CORRUPT. */
struct run_work *run_answer(struct exchange *x, struct run *run, int64_t number, run_done *done);

struct run_ending {
    enum run_state state;
    struct str answer;        /* what its agent said of it */
    struct store_step beside; /* of its job; copied */
};
/* The run ends, DONE, FAILED or DEAD; OPEN: only this try does. Seen to its end in any case: then
 * the journal knows it, and who waits for it is woken. */
struct run_work *run_end(struct exchange *x, struct run *run, const struct run_ending *ending,
                         run_done *done);
/* The first row of a statement with at most RUN_QUERY_VALUES values, which are copied. Afterwards
 * run_work_rows. */
#define RUN_QUERY_VALUES 4
struct run_work *run_query(struct exchange *x, struct run *run, const struct statement *statement,
                           const struct value *values, run_done *done);

/* Valid until `done` returns. */
const struct store_query *run_work_rows(const struct run_work *work);
int64_t run_work_number(const struct run_work *work);
uint64_t run_work_bytes(const struct run_work *work);
struct str run_work_answer(const struct run_work *work);
unsigned run_work_status(const struct run_work *work);

#endif
