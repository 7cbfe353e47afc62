/* SPDX-License-Identifier: Apache-2.0
 * run_branch.c - three statements that copy rows inside the store. */
#include "resilience/run_branch.h"

/* States: 0 STEP_INTENT, 1 STEP_DONE, 2 STEP_IN_DOUBT, 3 STEP_SKIPPED. */
#define TAKEN " FROM steps WHERE run = ?1 AND seq <= ?2 AND state IN (1, 3)"
static const struct statement branch_run = {
    "INSERT INTO runs(number, tenant, id, agent, principal, data_key, owner, attempt, state, epoch,"
    " created_us, updated_us, bytes, divergences, reason)"
    " SELECT ?3, tenant, ?4, agent, principal, data_key, owner, 0, ?7, 1, ?5, ?5,"
    " (SELECT coalesce(sum(bytes), 0)" TAKEN "), 0, '' FROM runs WHERE number = ?1 AND epoch = ?6"
    " AND NOT EXISTS (SELECT 1 FROM steps WHERE run = ?1 AND seq <= ?2 AND state IN (0, 2)"
    " AND kind NOT IN (2, 3, 4, 7))", /* timers, signals, approvals, joins only wait */
    7};
static const struct statement branch_steps = {
    "INSERT INTO steps(run, number, seq, kind, effect, state, exact, loose, sort, occurrence,"
    " step_key, attempt, name, exchange, idem, status, streamed, head, rest, bytes, intent_us,"
    " done_us, answer)"
    " SELECT ?3, ?4 + seq, seq, kind, effect, state, exact, loose, sort, occurrence, step_key, 0,"
    " name, exchange, idem, status, streamed, head, rest, bytes, intent_us, done_us, answer" TAKEN,
    4};
static const struct statement branch_parts = {
    "INSERT INTO run_parts(run, id, parent, bytes) SELECT ?2, id, parent, bytes FROM run_parts"
    " WHERE run = ?1",
    2};

void run_branch(const struct run_branch *branch, struct wall now, struct arena *arena,
                struct store_step steps[RUN_BRANCH_STEPS])
{
    struct value *v = arena_array_of(arena, struct value, 13);
    v[0] = value_of_i64(branch->from);
    v[1] = value_of_i64(branch->at);
    v[2] = value_of_i64(branch->number);
    v[3] = value_of_text(branch->id);
    v[4] = value_of_i64(now.us);
    v[5] = value_of_i64(branch->epoch);
    v[6] = value_of_i64(branch->state);
    v[7] = v[0];
    v[8] = v[1];
    v[9] = v[2];
    v[10] = value_of_i64(branch->first_step - 1); /* seq counts from 1 */
    v[11] = v[0];
    v[12] = v[2];
    steps[0] = (struct store_step){&branch_run, v, true};
    steps[1] = (struct store_step){&branch_steps, v + 7, false};
    steps[2] = (struct store_step){&branch_parts, v + 11, false};
}
