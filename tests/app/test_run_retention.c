/* SPDX-License-Identifier: Apache-2.0
 * test_run_retention.c - bodies of runs go after their days, all else after its own, and nothing
 * that was touched since. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/run_retention.h"
#include "resilience/queue_store.h"
#include "resilience/run_branch.h"
#include "resilience/workflow_store.h"
#include "support/run_kit.h"

#define DAY_US     UINT64_C(86400000000)
#define TOUCHED_US 500 /* run 1 (run_kit) */

static const struct runs_rules rules = {.bodies_ms = 7 * DAY_US / 1000,
                                        .meta_ms = 90 * DAY_US / 1000};

static const struct statement count_answers = {
    "SELECT count(*) FROM steps WHERE answer IS NOT NULL", 0};
static const struct statement count_parts = {"SELECT count(*) FROM run_parts", 0};
static const struct statement count_steps = {"SELECT count(*) FROM steps", 0};
static const struct statement count_keys = {"SELECT count(*) FROM data_keys", 0};
static const struct statement count_waits = {"SELECT count(*) FROM run_waits", 0};
static const struct statement count_signals = {"SELECT count(*) FROM run_signals", 0};
static const struct statement count_ends = {"SELECT count(*) FROM run_ends", 0};
static const struct statement count_jobs = {"SELECT count(*) FROM jobs", 0};
static const struct statement count_runs = {"SELECT count(*) FROM runs", 0};

static int64_t count(struct run_kit *w, const struct statement *statement)
{
    struct store_query query;
    run_kit_ask(w, statement, NULL, 1, &query);
    int64_t number = query.rows[0].integer;
    store_query_end(&query);
    return number;
}

/* Steps until a pass is over; how many removed something. */
static size_t pass(struct run_kit *w, struct run_retention *r, uint64_t days)
{
    const struct wall now = {(int64_t)(days * DAY_US) + TOUCHED_US + 1};
    size_t rounds = 0;
    enum err code;
    while ((code = run_retention_step(r, w->store, &rules, now)) == ERR_OK) {
        rounds++;
    }
    assert_int_equal(code, ERR_NOT_FOUND);
    return rounds;
}

static void fill(struct run_kit *w, uint32_t steps)
{
    run_kit_key(w, "rn01");
    run_kit_make(w, 1, "order");
    for (uint32_t seq = 1; seq <= steps; seq++) {
        struct part_id id = run_kit_part(seq);
        assert_int_equal(
            run_kit_write_one(w, part_insert(1, &id, &run_kit_no_part, run_kit_sealed, w->arena)),
            ERR_OK);
        run_kit_insert_done(w, seq);
    }
}

static void young_runs_stay(void **state)
{
    struct run_kit *w = *state;
    struct run_retention r = {0};
    fill(w, 2);
    assert_int_equal(pass(w, &r, 6), 0);
    assert_int_equal(count(w, &count_answers), 2);
    assert_int_equal(count(w, &count_parts), 2);
}

static void bodies_go_first_and_the_steps_stay(void **state)
{
    struct run_kit *w = *state;
    struct run_retention r = {0};
    fill(w, 2);
    assert_int_equal(pass(w, &r, 7), 2);
    assert_int_equal(count(w, &count_answers), 0);
    assert_int_equal(count(w, &count_parts), 0);
    assert_int_equal(count(w, &count_steps), 2);
    assert_int_equal(count(w, &count_keys), 1);
    assert_int_equal(pass(w, &r, 8), 0);
}

static void in_the_end_all_goes_with_its_key(void **state)
{
    struct run_kit *w = *state;
    struct run_retention r = {0};
    fill(w, 2);
    (void)pass(w, &r, 89);
    assert_int_equal(count(w, &count_steps), 2);
    assert_int_equal(pass(w, &r, 90), 3);
    assert_int_equal(count(w, &count_steps) + count(w, &count_keys) + count(w, &count_runs), 0);
}

static void a_backlog_goes_in_rounds_of_a_thousand_rows(void **state)
{
    struct run_kit *w = *state;
    struct run_retention r = {0};
    fill(w, 1001);
    const struct wall now = {(int64_t)(7 * DAY_US) + TOUCHED_US + 1};
    assert_int_equal(run_retention_step(&r, w->store, &rules, now), ERR_OK);
    assert_int_equal(count(w, &count_answers), 1);
    assert_int_equal(pass(w, &r, 7), 3);
    assert_int_equal(count(w, &count_answers) + count(w, &count_parts), 0);
}

