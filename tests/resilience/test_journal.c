/* SPDX-License-Identifier: Apache-2.0
 * test_journal.c - every answer of the journal, and which step a call is. Limits, loading and life
 * of runs: test_journal_runs.c; all together, with faults: tests/runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/journal_kit.h"

#include <string.h>

static void assert_step(const struct asked *asked, uint32_t seq)
{
    assert_int_equal(asked->claim.seq, seq);
    assert_int_equal(asked->step.seq, seq);
}

/* ---- made, answered again, joined ---- */

static void a_new_call_is_made(void **state)
{
    struct asked a = {0};
    expect(*state, 1, model_call("a"), &a, JOURNAL_MAKE);
    assert_step(&a, 1);
    assert_int_equal(a.step.number, 0);
    assert_true(a.claim.making);
    settle(*state, &a, STEP_DONE);
    assert_false(a.claim.making);
}

static void a_recorded_step_answers_in_a_later_try(void **state)
{
    struct asked again = {0};
    make_done(*state, 1, model_call("a"));
    expect(*state, 2, model_call("a"), &again, JOURNAL_REPLAY);
    assert_step(&again, 1);
    assert_int_equal(again.step.number, 101);
    assert_false(again.claim.making);
}

static void a_step_that_is_being_made_is_joined(void **state)
{
    struct journal_kit *kit = *state;
    struct asked maker = {0};
    struct asked joins = {0};
    expect(kit, 1, model_call("a"), &maker, JOURNAL_MAKE);
    expect(kit, 2, model_call("a"), &joins, JOURNAL_JOIN);
    assert_false(was_posted(kit, &joins));
    settle(kit, &maker, STEP_DONE);
    assert_true(was_posted(kit, &joins));
    expect(kit, 2, model_call("a"), &joins, JOURNAL_REPLAY);
    assert_step(&joins, 1);
}

static void whoever_joined_makes_it_when_its_maker_failed(void **state)
{
    struct journal_kit *kit = *state;
    struct asked maker = {0};
    struct asked first = {0};
    struct asked second = {0};
    expect(kit, 1, model_call("a"), &maker, JOURNAL_MAKE);
    expect(kit, 2, model_call("a"), &first, JOURNAL_JOIN);
    journal_orphan(&first.claim);
    expect(kit, 2, model_call("a"), &second, JOURNAL_JOIN);
    settle(kit, &maker, STEP_FAILED);
    expect(kit, 2, model_call("a"), &first, JOURNAL_MAKE);
    expect(kit, 2, model_call("a"), &second, JOURNAL_JOIN);
    settle(kit, &first, STEP_DONE);
    expect(kit, 2, model_call("a"), &second, JOURNAL_REPLAY);
    assert_step(&second, 1);
}

static void a_step_that_failed_keeps_its_row(void **state)
{
    struct asked a = {0};
    struct asked again = {0};
    expect(*state, 1, tool_call("pay", EFFECT_KEYED), &a, JOURNAL_MAKE);
    settle(*state, &a, STEP_FAILED);
    expect(*state, 1, tool_call("pay", EFFECT_KEYED), &again, JOURNAL_MAKE);
    assert_step(&again, 1);
    assert_int_equal(again.step.number, 101);
    assert_int_equal(again.step.state, STEP_FAILED);
    settle(*state, &again, STEP_DONE);
}

/* ---- left between intent and result ---- */

/* A run of its own, as the store has it: one step, left so. */
static void with_step(struct journal_kit *kit, enum step_effect effect, enum step_state left)
{
    const struct step step = stored(tool_call("pay", effect), 1, 0, left);
    const char id[] = {'e', (char)('0' + effect), '\0'};
    run_unref(kit->run);
    kit->run = loaded_run(kit, id, &(const struct run_facts){.row = 8, .attempt = 1}, &step, 1);
}

static void what_may_be_repeated_is_made_again_when_its_maker_died(void **state)
{
    static const enum step_effect effects[] = {EFFECT_READ, EFFECT_IDEMPOTENT, EFFECT_KEYED};
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        struct asked a = {0};
        with_step(*state, effects[i], STEP_INTENT);
        expect(*state, 2, tool_call("pay", effects[i]), &a, JOURNAL_AGAIN);
        assert_step(&a, 1);
        settle(*state, &a, STEP_DONE);
    }
}

