/* SPDX-License-Identifier: Apache-2.0
 * test_events.c - stored events read back as they were, by older and newer readers too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "telemetry/sample.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static struct buf bytes;
static struct buf json;

static int set_up(void **state)
{
    (void)state;
    buf_init(&bytes, 1 << 20);
    buf_init(&json, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_end(&bytes);
    buf_end(&json);
    return 0;
}

static const struct event_sampled full = {.name = {"a\"b", 3},
                                          .count = UINT64_MAX,
                                          .shift = INT64_MIN,
                                          .took = 1234,
                                          .cost = -5,
                                          .score = 0.1,
                                          .done = true,
                                          .who = {"Ann", 3}};

static void encode(const struct event_type *type, const void *event)
{
    assert_int_equal(event_encode(type, event, INT64_C(1795573778000123), &bytes, NULL), ERR_OK);
}

static enum err decode(const struct event_table *table, struct str *encoded, bool with_personal)
{
    struct json_writer writer;
    buf_clear(&json);
    json_writer_init(&writer, &json);
    enum err err = event_decode(table, encoded, NULL, with_personal, &writer);
    assert_int_equal(json_writer_end(&writer), ERR_OK);
    return err;
}

static void decodes_to(const struct event_table *table, bool with_personal, const char *expected)
{
    struct str encoded = buf_str(&bytes);
    assert_int_equal(decode(table, &encoded, with_personal), ERR_OK);
    assert_int_equal(encoded.len, 0);
    assert_string_equal(buf_cstr(&json), expected);
}

static void every_kind_comes_back(void **state)
{
    (void)state;
    encode(&event_type_sampled, &full);
    decodes_to(&sample_events, true,
               "{\"event\":\"sampled\",\"at\":\"2026-11-25T02:29:38.000123Z\","
               "\"name\":\"a\\\"b\",\"count\":18446744073709551615,"
               "\"shift\":-9223372036854775808,\"took_us\":1234,\"cost_microusd\":-5,"
               "\"score\":0.1,\"done\":true,\"who\":\"Ann\"}");
}

static void zeros_come_back_and_take_one_byte_each(void **state)
{
    (void)state;
    encode(&event_type_sampled, &(const struct event_sampled){0});
    assert_int_equal(bytes.len, 1 + 8 + 1 + 8);
    decodes_to(&sample_events, true,
               "{\"event\":\"sampled\",\"at\":\"2026-11-25T02:29:38.000123Z\",\"name\":\"\","
               "\"count\":0,\"shift\":0,\"took_us\":0,\"cost_microusd\":0,\"score\":0,"
               "\"done\":false,\"who\":\"\"}");
}

static void personal_fields_are_left_out_on_demand(void **state)
{
    (void)state;
    encode(&event_type_alarmed,
           &(const struct event_alarmed){.what = STR("x"), .user = STR("Ann")});
    decodes_to(&sample_events, false,
               "{\"event\":\"alarmed\",\"at\":\"2026-11-25T02:29:38.000123Z\",\"what\":\"x\"}");
}

static void an_event_may_have_no_fields(void **state)
{
    (void)state;
    encode(&event_type_emptied, &(const struct event_emptied){.event_begin_ = 0});
    decodes_to(&sample_events, true,
               "{\"event\":\"emptied\",\"at\":\"2026-11-25T02:29:38.000123Z\"}");
}

static void an_unknown_number_is_shown_as_such(void **state)
{
    (void)state;
    struct event_type type = event_type_sampled;
    type.number = 4000000000;
    encode(&type, &full);
    decodes_to(&sample_events, true,
               "{\"event\":4000000000,\"at\":\"2026-11-25T02:29:38.000123Z\",\"fields\":8}");
}

/* A reader whose declaration is older knows the first fields only. */
static void an_older_reader_skips_new_fields(void **state)
{
    (void)state;
    struct event_type older = event_type_sampled;
    older.count = 2;
    const struct event_type *types[] = {&older};
    struct event_table table = {types, 1};
    encode(&event_type_sampled, &full);
    decodes_to(&table, true,
               "{\"event\":\"sampled\",\"at\":\"2026-11-25T02:29:38.000123Z\","
               "\"name\":\"a\\\"b\",\"count\":18446744073709551615}");
}

