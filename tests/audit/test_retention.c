/* SPDX-License-Identifier: Apache-2.0
 * test_retention.c - records go by the age of their class, and the history stays whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audit/bundle.h"
#include "audit/retention.h"
#include "audit/rows.h"
#include "audit/verify.h"
#include "gateway/events.h"
#include "gateway/ledger.h"
#include "store/history.h"
#include "sys/env.h"

#include <string.h>

#define DAY_US (INT64_C(24) * 3600 * 1000000)

static struct wall today;
static struct commons commons;
static struct env env;

static struct wall wall(void *object)
{
    (void)object;
    return today;
}

static void fill(void *object, void *to, size_t bytes)
{
    (void)object;
    memset(to, 7, bytes);
}

static int set_up(void **state)
{
    static const struct clock_ops clock = {.wall = wall};
    static const struct entropy_ops entropy = {fill};
    static const uint8_t seed[SIGN_SEED_BYTES] = {1};
    struct note_signer signer;
    struct fault why;
    (void)state;
    const struct schema schemas[] = {history_schema, ledger_schema};
    const struct store_options options = {
        .location = STR("memory:"), .schemas = schemas, .schema_count = 2};
    memset(&commons, 0, sizeof commons);
    env = (struct env){.clock = &clock, .entropy = &entropy};
    commons.env = &env;
    today = (struct wall){INT64_C(20000) * DAY_US};
    assert_int_equal(store_open(&options, &commons.store, &why), ERR_OK);
    assert_int_equal(note_signer_of(&signer, NOTE_PLAIN, STR("a/log"), seed), ERR_OK);
    store_sign(commons.store, &signer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_close(commons.store);
    return 0;
}

static void record(const struct event_type *type, const void *event)
{
    struct arena *arena = arena_new(1024);
    struct store_step step;
    struct store_record place;
    assert_int_equal(ledger_event(&commons, type, event, arena, &step, &place), ERR_OK);
    struct store_unit unit = {
        .steps = &step, .count = 1, .records = &place, .record_count = 1, .bytes = 100};
    assert_int_equal(store_write_now(commons.store, &unit), ERR_OK);
    arena_free(arena);
}

static void interaction(void)
{
    const struct event_breaker_moved event = {.target = STR("t"), .from = STR("a"), .to = STR("b")};
    record(&event_type_breaker_moved, &event);
}

static void privileged(void)
{
    const struct event_switch_moved event = {.kind = STR("agent"), .name = STR("a")};
    record(&event_type_switch_moved, &event);
}

static size_t prune(enum event_class class)
{
    size_t all = 0;
    size_t gone = RETENTION_ROWS;
    int64_t from = 0;
    while (gone == RETENTION_ROWS) {
        assert_int_equal(retention_prune(&commons, class, &from, &gone), ERR_OK);
        all += gone;
    }
    return all;
}

static struct audit_report verified(void)
{
    struct audit_report report;
    const struct audit_verify verify = {.store = commons.store};
    assert_int_equal(audit_verify(&verify, &report), ERR_OK);
    return report;
}

/* A verification of a live server reads on when the head has moved: rows that came behind its end
 * are not rows that were removed. */
static void rows_that_come_behind_the_end_are_read_too(void **state)
{
    struct audit_rows rows;
    struct audit_row row;
    (void)state;
    interaction();
    audit_rows_init(&rows, commons.store, 0);
    assert_int_equal(audit_rows_next(&rows, &row), ERR_OK);
    assert_int_equal(audit_rows_next(&rows, &row), ERR_NOT_FOUND);
    privileged();
    assert_int_equal(audit_rows_next(&rows, &row), ERR_OK);
    assert_int_equal(row.place, 1);
    assert_int_equal(audit_rows_next(&rows, &row), ERR_NOT_FOUND);
    audit_rows_end(&rows);
}

static void records_go_by_the_age_of_their_class(void **state)
{
    (void)state;
    interaction();
    privileged();
    today.us += 89 * DAY_US;
    assert_int_equal(prune(CLASS_INTERACTION), 0);
    today.us += 2 * DAY_US;
    assert_int_equal(prune(CLASS_INTERACTION), 1);
    assert_int_equal(prune(CLASS_PRIVILEGED), 0);
    today.us += 275 * DAY_US;
    assert_int_equal(prune(CLASS_PRIVILEGED), 1);
    struct audit_report report = verified();
    assert_int_equal(report.fault_count, 0);
    assert_int_equal(report.gone, 2);
    assert_int_equal(report.records, 2); /* of the prunings */
}

static void what_is_said_of_the_history_never_goes(void **state)
{
    (void)state;
    interaction();
    today.us += 91 * DAY_US;
    assert_int_equal(prune(CLASS_INTERACTION), 1);
    today.us += 10000 * DAY_US;
    assert_int_equal(prune(CLASS_HISTORY), 0);
    assert_int_equal(verified().fault_count, 0);
}

/* Their places follow no pattern, and there are more than one batch holds. */
static void many_records_go_batch_by_batch(void **state)
{
    (void)state;
    size_t old = 0;
    for (unsigned i = 0; old < 2 * RETENTION_ROWS + 10; i++) {
        if (i * i % 7 < 3) {
            privileged();
        } else {
            interaction();
            old++;
        }
    }
    today.us += 91 * DAY_US;
    for (unsigned i = 0; i < 5; i++) {
        interaction();
    }
    assert_int_equal(prune(CLASS_INTERACTION), old);
    assert_int_equal(prune(CLASS_INTERACTION), 0);
    struct audit_report report = verified();
    assert_int_equal(report.fault_count, 0);
    assert_int_equal(report.gone, old);
}

static void a_row_that_was_removed_otherwise_is_still_missed(void **state)
{
    (void)state;
    static const struct statement steal = {"DELETE FROM exchanges WHERE place = 1", 0};
    for (int i = 0; i < 3; i++) {
        privileged();
    }
    interaction();
    today.us += 91 * DAY_US;
    assert_int_equal(prune(CLASS_INTERACTION), 1);
    struct store_step step = {&steal, NULL, true};
    struct store_unit unit = {.steps = &step, .count = 1, .bytes = 1};
    assert_int_equal(store_write_now(commons.store, &unit), ERR_OK);
    struct audit_report report = verified();
    assert_int_equal(report.fault_count, 1);
    assert_string_equal(report.faults[0].kind, "removed");
    assert_int_equal(report.faults[0].place, 1);
}

static bool collect(void *object, struct str lines)
{
    return buf_add(object, lines) == ERR_OK;
}

static void an_export_says_what_is_gone(void **state)
{
    (void)state;
    struct audit_report report;
    struct fault why;
    struct buf document;
    for (int i = 0; i < 300; i++) {
        interaction();
        privileged();
    }
    today.us += 91 * DAY_US;
    assert_int_equal(prune(CLASS_INTERACTION), 300);
    buf_init(&document, (size_t)1 << 20);
    assert_int_equal(bundle_export(commons.store, collect, &document, &why), ERR_OK);
    assert_int_equal(bundle_verify(buf_str(&document), NULL, NULL, &report, &why), ERR_OK);
    buf_end(&document);
    assert_int_equal(report.fault_count, 0);
    assert_int_equal(report.gone, 300);
    assert_int_equal(report.records, 300 + 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(rows_that_come_behind_the_end_are_read_too),
        TEST(records_go_by_the_age_of_their_class),
        TEST(what_is_said_of_the_history_never_goes),
        TEST(many_records_go_batch_by_batch),
        TEST(a_row_that_was_removed_otherwise_is_still_missed),
        TEST(an_export_says_what_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
