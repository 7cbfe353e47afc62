/* SPDX-License-Identifier: Apache-2.0
 * test_cap.c - a shared allowance is never exceeded, whoever asks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cap.h"

#include <pthread.h>

static void the_allowance_is_exact(void **state)
{
    (void)state;
    struct cap cap = {.max = 10};
    assert_true(cap_take(&cap, 10));
    assert_false(cap_take(&cap, 1));
    assert_true(cap_take(&cap, 0));
    assert_int_equal(cap_used(&cap), 10);
    cap_return(&cap, 4);
    assert_false(cap_take(&cap, 5));
    assert_true(cap_take(&cap, 4));
}

static void a_request_that_would_wrap_is_refused(void **state)
{
    (void)state;
    struct cap cap = {.max = SIZE_MAX};
    assert_true(cap_take(&cap, 10));
    assert_false(cap_take(&cap, SIZE_MAX));
    assert_int_equal(cap_used(&cap), 10);
}

static void *take_and_return(void *object)
{
    struct cap *cap = object;
    for (int i = 0; i < 20000; i++) {
        if (cap_take(cap, 3)) {
            cap_return(cap, 3);
        }
    }
    return NULL;
}

static void many_threads_leave_nothing_behind(void **state)
{
    (void)state;
    struct cap cap = {.max = 7};
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_return, &cap), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(cap_used(&cap), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_allowance_is_exact),
        cmocka_unit_test(a_request_that_would_wrap_is_refused),
        cmocka_unit_test(many_threads_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