static void a_newer_reader_leaves_out_what_was_not_stored(void **state)
{
    (void)state;
    struct event_type older = event_type_sampled;
    older.count = 1;
    encode(&older, &full);
    decodes_to(&sample_events, true,
               "{\"event\":\"sampled\",\"at\":\"2026-11-25T02:29:38.000123Z\","
               "\"name\":\"a\\\"b\"}");
}

static void events_follow_each_other(void **state)
{
    (void)state;
    encode(&event_type_emptied, &(const struct event_emptied){.event_begin_ = 0});
    encode(&event_type_sampled, &full);
    encode(&event_type_granted, &(const struct event_granted){.yes = true, .n = 300});
    struct str encoded = buf_str(&bytes);
    struct event_view view;
    assert_int_equal(event_next(&sample_events, &encoded, &view), ERR_OK);
    assert_ptr_equal(view.type, &event_type_emptied);
    assert_int_equal(event_next(&sample_events, &encoded, &view), ERR_OK);
    assert_ptr_equal(view.type, &event_type_sampled);
    assert_int_equal(view.at_us, INT64_C(1795573778000123));
    assert_int_equal(event_next(&sample_events, &encoded, &view), ERR_OK);
    double n = 0;
    assert_true(event_get_number(&view, "n", &n));
    assert_true(n == 300);
    assert_int_equal(encoded.len, 0);
}

static void a_view_gives_values_by_name(void **state)
{
    (void)state;
    encode(&event_type_sampled, &full);
    struct str encoded = buf_str(&bytes);
    struct event_view view;
    assert_int_equal(event_next(&sample_events, &encoded, &view), ERR_OK);
    struct str text;
    double number = 0;
    assert_true(event_get_str(&view, "who", &text));
    assert_true(str_equal(text, STR("Ann")));
    assert_true(event_get_number(&view, "cost", &number) && number == -5);
    assert_true(event_get_number(&view, "score", &number) && number == 0.1);
    assert_true(event_get_number(&view, "done", &number) && number == 1);
    assert_true(event_get_number(&view, "took", &number) && number == 1234);
    assert_false(event_get_number(&view, "who", &number));
    assert_false(event_get_str(&view, "count", &text));
    assert_false(event_get_str(&view, "absent", &text));
}

static void damage_is_noticed_at_every_length(void **state)
{
    (void)state;
    encode(&event_type_sampled, &full);
    for (size_t len = 0; len < bytes.len; len++) {
        char *copy = malloc(len + 1); /* a heap block of that size: reading on is seen */
        memcpy(copy, bytes.at, len);
        struct str encoded = {copy, len};
        assert_int_equal(decode(&sample_events, &encoded, true), ERR_CORRUPT);
        assert_int_equal(encoded.len, len);
        assert_int_equal(json.len, 0);
        free(copy);
    }
}

static void nonsense_is_corrupt(void **state)
{
    (void)state;
    static const struct str cases[] = {
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 11}, /* endless varint */
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10},     /* over 64 bits */
        {"\x80\x80\x80\x80\x10"
         "01234567"
         "\x00",
         14}, /* number over 32 bits */
        {"\x03"
         "01234567"
         "\x41",
         10}, /* 65 fields */
        {"\x02"
         "01234567"
         "\x01"
         "\x05",
         11}, /* unknown wire */
        {"\x02"
         "01234567"
         "\x01"
         "\x01\x07",
         12}, /* a number as name */
        {"\x02"
         "01234567"
         "\x01"
         "\x04\x7F"
         "ab",
         14}, /* longer than the rest */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str encoded = cases[i];
        assert_int_equal(decode(&sample_events, &encoded, true), ERR_CORRUPT);
    }
}

