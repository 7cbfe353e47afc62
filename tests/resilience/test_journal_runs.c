/* SPDX-License-Identifier: Apache-2.0
 * test_journal_runs.c - runs in memory: loading, numbers of steps that outlive a restart, limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/journal_kit.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- loading ---- */

static struct run *run_of(struct journal_kit *kit, const char *id)
{
    struct run *run;
    assert_int_equal(journal_run(kit->journal, STR("shop"), str_of(id), &run), ERR_OK);
    return run;
}

static enum err load(struct journal_kit *kit, struct run *run, struct asked *asked)
{
    waiter_ready(kit, asked);
    return run_load(run, &asked->waiter);
}

static void the_first_who_asks_loads_and_the_others_wait(void **state)
{
    struct journal_kit *kit = *state;
    struct asked first = {0};
    struct asked second = {0};
    struct run *run = run_of(kit, "new");
    assert_int_equal(load(kit, run, &first), ERR_AGAIN);
    assert_int_equal(load(kit, run, &second), ERR_BUSY);
    assert_false(was_posted(kit, &second));
    run_loaded(run, ERR_OK, &(const struct run_facts){.row = 3}, NULL, 0);
    assert_true(was_posted(kit, &second));
    assert_false(first.posted);
    assert_int_equal(load(kit, run, &second), ERR_OK);
    run_unref(run);
}

static void a_loading_that_failed_is_tried_by_the_next(void **state)
{
    struct journal_kit *kit = *state;
    struct asked first = {0};
    struct asked second = {0};
    struct run *run = run_of(kit, "new");
    assert_int_equal(load(kit, run, &first), ERR_AGAIN);
    assert_int_equal(load(kit, run, &second), ERR_BUSY);
    run_loaded(run, ERR_IO, NULL, NULL, 0);
    assert_true(was_posted(kit, &second));
    assert_int_equal(load(kit, run, &second), ERR_AGAIN);
    run_loaded(run, ERR_OK, &(const struct run_facts){0}, NULL, 0);
    run_unref(run);
}

static void whoever_waits_for_a_loading_may_leave(void **state)
{
    struct journal_kit *kit = *state;
    struct asked first = {0};
    struct asked leaves = {0};
    struct run *run = run_of(kit, "new");
    assert_int_equal(load(kit, run, &first), ERR_AGAIN);
    assert_int_equal(load(kit, run, &leaves), ERR_BUSY);
    assert_true(journal_leave(run, &leaves.claim, &leaves.waiter));
    run_loaded(run, ERR_OK, &(const struct run_facts){0}, NULL, 0);
    assert_false(was_posted(kit, &leaves));
    run_unref(run);
}

static void what_is_loaded_is_told(void **state)
{
    struct journal_kit *kit = *state;
    const struct step step = stored(model_call("a"), 1, 0, STEP_DONE);
    const struct run_facts is = {
        .row = 5, .epoch = 4, .attempt = 3, .divergences = 2, .state = RUN_DIVERGED, .bytes = 9};
    struct run_facts told;
    struct run *run = loaded_run(kit, "new", &is, &step, 1);
    run_facts(run, &told);
    assert_int_equal(told.row, 5);
    assert_int_equal(told.epoch, 4);
    assert_int_equal(told.attempt, 3);
    assert_int_equal(told.divergences, 2);
    assert_int_equal(told.state, RUN_DIVERGED);
    assert_int_equal(told.bytes, 9);
    assert_int_equal(told.steps, 1);
    assert_string_equal(run_id(run).at, "new");
    assert_string_equal(run_tenant(run).at, "shop");
    run_unref(run);
}

static void the_fence_is_loaded(void **state)
{
    struct journal_kit *kit = *state;
    struct asked below = {0};
    struct asked same = {0};
    run_unref(kit->run);
    kit->run = loaded_run(kit, "new", &(const struct run_facts){.attempt = 5}, NULL, 0);
    expect(kit, 4, model_call("a"), &below, JOURNAL_FENCED);
    expect(kit, 5, model_call("a"), &same, JOURNAL_MAKE);
    assert_false(same.claim.raised);
    settle(kit, &same, STEP_DONE);
}

