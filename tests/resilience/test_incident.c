/* SPDX-License-Identifier: Apache-2.0
 * test_incident.c - when an incident begins, when it ends, and what it is measured to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resilience/incident.h"

static struct instant at_ms(uint64_t ms)
{
    return (struct instant){ms * NS_PER_MS};
}

static void an_answer_without_failure_ends_nothing(void **state)
{
    (void)state;
    struct incident *incident = incident_new();
    uint64_t mttr_us = 7;
    assert_false(incident_answered(incident, at_ms(10), &mttr_us));
    assert_int_equal(mttr_us, 7);
    struct incident_view view;
    incident_look(incident, &view);
    assert_false(view.open);
    assert_int_equal(view.count, 0);
    assert_int_equal(view.mttr_us_mean, 0);
    incident_free(incident);
}

static void recovery_is_counted_from_the_first_failure(void **state)
{
    (void)state;
    struct incident *incident = incident_new();
    uint64_t mttr_us = 0;
    incident_failed(incident, at_ms(100));
    incident_failed(incident, at_ms(150));
    assert_true(incident_answered(incident, at_ms(300), &mttr_us));
    assert_int_equal(mttr_us, 200000);
    assert_false(incident_answered(incident, at_ms(301), &mttr_us));
    incident_free(incident);
}

static void mean_and_worst_cover_the_ended_ones(void **state)
{
    (void)state;
    struct incident *incident = incident_new();
    uint64_t mttr_us = 0;
    incident_failed(incident, at_ms(0));
    assert_true(incident_answered(incident, at_ms(100), &mttr_us));
    incident_failed(incident, at_ms(1000));
    assert_true(incident_answered(incident, at_ms(1300), &mttr_us));
    incident_failed(incident, at_ms(2000));
    struct incident_view view;
    incident_look(incident, &view);
    assert_true(view.open);
    assert_int_equal(view.count, 3);
    assert_int_equal(view.mttr_us_mean, 200000);
    assert_int_equal(view.mttr_us_max, 300000);
    incident_free(incident);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_without_failure_ends_nothing),
        cmocka_unit_test(recovery_is_counted_from_the_first_failure),
        cmocka_unit_test(mean_and_worst_cover_the_ended_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