static void long_text_is_cut_on_a_code_point(void **state)
{
    (void)state;
    static char text[3 * EVENT_BYTES_MAX];
    for (size_t i = 0; i < sizeof text; i += 3) {
        memcpy(text + i, "\xE2\x82\xAC", 3);
    }
    for (size_t shift = 0; shift < 3; shift++) {
        buf_clear(&bytes);
        struct event_alarmed event = {.what = {text, sizeof text}, .user = {"abc", shift}};
        encode(&event_type_alarmed, &event);
        assert_true(bytes.len <= EVENT_BYTES_MAX && bytes.len > EVENT_BYTES_MAX - 32);
        struct str encoded = buf_str(&bytes);
        struct event_view view;
        struct str what;
        assert_int_equal(event_next(&sample_events, &encoded, &view), ERR_OK);
        assert_true(event_get_str(&view, "what", &what));
        assert_true(utf8_valid(what));
        assert_true(str_ends(what, STR("\xE2\x82\xAC\xE2\x80\xA6")));
    }
}

static void short_text_stays_whole_beside_long_text(void **state)
{
    (void)state;
    static char text[EVENT_BYTES_MAX];
    memset(text, 'x', sizeof text);
    struct event_reasoned event = {
        .text = {text, sizeof text}, .more = {text, 1000}, .last = {text, sizeof text}};
    encode(&event_type_reasoned, &event);
    assert_true(bytes.len <= EVENT_BYTES_MAX && bytes.len > EVENT_BYTES_MAX - 32);
    struct str encoded = buf_str(&bytes);
    struct event_view view;
    struct str value;
    assert_int_equal(event_next(&sample_events, &encoded, &view), ERR_OK);
    assert_true(event_get_str(&view, "more", &value));
    assert_int_equal(value.len, 1000);
    assert_true(event_get_str(&view, "last", &value));
    assert_true(value.len > 3000 && str_ends(value, STR("x\xE2\x80\xA6")));
}

static void text_that_fits_exactly_is_not_cut(void **state)
{
    (void)state;
    static char text[EVENT_BYTES_MAX];
    memset(text, 'x', sizeof text);
    /* 15 bytes are set aside for the head; two fields; a length of two bytes. */
    size_t fits = EVENT_BYTES_MAX - 15 - 2 - 2;
    for (size_t len = fits; len <= fits + 1; len++) {
        buf_clear(&bytes);
        encode(&event_type_alarmed, &(const struct event_alarmed){.what = {text, len}});
        struct str encoded = buf_str(&bytes);
        struct event_view view;
        struct str what;
        assert_int_equal(event_next(&sample_events, &encoded, &view), ERR_OK);
        assert_true(event_get_str(&view, "what", &what));
        assert_int_equal(str_ends(what, STR("\xE2\x80\xA6")), len > fits);
    }
}

static void no_room_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    buf_end(&bytes);
    buf_init(&bytes, 40);
    encode(&event_type_emptied, &(const struct event_emptied){.event_begin_ = 0});
    size_t before = bytes.len;
    assert_int_equal(event_encode(&event_type_sampled, &full, 0, &bytes, NULL), ERR_LIMIT);
    assert_int_equal(bytes.len, before);
}

