/* SPDX-License-Identifier: Apache-2.0
 * run_store.h - the tables of durable runs, and their rows as plain structs.
 *
 * runs: one row each, with its fence (attempt), owner's epoch and data key. steps: in order of
 * arrival; their answers are packed and sealed by the caller. run_parts: the pieces of requests
 * (run_body.h). Row numbers are the caller's. Every write of a step names the run's epoch and
 * changes no row (NOT_FOUND) when another owner has taken the run over.
 */
#ifndef AIRE_RESILIENCE_RUN_STORE_H
#define AIRE_RESILIENCE_RUN_STORE_H

#include "resilience/run_body.h"
#include "resilience/step.h"
#include "store/store.h"

extern const struct schema run_schema; /* area "runs" */

struct run_row {
    int64_t number;
    struct str tenant;
    struct str id;
    struct str agent;
    struct str principal;
    struct str data_key;
    struct str wrapped; /* the data key as it is wrapped; "": destroyed */
    struct str owner;   /* the process that took it over last */
    uint32_t attempt;
    enum run_state state;
    int64_t epoch;
    int64_t created_us;
    int64_t updated_us;
    uint64_t bytes;
    uint32_t divergences;
    uint64_t steps; /* only of run_list and run_find */
    struct str reason;
};

struct step_row {
    struct step step;
    int64_t run;
    int64_t epoch;
    struct str name;     /* model, or tool and action */
    struct str exchange; /* the one that made it */
    struct str idem;     /* the idempotency key that was sent */
    unsigned status;     /* of the answer */
    bool streamed;
    struct part_id head; /* last turn of the request; all zero: none */
    struct part_id rest;
    uint64_t bytes;
    struct str answer; /* packed, sealed; "" none */
};

/* ---- writing: steps for a store_unit; values live in the arena, strings are borrowed ---- */

struct store_step run_insert(const struct run_row *row, struct arena *arena); /* EXISTS */
/* A process takes the run over: its epoch is one more, and the one before can write no longer. */
struct store_step run_take(int64_t run, int64_t epoch, struct str owner, struct wall now,
                           struct arena *arena);
/* A try has begun; NOT_FOUND also where a higher one has. Raising to the same try is harmless, so
 * that calls which begin it together need not wait for each other. */
struct store_step run_raise(int64_t run, int64_t epoch, uint32_t attempt, struct wall now,
                            struct arena *arena);
/* State, divergences and reason become the row's; it names the run by number and epoch. NOT_FOUND
 * also where the run has ended. */
struct store_step run_move(const struct run_row *row, struct wall now, struct arena *arena);
/* A person's decision: from the row's state to another, with the row's reason; nothing counts as
 * diverged any more. NOT_FOUND also where it has another state by now. */
struct store_step run_steer(const struct run_row *row, enum run_state to, struct wall now,
                            struct arena *arena);
/* Of any state; an intent has no answer. */
struct store_step step_insert(const struct step_row *row, struct arena *arena);
/* What has no result yet gets it, and its bytes beside the request's; NOT_FOUND also where it has
 * one. */
struct store_step step_finish(const struct step_row *row, struct arena *arena);
/* The bytes of its bodies count for the run; in the unit of insert or finish. */
struct store_step step_count(const struct step_row *row, struct arena *arena);
/* What has no result yet is in doubt, failed, skipped, or an intent again. */
struct store_step step_move(int64_t number, int64_t run, int64_t epoch, enum step_state state,
                            struct arena *arena);
/* Harmless where it stands already. */
struct store_step part_insert(int64_t run, const struct part_id *id, const struct part_id *parent,
                              struct str sealed, struct arena *arena);

/* ---- reading: statements, and their rows ---- */

extern const struct statement run_find; /* ?1 tenant, ?2 id */
/* Newest first: ?1 tenant or '', ?2 state or -1, ?3 agent or '', ?4 numbers below, ?5 at most. */
extern const struct statement run_list;
void run_read(const struct value *row, struct run_row *to);

#define STEPS_PAGE 1000
extern const struct statement step_list;   /* ?1 run, ?2 seq above, ?3 at most: without answers */
extern const struct statement step_answer; /* ?1 number: the same row with its answer */
enum err step_read(const struct value *row, size_t columns, struct step_row *to) MUST_USE;

/* A request's turns from the last to the first: ?1 run, ?2 head, ?3 at most. It came whole where
 * the last row's parent is all zero. */
extern const struct statement part_chain;
extern const struct statement part_one; /* ?1 run, ?2 id */
enum err part_read(const struct value *row, struct body_part *to) MUST_USE;

/* ---- retention of runs not touched since ?1, asleep or awake: at most a thousand rows at once
 * ---- */

/* Of runs touched since ?2, so that those which have no bodies any more are not looked through. */
extern const struct statement run_prune_answers;
extern const struct statement run_prune_parts;
extern const struct statement run_prune_steps;
extern const struct statement run_prune_keys; /* of runs without steps and parts */
extern const struct statement run_prune_runs; /* likewise, whose key has gone */

#endif
