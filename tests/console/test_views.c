/* SPDX-License-Identifier: Apache-2.0
 * test_views.c - what the store keeps, as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "console/views.h"
#include "json/json_path.h"

#include <string.h>

#define COLUMNS LEDGER_COLUMNS

struct fixture {
    struct arena *arena;
    struct buf text;
    struct json_writer w;
    struct json json;
};

static void begin(struct fixture *f)
{
    f->arena = arena_new(4096);
    buf_init(&f->text, 1 << 20);
    json_writer_init(&f->w, &f->text);
}

static void read_back(struct fixture *f)
{
    assert_int_equal(json_writer_end(&f->w), ERR_OK);
    assert_int_equal(json_parse(&f->json, buf_str(&f->text), NULL, f->arena, NULL), ERR_OK);
}

static void end(struct fixture *f)
{
    buf_end(&f->text);
    arena_free(f->arena);
}

static bool is_text(const struct fixture *f, const char *pointer, const char *expected)
{
    return json_string_is(&f->json, json_path(&f->json, str_of(pointer)), str_of(expected));
}

/* A row of one class with the given events encoded. */
static void row(struct value *row, int64_t number, int class, struct str facts)
{
    row[0] = value_of_i64(number * EVENT_CLASS_SLOTS + class);
    row[1] = value_of_blob(facts);
    for (size_t i = 2; i < COLUMNS; i++) {
        row[i] = value_null();
    }
}

static void encode_end(struct buf *facts, int64_t at_us)
{
    const struct event_exchange_ended event = {.id = STR("ex0000000000000007"),
                                               .user = STR("ann"),
                                               .route = STR("support"),
                                               .status = 200};
    assert_int_equal(event_encode(&event_type_exchange_ended, &event, at_us, facts, NULL), ERR_OK);
}

static void encode_step(struct buf *facts, int64_t at_us)
{
    const struct event_fell_back event = {
        .route = STR("support"), .from = STR("a"), .to = STR("b")};
    assert_int_equal(event_encode(&event_type_fell_back, &event, at_us, facts, NULL), ERR_OK);
}

static void rows_are_grouped_by_exchange(void **state)
{
    (void)state;
    struct value values[4 * COLUMNS];
    row(&values[0], 9, 4, STR(""));
    row(&values[COLUMNS], 9, 0, STR(""));
    row(&values[2 * COLUMNS], 8, 0, STR(""));
    row(&values[3 * COLUMNS], 7, 2, STR(""));
    struct view_rows rows = {values, 4, COLUMNS};
    struct view_rows one;
    char id[EXCHANGE_ID_BYTES];
    assert_true(view_next_exchange(&rows, &one));
    assert_int_equal(one.count, 2);
    assert_string_equal(view_exchange_id(&one, id), "ex0000000000000009");
    assert_true(view_next_exchange(&rows, &one));
    assert_int_equal(one.count, 1);
    assert_true(view_next_exchange(&rows, &one));
    assert_false(view_next_exchange(&rows, &one));
    assert_int_equal(ledger_number(str_of(id)), 9);
}

static void events_of_all_classes_stand_in_the_order_of_time(void **state)
{
    (void)state;
    struct fixture f;
    struct buf facts[2];
    struct value values[2 * COLUMNS];
    begin(&f);
    buf_init(&facts[0], 4096);
    buf_init(&facts[1], 4096);
    encode_end(&facts[0], 3000000);
    encode_step(&facts[1], 1000000);
    encode_step(&facts[1], 2000000);
    row(&values[0], 7, 0, buf_str(&facts[0]));
    row(&values[COLUMNS], 7, 4, buf_str(&facts[1]));
    const struct view_rows one = {values, 2, COLUMNS};
    view_exchange(&gateway_events, &one, true, NULL, &f.w);
    read_back(&f);
    assert_true(is_text(&f, "/id", "ex0000000000000007"));
    assert_true(is_text(&f, "/events/0/event", "fell_back"));
    assert_true(is_text(&f, "/events/1/at", "1970-01-01T00:00:02.000000Z"));
    assert_true(is_text(&f, "/events/2/event", "exchange_ended"));
    assert_int_equal(json_path(&f.json, STR("/damaged")), JSON_NONE);
    buf_end(&facts[0]);
    buf_end(&facts[1]);
    end(&f);
}