/* ---- numbers: idempotency keys and rows hang on them ---- */

static void open_with(struct journal_kit *kit, const struct step *steps, size_t count)
{
    run_unref(kit->run);
    kit->run = loaded_run(kit, "r2", &(const struct run_facts){.attempt = 1}, steps, count);
}

/* Calls that failed have numbers, and need no row. */
static void a_step_keeps_its_number(void **state)
{
    struct journal_kit *kit = *state;
    const struct step steps[] = {stored(model_call("a"), 2, 0, STEP_DONE),
                                 stored(tool_call("pay", EFFECT_KEYED), 5, 0, STEP_INTENT)};
    struct asked a = {0};
    struct asked pay = {0};
    struct asked next = {0};
    open_with(kit, steps, 2);
    expect(kit, 2, model_call("a"), &a, JOURNAL_REPLAY);
    expect(kit, 2, tool_call("pay", EFFECT_KEYED), &pay, JOURNAL_AGAIN);
    expect(kit, 2, model_call("b"), &next, JOURNAL_MAKE);
    assert_int_equal(a.claim.seq, 2);
    assert_int_equal(a.step.number, 102);
    assert_int_equal(pay.claim.seq, 5);
    assert_int_equal(pay.step.seq, 5);
    assert_int_equal(pay.step.number, 105);
    assert_int_equal(next.claim.seq, 6);
    settle(kit, &pay, STEP_DONE);
    settle(kit, &next, STEP_DONE);
}

static void a_step_keeps_its_place_among_equals(void **state)
{
    struct journal_kit *kit = *state;
    const struct step steps[] = {stored(model_call("poll"), 2, 1, STEP_DONE),
                                 stored(model_call("poll"), 4, 3, STEP_DONE)};
    struct asked first = {0};
    struct asked second = {0};
    struct asked third = {0};
    open_with(kit, steps, 2);
    expect(kit, 2, model_call("poll"), &first, JOURNAL_REPLAY);
    expect(kit, 2, model_call("poll"), &second, JOURNAL_REPLAY);
    expect(kit, 2, model_call("poll"), &third, JOURNAL_MAKE);
    assert_int_equal(first.step.occurrence, 1);
    assert_int_equal(second.step.occurrence, 3);
    assert_int_equal(third.step.occurrence, 4);
    settle(kit, &third, STEP_FAILED);
    journal_orphan(&second.claim);
    expect(kit, 2, model_call("poll"), &second, JOURNAL_REPLAY);
    assert_int_equal(second.step.occurrence, 3);
}

static void a_number_without_a_step_cannot_be_decided(void **state)
{
    struct journal_kit *kit = *state;
    struct journal_claim claim = {0};
    const struct step step = stored(model_call("a"), 2, 0, STEP_FAILED);
    open_with(kit, &step, 1);
    assert_int_equal(run_hold(kit->run, 1, &claim), ERR_NOT_FOUND);
    assert_int_equal(run_hold(kit->run, 2, &claim), ERR_OK);
    journal_settle(&claim, STEP_DONE, 1, 0, kit->now);
}

static void a_name_that_was_loaded_is_kept(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    char key[] = "k";
    struct step step = stored(named_call("k", "x", EFFECT_UNSAFE), 1, 0, STEP_DONE);
    step.call.key.at = key;
    open_with(kit, &step, 1);
    key[0] = '?';
    expect(kit, 2, named_call("k", "x", EFFECT_UNSAFE), &a, JOURNAL_REPLAY);
    assert_int_equal(a.step.call.key.len, 1);
    assert_int_equal(a.step.call.key.at[0], 'k');
}

/* ---- a try that goes on behind a restart ---- */

static struct step made_by(uint32_t attempt, struct step step)
{
    step.attempt = attempt;
    return step;
}

