/* SPDX-License-Identifier: Apache-2.0
 * test_cost.c - prices to the micro-dollar: the examples of the configuration, caches, the edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operations/cost.h"

/* The prices of the example configuration. */
static const struct price big = {2500000, 1250000, -1, 10000000};
static const struct price small = {150000, -1, -1, 600000};

static void a_million_tokens_cost_the_price(void **state)
{
    (void)state;
    struct usage usage = {.input = 1000000};
    assert_int_equal(cost_of(&big, &usage), 2500000);
    assert_int_equal(cost_of(&small, &usage), 150000);
    usage = (struct usage){.output = 1000000};
    assert_int_equal(cost_of(&big, &usage), 10000000);
    assert_int_equal(cost_of(&small, &usage), 600000);
}

static void cached_tokens_are_part_of_input(void **state)
{
    (void)state;
    struct usage usage = {.input = 1000, .input_cached = 400, .output = 500};
    /* 600 x 2.50 + 400 x 1.25 + 500 x 10.00 */
    assert_int_equal(cost_of(&big, &usage), 1500 + 500 + 5000);
    /* without a cached price they cost like input: 1000 x 0.15 + 500 x 0.60 */
    assert_int_equal(cost_of(&small, &usage), 150 + 300);
}

static void writing_the_cache_has_its_own_price(void **state)
{
    (void)state;
    struct price price = {3000000, 300000, 3750000, 15000000};
    struct usage usage = {.input = 10000, .input_cached = 6000, .input_cache_written = 3000};
    /* 1000 x 3.00 + 6000 x 0.30 + 3000 x 3.75 */
    assert_int_equal(cost_of(&price, &usage), 3000 + 1800 + 11250);
}

static void reasoning_is_within_output(void **state)
{
    (void)state;
    struct usage usage = {.output = 100, .output_reasoning = 60};
    assert_int_equal(cost_of(&big, &usage), 1000);
}

static void rounds_up_once_at_the_end(void **state)
{
    (void)state;
    struct usage usage = {.input = 1, .output = 1};
    /* 0.15 + 0.60 = 0.75 -> 1, not 1 + 1 */
    assert_int_equal(cost_of(&small, &usage), 1);
    usage = (struct usage){.input = 2, .input_cached = 1, .output = 0};
    assert_int_equal(cost_of(&big, &usage), 4); /* 2.50 + 1.25 = 3.75 */
    usage = (struct usage){0};
    assert_int_equal(cost_of(&big, &usage), 0);
}

static void parts_never_exceed_their_whole(void **state)
{
    (void)state;
    struct usage usage = {.input = 10, .input_cached = 1000, .input_cache_written = 1000};
    assert_int_equal(cost_of(&big, &usage), 13); /* ten cached tokens: 12.5 */
}

static void an_unknown_price_costs_nothing(void **state)
{
    (void)state;
    struct price unknown = PRICE_UNKNOWN;
    struct usage usage = {.input = 1000000, .output = 1000000};
    assert_int_equal(cost_of(&unknown, &usage), 0);
    assert_int_equal(cost_bound(&unknown, 1000, 1000), 0);
    struct price free_input = {-1, -1, -1, 600000};
    assert_int_equal(cost_of(&free_input, &usage), 600000);
}

static void absurd_usage_saturates(void **state)
{
    (void)state;
    struct price dear = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    struct usage usage = {.input = UINT64_MAX, .output = UINT64_MAX};
    assert_true(cost_of(&dear, &usage) == INT64_MAX);
    assert_true(cost_bound(&dear, UINT64_MAX, UINT64_MAX) == INT64_MAX);
}

static void text_has_a_token_per_four_bytes(void **state)
{
    (void)state;
    assert_int_equal(cost_tokens_of_bytes(0), 0);
    assert_int_equal(cost_tokens_of_bytes(1), 1);
    assert_int_equal(cost_tokens_of_bytes(4), 1);
    assert_int_equal(cost_tokens_of_bytes(5), 2);
    assert_true(cost_tokens_of_bytes(UINT64_MAX) == UINT64_MAX / 4 + 1);
}

static void the_bound_covers_the_densest_body(void **state)
{
    (void)state;
    /* 501 input tokens at 2.50 and 100 output tokens at 10.00 */
    assert_int_equal(cost_bound(&big, 1001, 100), 1253 + 1000);
    struct price writes = {3000000, 300000, 3750000, 15000000};
    assert_int_equal(cost_bound(&writes, 2000, 0), 3750); /* all of it might be written */
    struct usage usage = {.input = 500, .output = 100};
    assert_true(cost_of(&big, &usage) <= cost_bound(&big, 1001, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_tokens_cost_the_price),
        cmocka_unit_test(cached_tokens_are_part_of_input),
        cmocka_unit_test(writing_the_cache_has_its_own_price),
        cmocka_unit_test(reasoning_is_within_output),
        cmocka_unit_test(rounds_up_once_at_the_end),
        cmocka_unit_test(parts_never_exceed_their_whole),
        cmocka_unit_test(an_unknown_price_costs_nothing),
        cmocka_unit_test(absurd_usage_saturates),
        cmocka_unit_test(text_has_a_token_per_four_bytes),
        cmocka_unit_test(the_bound_covers_the_densest_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
