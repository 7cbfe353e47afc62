/* SPDX-License-Identifier: Apache-2.0
 * run_grip.h - a run held while a row of it changes: its loading where nobody has it in memory, so
 * that nobody acts on what is just being changed.
 */
#ifndef AIRE_CONSOLE_RUN_GRIP_H
#define AIRE_CONSOLE_RUN_GRIP_H

#include "resilience/journal.h"

struct run_grip {
    struct run *run; /* NULL: holds nothing */
    bool loading;    /* nobody has it in memory */
};

/* LIMIT: too many runs are in use. BUSY: it is just being read. */
enum err run_grip_take(struct run_grip *grip, struct journal *journal, struct str tenant,
                       struct str id) MUST_USE;
/* Harmless where it holds nothing. */
void run_grip_release(struct run_grip *grip);

/* Does anybody have the run in memory? */
static inline bool run_grip_in_memory(const struct run_grip *grip)
{
    return grip->run != NULL && !grip->loading;
}

#endif