static void what_may_happen_twice_is_in_doubt_when_its_maker_died(void **state)
{
    struct asked a = {0};
    with_step(*state, EFFECT_UNSAFE, STEP_INTENT);
    expect(*state, 2, tool_call("pay", EFFECT_UNSAFE), &a, JOURNAL_DOUBT);
    assert_true(a.claim.making);
    settle(*state, &a, STEP_IN_DOUBT);
}

static void a_step_in_doubt_is_so_for_everybody_who_asks(void **state)
{
    with_step(*state, EFFECT_UNSAFE, STEP_IN_DOUBT);
    for (uint32_t attempt = 2; attempt < 5; attempt++) {
        struct asked a = {0};
        expect(*state, attempt, tool_call("pay", EFFECT_UNSAFE), &a, JOURNAL_DOUBT);
        assert_step(&a, 1);
        settle(*state, &a, STEP_IN_DOUBT);
    }
}

static void whoever_asks_while_a_doubt_is_looked_into_waits(void **state)
{
    struct asked a = {0};
    struct asked b = {0};
    with_step(*state, EFFECT_UNSAFE, STEP_INTENT);
    expect(*state, 2, tool_call("pay", EFFECT_UNSAFE), &a, JOURNAL_DOUBT);
    expect(*state, 3, tool_call("pay", EFFECT_UNSAFE), &b, JOURNAL_JOIN);
    settle(*state, &a, STEP_DONE);
    expect(*state, 3, tool_call("pay", EFFECT_UNSAFE), &b, JOURNAL_REPLAY);
}

static void a_skipped_step_answers_and_is_not_made(void **state)
{
    struct asked a = {0};
    with_step(*state, EFFECT_UNSAFE, STEP_SKIPPED);
    expect(*state, 2, tool_call("pay", EFFECT_UNSAFE), &a, JOURNAL_REPLAY);
    assert_int_equal(a.step.state, STEP_SKIPPED);
}

/* ---- places ---- */

static void equal_calls_of_a_try_are_steps_in_order(void **state)
{
    struct journal_kit *kit = *state;
    for (int i = 0; i < 3; i++) {
        make_done(kit, 1, model_call("poll"));
    }
    for (uint32_t seq = 1; seq <= 3; seq++) {
        struct asked a = {0};
        expect(kit, 2, model_call("poll"), &a, JOURNAL_REPLAY);
        assert_step(&a, seq);
        assert_int_equal(a.step.occurrence, seq - 1);
    }
    make_done(kit, 2, model_call("poll"));
    assert_int_equal(count_of(kit, 0), 4);
}

static void equal_calls_side_by_side_are_two_steps(void **state)
{
    struct asked a = {0};
    struct asked b = {0};
    expect(*state, 1, model_call("twin"), &a, JOURNAL_MAKE);
    expect(*state, 1, model_call("twin"), &b, JOURNAL_MAKE);
    assert_step(&b, 2);
    settle(*state, &a, STEP_DONE);
    settle(*state, &b, STEP_DONE);
}

static void the_order_of_different_calls_does_not_matter(void **state)
{
    struct asked a = {0};
    struct asked b = {0};
    make_done(*state, 1, model_call("a"));
    make_done(*state, 1, model_call("b"));
    expect(*state, 2, model_call("b"), &b, JOURNAL_REPLAY);
    expect(*state, 2, model_call("a"), &a, JOURNAL_REPLAY);
    assert_step(&a, 1);
    assert_step(&b, 2);
}

static void a_failed_call_gives_its_place_back(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    expect(kit, 1, model_call("a"), &a, JOURNAL_MAKE);
    make_done(kit, 1, model_call("a"));
    settle(kit, &a, STEP_FAILED);
    make_done(kit, 1, model_call("a")); /* the first place again */
    assert_int_equal(count_of(kit, 0), 2);
    struct asked next = {0};
    expect(kit, 1, model_call("a"), &next, JOURNAL_MAKE);
    assert_step(&next, 3);
    settle(kit, &next, STEP_DONE);
}

static void a_client_that_left_may_ask_again_in_its_try(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    struct asked again = {0};
    expect(kit, 1, tool_call("pay", EFFECT_UNSAFE), &a, JOURNAL_MAKE);
    journal_orphan(&a.claim);
    expect(kit, 1, tool_call("pay", EFFECT_UNSAFE), &again, JOURNAL_JOIN);
    settle(kit, &a, STEP_DONE);
    expect(kit, 1, tool_call("pay", EFFECT_UNSAFE), &again, JOURNAL_REPLAY);
    assert_step(&again, 1);
}