static void personal_fields_are_shown_on_demand_only(void **state)
{
    (void)state;
    for (int personal = 0; personal < 2; personal++) {
        struct fixture f;
        struct buf facts;
        struct value values[COLUMNS];
        begin(&f);
        buf_init(&facts, 4096);
        encode_step(&facts, 1);
        encode_end(&facts, 2);
        row(values, 7, 0, buf_str(&facts));
        const struct view_rows one = {values, 1, COLUMNS};
        assert_true(view_exchange_summary(&gateway_events, &one, personal == 1, NULL, &f.w));
        read_back(&f);
        assert_true(is_text(&f, "/route", "support"));
        assert_int_equal(is_text(&f, "/user", "ann"), personal == 1);
        buf_end(&facts);
        end(&f);
    }
}

static void damaged_rows_are_counted_and_the_rest_is_shown(void **state)
{
    (void)state;
    struct fixture f;
    struct buf facts;
    struct value values[2 * COLUMNS];
    begin(&f);
    buf_init(&facts, 4096);
    encode_step(&facts, 1);
    row(&values[0], 7, 0, STR("\xFF\xFF\xFF"));
    row(&values[COLUMNS], 7, 1, buf_str(&facts));
    const struct view_rows one = {values, 2, COLUMNS};
    assert_false(view_exchange_summary(&gateway_events, &one, true, NULL, &f.w));
    view_exchange(&gateway_events, &one, true, NULL, &f.w);
    read_back(&f);
    uint64_t damaged = 0;
    assert_true(json_u64(&f.json, json_path(&f.json, STR("/damaged")), &damaged));
    assert_int_equal(damaged, 1);
    assert_true(is_text(&f, "/events/0/event", "fell_back"));
    buf_end(&facts);
    end(&f);
}

static void a_review_shows_its_state_in_words_and_absent_values_as_null(void **state)
{
    (void)state;
    struct fixture f;
    const struct value values[13] = {value_of_text(STR("rv1")),
                                     value_of_i64(1000000),
                                     value_of_text(STR("ex1")),
                                     value_of_text(STR("default")),
                                     value_of_text(STR("")),
                                     value_of_text(STR("support")),
                                     value_of_i64(0),
                                     value_of_text(STR("timeout")),
                                     value_of_text(STR("where?")),
                                     value_null(),
                                     value_null(),
                                     value_null(),
                                     value_null()};
    begin(&f);
    view_review(values, NULL, &f.w);
    read_back(&f);
    assert_true(is_text(&f, "/state", "pending"));
    assert_true(is_text(&f, "/question", "where?"));
    assert_int_equal(json_kind(&f.json, json_path(&f.json, STR("/answer"))), JSON_NULL);
    assert_int_not_equal(json_path(&f.json, STR("/decided_at")), JSON_NONE);
    end(&f);
}

static void states_are_read_by_their_words(void **state)
{
    (void)state;
    assert_int_equal(view_review_state(STR("")), -1);
    assert_int_equal(view_review_state(STR("all")), -1);
    assert_int_equal(view_review_state(STR("pending")), 0);
    assert_int_equal(view_review_state(STR("edited")), 3);
    assert_int_equal(view_review_state(STR("Pending")), -2);
}

static void a_key_shows_what_it_binds_and_never_its_hash(void **state)
{
    (void)state;
    struct fixture f;
    struct key_entry entry = {.id = STR("abc"),
                              .principal = {.tenant = STR("t"), .name = STR("n")},
                              .expires_us = 5,
                              .limits = {.rate = {10, 60000}}};
    memset(entry.hash.bytes, 'h', sizeof entry.hash.bytes);
    begin(&f);
    view_key(&entry, (struct wall){5}, &f.w);
    read_back(&f);
    assert_true(is_text(&f, "/state", "expired"));
    assert_true(is_text(&f, "/tenant", "t"));
    assert_true(is_text(&f, "/limits/rate", "10/min"));
    assert_null(strstr(buf_cstr(&f.text), "hhhh"));
    assert_null(strstr(buf_cstr(&f.text), "6868"));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_grouped_by_exchange),
        cmocka_unit_test(events_of_all_classes_stand_in_the_order_of_time),
        cmocka_unit_test(personal_fields_are_shown_on_demand_only),
        cmocka_unit_test(damaged_rows_are_counted_and_the_rest_is_shown),
        cmocka_unit_test(a_review_shows_its_state_in_words_and_absent_values_as_null),
        cmocka_unit_test(states_are_read_by_their_words),
        cmocka_unit_test(a_key_shows_what_it_binds_and_never_its_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
