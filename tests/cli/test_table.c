/* SPDX-License-Identifier: Apache-2.0
 * test_table.c - JSON as aligned text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/table.h"

#include <string.h>

struct fixture {
    struct arena *arena;
    struct json json;
    struct buf out;
};

static void begin(struct fixture *f, const char *text)
{
    f->arena = arena_new(4096);
    buf_init(&f->out, 1 << 20);
    assert_int_equal(json_parse(&f->json, str_of(text), NULL, f->arena, NULL), ERR_OK);
}

static void end(struct fixture *f)
{
    buf_end(&f->out);
    arena_free(f->arena);
}

static const struct column columns[] = {{"NAME", "/name", COLUMN_TEXT, 8},
                                        {"COUNT", "/deep/count", COLUMN_TEXT, 0},
                                        {"TAGS", "/tags", COLUMN_TEXT, 0},
                                        {NULL, NULL, COLUMN_TEXT, 0}};

static void texts_stand_left_and_numbers_right(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "[{\"name\":\"a\",\"deep\":{\"count\":5},\"tags\":[\"x\",\"y\"]},"
              "{\"name\":\"bcd\",\"deep\":{\"count\":12345},\"tags\":[]}]");
    assert_int_equal(table_write(&f.json, JSON_ROOT, columns, "none", &f.out), ERR_OK);
    assert_string_equal(buf_cstr(&f.out), "NAME  COUNT  TAGS\n"
                                          "a         5  x, y\n"
                                          "bcd   12345\n");
    end(&f);
}

static void no_rows_are_said_in_words(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "[]");
    assert_int_equal(table_write(&f.json, JSON_ROOT, columns, "no things", &f.out), ERR_OK);
    assert_string_equal(buf_cstr(&f.out), "no things\n");
    end(&f);
}

static void a_long_cell_is_cut_on_a_code_point(void **state)
{
    (void)state;
    static const struct column one[] = {{"N", "/n", COLUMN_TEXT, 4}, {NULL, NULL, COLUMN_TEXT, 0}};
    struct fixture f;
    begin(&f, "[{\"n\":\"\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F\xC3\xA4\"},{\"n\":\"abcd\"}]");
    assert_int_equal(table_write(&f.json, JSON_ROOT, one, "", &f.out), ERR_OK);
    assert_string_equal(buf_cstr(&f.out), "N\n\xC3\xA4\xC3\xB6\xC3\xBC\xE2\x80\xA6\nabcd\n");
    end(&f);
}

/* A terminal must not be steered by what a client put into a header. */
static void control_characters_become_spaces(void **state)
{
    (void)state;
    static const struct column one[] = {{"N", "/n", COLUMN_TEXT, 0}, {NULL, NULL, COLUMN_TEXT, 0}};
    struct fixture f;
    begin(&f, "[{\"n\":\"a\\u001b[31m\\nb\\u202ec\\u009bd\"}]");
    assert_int_equal(table_write(&f.json, JSON_ROOT, one, "", &f.out), ERR_OK);
    assert_string_equal(buf_cstr(&f.out), "N\na [31m b c d\n");
    end(&f);
}

static void units_are_shown(void **state)
{
    (void)state;
    static const struct column units[] = {{"T", "/t", COLUMN_US, 0},
                                          {"C", "/c", COLUMN_MICROUSD, 0},
                                          {"B", "/b", COLUMN_BYTES, 0},
                                          {"W", "/w", COLUMN_TIME, 0},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    struct fixture f;
    begin(&f, "[{\"t\":1500,\"c\":12300,\"b\":1572864,\"w\":\"2026-11-25T02:29:38.000123Z\"},"
              "{\"t\":0,\"c\":0,\"b\":0,\"w\":null}]");
    assert_int_equal(table_write(&f.json, JSON_ROOT, units, "", &f.out), ERR_OK);
    assert_non_null(strstr(buf_cstr(&f.out), "1.5 MiB"));
    assert_non_null(strstr(buf_cstr(&f.out), "$0.012300"));
    assert_non_null(strstr(buf_cstr(&f.out), "2026-11-25T02:29:38\n"));
    assert_null(strstr(buf_cstr(&f.out), "000123"));
    end(&f);
}

static void a_record_leaves_out_what_is_empty(void **state)
{
    (void)state;
    static const struct column lines[] = {{"id", "/id", COLUMN_TEXT, 0},
                                          {"the reason", "/why", COLUMN_TEXT, 0},
                                          {"by", "/by", COLUMN_TEXT, 0},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    struct fixture f;
    begin(&f, "{\"id\":7,\"why\":null,\"by\":\"me\"}");
    assert_int_equal(table_write_record(&f.json, JSON_ROOT, lines, &f.out), ERR_OK);
    assert_string_equal(buf_cstr(&f.out), "id          7\nby          me\n");
    end(&f);
}

static void a_flag_is_said_either_way(void **state)
{
    (void)state;
    static const struct column lines[] = {{"on", "/on", COLUMN_FLAG, 0},
                                          {"off", "/off", COLUMN_FLAG, 0},
                                          {"quiet", "/off", COLUMN_TEXT, 0},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    struct fixture f;
    begin(&f, "{\"on\":true,\"off\":false}");
    assert_int_equal(table_write_record(&f.json, JSON_ROOT, lines, &f.out), ERR_OK);
    assert_string_equal(buf_cstr(&f.out), "on     yes\noff    no\n");
    end(&f);
}

static void lines_are_the_elements_as_they_are(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "[{\"a\": 1},  [2]]");
    assert_int_equal(table_write_lines(&f.json, JSON_ROOT, &f.out), ERR_OK);
    assert_string_equal(buf_cstr(&f.out), "{\"a\": 1}\n[2]\n");
    end(&f);
}

static void members_without_a_value_are_left_out(void **state)
{
    (void)state;
    static const char *const but[] = {"event", NULL};
    struct fixture f;
    begin(&f, "{\"event\":\"x\",\"zero\":0,\"none\":null,\"no\":false,\"text\":\"\",\"yes\":true,"
              "\"n\":12}");
    assert_int_equal(table_write_members(&f.json, JSON_ROOT, but, &f.out), ERR_OK);
    assert_string_equal(buf_cstr(&f.out), " yes=true n=12");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_stand_left_and_numbers_right),
        cmocka_unit_test(no_rows_are_said_in_words),
        cmocka_unit_test(a_long_cell_is_cut_on_a_code_point),
        cmocka_unit_test(control_characters_become_spaces),
        cmocka_unit_test(units_are_shown),
        cmocka_unit_test(a_record_leaves_out_what_is_empty),
        cmocka_unit_test(a_flag_is_said_either_way),
        cmocka_unit_test(lines_are_the_elements_as_they_are),
        cmocka_unit_test(members_without_a_value_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
