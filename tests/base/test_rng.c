/* SPDX-License-Identifier: Apache-2.0
 * test_rng.c - the generator against its published sequences, and the shape of what it gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

static void xoshiro_gives_the_published_sequence(void **state)
{
    (void)state;
    /* Reference implementation from the state 1, 2, 3, 4. */
    static const uint64_t expected[] = {UINT64_C(11520),
                                        UINT64_C(0),
                                        UINT64_C(1509978240),
                                        UINT64_C(1215971899390074240),
                                        UINT64_C(1216172134540287360),
                                        UINT64_C(607988272756665600),
                                        UINT64_C(16172922978634559625),
                                        UINT64_C(8476171486693032832),
                                        UINT64_C(10595114339597558777),
                                        UINT64_C(2904607092377533576)};
    struct rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(rng_next(&rng) == expected[i]);
    }
}

static void seeding_is_the_published_splitmix_sequence(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1234567);
    assert_true(rng.state[0] == UINT64_C(6457827717110365317));
    assert_true(rng.state[1] == UINT64_C(3203168211198807973));
    assert_true(rng.state[2] == UINT64_C(9817491932198370423));
    assert_true(rng.state[3] == UINT64_C(4593380528125082431));
}

static void equal_seeds_give_equal_sequences(void **state)
{
    (void)state;
    struct rng a;
    struct rng b;
    struct rng c;
    rng_seed(&a, 0);
    rng_seed(&b, 0);
    rng_seed(&c, 1);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = rng_next(&a);
        assert_true(value == rng_next(&b));
        same += value == rng_next(&c);
    }
    assert_int_equal(same, 0);
}

static void bounded_values_stay_below_and_reach_every_value(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 8);
    for (uint64_t bound = 1; bound <= 16; bound++) {
        unsigned seen = 0;
        for (int i = 0; i < 1000; i++) {
            uint64_t value = rng_below(&rng, bound);
            assert_true(value < bound);
            seen |= 1U << value;
        }
        assert_int_equal(seen, (1U << bound) - 1);
    }
    assert_true(rng_below(&rng, UINT64_MAX) < UINT64_MAX);
}

static void bounded_values_are_even_where_a_plain_remainder_is_not(void **state)
{
    (void)state;
    /* With the bound 3 * 2^62 a remainder would draw the lowest third twice as often: 1/2, not 1/3.
     */
    struct rng rng;
    rng_seed(&rng, 9);
    int low = 0;
    for (int i = 0; i < 30000; i++) {
        low += rng_below(&rng, UINT64_C(3) << 62) < UINT64_C(1) << 62;
    }
    assert_in_range(low, 9500, 10500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xoshiro_gives_the_published_sequence),
        cmocka_unit_test(seeding_is_the_published_splitmix_sequence),
        cmocka_unit_test(equal_seeds_give_equal_sequences),
        cmocka_unit_test(bounded_values_stay_below_and_reach_every_value),
        cmocka_unit_test(bounded_values_are_even_where_a_plain_remainder_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