static void a_place_that_was_taken_over_is_not_given_back_by_a_failure(void **state)
{
    struct journal_kit *kit = *state;
    struct asked gone = {0};
    struct asked heir = {0};
    struct asked other = {0};
    expect(kit, 1, tool_call("pay", EFFECT_UNSAFE), &gone, JOURNAL_MAKE);
    journal_orphan(&gone.claim);
    expect(kit, 1, tool_call("pay", EFFECT_UNSAFE), &heir, JOURNAL_JOIN);
    settle(kit, &gone, STEP_FAILED);
    expect(kit, 1, tool_call("pay", EFFECT_UNSAFE), &other, JOURNAL_MAKE);
    assert_step(&other, 2);
    expect(kit, 1, tool_call("pay", EFFECT_UNSAFE), &heir, JOURNAL_MAKE);
    assert_step(&heir, 1);
    settle(kit, &heir, STEP_DONE);
    settle(kit, &other, STEP_DONE);
}

static void a_place_is_given_back_once(void **state)
{
    struct journal_kit *kit = *state;
    struct asked gone = {0};
    struct asked heir = {0};
    expect(kit, 1, model_call("poll"), &gone, JOURNAL_MAKE);
    journal_orphan(&gone.claim);
    settle(kit, &gone, STEP_DONE);
    expect(kit, 1, model_call("poll"), &heir, JOURNAL_REPLAY);
    journal_orphan(&gone.claim); /* its exchange ends */
    struct asked next = {0};
    expect(kit, 1, model_call("poll"), &next, JOURNAL_MAKE);
    assert_step(&next, 2);
    settle(kit, &next, STEP_DONE);
}

static void an_answer_that_was_not_told_is_told_again(void **state)
{
    struct journal_kit *kit = *state;
    make_done(kit, 1, model_call("poll"));
    struct asked a = {0};
    expect(kit, 2, model_call("poll"), &a, JOURNAL_REPLAY);
    journal_orphan(&a.claim);
    struct asked again = {0};
    expect(kit, 2, model_call("poll"), &again, JOURNAL_REPLAY);
    assert_step(&again, 1);
}

static void whoever_leaves_is_not_posted_and_gives_its_place_back(void **state)
{
    struct journal_kit *kit = *state;
    struct asked maker = {0};
    struct asked leaves = {0};
    struct asked stays = {0};
    expect(kit, 1, model_call("a"), &maker, JOURNAL_MAKE);
    expect(kit, 2, model_call("a"), &leaves, JOURNAL_JOIN);
    assert_true(journal_leave(kit->run, &leaves.claim, &leaves.waiter));
    expect(kit, 2, model_call("a"), &stays, JOURNAL_JOIN);
    settle(kit, &maker, STEP_DONE);
    assert_true(was_posted(kit, &stays));
    assert_false(leaves.posted);
}

static void whoever_leaves_too_late_is_posted(void **state)
{
    struct journal_kit *kit = *state;
    struct asked maker = {0};
    struct asked leaves = {0};
    expect(kit, 1, model_call("a"), &maker, JOURNAL_MAKE);
    expect(kit, 2, model_call("a"), &leaves, JOURNAL_JOIN);
    settle(kit, &maker, STEP_DONE);
    assert_false(journal_leave(kit->run, &leaves.claim, &leaves.waiter));
    assert_true(was_posted(kit, &leaves));
}

/* ---- names ---- */

static void a_name_is_one_step_however_often_it_is_asked(void **state)
{
    const struct step_call call = named_call("k", "x", EFFECT_UNSAFE);
    make_done(*state, 1, call);
    for (uint32_t attempt = 1; attempt <= 2; attempt++) {
        struct asked a = {0};
        struct asked again = {0};
        expect(*state, attempt, call, &a, JOURNAL_REPLAY);
        expect(*state, attempt, call, &again, JOURNAL_REPLAY);
        assert_step(&again, 1);
    }
}

static void a_named_step_that_is_being_made_is_joined_in_its_own_try(void **state)
{
    const struct step_call call = named_call("k", "x", EFFECT_UNSAFE);
    struct asked a = {0};
    struct asked twin = {0};
    expect(*state, 1, call, &a, JOURNAL_MAKE);
    expect(*state, 1, call, &twin, JOURNAL_JOIN);
    settle(*state, &a, STEP_DONE);
}

