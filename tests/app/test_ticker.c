/* SPDX-License-Identifier: Apache-2.0
 * test_ticker.c - it ticks until it is stopped, and is stopped at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/ticker.h"

#define HOUR_MS  3600000
#define LIMIT_MS 10000
#define THREE    3

struct counting {
    struct ticker ticker;
    struct mutex lock;
    struct condition changed;
    unsigned ticks;
};

static struct counting counting;

static int set_up(void **state)
{
    (void)state;
    counting = (struct counting){.ticks = 0};
    mutex_init(&counting.lock);
    condition_init(&counting.changed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    condition_end(&counting.changed);
    mutex_end(&counting.lock);
    return 0;
}

static void count(void *object)
{
    struct counting *c = object;
    mutex_lock(&c->lock);
    c->ticks++;
    condition_wake(&c->changed);
    mutex_unlock(&c->lock);
}

static void count_and_work_on(void *object)
{
    struct counting *c = object;
    count(c);
    while (!ticker_stopping(&c->ticker)) {
    }
}

static unsigned wait_for(unsigned ticks)
{
    mutex_lock(&counting.lock);
    bool in_time = true;
    while (counting.ticks < ticks && in_time) {
        in_time = condition_wait(&counting.changed, &counting.lock, LIMIT_MS);
    }
    unsigned seen = counting.ticks;
    mutex_unlock(&counting.lock);
    return seen;
}

static void it_ticks_until_it_is_stopped(void **state)
{
    (void)state;
    assert_int_equal(ticker_start(&counting.ticker, "test", 1, count, &counting), ERR_OK);
    assert_true(wait_for(THREE) >= THREE);
    ticker_stop(&counting.ticker);
}

static void a_long_tick_learns_that_it_is_to_end(void **state)
{
    (void)state;
    assert_int_equal(ticker_start(&counting.ticker, "test", 1, count_and_work_on, &counting),
                     ERR_OK);
    assert_int_equal(wait_for(1), 1);
    ticker_stop(&counting.ticker);
    assert_int_equal(counting.ticks, 1);
}

static void a_long_period_holds_up_no_end(void **state)
{
    (void)state;
    assert_int_equal(ticker_start(&counting.ticker, "test", HOUR_MS, count, &counting), ERR_OK);
    ticker_stop(&counting.ticker);
    assert_int_equal(counting.ticks, 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_ticks_until_it_is_stopped),
        TEST(a_long_tick_learns_that_it_is_to_end),
        TEST(a_long_period_holds_up_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
