/* SPDX-License-Identifier: Apache-2.0
 * test_ledger.c - keys of records and ages of classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/ledger.h"

#define DAY_US (INT64_C(24) * 3600 * 1000000)

static void only_keys_over_age_are_below(void **state)
{
    (void)state;
    static const struct wall today = {INT64_C(20000) * DAY_US};
    for (int class = 0; class < EVENT_CLASSES; class ++) {
        int64_t days = event_classes[class].retention_days;
        int64_t below = ledger_prune_below((enum event_class) class, today);
        int64_t young = ((today.us - (days - 1) * DAY_US) / 1000 << 16) * 8 + class;
        int64_t old = ((today.us - (days + 1) * DAY_US) / 1000 << 16) * 8 + class;
        assert_true(young >= below);
        assert_true(class == CLASS_HISTORY ? below == 0 : old < below);
    }
}

static void ages_are_the_standards(void **state)
{
    (void)state;
    assert_int_equal(event_classes[CLASS_INTERACTION].retention_days, 90);
    assert_int_equal(event_classes[CLASS_REASONING].retention_days, 30);
    assert_int_equal(event_classes[CLASS_TOOL].retention_days, 90);
    assert_int_equal(event_classes[CLASS_PRIVILEGED].retention_days, 365);
    assert_int_equal(event_classes[CLASS_SECURITY].retention_days, 365);
    assert_int_equal(event_classes[CLASS_HISTORY].retention_days, 0); /* for ever */
}

static void only_an_exchanges_id_has_a_number(void **state)
{
    (void)state;
    assert_int_equal(ledger_number(STR("ex01a210b1b8890000")), INT64_C(0x01a210b1b8890000));
    assert_int_equal(ledger_number(STR("ex01a210b1b889000")), -1);
    assert_int_equal(ledger_number(STR("rv01a210b1b8890000")), -1);
    assert_int_equal(ledger_number(STR("exffffffffffffffff")), -1);
    assert_int_equal(ledger_number(STR("")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_keys_over_age_are_below),
        cmocka_unit_test(ages_are_the_standards),
        cmocka_unit_test(only_an_exchanges_id_has_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
