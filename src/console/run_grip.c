/* SPDX-License-Identifier: Apache-2.0
 * run_grip.c - whoever waits for the loading reads what stands there afterwards. */
#include "console/run_grip.h"

enum err run_grip_take(struct run_grip *grip, struct journal *journal, struct str tenant,
                       struct str id)
{
    *grip = (struct run_grip){0};
    if (journal_run(journal, tenant, id, &grip->run) != ERR_OK) {
        grip->run = NULL;
        return ERR_LIMIT;
    }
    enum err code = run_load(grip->run, NULL);
    grip->loading = code == ERR_AGAIN;
    if (code == ERR_BUSY) {
        run_grip_release(grip);
        return ERR_BUSY;
    }
    return ERR_OK;
}

void run_grip_release(struct run_grip *grip)
{
    if (grip->loading) {
        run_loaded(grip->run, ERR_AGAIN, NULL, NULL, 0);
    }
    if (grip->run != NULL) {
        run_unref(grip->run);
    }
    *grip = (struct run_grip){0};
}
