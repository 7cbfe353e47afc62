/* SPDX-License-Identifier: Apache-2.0
 * test_counts.c - tails of the negative binomial, against values computed with exact fractions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stats/counts.h"

#include <math.h>

static void assert_near(double value, double expected)
{
    if (fabs(value - expected) > 1e-9) {
        fail_msg("%.12g, not %.12g", value, expected);
    }
}

static void no_event_is_no_surprise(void **state)
{
    (void)state;
    assert_near(counts_tail(0, 1, 0, 24), 1);
    assert_near(counts_tail(0, 1, 1000, 24), 1);
}

static void without_a_past_one_event_is_possible(void **state)
{
    (void)state;
    /* r = 1/2, q = 1/25: P(0) = sqrt(24/25). */
    assert_near(counts_tail(1, 1, 0, 24), 1 - sqrt(24.0 / 25.0));
    assert_near(counts_tail(2, 1, 0, 24), 1 - sqrt(24.0 / 25.0) * (1 + 0.5 / 25));
}

static void the_tail_sums_to_what_is_expected(void **state)
{
    (void)state;
    /* The mean of a count is the sum of its tails: r q / (1 - q). */
    double mean = 0;
    for (uint64_t k = 1; k < 200; k++) {
        mean += counts_tail(k, 1, 48, 24);
    }
    assert_near(mean, 48.5 / 24.0);
}

static void a_surge_is_rare(void **state)
{
    (void)state;
    assert_true(counts_tail(40, 1, 48, 24) < 1e-9);
    assert_true(counts_tail(4, 1, 48, 24) > 0.05);
    assert_true(counts_tail(3000000, 1, 48, 24) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_event_is_no_surprise),
        cmocka_unit_test(without_a_past_one_event_is_possible),
        cmocka_unit_test(the_tail_sums_to_what_is_expected),
        cmocka_unit_test(a_surge_is_rare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
