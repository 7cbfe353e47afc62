/* SPDX-License-Identifier: Apache-2.0
 * journal_kit.h - a journal with one run that is in memory, calls with digests made of words, and
 * waiters that say whether they were posted.
 */
#ifndef AIRE_TESTS_JOURNAL_KIT_H
#define AIRE_TESTS_JOURNAL_KIT_H

#include "resilience/journal.h"
#include "support/sim_env.h"

struct journal_kit {
    struct sim_env *sim;
    struct loop *loop;
    struct journal *journal;
    struct run *run; /* "r1" of tenant "shop": loaded, empty, try 0 */
    struct journal_policy policy;
    struct wall now; /* a millisecond later with every call */
};

/* Setup and teardown of cmocka. */
int journal_kit_start(void **state);
int journal_kit_stop(void **state);

/* A call and what became of it; zeroed at first. */
struct asked {
    struct journal_claim claim;
    struct step step;
    struct journal_waiter waiter;
    bool posted;
    enum journal_answer answer;
};

struct step_call model_call(const char *what); /* exact and loose are of `what` */
struct step_call tool_call(const char *what, enum step_effect effect); /* sort "tool" */
struct step_call named_call(const char *key, const char *what, enum step_effect effect);
struct run_digest journal_kit_digest(const char *what);

enum journal_answer ask(struct journal_kit *kit, uint32_t attempt, struct step_call call,
                        struct asked *asked);
/* Asks and is answered so; else the test fails. */
void expect(struct journal_kit *kit, uint32_t attempt, struct step_call call, struct asked *asked,
            enum journal_answer answer);
void settle(struct journal_kit *kit, struct asked *asked, enum step_state state);
/* Asked by `attempt`, made and DONE. */
void make_done(struct journal_kit *kit, uint32_t attempt, struct step_call call);
bool was_posted(struct journal_kit *kit, const struct asked *asked);
void waiter_ready(struct journal_kit *kit, struct asked *asked);        /* ask() does it */
uint32_t count_of(const struct journal_kit *kit, uint32_t divergences); /* checks; the steps */

/* A run that is loaded with these steps. */
struct run *loaded_run(struct journal_kit *kit, const char *id, const struct run_facts *facts,
                       const struct step *steps, size_t count);
/* A step as the store has it. */
struct step stored(struct step_call call, uint32_t seq, uint32_t occurrence, enum step_state state);

#endif
