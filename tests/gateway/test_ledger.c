/* SPDX-License-Identifier: Apache-2.0
 * test_ledger.c - keys of records, and retention by class. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/ledger.h"

#define DAY_US (INT64_C(24) * 3600 * 1000000)

static const struct statement put = {"INSERT INTO exchanges(key, facts) VALUES(?1, x'00')", 1};
static const struct statement count = {"SELECT count(*) FROM exchanges WHERE key % 8 = ?1", 1};
static const struct wall today = {INT64_C(20000) * DAY_US};

static void write_now(struct store *store, const struct statement *statement, struct value *values)
{
    struct store_step step = {statement, values, false};
    struct store_unit unit = {.steps = &step, .count = 1, .bytes = 64};
    assert_int_equal(store_write_now(store, &unit), ERR_OK);
}

static int64_t rows_of(struct store *store, int class)
{
    struct value value = value_of_i64(class);
    struct store_query query = {.rows_max = 1};
    assert_int_equal(store_read_now(store, &count, &value, &query), ERR_OK);
    int64_t rows = query.rows[0].integer;
    store_query_end(&query);
    return rows;
}

static void a_row_goes_when_its_class_is_over_age(void **state)
{
    (void)state;
    struct store *store;
    struct fault why;
    const struct store_options options = {
        .location = STR("memory:"), .schemas = &ledger_schema, .schema_count = 1};
    assert_int_equal(store_open(&options, &store, &why), ERR_OK);
    for (int class = 0; class < EVENT_CLASSES; class ++) {
        int64_t days = event_classes[class].retention_days;
        int64_t ages[] = {days - 1, days + 1};
        for (int i = 0; i < 2; i++) {
            int64_t at_ms = (today.us - ages[i] * DAY_US) / 1000;
            struct value key = value_of_i64((at_ms << 16) * 8 + class);
            write_now(store, &put, &key);
        }
        struct value prune[] = {value_of_i64(class),
                                value_of_i64(ledger_prune_below((enum event_class) class, today))};
        assert_int_equal(rows_of(store, class), 2);
        write_now(store, &ledger_prune, prune);
        assert_int_equal(rows_of(store, class), 1);
    }
    store_close(store);
}

static void ages_are_the_standards(void **state)
{
    (void)state;
    assert_int_equal(event_classes[CLASS_INTERACTION].retention_days, 90);
    assert_int_equal(event_classes[CLASS_REASONING].retention_days, 30);
    assert_int_equal(event_classes[CLASS_TOOL].retention_days, 90);
    assert_int_equal(event_classes[CLASS_PRIVILEGED].retention_days, 365);
    assert_int_equal(event_classes[CLASS_SECURITY].retention_days, 365);
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
        cmocka_unit_test(a_row_goes_when_its_class_is_over_age),
        cmocka_unit_test(ages_are_the_standards),
        cmocka_unit_test(only_an_exchanges_id_has_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
