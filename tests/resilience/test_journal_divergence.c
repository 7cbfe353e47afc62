/* SPDX-License-Identifier: Apache-2.0
 * test_journal_divergence.c - calls that fit no recorded step while one of their sort waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/journal_kit.h"

static struct step_call question(const char *exact, const char *loose)
{
    struct step_call call = model_call(exact);
    call.loose = journal_kit_digest(loose);
    return call;
}

static enum run_state state_of(const struct journal_kit *kit)
{
    struct run_facts facts;
    run_facts(kit->run, &facts);
    return facts.state;
}

static void what_decides_the_answer_is_the_same_and_so_is_the_answer(void **state)
{
    struct asked a = {0};
    make_done(*state, 1, question("at nine", "hello"));
    expect(*state, 2, question("at ten", "hello"), &a, JOURNAL_REPLAY);
    assert_true(a.claim.relaxed);
    assert_int_equal(a.claim.seq, 1);
    assert_int_equal(a.claim.passed, 0);
    assert_int_equal(count_of(*state, 0), 1);
}

/* Calls side by side come in any order. */
static void any_step_that_waits_is_compared(void **state)
{
    struct asked second = {0};
    struct asked first = {0};
    make_done(*state, 1, question("a1", "first"));
    make_done(*state, 1, question("b1", "second"));
    expect(*state, 2, question("b2", "second"), &second, JOURNAL_REPLAY);
    expect(*state, 2, question("a2", "first"), &first, JOURNAL_REPLAY);
    assert_int_equal(second.claim.seq, 2);
    assert_int_equal(first.claim.seq, 1);
    (void)count_of(*state, 0);
}

static void a_full_run_answers_in_other_words(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    struct asked again = {0};
    struct asked other = {0};
    expect(kit, 1, question("a1", "first"), &a, JOURNAL_MAKE);
    journal_settle(&a.claim, STEP_DONE, 101, RUN_BYTES_MAX, kit->now);
    expect(kit, 2, question("a2", "first"), &again, JOURNAL_REPLAY);
    expect(kit, 2, question("b2", "second"), &other, JOURNAL_FULL);
}

/* Which order was kept is not known, what was asked is. */
static void a_try_that_goes_on_behind_a_restart_is_answered_in_other_words(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    struct step step = stored(question("a1", "first"), 1, 0, STEP_DONE);
    step.attempt = 1;
    run_unref(kit->run);
    kit->run = loaded_run(kit, "r2", &(const struct run_facts){.attempt = 2}, &step, 1);
    expect(kit, 2, question("a2", "first"), &a, JOURNAL_REPLAY);
}

static void another_question_is_asked_and_counted(void **state)
{
    struct asked a = {0};
    make_done(*state, 1, model_call("a"));
    expect(*state, 2, model_call("b"), &a, JOURNAL_MAKE);
    assert_int_equal(a.claim.seq, 2);
    assert_int_equal(a.claim.passed, 1);
    assert_int_equal(count_of(*state, 1), 2);
    settle(*state, &a, STEP_DONE);
}

static void another_reading_is_made_and_counted(void **state)
{
    struct asked a = {0};
    make_done(*state, 1, tool_call("x", EFFECT_READ));
    expect(*state, 2, tool_call("y", EFFECT_READ), &a, JOURNAL_MAKE);
    assert_int_equal(count_of(*state, 1), 2);
    settle(*state, &a, STEP_DONE);
}

static void another_effect_stops_the_run(void **state)
{
    static const enum step_effect effects[] = {EFFECT_IDEMPOTENT, EFFECT_KEYED, EFFECT_UNSAFE};
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        struct asked a = {0};
        make_done(*state, (uint32_t)(2 * i + 1), tool_call("x", effects[i]));
        expect(*state, (uint32_t)(2 * i + 2), tool_call("y", effects[i]), &a, JOURNAL_DIVERGED);
        assert_int_equal(a.claim.passed, 1);
        assert_int_equal(a.step.seq, 1);
        assert_int_equal(a.claim.seq, 0);
        assert_int_equal(state_of(*state), RUN_DIVERGED);
        assert_int_equal(count_of(*state, 0), 1);
        journal_kit_stop(state);
        journal_kit_start(state);
    }
}

static void a_stopped_run_answers_nothing(void **state)
{
    struct asked a = {0};
    struct asked b = {0};
    make_done(*state, 1, tool_call("x", EFFECT_UNSAFE));
    expect(*state, 2, tool_call("y", EFFECT_UNSAFE), &a, JOURNAL_DIVERGED);
    expect(*state, 3, tool_call("x", EFFECT_UNSAFE), &b, JOURNAL_DIVERGED);
}

