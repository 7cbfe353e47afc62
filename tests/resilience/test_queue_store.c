/* SPDX-License-Identifier: Apache-2.0
 * test_queue_store.c - the back-off between tries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resilience/queue_store.h"

static void it_doubles_up_to_five_minutes(void **state)
{
    (void)state;
    const int64_t most_s[] = {1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
    for (uint64_t tries = 0; tries < sizeof most_s / sizeof most_s[0]; tries++) {
        uint64_t most = (uint64_t)(most_s[tries] * US_PER_S);
        assert_int_equal(job_backoff_us(tries, most), (int64_t)most);
        assert_int_equal(job_backoff_us(tries, most + 1), 0);
    }
    assert_int_equal(job_backoff_us(UINT64_MAX, (uint64_t)JOB_BACKOFF_MAX_US), JOB_BACKOFF_MAX_US);
}

static void any_time_below_is_possible(void **state)
{
    (void)state;
    for (uint64_t random = 0; random < 1000; random++) {
        assert_int_equal(job_backoff_us(1, random), (int64_t)random);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_doubles_up_to_five_minutes),
        cmocka_unit_test(any_time_below_is_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
