/* SPDX-License-Identifier: Apache-2.0
 * test_hist.c - quantiles within their promised error, counts that never lose a value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hist.h"
#include "base/rng.h"

#include <stdlib.h>

static void an_empty_histogram_answers_zero(void **state)
{
    (void)state;
    struct hist hist;
    hist_init(&hist);
    assert_true(hist_quantile(&hist, 0.5) == 0);
    assert_true(hist_count_at_most(&hist, 100) == 0);
    assert_null(hist.buckets);
    hist_end(&hist);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    struct hist hist;
    hist_init(&hist);
    for (uint64_t value = 0; value < 32; value++) {
        hist_add(&hist, value);
        assert_true(hist_quantile(&hist, 1) == value);
        assert_true(hist_count_at_most(&hist, value) == value + 1);
    }
    assert_true(hist_quantile(&hist, 0) == 0);
    assert_true(hist_quantile(&hist, 0.5) == 15);
    assert_true(hist_count_at_most(&hist, 9) == 10);
    assert_true(hist.count == 32 && hist.sum == 496 && hist.max == 31);
    hist_end(&hist);
}

static void a_single_value_is_every_quantile(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,       1,        15,           16,        17,
                                      1000000, HIST_MAX, HIST_MAX + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct hist hist;
        hist_init(&hist);
        hist_add(&hist, values[i]);
        assert_true(hist_quantile(&hist, 0) == values[i]);
        assert_true(hist_quantile(&hist, 0.5) == values[i]);
        assert_true(hist_quantile(&hist, 1) == values[i]);
        assert_true(hist_count_at_most(&hist, values[i]) == 1);
        hist_end(&hist);
    }
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

static void quantiles_are_at_most_a_sixteenth_above_the_true_value(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static uint64_t values[COUNT];
    struct hist hist;
    struct rng rng;
    hist_init(&hist);
    rng_seed(&rng, 11);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = (rng_next(&rng) & HIST_MAX) >> rng_below(&rng, 40);
        hist_add(&hist, values[i]);
    }
    qsort(values, COUNT, sizeof values[0], by_size);
    for (size_t percent = 1; percent <= 100; percent++) {
        uint64_t exact = values[COUNT / 100 * percent - 1];
        uint64_t shown = hist_quantile(&hist, (double)percent / 100);
        assert_true(shown >= exact && shown - exact <= exact / 16);
    }
    hist_end(&hist);
}

static void cumulative_counts_grow_and_never_fall_short(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static uint64_t values[COUNT];
    struct hist hist;
    struct rng rng;
    hist_init(&hist);
    rng_seed(&rng, 12);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = rng_below(&rng, 100000);
        hist_add(&hist, values[i]);
    }
    uint64_t before = 0;
    for (uint64_t bound = 0; bound < 110000; bound += 500) {
        uint64_t exact = 0;
        uint64_t slack = 0;
        for (size_t i = 0; i < COUNT; i++) {
            exact += values[i] <= bound;
            slack += values[i] <= bound + bound / 16;
        }
        uint64_t count = hist_count_at_most(&hist, bound);
        assert_true(count >= exact && count <= slack && count >= before);
        before = count;
    }
    assert_true(before == COUNT);
    hist_end(&hist);
}

static void merging_is_adding_all_values(void **state)
{
    (void)state;
    struct hist a;
    struct hist b;
    struct hist both;
    struct rng rng;
    hist_init(&a);
    hist_init(&b);
    hist_init(&both);
    rng_seed(&rng, 13);
    hist_merge(&a, &b);
    assert_true(a.count == 0);
    for (int i = 0; i < 3000; i++) {
        uint64_t value = rng_next(&rng) >> rng_below(&rng, 64);
        hist_add(rng_below(&rng, 2) ? &a : &b, value);
        hist_add(&both, value);
    }
    hist_merge(&a, &b);
    assert_memory_equal(a.buckets, both.buckets, HIST_BUCKETS * sizeof(uint32_t));
    assert_true(a.count == both.count && a.sum == both.sum && a.max == both.max);
    hist_end(&a);
    hist_end(&b);
    hist_end(&both);
}

static void sums_and_buckets_stop_at_their_largest_value(void **state)
{
    (void)state;
    struct hist a;
    struct hist b;
    hist_init(&a);
    hist_init(&b);
    hist_add(&a, UINT64_MAX);
    hist_add(&a, UINT64_MAX);
    assert_true(a.sum == UINT64_MAX);
    hist_add(&b, 5);
    b.buckets[5] = UINT32_MAX;
    hist_add(&b, 5);
    assert_true(b.buckets[5] == UINT32_MAX);
    hist_add(&a, 5);
    hist_merge(&a, &b);
    assert_true(a.buckets[5] == UINT32_MAX);
    hist_end(&a);
    hist_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_histogram_answers_zero),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(a_single_value_is_every_quantile),
        cmocka_unit_test(quantiles_are_at_most_a_sixteenth_above_the_true_value),
        cmocka_unit_test(cumulative_counts_grow_and_never_fall_short),
        cmocka_unit_test(merging_is_adding_all_values),
        cmocka_unit_test(sums_and_buckets_stop_at_their_largest_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
