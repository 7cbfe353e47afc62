/* SPDX-License-Identifier: Apache-2.0
 * test_journal_local.c - steps that are no call: lent to the agent's own code, parked while
 * something is waited for, reported; and calls that are no step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/journal_kit.h"

static struct step_call code(const char *what, enum step_effect effect)
{
    struct step_call call = tool_call(what, effect);
    call.kind = STEP_CODE;
    return call;
}

static struct step_call wait_for(const char *what)
{
    struct step_call call = tool_call(what, EFFECT_READ);
    call.kind = STEP_SIGNAL;
    return call;
}

/* Asked for and out at the try. */
static void lend(struct journal_kit *kit, uint32_t attempt, struct step_call call, uint32_t seq)
{
    struct asked a = {0};
    expect(kit, attempt, call, &a, JOURNAL_MAKE);
    assert_int_equal(a.claim.seq, seq);
    journal_part(&a.claim, 100 + seq, 0, true);
    assert_int_equal(a.claim.seq, 0);
}

static enum journal_answer recall(struct journal_kit *kit, uint32_t attempt, uint32_t seq,
                                  struct asked *asked)
{
    return journal_recall(kit->run, attempt, seq, &asked->claim, &asked->step);
}

static void a_step_that_is_out_stops_an_equal_one_of_its_try(void **state)
{
    struct journal_kit *kit = *state;
    struct asked again = {0};
    struct asked other = {0};
    lend(kit, 1, code("a", EFFECT_KEYED), 1);
    expect(kit, 1, code("a", EFFECT_KEYED), &again, JOURNAL_OUT);
    assert_int_equal(again.claim.seq, 0);
    expect(kit, 1, code("b", EFFECT_KEYED), &other, JOURNAL_MAKE);
    settle(kit, &other, STEP_FAILED);
}

static void one_that_is_just_being_lent_is_waited_for(void **state)
{
    struct journal_kit *kit = *state;
    struct asked first = {0};
    struct asked again = {0};
    expect(kit, 1, code("a", EFFECT_KEYED), &first, JOURNAL_MAKE);
    expect(kit, 1, code("a", EFFECT_KEYED), &again, JOURNAL_JOIN);
    journal_part(&first.claim, 101, 0, true);
    assert_true(was_posted(kit, &again));
    expect(kit, 1, code("a", EFFECT_KEYED), &again, JOURNAL_OUT);
}

static void behind_its_report_an_equal_one_is_another_step(void **state)
{
    struct journal_kit *kit = *state;
    struct asked report = {0};
    struct asked next = {0};
    lend(kit, 1, code("a", EFFECT_KEYED), 1);
    assert_int_equal(recall(kit, 1, 1, &report), JOURNAL_MAKE);
    assert_int_equal(report.step.number, 101);
    settle(kit, &report, STEP_DONE);
    expect(kit, 1, code("a", EFFECT_KEYED), &next, JOURNAL_MAKE);
    assert_int_equal(next.claim.seq, 2);
    settle(kit, &next, STEP_FAILED);
}

static void one_given_back_is_made_again_in_its_place(void **state)
{
    struct journal_kit *kit = *state;
    struct asked report = {0};
    struct asked again = {0};
    lend(kit, 1, code("a", EFFECT_UNSAFE), 1);
    assert_int_equal(recall(kit, 1, 1, &report), JOURNAL_MAKE);
    settle(kit, &report, STEP_FAILED);
    expect(kit, 1, code("a", EFFECT_UNSAFE), &again, JOURNAL_MAKE);
    assert_int_equal(again.claim.seq, 1);
    settle(kit, &again, STEP_FAILED);
}

static void a_later_try_takes_over_what_is_out(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    struct asked b = {0};
    struct asked late = {0};
    lend(kit, 1, code("a", EFFECT_IDEMPOTENT), 1);
    lend(kit, 1, code("b", EFFECT_UNSAFE), 2);
    expect(kit, 2, code("a", EFFECT_IDEMPOTENT), &a, JOURNAL_AGAIN);
    expect(kit, 2, code("b", EFFECT_UNSAFE), &b, JOURNAL_DOUBT);
    assert_int_equal(recall(kit, 1, 1, &late), JOURNAL_FENCED);
    journal_part(&a.claim, 101, 0, true);
    settle(kit, &b, STEP_IN_DOUBT);
    assert_int_equal(recall(kit, 2, 2, &late), JOURNAL_OUT);
    assert_int_equal(recall(kit, 2, 1, &late), JOURNAL_MAKE);
    settle(kit, &late, STEP_DONE);
}

static void a_report_of_what_is_not_out_is_refused(void **state)
{
    struct journal_kit *kit = *state;
    struct asked report = {0};
    struct asked twice = {0};
    make_done(kit, 1, tool_call("t", EFFECT_KEYED));
    lend(kit, 1, code("a", EFFECT_KEYED), 2);
    assert_int_equal(recall(kit, 1, 0, &report), JOURNAL_OUT);
    assert_int_equal(recall(kit, 1, 1, &report), JOURNAL_OUT); /* a tool's */
    assert_int_equal(recall(kit, 1, 3, &report), JOURNAL_OUT);
    assert_int_equal(recall(kit, 2, 2, &report), JOURNAL_OUT); /* a try that has not asked */
    assert_int_equal(recall(kit, 1, 2, &report), JOURNAL_MAKE);
    assert_int_equal(recall(kit, 1, 2, &twice), JOURNAL_OUT); /* one is being kept */
    settle(kit, &report, STEP_DONE);
    assert_int_equal(recall(kit, 1, 2, &twice), JOURNAL_REPLAY);
}

