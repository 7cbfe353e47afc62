/* SPDX-License-Identifier: Apache-2.0
 * run_retention.h - how long durable runs are kept: their bodies, then all else, counted from the
 * last time anything happened in a run (settings `runs.retention`).
 */
#ifndef AIRE_APP_RUN_RETENTION_H
#define AIRE_APP_RUN_RETENTION_H

#include "gateway/generation.h"
#include "store/store.h"

/* A pass under way; zeroed at first. */
struct run_retention {
    size_t at;           /* the kind of rows that goes now */
    int64_t bodies_us;   /* of runs last touched before this, in this pass */
    int64_t meta_us;     /* likewise all else */
    int64_t bodiless_us; /* what was touched before this has no bodies since an earlier pass */
};

/* At most a thousand rows. OK: more may have to go. NOT_FOUND: the pass is over; the next call
 * begins another one. Else the store's error. Blocks: never on a loop. */
enum err run_retention_step(struct run_retention *retention, struct store *store,
                            const struct runs_rules *rules, struct wall now) MUST_USE;

#endif
