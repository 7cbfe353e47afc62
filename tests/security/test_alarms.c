/* SPDX-License-Identifier: Apache-2.0
 * test_alarms.c - what calls for a person, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/alarms.h"

static struct wall at(int64_t hour)
{
    return (struct wall){(480000 + hour) * 3600 * 1000000};
}

static void the_eleventh_attempt_of_a_day_is_too_many(void **state)
{
    (void)state;
    struct alarms *alarms = alarms_new();
    struct alarm alarm;
    for (int i = 0; i < ALARM_ATTEMPTS_MAX; i++) {
        assert_false(alarms_count(alarms, SIGNAL_ATTEMPT, at(i), &alarm));
    }
    assert_true(alarms_count(alarms, SIGNAL_ATTEMPT, at(12), &alarm));
    assert_int_equal(alarm.kind, ALARM_ATTEMPTS);
    assert_int_equal(alarm.count, ALARM_ATTEMPTS_MAX + 1);
    assert_false(alarms_count(alarms, SIGNAL_ATTEMPT, at(13), &alarm));
    assert_false(alarms_count(alarms, SIGNAL_ATTEMPT, at(24), &alarm));
    alarms_free(alarms);
}

static void a_leak_is_told_once_an_hour(void **state)
{
    (void)state;
    struct alarms *alarms = alarms_new();
    struct alarm alarm;
    assert_true(alarms_count(alarms, SIGNAL_LEAK, at(0), &alarm));
    assert_int_equal(alarm.kind, ALARM_LEAK);
    assert_false(alarms_count(alarms, SIGNAL_LEAK, at(0), &alarm));
    assert_true(alarms_count(alarms, SIGNAL_LEAK, at(1), &alarm));
    alarms_free(alarms);
}

static void an_hour_unlike_the_day_before_is_a_surge(void **state)
{
    (void)state;
    struct alarms *alarms = alarms_new();
    struct alarm alarm = {0};
    for (int hour = 0; hour < 24; hour++) {
        assert_false(alarms_count(alarms, SIGNAL_OTHER, at(hour), &alarm));
        assert_false(alarms_count(alarms, SIGNAL_OTHER, at(hour), &alarm));
    }
    int count = 0;
    while (!alarms_count(alarms, SIGNAL_OTHER, at(24), &alarm)) {
        assert_true(++count < 100);
    }
    assert_int_equal(alarm.kind, ALARM_SURGE);
    assert_true(count > 8 && count < 25);
    assert_false(alarms_count(alarms, SIGNAL_OTHER, at(24), &alarm));
    alarms_free(alarms);
}

static void the_first_hour_has_no_past(void **state)
{
    (void)state;
    struct alarms *alarms = alarms_new();
    struct alarm alarm;
    for (int i = 0; i < 1000; i++) {
        assert_false(alarms_count(alarms, SIGNAL_OTHER, at(0), &alarm));
    }
    alarms_free(alarms);
}

static void a_clock_that_goes_back_breaks_nothing(void **state)
{
    (void)state;
    struct alarms *alarms = alarms_new();
    struct alarm alarm;
    (void)alarms_count(alarms, SIGNAL_OTHER, at(100), &alarm);
    assert_false(alarms_count(alarms, SIGNAL_OTHER, at(3), &alarm));
    assert_false(alarms_count(alarms, SIGNAL_OTHER, at(1000), &alarm));
    alarms_free(alarms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_eleventh_attempt_of_a_day_is_too_many),
        cmocka_unit_test(a_leak_is_told_once_an_hour),
        cmocka_unit_test(an_hour_unlike_the_day_before_is_a_surge),
        cmocka_unit_test(the_first_hour_has_no_past),
        cmocka_unit_test(a_clock_that_goes_back_breaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
