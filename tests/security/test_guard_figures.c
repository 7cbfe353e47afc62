/* SPDX-License-Identifier: Apache-2.0
 * test_guard_figures.c - what may be called passed, and of how much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/guard_figures.h"

static enum gate gates(struct guard_counts counts, size_t figure)
{
    struct figure figures[GUARD_FIGURES];
    guard_figures(&counts, figures);
    return figures[figure].gate;
}

#define QUIET                                                                                      \
    (struct guard_counts)                                                                          \
    {                                                                                              \
        .rows = 1000, .days = 7, .attempts = 7, .attempts_blocked = 7                              \
    }

static void test_nothing_read_says_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < GUARD_FIGURES; i++) {
        assert_int_equal(gates((struct guard_counts){.days = 7}, i), GATE_INCONCLUSIVE);
    }
}

static void test_few_attempts_and_no_leak_pass(void **state)
{
    (void)state;
    assert_int_equal(gates(QUIET, 0), GATE_PASS);
    assert_int_equal(gates(QUIET, 2), GATE_PASS);
}

static void test_the_newest_rows_alone_cannot_pass(void **state)
{
    (void)state;
    struct guard_counts counts = QUIET;
    counts.capped = true;
    counts.attempts = counts.attempts_blocked = 69;
    for (size_t i = 0; i < GUARD_FIGURES; i++) {
        assert_int_equal(gates(counts, i), GATE_INCONCLUSIVE);
    }
}

static void test_the_newest_rows_alone_can_fail(void **state)
{
    (void)state;
    struct guard_counts counts = {
        .rows = 1000, .capped = true, .days = 7, .attempts = 70, .leaks = 1};
    for (size_t i = 0; i < GUARD_FIGURES; i++) {
        assert_int_equal(gates(counts, i), GATE_FAIL);
    }
}

static void test_the_block_rate_needs_many_attempts(void **state)
{
    (void)state;
    struct guard_counts counts = QUIET;
    assert_int_equal(gates(counts, 1), GATE_INCONCLUSIVE);
    counts.attempts = counts.attempts_blocked = 10000;
    assert_int_equal(gates(counts, 1), GATE_PASS);
    counts.attempts_blocked = 9000;
    assert_int_equal(gates(counts, 1), GATE_FAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_read_says_nothing),
        cmocka_unit_test(test_few_attempts_and_no_leak_pass),
        cmocka_unit_test(test_the_newest_rows_alone_cannot_pass),
        cmocka_unit_test(test_the_newest_rows_alone_can_fail),
        cmocka_unit_test(test_the_block_rate_needs_many_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