static void the_policy_decides(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    struct asked b = {0};
    struct asked c = {0};
    kit->policy = (struct journal_policy){DIVERGENCE_LIVE, DIVERGENCE_STOP, DIVERGENCE_RELAXED, 9};
    make_done(kit, 1, question("a", "same"));
    make_done(kit, 1, tool_call("x", EFFECT_UNSAFE));
    make_done(kit, 1, tool_call("r", EFFECT_READ));
    expect(kit, 2, question("b", "same"), &a, JOURNAL_MAKE);
    struct step_call other = tool_call("x2", EFFECT_UNSAFE);
    other.loose = journal_kit_digest("x");
    expect(kit, 2, other, &b, JOURNAL_REPLAY);
    assert_true(b.claim.relaxed);
    expect(kit, 2, tool_call("r2", EFFECT_READ), &c, JOURNAL_DIVERGED);
    settle(kit, &a, STEP_DONE);
}

static void beyond_the_budget_the_run_stops(void **state)
{
    struct journal_kit *kit = *state;
    static const char *const others[] = {"b", "c", "d"};
    struct asked last = {0};
    make_done(kit, 1, model_call("a"));
    for (size_t i = 0; i < 3; i++) {
        make_done(kit, 2, model_call(others[i]));
    }
    assert_int_equal(count_of(kit, 3), 4);
    expect(kit, 2, model_call("e"), &last, JOURNAL_DIVERGED);
    assert_int_equal(last.claim.passed, 1);
    assert_int_equal(count_of(kit, 3), 4);
    run_set_state(kit->run, RUN_OPEN); /* a person let it go on: the budget is whole again */
    make_done(kit, 2, model_call("e"));
    (void)count_of(kit, 1);
}

static void a_step_of_another_sort_does_not_wait_for_it(void **state)
{
    struct asked a = {0};
    make_done(*state, 1, tool_call("x", EFFECT_UNSAFE));
    expect(*state, 2, model_call("a"), &a, JOURNAL_MAKE);
    assert_int_equal(a.claim.passed, 0);
    settle(*state, &a, STEP_DONE);
}

static void a_step_that_was_asked_for_waits_no_longer(void **state)
{
    struct asked a = {0};
    struct asked b = {0};
    make_done(*state, 1, model_call("a"));
    expect(*state, 2, model_call("a"), &a, JOURNAL_REPLAY);
    expect(*state, 2, model_call("b"), &b, JOURNAL_MAKE);
    assert_int_equal(b.claim.passed, 0);
    settle(*state, &b, STEP_DONE);
}

/* The agent asked for both at once, and has seen the answer of one: it may go on before it asks
 * for the other. */
static void a_step_made_beside_the_last_answer_does_not_wait(void **state)
{
    struct asked a = {0};
    struct asked b = {0};
    struct asked replayed = {0};
    struct asked next = {0};
    expect(*state, 1, model_call("a"), &a, JOURNAL_MAKE);
    expect(*state, 1, model_call("b"), &b, JOURNAL_MAKE);
    settle(*state, &a, STEP_DONE);
    settle(*state, &b, STEP_DONE);
    expect(*state, 2, model_call("a"), &replayed, JOURNAL_REPLAY);
    expect(*state, 2, model_call("c"), &next, JOURNAL_MAKE);
    assert_int_equal(next.claim.passed, 0);
    settle(*state, &next, STEP_DONE);
}

/* It will have an answer, which the agent of the first try waited for. */
static void a_step_that_is_being_made_waits_too(void **state)
{
    struct asked slow = {0};
    struct asked other = {0};
    expect(*state, 1, model_call("a"), &slow, JOURNAL_MAKE);
    expect(*state, 2, model_call("b"), &other, JOURNAL_MAKE);
    assert_int_equal(other.claim.passed, 1);
    settle(*state, &slow, STEP_DONE);
    settle(*state, &other, STEP_DONE);
}

static void a_question_that_is_being_asked_in_other_words_is_joined(void **state)
{
    struct asked slow = {0};
    struct asked again = {0};
    expect(*state, 1, question("at nine", "hello"), &slow, JOURNAL_MAKE);
    expect(*state, 2, question("at ten", "hello"), &again, JOURNAL_JOIN);
    settle(*state, &slow, STEP_DONE);
    expect(*state, 2, question("at ten", "hello"), &again, JOURNAL_REPLAY);
    assert_true(again.claim.relaxed);
    assert_int_equal(count_of(*state, 0), 1);
}

