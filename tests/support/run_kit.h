/* SPDX-License-Identifier: Apache-2.0
 * run_kit.h - what tests of stored runs share: a store with their tables, in memory or in a file,
 * and rows to begin with.
 */
#ifndef AIRE_TESTS_RUN_KIT_H
#define AIRE_TESTS_RUN_KIT_H

#include "resilience/run_store.h"
#include "support/store_kit.h"

struct run_kit {
    struct store *store;
    struct arena *arena;
    char folder[KIT_PATH]; /* "": in memory */
};

/* Setups and the teardown of cmocka; RUN_KIT_BOTH lists a test once for each. */
int run_kit_in_memory(void **state);
int run_kit_in_a_file(void **state);
int run_kit_end(void **state);
#define RUN_KIT_BOTH(test)                                                                         \
    {#test, test, run_kit_in_memory, run_kit_end, NULL},                                           \
    {                                                                                              \
#test " (file)", test, run_kit_in_a_file, run_kit_end, NULL                                \
    }

extern const struct wall run_kit_now;
extern const struct part_id run_kit_no_part;
extern const struct str run_kit_sealed; /* an answer, a part */

enum err run_kit_write(struct run_kit *w, struct store_step *steps, size_t count);
enum err run_kit_write_one(struct run_kit *w, struct store_step step);

/* A run of tenant "shop", owner "first", epoch 1, data key "rn01", made at 500. */
struct run_row run_kit_row(int64_t number, const char *id);
void run_kit_make(struct run_kit *w, int64_t number, const char *id);
void run_kit_key(struct run_kit *w, const char *id); /* a data key */

struct run_digest run_kit_digest(uint8_t fill);
struct part_id run_kit_part(uint32_t number);
/* Step 100 + seq of run 1, which is done. */
struct step_row run_kit_step(uint32_t seq);
enum err run_kit_insert(struct run_kit *w, const struct step_row *row);
void run_kit_insert_done(struct run_kit *w, uint32_t seq);

/* Ended by store_query_end. */
void run_kit_ask(struct run_kit *w, const struct statement *statement, const struct value *values,
                 size_t rows_max, struct store_query *query);
void run_kit_text(struct str text, const char *expected); /* equal */

#endif
