/* SPDX-License-Identifier: Apache-2.0
 * test_interval.c - Wilson's interval against published values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stats/interval.h"

#include <math.h>

static void assert_near(double a, double b)
{
    assert_true(fabs(a - b) < 0.0005);
}

/* Newcombe, Statistics in Medicine 17 (1998), table I, method 3. */
static void published_values_are_met(void **state)
{
    (void)state;
    struct interval interval = interval_wilson(81, 263, INTERVAL_95);
    assert_near(interval.low, 0.2553);
    assert_near(interval.high, 0.3662);
    interval = interval_wilson(15, 148, INTERVAL_95);
    assert_near(interval.low, 0.0624);
    assert_near(interval.high, 0.1605);
    interval = interval_wilson(0, 20, INTERVAL_95);
    assert_near(interval.low, 0);
    assert_near(interval.high, 0.1611);
    interval = interval_wilson(1, 29, INTERVAL_95);
    assert_near(interval.low, 0.0061);
    assert_near(interval.high, 0.1718);
}

static void nothing_seen_is_nothing_known(void **state)
{
    (void)state;
    struct interval interval = interval_wilson(0, 0, INTERVAL_95);
    assert_true(interval.low <= 0 && interval.high >= 1);
}

/* Conover's table: of 9 values the 2nd and 8th (96.1 %), of 20 the 6th and 15th (95.9 %). */
static void a_median_lies_between_order_statistics(void **state)
{
    (void)state;
    double values[20];
    for (size_t i = 0; i < 20; i++) {
        values[i] = (double)(i + 1);
    }
    struct interval nine = interval_median(values, 9);
    struct interval twenty = interval_median(values, 20);
    assert_true(nine.low == 2 && nine.high == 8);
    assert_true(twenty.low == 6 && twenty.high == 15);
}

static void few_values_are_the_interval_of_their_median(void **state)
{
    (void)state;
    const double values[] = {1, 2, 3, 4, 5};
    assert_true(interval_median(values, 1).low == 1 && interval_median(values, 1).high == 1);
    assert_true(interval_median(values, 5).low == 1 && interval_median(values, 5).high == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values_are_met),
        cmocka_unit_test(nothing_seen_is_nothing_known),
        cmocka_unit_test(a_median_lies_between_order_statistics),
        cmocka_unit_test(few_values_are_the_interval_of_their_median),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
