/* SPDX-License-Identifier: Apache-2.0
 * test_calibrate.c - areas, thresholds and slopes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stats/calibrate.h"

#include <math.h>

static void an_area_counts_pairs_in_order(void **state)
{
    (void)state;
    struct scored scored[] = {{3, true}, {1, false}, {2, true}, {2, false}};
    calibrate_sort(scored, 4);
    /* Pairs: 3>1, 3>2, 2>1 and one tie: 3.5 of 4. */
    assert_true(fabs(calibrate_area(scored, 4) - 0.875) < 1e-12);
    assert_true(calibrate_area(scored, 1) <= 0);
}

static void a_threshold_leaves_its_share_above(void **state)
{
    (void)state;
    struct scored scored[200];
    for (int i = 0; i < 200; i++) {
        scored[i] = (struct scored){.raw = i, .positive = i % 2 == 1};
    }
    double threshold = calibrate_threshold(scored, 200, 0.05);
    size_t above = 0;
    for (int i = 0; i < 200; i++) {
        above += !scored[i].positive && scored[i].raw > threshold;
    }
    assert_int_equal(above, 5);
}

/* Labels drawn from the curve with slope 2 give it back. */
static void a_slope_is_found_again(void **state)
{
    (void)state;
    static struct scored scored[20000];
    size_t count = 0;
    for (int step = 0; step < 100; step++) {
        double raw = (step - 50) * 0.05;
        double p = 1 / (1 + exp(-(2 * (raw - 0.5) + log(4))));
        for (int i = 0; i < 200; i++) {
            scored[count++] = (struct scored){.raw = raw, .positive = i < p * 200};
        }
    }
    assert_true(fabs(calibrate_slope(scored, count, 0.5, log(4)) - 2) < 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_area_counts_pairs_in_order),
        cmocka_unit_test(a_threshold_leaves_its_share_above),
        cmocka_unit_test(a_slope_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