static void what_the_try_asked_before_is_not_answered_to_its_next_equal_call(void **state)
{
    struct journal_kit *kit = *state;
    const struct step steps[] = {
        made_by(1, stored(tool_call("add", EFFECT_UNSAFE), 1, 0, STEP_DONE)),
        made_by(1, stored(tool_call("add", EFFECT_UNSAFE), 2, 1, STEP_DONE)),
        made_by(1, stored(tool_call("add", EFFECT_UNSAFE), 3, 2, STEP_DONE))};
    struct asked last = {0};
    struct asked next = {0};
    open_with(kit, steps, 3);
    expect(kit, 1, tool_call("add", EFFECT_UNSAFE), &last, JOURNAL_REPLAY);
    assert_int_equal(last.claim.seq, 3); /* nobody knows whether it was told */
    expect(kit, 1, tool_call("add", EFFECT_UNSAFE), &next, JOURNAL_MAKE);
    settle(kit, &next, STEP_DONE);
}

static void calls_side_by_side_may_both_not_have_been_told(void **state)
{
    struct journal_kit *kit = *state;
    struct step steps[] = {made_by(1, stored(tool_call("add", EFFECT_UNSAFE), 1, 0, STEP_DONE)),
                           made_by(1, stored(tool_call("add", EFFECT_UNSAFE), 2, 1, STEP_DONE))};
    struct asked first = {0};
    struct asked second = {0};
    steps[0].done_at = steps[1].done_at;
    open_with(kit, steps, 2);
    expect(kit, 1, tool_call("add", EFFECT_UNSAFE), &first, JOURNAL_REPLAY);
    expect(kit, 1, tool_call("add", EFFECT_UNSAFE), &second, JOURNAL_REPLAY);
    assert_int_equal(first.claim.seq + second.claim.seq, 3);
}

static void a_higher_try_is_answered_all_of_them(void **state)
{
    struct journal_kit *kit = *state;
    const struct step steps[] = {made_by(1, stored(model_call("poll"), 1, 0, STEP_DONE)),
                                 made_by(1, stored(model_call("poll"), 2, 1, STEP_DONE))};
    struct asked a = {0};
    open_with(kit, steps, 2);
    expect(kit, 2, model_call("poll"), &a, JOURNAL_REPLAY);
    assert_int_equal(a.claim.seq, 1);
}

static void its_own_steps_do_not_wait(void **state)
{
    struct journal_kit *kit = *state;
    const struct step step = made_by(1, stored(tool_call("x", EFFECT_UNSAFE), 1, 0, STEP_DONE));
    struct asked a = {0};
    open_with(kit, &step, 1);
    expect(kit, 1, tool_call("y", EFFECT_UNSAFE), &a, JOURNAL_MAKE);
    assert_int_equal(a.claim.passed, 0);
    settle(kit, &a, STEP_DONE);
}

/* Which of them it had asked for already, nobody knows. */
static void steps_of_earlier_tries_do_not_wait(void **state)
{
    struct journal_kit *kit = *state;
    const struct step step = made_by(1, stored(tool_call("x", EFFECT_UNSAFE), 1, 0, STEP_DONE));
    struct asked other = {0};
    struct asked stops = {0};
    run_unref(kit->run);
    kit->run = loaded_run(kit, "r2", &(const struct run_facts){.attempt = 2}, &step, 1);
    expect(kit, 2, tool_call("y", EFFECT_UNSAFE), &other, JOURNAL_MAKE);
    settle(kit, &other, STEP_DONE);
    expect(kit, 3, tool_call("z", EFFECT_UNSAFE), &stops, JOURNAL_DIVERGED);
    assert_int_equal(stops.claim.passed, 1);
}

/* ---- life ---- */

