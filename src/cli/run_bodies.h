/* SPDX-License-Identifier: Apache-2.0
 * run_bodies.h - what was asked and answered in a run, read from the database and unsealed.
 */
#ifndef AIRE_CLI_RUN_BODIES_H
#define AIRE_CLI_RUN_BODIES_H

#include "cli/read.h"
#include "resilience/run_store.h"
#include "security/keyring.h"

/* The row of the run that the command's first word and --tenant name. CLI_FAILED, after having said
 * so, when there is none; else to be ended by store_query_end. */
int run_bodies_find(const struct cli *cli, struct store_query *query);

struct run_bodies {
    struct store *store;
    int64_t run;
    struct data_key key;
    struct arena *arena; /* for one body */
};
/* Of a row of run_find, whose strings are borrowed. CLI_OK, or after having said why not. */
int run_bodies_open(const struct cli *cli, const struct value *run, struct run_bodies *bodies);
void run_bodies_close(struct run_bodies *bodies);

/* Makes durable that what the run holds is taken out, by whom and why (--reason): before it is. */
int run_bodies_tell(const struct cli *cli);
/* Every step's row, without its answer, in order of seq, while *exit_code is CLI_OK. */
int run_bodies_each(const struct cli *cli, struct run_bodies *bodies,
                    void (*each)(void *object, const struct value *row, size_t columns),
                    void *object, const int *exit_code);

/* Append what was asked, what was answered, as it came. NOT_FOUND: it has gone by its retention, or
 * there is none; CORRUPT; the store's errors. */
enum err run_bodies_request(struct run_bodies *bodies, const struct step_row *step,
                            struct buf *to) MUST_USE;
enum err run_bodies_answer(struct run_bodies *bodies, const struct step_row *step,
                           struct buf *to) MUST_USE;

#endif