static void behind_a_restart_the_last_try_may_still_report(void **state)
{
    struct journal_kit *kit = *state;
    struct step steps[] = {stored(code("a", EFFECT_UNSAFE), 1, 0, STEP_INTENT)};
    const struct run_facts facts = {.row = 2, .epoch = 1, .attempt = 3};
    struct run *run = loaded_run(kit, "restarted", &facts, steps, 1);
    struct asked report = {0};
    assert_int_equal(journal_recall(run, 4, 1, &report.claim, &report.step), JOURNAL_OUT);
    assert_int_equal(journal_recall(run, 2, 1, &report.claim, &report.step), JOURNAL_FENCED);
    assert_int_equal(journal_recall(run, 3, 1, &report.claim, &report.step), JOURNAL_MAKE);
    settle(kit, &report, STEP_DONE);
    run_unref(run);
}

/* ---- waiting ---- */

static void a_parked_step_keeps_its_place_for_its_claim(void **state)
{
    struct journal_kit *kit = *state;
    struct asked first = {0};
    struct asked second = {0};
    expect(kit, 1, wait_for("s"), &first, JOURNAL_MAKE);
    journal_part(&first.claim, 101, 7, false);
    expect(kit, 1, wait_for("s"), &second, JOURNAL_MAKE);
    assert_int_equal(second.claim.seq, 2);
    journal_part(&second.claim, 102, 0, false);
    expect(kit, 1, wait_for("s"), &first, JOURNAL_MAKE); /* woken */
    assert_int_equal(first.claim.seq, 1);
    settle(kit, &first, STEP_DONE);
    struct run_facts facts;
    run_facts(kit->run, &facts);
    assert_int_equal(facts.bytes, 7);
}

static void who_stopped_waiting_leaves_the_place(void **state)
{
    struct journal_kit *kit = *state;
    struct asked first = {0};
    struct asked again = {0};
    expect(kit, 1, wait_for("s"), &first, JOURNAL_MAKE);
    journal_part(&first.claim, 101, 0, false);
    journal_orphan(&first.claim);
    expect(kit, 1, wait_for("s"), &again, JOURNAL_MAKE);
    assert_int_equal(again.claim.seq, 1);
    assert_int_equal(again.step.number, 101);
    settle(kit, &again, STEP_DONE);
}

static void a_waiter_of_an_older_try_is_fenced_when_it_wakes(void **state)
{
    struct journal_kit *kit = *state;
    struct asked old = {0};
    struct asked new = {0};
    expect(kit, 1, wait_for("s"), &old, JOURNAL_MAKE);
    journal_part(&old.claim, 101, 0, false);
    expect(kit, 2, wait_for("s"), &new, JOURNAL_MAKE);
    assert_int_equal(new.claim.seq, 1);
    journal_part(&new.claim, 101, 0, false);
    expect(kit, 1, wait_for("s"), &old, JOURNAL_FENCED);
}

static void a_step_is_found_by_its_number(void **state)
{
    struct journal_kit *kit = *state;
    struct asked a = {0};
    const struct step_call call = wait_for("s");
    for (uint32_t i = 1; i <= 2; i++) {
        struct asked first = {0};
        expect(kit, 1, call, &first, JOURNAL_MAKE);
        journal_part(&first.claim, 100 + i, 0, false);
    }
    struct journal_asking asking = {.run = kit->run,
                                    .attempt = 1,
                                    .call = &call,
                                    .seq = 2,
                                    .policy = &kit->policy,
                                    .waiter = &a.waiter};
    assert_int_equal(journal_claim(&asking, &a.claim, &a.step), JOURNAL_MAKE);
    assert_int_equal(a.claim.seq, 2);
    settle(kit, &a, STEP_DONE);
    const struct step_call other = wait_for("other");
    struct asked b = {0};
    asking.call = &other;
    assert_int_equal(journal_claim(&asking, &b.claim, &b.step), JOURNAL_CONFLICT);
    asking.seq = 3;
    assert_int_equal(journal_claim(&asking, &b.claim, &b.step), JOURNAL_CONFLICT);
}

/* ---- no step ---- */

static void a_call_that_is_no_step_stands_behind_the_same_fence(void **state)
{
    struct journal_kit *kit = *state;
    struct journal_claim claim = {0};
    assert_int_equal(journal_enter(kit->run, 2, &claim), JOURNAL_MAKE);
    assert_true(claim.raised);
    assert_int_equal(journal_enter(kit->run, 1, &claim), JOURNAL_FENCED);
    run_set_state(kit->run, RUN_DIVERGED);
    assert_int_equal(journal_enter(kit->run, 2, &claim), JOURNAL_DIVERGED);
    run_set_state(kit->run, RUN_DONE);
    assert_int_equal(journal_enter(kit->run, 3, &claim), JOURNAL_CLOSED);
    assert_int_equal(count_of(kit, 0), 0);
}

int main(void)
{
#define KIT(test) cmocka_unit_test_setup_teardown(test, journal_kit_start, journal_kit_stop)
    const struct CMUnitTest tests[] = {
        KIT(a_step_that_is_out_stops_an_equal_one_of_its_try),
        KIT(one_that_is_just_being_lent_is_waited_for),
        KIT(behind_its_report_an_equal_one_is_another_step),
        KIT(one_given_back_is_made_again_in_its_place),
        KIT(a_later_try_takes_over_what_is_out),
        KIT(a_report_of_what_is_not_out_is_refused),
        KIT(behind_a_restart_the_last_try_may_still_report),
        KIT(a_parked_step_keeps_its_place_for_its_claim),
        KIT(who_stopped_waiting_leaves_the_place),
        KIT(a_waiter_of_an_older_try_is_fenced_when_it_wakes),
        KIT(a_step_is_found_by_its_number),
        KIT(a_call_that_is_no_step_stands_behind_the_same_fence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