static void an_id_or_tenant_that_is_none_is_invalid(void **state)
{
    struct journal_kit *kit = *state;
    struct run *run;
    static char tenant[257];
    assert_int_equal(journal_run(kit->journal, STR("shop"), STR("a b"), &run), ERR_INVALID);
    assert_int_equal(journal_run(kit->journal, (struct str){tenant, sizeof tenant}, STR("a"), &run),
                     ERR_INVALID);
}

static void tenants_share_no_run(void **state)
{
    struct journal_kit *kit = *state;
    struct run *other;
    assert_int_equal(journal_run(kit->journal, STR("firm"), STR("r1"), &other), ERR_OK);
    assert_ptr_not_equal(other, kit->run);
    run_unref(other);
}

static void a_run_that_nobody_uses_is_found_again(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    make_done(kit, 1, model_call("a"));
    struct run *was = kit->run;
    run_unref(kit->run);
    kit->run = run_of(kit, "r1");
    assert_ptr_equal(kit->run, was);
    expect(kit, 2, model_call("a"), &a, JOURNAL_REPLAY);
}

static void count_end(void *object)
{
    ++*(int *)object;
}

static void what_is_kept_with_a_run_ends_with_it(void **state)
{
    struct journal_kit *kit = *state;
    struct asked asked = {0};
    int ended = 0;
    struct run *run = run_of(kit, "new");
    assert_int_equal(load(kit, run, &asked), ERR_AGAIN);
    run_attach(run, &ended, count_end);
    assert_ptr_equal(run_attached(run), &ended);
    run_loaded(run, ERR_IO, NULL, NULL, 0);
    assert_int_equal(ended, 0);
    run_unref(run); /* it was not loaded: nobody will find it */
    assert_int_equal(ended, 1);
}

/* ---- limits ---- */

static struct step_call numbered(unsigned number)
{
    struct step_call call = model_call("n");
    call.exact.bytes[8] = (uint8_t)number;
    call.exact.bytes[9] = (uint8_t)(number >> 8);
    call.loose = call.exact;
    return call;
}

static void a_run_of_so_many_steps_takes_no_new_one(void **state)
{
    struct journal_kit *kit = *state;
    for (unsigned i = 0; i < RUN_STEPS_MAX; i++) {
        make_done(kit, 1, numbered(i));
    }
    struct asked over = {0};
    struct asked old = {0};
    expect(kit, 1, numbered(RUN_STEPS_MAX), &over, JOURNAL_FULL);
    assert_int_equal(over.claim.seq, 0);
    expect(kit, 2, numbered(RUN_STEPS_MAX - 1), &old, JOURNAL_REPLAY);
    assert_int_equal(old.claim.seq, RUN_STEPS_MAX);
    assert_int_equal(count_of(kit, 0), RUN_STEPS_MAX);
}

static void a_run_of_so_many_bytes_takes_no_new_step(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    struct asked b = {0};
    struct asked c = {0};
    expect(kit, 1, model_call("a"), &a, JOURNAL_MAKE);
    journal_settle(&a.claim, STEP_DONE, 101, RUN_BYTES_MAX - 1, kit->now);
    expect(kit, 1, model_call("b"), &b, JOURNAL_MAKE);
    journal_settle(&b.claim, STEP_DONE, 102, 1, kit->now);
    expect(kit, 1, model_call("c"), &c, JOURNAL_FULL);
    expect(kit, 2, model_call("a"), &a, JOURNAL_REPLAY);
}

/* An intent's request stands in the store, whatever becomes of the call. */
static void bytes_count_whatever_became_of_the_call(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    struct run_facts facts;
    expect(kit, 1, tool_call("x", EFFECT_UNSAFE), &a, JOURNAL_MAKE);
    journal_settle(&a.claim, STEP_IN_DOUBT, 101, 17, kit->now);
    run_facts(kit->run, &facts);
    assert_int_equal(facts.bytes, 17);
}