static void what_was_touched_again_keeps_its_bodies_and_loses_them_later(void **state)
{
    struct run_kit *w = *state;
    struct run_retention r = {0};
    fill(w, 1);
    (void)pass(w, &r, 7);
    struct step_row row = run_kit_step(2);
    row.step.done_at.us = TOUCHED_US + (int64_t)(8 * DAY_US);
    assert_int_equal(run_kit_insert(w, &row), ERR_OK);
    assert_int_equal(run_kit_write_one(w, step_count(&row, w->arena)), ERR_OK);
    assert_int_equal(pass(w, &r, 14), 0);
    assert_int_equal(count(w, &count_answers), 1);
    assert_int_equal(pass(w, &r, 15), 1);
    assert_int_equal(count(w, &count_answers), 0);
}

static void a_run_that_sleeps_keeps_all_until_it_woke_long_ago(void **state)
{
    struct run_kit *w = *state;
    struct run_retention r = {0};
    fill(w, 1);
    int64_t due_us = TOUCHED_US + (int64_t)(100 * DAY_US);
    const struct signal_row signal = {
        .number = 1, .run = 1, .name = STR("go"), .value = run_kit_sealed, .sent_us = 1};
    assert_int_equal(run_kit_write_one(w, wait_insert(1, 2, due_us, w->arena)), ERR_OK);
    assert_int_equal(run_kit_write_one(w, wait_insert(1, 3, WAIT_FOR_EVER, w->arena)), ERR_OK);
    assert_int_equal(run_kit_write_one(w, signal_insert(&signal, w->arena)), ERR_OK);
    assert_int_equal(run_kit_write_one(w, end_insert(1, run_kit_sealed, w->arena)), ERR_OK);
    const struct job_row job = {.run = 1,
                                .tenant = STR("shop"),
                                .queue = STR("q"),
                                .tries_max = 1,
                                .due_us = due_us,
                                .input = run_kit_sealed,
                                .input_id = run_kit_sealed};
    assert_int_equal(run_kit_write_one(w, job_insert(&job, w->arena)), ERR_OK);
    for (uint64_t days = 1; days < 107; days += 7) {
        assert_int_equal(pass(w, &r, days), 0);
    }
    assert_int_equal(pass(w, &r, 107), 2);
    assert_int_equal(count(w, &count_answers) + count(w, &count_parts), 0);
    assert_int_equal(pass(w, &r, 191), 7);
    assert_int_equal(count(w, &count_jobs), 0);
    assert_int_equal(count(w, &count_waits) + count(w, &count_signals) + count(w, &count_ends), 0);
    assert_int_equal(count(w, &count_runs), 0);
}

static void a_key_goes_with_the_last_run_that_has_it(void **state)
{
    struct run_kit *w = *state;
    struct run_retention r = {0};
    fill(w, 1);
    const struct run_branch branch = {
        .from = 1, .epoch = 1, .at = 1, .number = 2, .id = STR("branch"), .first_step = 500};
    struct store_step steps[RUN_BRANCH_STEPS];
    run_branch(&branch, (struct wall){TOUCHED_US + (int64_t)DAY_US}, w->arena, steps);
    assert_int_equal(run_kit_write(w, steps, RUN_BRANCH_STEPS), ERR_OK);
    assert_int_equal(count(w, &count_steps), 2);
    (void)pass(w, &r, 90);
    assert_int_equal(count(w, &count_steps), 1);
    assert_int_equal(count(w, &count_keys), 1);
    assert_int_equal(count(w, &count_runs), 2);
    (void)pass(w, &r, 91);
    assert_int_equal(count(w, &count_steps) + count(w, &count_keys) + count(w, &count_runs), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_KIT_BOTH(young_runs_stay),
        RUN_KIT_BOTH(bodies_go_first_and_the_steps_stay),
        RUN_KIT_BOTH(in_the_end_all_goes_with_its_key),
        RUN_KIT_BOTH(a_backlog_goes_in_rounds_of_a_thousand_rows),
        RUN_KIT_BOTH(what_was_touched_again_keeps_its_bodies_and_loses_them_later),
        RUN_KIT_BOTH(a_run_that_sleeps_keeps_all_until_it_woke_long_ago),
        RUN_KIT_BOTH(a_key_goes_with_the_last_run_that_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
