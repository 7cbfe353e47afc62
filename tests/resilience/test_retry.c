/* SPDX-License-Identifier: Apache-2.0
 * test_retry.c - the jitter's distribution, what Retry-After means, what the budget lets through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resilience/retry.h"

#define DRAWS 20000

static struct instant at_ms(uint64_t ms)
{
    return (struct instant){ms * NS_PER_MS};
}

/* Chi-square over ten equal bins; 27.88 is the 0.1 % point at nine degrees of freedom. */
static void delays_are_uniform_below_the_ceiling(void **state)
{
    (void)state;
    static const uint64_t ceilings[] = {200, 400, 800, 1600, 3200, 5000, 5000};
    for (uint32_t retry = 1; retry <= 7; retry++) {
        struct rng rng;
        rng_seed(&rng, 42 + retry);
        uint64_t ceiling = ceilings[retry - 1];
        double bins[10] = {0};
        double sum = 0;
        for (unsigned i = 0; i < DRAWS; i++) {
            uint64_t delay = retry_delay_ms(retry, 200, 5000, 0, &rng);
            assert_true(delay <= ceiling);
            bins[delay * 10 / (ceiling + 1)] += 1;
            sum += (double)delay;
        }
        double chi = 0;
        for (unsigned i = 0; i < 10; i++) {
            uint64_t low = (i * (ceiling + 1) + 9) / 10;
            uint64_t high = ((i + 1) * (ceiling + 1) + 9) / 10;
            double expected = (double)DRAWS * (double)(high - low) / (double)(ceiling + 1);
            chi += (bins[i] - expected) * (bins[i] - expected) / expected;
        }
        assert_true(chi < 27.88);
        double mean = sum / DRAWS;
        assert_true(mean > 0.48 * (double)ceiling && mean < 0.52 * (double)ceiling);
    }
}

static void both_ends_are_reached(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    bool zero = false;
    bool top = false;
    for (unsigned i = 0; i < 200; i++) {
        uint64_t delay = retry_delay_ms(1, 4, 100, 0, &rng);
        zero = zero || delay == 0;
        top = top || delay == 4;
    }
    assert_true(zero && top);
}

static void never_sooner_than_asked(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 9);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(retry_delay_ms(2, 200, 5000, 300, &rng) >= 300);
    }
    assert_int_equal(retry_delay_ms(1, 200, 5000, 60000, &rng), 60000);
}

static void extreme_settings_do_not_overflow(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    assert_int_equal(retry_delay_ms(1, 0, 0, 0, &rng), 0);
    assert_int_equal(retry_delay_ms(UINT32_MAX, 0, 5000, 0, &rng), 0);
    assert_true(retry_delay_ms(UINT32_MAX, 200, 5000, 0, &rng) <= 5000);
    (void)retry_delay_ms(100, 3, UINT64_MAX, 0, &rng);
    (void)retry_delay_ms(1, UINT64_MAX, UINT64_MAX, 0, &rng);
}

struct after_row {
    const char *ms;
    const char *seconds;
    uint64_t expected;
};

