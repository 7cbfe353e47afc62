/* SPDX-License-Identifier: Apache-2.0
 * run_branch.h - a new run that has begun as another one did.
 *
 * It has the steps up to one of them that have a result or are skipped, as of try 0, and the parts
 * of requests. Bodies stay as they were sealed and digests as they were made: it shares the data
 * key, so that who is forgotten there is forgotten here.
 */
#ifndef AIRE_RESILIENCE_RUN_BRANCH_H
#define AIRE_RESILIENCE_RUN_BRANCH_H

#include "resilience/run_store.h"

struct run_branch {
    int64_t from;
    int64_t epoch;        /* of `from` */
    uint32_t at;          /* the last step that is taken over */
    enum run_state state; /* of the new run */
    int64_t number;
    struct str id;
    int64_t first_step; /* `at` numbers from here on are its steps' */
};

/* NOT_FOUND: `from` has changed, or a step up to there may have happened and has no result. EXISTS:
 * the id is taken. */
#define RUN_BRANCH_STEPS 3
void run_branch(const struct run_branch *branch, struct wall now, struct arena *arena,
                struct store_step steps[RUN_BRANCH_STEPS]);

#endif