static void a_name_with_another_effect_is_a_conflict(void **state)
{
    static const enum step_effect effects[] = {EFFECT_IDEMPOTENT, EFFECT_KEYED, EFFECT_UNSAFE};
    static const char *const keys[] = {"i", "k", "u"};
    for (size_t i = 0; i < 3; i++) {
        struct asked a = {0};
        make_done(*state, 1, named_call(keys[i], "x", effects[i]));
        expect(*state, 1, named_call(keys[i], "y", effects[i]), &a, JOURNAL_CONFLICT);
        assert_int_equal(a.claim.seq, 0);
    }
}

static void a_name_with_another_question_is_answered(void **state)
{
    struct asked a = {0};
    make_done(*state, 1, named_call("k", "x", EFFECT_READ));
    expect(*state, 2, named_call("k", "y", EFFECT_READ), &a, JOURNAL_REPLAY);
    assert_true(a.claim.relaxed);
}

static void a_new_name_never_diverges(void **state)
{
    struct asked a = {0};
    make_done(*state, 1, named_call("k1", "x", EFFECT_UNSAFE));
    expect(*state, 2, named_call("k2", "x", EFFECT_UNSAFE), &a, JOURNAL_MAKE);
    assert_int_equal(a.claim.passed, 0);
    settle(*state, &a, STEP_DONE);
}

/* ---- tries ---- */

static void an_older_try_is_refused(void **state)
{
    struct asked a = {0};
    make_done(*state, 2, model_call("a"));
    expect(*state, 1, model_call("a"), &a, JOURNAL_FENCED);
    assert_int_equal(a.claim.seq, 0);
}

static void whoever_waits_in_an_older_try_is_refused_in_the_end(void **state)
{
    struct journal_kit *kit = *state;
    struct asked maker = {0};
    struct asked waits = {0};
    expect(kit, 1, model_call("a"), &maker, JOURNAL_MAKE);
    expect(kit, 2, model_call("a"), &waits, JOURNAL_JOIN);
    make_done(kit, 3, model_call("b"));
    settle(kit, &maker, STEP_DONE);
    expect(kit, 2, model_call("a"), &waits, JOURNAL_FENCED);
}

static void every_call_of_a_try_raises_the_fence_until_it_is_durable(void **state)
{
    struct journal_kit *kit = *state;
    struct asked first = {0};
    struct asked beside = {0};
    struct asked later = {0};
    expect(kit, 2, model_call("a"), &first, JOURNAL_MAKE);
    expect(kit, 2, model_call("b"), &beside, JOURNAL_MAKE);
    assert_true(first.claim.raised);
    assert_true(beside.claim.raised);
    run_fenced(kit->run, 2);
    expect(kit, 2, model_call("c"), &later, JOURNAL_MAKE);
    assert_false(later.claim.raised);
    settle(kit, &first, STEP_DONE);
    settle(kit, &beside, STEP_DONE);
    settle(kit, &later, STEP_DONE);
}

static void a_lower_fence_that_becomes_durable_late_changes_nothing(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    make_done(kit, 3, model_call("a"));
    run_fenced(kit->run, 3);
    run_fenced(kit->run, 2);
    expect(kit, 3, model_call("b"), &a, JOURNAL_MAKE);
    assert_false(a.claim.raised);
    settle(kit, &a, STEP_DONE);
}

/* ---- closed ---- */

static void a_run_that_has_ended_takes_no_call(void **state)
{
    static const enum run_state ends[] = {RUN_DONE, RUN_FAILED, RUN_CANCELLED};
    struct journal_kit *kit = *state;
    make_done(kit, 1, model_call("a"));
    for (size_t i = 0; i < 3; i++) {
        struct asked a = {0};
        run_set_state(kit->run, ends[i]);
        expect(kit, 2, model_call("a"), &a, JOURNAL_CLOSED);
        assert_false(a.claim.raised);
    }
}

static void a_run_that_is_opened_again_goes_on(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    make_done(kit, 1, model_call("a"));
    run_set_state(kit->run, RUN_CANCELLED);
    run_set_state(kit->run, RUN_OPEN);
    expect(kit, 2, model_call("a"), &a, JOURNAL_REPLAY);
}

/* ---- what a person decided ---- */

static enum err decide(struct journal_kit *kit, uint32_t seq, enum step_state state)
{
    struct journal_claim claim = {0};
    enum err code = run_hold(kit->run, seq, &claim);
    if (code == ERR_OK) {
        journal_settle(&claim, state, 1, 0, kit->now);
    }
    return code;
}