/* Now is Sun, 06 Nov 1994 08:49:37 GMT, the example date of RFC 9110. */
static const struct after_row after_rows[] = {
    {"", "", 0},
    {"", "3", 3000},
    {"", " 3 ", 3000},
    {"", "0", 0},
    {"", "05", 5000},
    {"", "1.5", 1500},
    {"", "0.0001", 1},
    {"", "-1", 0},
    {"", "-0.5", 0},
    {"", "86400", RETRY_AFTER_MAX_MS},
    {"", "86401", RETRY_AFTER_MAX_MS},
    {"", "99999999999999999999999999", RETRY_AFTER_MAX_MS},
    {"", "1e300", RETRY_AFTER_MAX_MS},
    {"", "soon", 0},
    {"", "3 seconds", 0},
    {"", "nan", 0},
    {"", "inf", 0},
    {"", "0x10", 0},
    {"250", "3", 250},
    {"250.2", "", 251},
    {"0", "3", 0},
    {"-5", "3", 0},
    {"later", "3", 3000},
    {"99999999999", "", RETRY_AFTER_MAX_MS},
    {"", "Sun, 06 Nov 1994 08:49:47 GMT", 10000},
    {"", "Sunday, 06-Nov-94 08:50:37 GMT", 60000},
    {"", "Sun Nov  6 09:49:37 1994", 3600000},
    {"", "Sun, 06 Nov 1994 08:49:37 GMT", 0},
    {"", "Sun, 06 Nov 1994 08:49:36 GMT", 0},
    {"", "Mon, 07 Nov 1994 08:49:38 GMT", RETRY_AFTER_MAX_MS},
    {"", "Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_MAX_MS},
    {"", "Thu, 32 Dec 1994 23:59:59 GMT", 0},
};

static void retry_after_in_all_its_forms(void **state)
{
    (void)state;
    struct wall now = {784111777 * US_PER_S};
    for (size_t i = 0; i < sizeof after_rows / sizeof after_rows[0]; i++) {
        const struct after_row *row = &after_rows[i];
        uint64_t got = retry_after_ms(str_of(row->ms), str_of(row->seconds), now);
        if (got != row->expected) {
            fail_msg("'%s' '%s': %llu, expected %llu", row->ms, row->seconds,
                     (unsigned long long)got, (unsigned long long)row->expected);
        }
    }
}

static unsigned take_all(struct retry_budget *budget, uint64_t ms)
{
    unsigned taken = 0;
    while (taken < 100000 && retry_budget_take(budget, at_ms(ms))) {
        taken++;
    }
    return taken;
}

static void deposit(struct retry_budget *budget, uint64_t ms, unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        retry_budget_deposit(budget, at_ms(ms));
    }
}

static void ten_a_second_without_traffic(void **state)
{
    (void)state;
    struct retry_budget *budget = retry_budget_new(0.2);
    assert_int_equal(take_all(budget, 0), 10);
    assert_int_equal(take_all(budget, 999), 0);
    assert_int_equal(take_all(budget, 1000), 10);
    assert_int_equal(take_all(budget, 500), 0); /* an older clock gets nothing new */
    retry_budget_free(budget);
}

static void a_fifth_of_the_traffic_plus_ten(void **state)
{
    (void)state;
    struct retry_budget *budget = retry_budget_new(0.2);
    deposit(budget, 0, 1000);
    assert_int_equal(take_all(budget, 0), 210);
    deposit(budget, 0, 4);
    assert_int_equal(take_all(budget, 0), 0);
    deposit(budget, 0, 1);
    assert_int_equal(take_all(budget, 0), 1);
    retry_budget_free(budget);
}

static void deposits_expire_after_ten_seconds(void **state)
{
    (void)state;
    struct retry_budget *budget = retry_budget_new(0.5);
    deposit(budget, 0, 20);
    deposit(budget, 5000, 20);
    assert_int_equal(take_all(budget, 9999), 30);
    deposit(budget, 10000, 20);
    assert_int_equal(take_all(budget, 19999), 20);
    deposit(budget, 30000, 20);
    assert_int_equal(take_all(budget, 40000), 10);
    deposit(budget, 50000, 20);
    assert_int_equal(take_all(budget, 900000), 10);
    retry_budget_free(budget);
}

static void a_share_of_zero_leaves_the_floor(void **state)
{
    (void)state;
    struct retry_budget *budget = retry_budget_new(0.2);
    retry_budget_configure(budget, 0);
    deposit(budget, 0, 1000);
    assert_int_equal(take_all(budget, 0), 10);
    retry_budget_free(budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_are_uniform_below_the_ceiling),
        cmocka_unit_test(both_ends_are_reached),
        cmocka_unit_test(never_sooner_than_asked),
        cmocka_unit_test(extreme_settings_do_not_overflow),
        cmocka_unit_test(retry_after_in_all_its_forms),
        cmocka_unit_test(ten_a_second_without_traffic),
        cmocka_unit_test(a_fifth_of_the_traffic_plus_ten),
        cmocka_unit_test(deposits_expire_after_ten_seconds),
        cmocka_unit_test(a_share_of_zero_leaves_the_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