static void so_many_runs_are_in_memory_and_one_that_nobody_uses_makes_room(void **state)
{
    struct journal_kit *kit = *state;
    static struct run *runs[JOURNAL_RUNS_MAX];
    struct run *over = NULL;
    char id[16];
    runs[0] = kit->run;
    for (unsigned i = 1; i < JOURNAL_RUNS_MAX; i++) {
        (void)snprintf(id, sizeof id, "n%u", i);
        runs[i] = loaded_run(kit, id, &(const struct run_facts){0}, NULL, 0);
    }
    assert_int_equal(journal_run(kit->journal, STR("shop"), STR("over"), &over), ERR_LIMIT);
    assert_null(over);
    run_unref(runs[1]);
    assert_int_equal(journal_run(kit->journal, STR("shop"), STR("over"), &over), ERR_OK);
    run_unref(over);
    struct asked asked = {0};
    struct run *again = run_of(kit, "n1"); /* it was forgotten */
    assert_int_equal(load(kit, again, &asked), ERR_AGAIN);
    run_loaded(again, ERR_IO, NULL, NULL, 0);
    run_unref(again);
    for (unsigned i = 2; i < JOURNAL_RUNS_MAX; i++) {
        run_unref(runs[i]);
    }
}

#define EACH 10000u

static bool is_loaded(struct journal_kit *kit, const char *id)
{
    struct asked asked = {0};
    struct run *run = run_of(kit, id);
    bool loaded = load(kit, run, &asked) == ERR_OK;
    if (!loaded) {
        run_loaded(run, ERR_IO, NULL, NULL, 0);
    }
    run_unref(run);
    return loaded;
}

static void of_so_many_idle_steps_the_oldest_are_forgotten(void **state)
{
    struct journal_kit *kit = *state;
    struct step *steps = calloc(EACH, sizeof *steps);
    char id[16];
    assert_non_null(steps);
    for (uint32_t i = 0; i < EACH; i++) {
        steps[i] = stored(model_call("same"), i + 1, i, STEP_DONE);
    }
    for (unsigned i = 0; i < JOURNAL_STEPS_IDLE / EACH; i++) {
        (void)snprintf(id, sizeof id, "n%u", i);
        run_unref(loaded_run(kit, id, &(const struct run_facts){0}, steps, EACH));
    }
    assert_true(is_loaded(kit, "n0")); /* used last from now on */
    run_unref(loaded_run(kit, "more", &(const struct run_facts){0}, steps, EACH));
    assert_true(is_loaded(kit, "n0"));
    assert_true(is_loaded(kit, "n2"));
    assert_true(is_loaded(kit, "more"));
    assert_false(is_loaded(kit, "n1"));
    free(steps);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_kit_start, journal_kit_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_who_asks_loads_and_the_others_wait),
        TEST(a_loading_that_failed_is_tried_by_the_next),
        TEST(whoever_waits_for_a_loading_may_leave),
        TEST(what_is_loaded_is_told),
        TEST(the_fence_is_loaded),
        TEST(a_step_keeps_its_number),
        TEST(a_step_keeps_its_place_among_equals),
        TEST(a_number_without_a_step_cannot_be_decided),
        TEST(a_name_that_was_loaded_is_kept),
        TEST(what_the_try_asked_before_is_not_answered_to_its_next_equal_call),
        TEST(calls_side_by_side_may_both_not_have_been_told),
        TEST(a_higher_try_is_answered_all_of_them),
        TEST(its_own_steps_do_not_wait),
        TEST(steps_of_earlier_tries_do_not_wait),
        TEST(an_id_or_tenant_that_is_none_is_invalid),
        TEST(tenants_share_no_run),
        TEST(a_run_that_nobody_uses_is_found_again),
        TEST(what_is_kept_with_a_run_ends_with_it),
        TEST(a_run_of_so_many_steps_takes_no_new_one),
        TEST(a_run_of_so_many_bytes_takes_no_new_step),
        TEST(bytes_count_whatever_became_of_the_call),
        TEST(so_many_runs_are_in_memory_and_one_that_nobody_uses_makes_room),
        TEST(of_so_many_idle_steps_the_oldest_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