static void what_was_joined_in_other_words_and_failed_is_made_in_its_own(void **state)
{
    struct asked slow = {0};
    struct asked again = {0};
    expect(*state, 1, question("at nine", "hello"), &slow, JOURNAL_MAKE);
    expect(*state, 2, question("at ten", "hello"), &again, JOURNAL_JOIN);
    settle(*state, &slow, STEP_FAILED);
    expect(*state, 2, question("at ten", "hello"), &again, JOURNAL_MAKE);
    assert_false(again.claim.relaxed);
    assert_int_equal(again.claim.seq, 1);
    settle(*state, &again, STEP_DONE);
}

static void a_step_that_was_passed_over_still_waits(void **state)
{
    struct asked slow = {0};
    struct asked b = {0};
    struct asked c = {0};
    struct journal_kit *kit = *state;
    expect(kit, 1, model_call("a"), &slow, JOURNAL_MAKE);
    settle(kit, &slow, STEP_FAILED);
    expect(kit, 2, model_call("b"), &b, JOURNAL_MAKE);
    assert_int_equal(b.claim.passed, 0);
    expect(kit, 2, model_call("a"), &slow, JOURNAL_MAKE);
    settle(kit, &slow, STEP_DONE);
    settle(kit, &b, STEP_DONE);
    expect(kit, 3, model_call("c"), &c, JOURNAL_MAKE);
    assert_int_equal(c.claim.passed, 1);
    settle(kit, &c, STEP_DONE);
}

/* Its agent hung up and went on: that is no other way than before. */
static void a_step_of_the_same_try_does_not_wait(void **state)
{
    struct asked left = {0};
    struct asked next = {0};
    expect(*state, 1, tool_call("x", EFFECT_UNSAFE), &left, JOURNAL_MAKE);
    journal_orphan(&left.claim);
    settle(*state, &left, STEP_DONE);
    expect(*state, 1, tool_call("y", EFFECT_UNSAFE), &next, JOURNAL_MAKE);
    assert_int_equal(next.claim.passed, 0);
    settle(*state, &next, STEP_DONE);
}

/* What may have happened already must not happen once more in other words. */
static void an_effect_without_a_result_waits_too(void **state)
{
    static const enum step_state left[] = {STEP_INTENT, STEP_IN_DOUBT};
    struct journal_kit *kit = *state;
    for (size_t i = 0; i < 2; i++) {
        struct asked a = {0};
        const char id[] = {'l', (char)('0' + i), '\0'};
        const struct step step = stored(tool_call("x", EFFECT_UNSAFE), 1, 0, left[i]);
        run_unref(kit->run);
        kit->run = loaded_run(kit, id, &(const struct run_facts){.attempt = 1}, &step, 1);
        expect(kit, 2, tool_call("y", EFFECT_UNSAFE), &a, JOURNAL_DIVERGED);
        assert_int_equal(a.claim.passed, 1);
    }
}

static void an_effect_that_failed_does_not_wait(void **state)
{
    struct asked a = {0};
    struct asked b = {0};
    expect(*state, 1, tool_call("x", EFFECT_UNSAFE), &a, JOURNAL_MAKE);
    settle(*state, &a, STEP_FAILED);
    expect(*state, 2, tool_call("y", EFFECT_UNSAFE), &b, JOURNAL_MAKE);
    settle(*state, &b, STEP_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_kit_start, journal_kit_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_decides_the_answer_is_the_same_and_so_is_the_answer),
        TEST(any_step_that_waits_is_compared),
        TEST(a_full_run_answers_in_other_words),
        TEST(a_try_that_goes_on_behind_a_restart_is_answered_in_other_words),
        TEST(another_question_is_asked_and_counted),
        TEST(another_reading_is_made_and_counted),
        TEST(another_effect_stops_the_run),
        TEST(a_stopped_run_answers_nothing),
        TEST(the_policy_decides),
        TEST(beyond_the_budget_the_run_stops),
        TEST(a_step_of_another_sort_does_not_wait_for_it),
        TEST(a_step_that_was_asked_for_waits_no_longer),
        TEST(a_step_made_beside_the_last_answer_does_not_wait),
        TEST(a_step_that_is_being_made_waits_too),
        TEST(a_question_that_is_being_asked_in_other_words_is_joined),
        TEST(what_was_joined_in_other_words_and_failed_is_made_in_its_own),
        TEST(a_step_that_was_passed_over_still_waits),
        TEST(a_step_of_the_same_try_does_not_wait),
        TEST(an_effect_without_a_result_waits_too),
        TEST(an_effect_that_failed_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