static void a_decision_stands_for_the_result(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    with_step(kit, EFFECT_UNSAFE, STEP_IN_DOUBT);
    assert_int_equal(decide(kit, 1, STEP_FAILED), ERR_OK);
    expect(kit, 2, tool_call("pay", EFFECT_UNSAFE), &a, JOURNAL_MAKE);
    assert_int_equal(decide(kit, 1, STEP_SKIPPED), ERR_BUSY);
    settle(kit, &a, STEP_IN_DOUBT);
    assert_int_equal(decide(kit, 1, STEP_SKIPPED), ERR_OK);
    expect(kit, 2, tool_call("pay", EFFECT_UNSAFE), &a, JOURNAL_REPLAY);
}

static void a_call_waits_for_the_decision(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    struct journal_claim claim = {0};
    with_step(kit, EFFECT_UNSAFE, STEP_IN_DOUBT);
    assert_int_equal(run_hold(kit->run, 1, &claim), ERR_OK);
    expect(kit, 2, tool_call("pay", EFFECT_UNSAFE), &a, JOURNAL_JOIN);
    journal_settle(&claim, STEP_DONE, 1, 0, kit->now);
    assert_true(was_posted(kit, &a));
    expect(kit, 2, tool_call("pay", EFFECT_UNSAFE), &a, JOURNAL_REPLAY);
}

static void what_is_no_step_cannot_be_decided(void **state)
{
    struct journal_kit *kit = *state;
    make_done(kit, 1, model_call("a"));
    assert_int_equal(decide(kit, 0, STEP_SKIPPED), ERR_NOT_FOUND);
    assert_int_equal(decide(kit, 2, STEP_SKIPPED), ERR_NOT_FOUND);
}

static void a_result_is_final(void **state)
{
    struct journal_kit *kit = *state;
    make_done(kit, 1, model_call("a"));
    assert_int_equal(decide(kit, 1, STEP_SKIPPED), ERR_EXISTS);
}

static void a_step_is_looked_at_without_being_held(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    struct step step;
    make_done(kit, 1, model_call("a"));
    assert_int_equal(run_step(kit->run, 0, &step), ERR_NOT_FOUND);
    assert_int_equal(run_step(kit->run, 2, &step), ERR_NOT_FOUND);
    assert_int_equal(run_step(kit->run, 1, &step), ERR_OK);
    assert_int_equal(step.state, STEP_DONE);
    expect(kit, 2, model_call("a"), &a, JOURNAL_REPLAY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_kit_start, journal_kit_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_call_is_made),
        TEST(a_recorded_step_answers_in_a_later_try),
        TEST(a_step_that_is_being_made_is_joined),
        TEST(whoever_joined_makes_it_when_its_maker_failed),
        TEST(a_step_that_failed_keeps_its_row),
        TEST(what_may_be_repeated_is_made_again_when_its_maker_died),
        TEST(what_may_happen_twice_is_in_doubt_when_its_maker_died),
        TEST(a_step_in_doubt_is_so_for_everybody_who_asks),
        TEST(whoever_asks_while_a_doubt_is_looked_into_waits),
        TEST(a_skipped_step_answers_and_is_not_made),
        TEST(equal_calls_of_a_try_are_steps_in_order),
        TEST(equal_calls_side_by_side_are_two_steps),
        TEST(the_order_of_different_calls_does_not_matter),
        TEST(a_failed_call_gives_its_place_back),
        TEST(a_client_that_left_may_ask_again_in_its_try),
        TEST(a_place_that_was_taken_over_is_not_given_back_by_a_failure),
        TEST(a_place_is_given_back_once),
        TEST(an_answer_that_was_not_told_is_told_again),
        TEST(whoever_leaves_is_not_posted_and_gives_its_place_back),
        TEST(whoever_leaves_too_late_is_posted),
        TEST(a_name_is_one_step_however_often_it_is_asked),
        TEST(a_named_step_that_is_being_made_is_joined_in_its_own_try),
        TEST(a_name_with_another_effect_is_a_conflict),
        TEST(a_name_with_another_question_is_answered),
        TEST(a_new_name_never_diverges),
        TEST(an_older_try_is_refused),
        TEST(whoever_waits_in_an_older_try_is_refused_in_the_end),
        TEST(every_call_of_a_try_raises_the_fence_until_it_is_durable),
        TEST(a_lower_fence_that_becomes_durable_late_changes_nothing),
        TEST(a_run_that_has_ended_takes_no_call),
        TEST(a_run_that_is_opened_again_goes_on),
        TEST(a_decision_stands_for_the_result),
        TEST(a_call_waits_for_the_decision),
        TEST(a_result_is_final),
        TEST(a_step_is_looked_at_without_being_held),
        TEST(what_is_no_step_cannot_be_decided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
