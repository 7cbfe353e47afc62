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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values_are_met),
        cmocka_unit_test(nothing_seen_is_nothing_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
