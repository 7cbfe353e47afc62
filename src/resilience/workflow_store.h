/* SPDX-License-Identifier: Apache-2.0
 * workflow_store.h - what steps of runs wait for - times, signals - and how runs ended.
 *
 * run_waits: when a waiting step is due, durable from its first call on. run_signals: kept until a
 * step takes them, each once. run_ends: what a run's agent said at its end. Values are packed and
 * sealed by the caller under the run's key. Row numbers of signals are the caller's, rising.
 */
#ifndef AIRE_RESILIENCE_WORKFLOW_STORE_H
#define AIRE_RESILIENCE_WORKFLOW_STORE_H

#include "base/arena.h"
#include "store/store.h"

extern const struct schema workflow_schema; /* area "workflow" */

#define SIGNALS_MAX      1000 /* of one run that no step has taken */
#define SIGNAL_BYTES_MAX KIB(64)
#define WAIT_FOR_EVER    INT64_MAX

/* In the unit of the step's intent. */
struct store_step wait_insert(int64_t run, uint32_t seq, int64_t due_us, struct arena *arena);
extern const struct statement wait_find; /* ?1 run, ?2 seq: due_us */

struct signal_row {
    int64_t number;
    int64_t run;
    struct str name;
    struct str id; /* of the message, so that it may be sent twice; "" has none */
    struct str value;
    int64_t sent_us;
};
/* EXISTS: this id was sent before. NOT_FOUND: the run has ended, or SIGNALS_MAX wait. */
struct store_step signal_insert(const struct signal_row *row, struct arena *arena);
/* NOT_FOUND: another step has it. */
struct store_step signal_take(int64_t number, uint32_t seq, struct arena *arena);
extern const struct statement signal_next; /* ?1 run, ?2 name: number, value */

/* The last one stands. */
struct store_step end_insert(int64_t run, struct str value, struct arena *arena);
/* ?1 tenant, ?2 id: the run's state, data key, that as it is wrapped, what it said. */
extern const struct statement end_find;

/* ---- retention, before that of the run's steps: of runs not touched since ?1, a thousand rows
 * ----
 */
extern const struct statement wait_prune;
extern const struct statement signal_prune;
extern const struct statement end_prune;

#endif