static void the_page_shows_fields_and_retention(void **state)
{
    (void)state;
    assert_int_equal(event_document(&sample_events, &json), ERR_OK);
    assert_non_null(strstr(buf_cstr(&json),
                           "## `alarmed` (300)\n\nSomething is wrong. Level error; class security, "
                           "kept 365 days.\n\n| Field | Kind | Personal |\n|---|---|---|\n"
                           "| `what` | text |  |\n| `user` | text | yes |\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- what stands apart ---- */

static void personal_texts_stand_apart(void **state)
{
    (void)state;
    struct buf personal;
    buf_init(&personal, 4096);
    assert_int_equal(event_encode(&event_type_sampled, &full, 0, &bytes, &personal), ERR_OK);
    assert_true(str_equal(buf_str(&personal), STR("\3"
                                                  "Ann")));
    assert_int_equal(str_find(buf_str(&bytes), STR("Ann")), SIZE_MAX);
    buf_end(&personal);
}

/* Of several events, in their order; without the texts they are null, never another's. */
static void they_come_back_with_their_events(void **state)
{
    (void)state;
    static const struct event_alarmed nobody = {.what = STR_CONST("w")};
    static const struct event_alarmed bob = {.what = STR_CONST("w"), .user = STR_CONST("bob")};
    struct buf personal;
    buf_init(&personal, 4096);
    assert_int_equal(event_encode(&event_type_sampled, &full, 0, &bytes, &personal), ERR_OK);
    assert_int_equal(event_encode(&event_type_alarmed, &nobody, 0, &bytes, &personal), ERR_OK);
    assert_int_equal(event_encode(&event_type_alarmed, &bob, 0, &bytes, &personal), ERR_OK);
    for (int opened = 0; opened < 2; opened++) {
        static const char *const expected[2][3] = {
            {"\"who\":null", "\"user\":\"\"", "\"user\":null"},
            {"\"who\":\"Ann\"", "\"user\":\"\"", "\"user\":\"bob\""}};
        struct str encoded = buf_str(&bytes);
        struct str texts = buf_str(&personal);
        for (int i = 0; i < 3; i++) {
            struct json_writer writer;
            buf_clear(&json);
            json_writer_init(&writer, &json);
            assert_int_equal(
                event_decode(&sample_events, &encoded, opened ? &texts : NULL, true, &writer),
                ERR_OK);
            assert_int_equal(json_writer_end(&writer), ERR_OK);
            assert_true(str_find(buf_str(&json), str_of(expected[opened][i])) != SIZE_MAX);
        }
        assert_int_equal(encoded.len, 0);
        assert_int_equal(texts.len, opened ? 0 : personal.len);
    }
    buf_end(&personal);
}

static void texts_that_do_not_fit_are_corrupt(void **state)
{
    (void)state;
    struct buf personal;
    buf_init(&personal, 4096);
    assert_int_equal(event_encode(&event_type_sampled, &full, 0, &bytes, &personal), ERR_OK);
    for (size_t len = 0; len < personal.len; len++) {
        struct str encoded = buf_str(&bytes);
        struct str texts = str_cut(buf_str(&personal), 0, len);
        struct json_writer writer;
        buf_clear(&json);
        json_writer_init(&writer, &json);
        assert_int_equal(event_decode(&sample_events, &encoded, &texts, true, &writer),
                         ERR_CORRUPT);
    }
    buf_end(&personal);
}

static void one_of_them_is_found_by_its_name(void **state)
{
    (void)state;
    struct event_view view;
    struct str value = STR("");
    struct buf personal;
    buf_init(&personal, 4096);
    assert_int_equal(event_encode(&event_type_sampled, &full, 0, &bytes, &personal), ERR_OK);
    struct str encoded = buf_str(&bytes);
    assert_int_equal(event_next(&sample_events, &encoded, &view), ERR_OK);
    assert_int_equal(view.apart, 1);
    assert_false(event_get_str(&view, "who", &value));
    assert_true(event_get_apart(&view, buf_str(&personal), "who", &value));
    assert_true(str_equal(value, STR("Ann")));
    assert_false(event_get_apart(&view, buf_str(&personal), "name", &value));
    assert_false(event_get_apart(&view, STR(""), "who", &value));
    buf_end(&personal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_comes_back),
        TEST(zeros_come_back_and_take_one_byte_each),
        TEST(personal_fields_are_left_out_on_demand),
        TEST(an_event_may_have_no_fields),
        TEST(an_unknown_number_is_shown_as_such),
        TEST(an_older_reader_skips_new_fields),
        TEST(a_newer_reader_leaves_out_what_was_not_stored),
        TEST(events_follow_each_other),
        TEST(a_view_gives_values_by_name),
        TEST(damage_is_noticed_at_every_length),
        TEST(nonsense_is_corrupt),
        TEST(long_text_is_cut_on_a_code_point),
        TEST(short_text_stays_whole_beside_long_text),
        TEST(text_that_fits_exactly_is_not_cut),
        TEST(no_room_leaves_the_buffer_as_it_was),
        TEST(the_page_shows_fields_and_retention),
        TEST(personal_texts_stand_apart),
        TEST(they_come_back_with_their_events),
        TEST(texts_that_do_not_fit_are_corrupt),
        TEST(one_of_them_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
