/* SPDX-License-Identifier: Apache-2.0
 * test_regex.c - patterns, their limits, and what more text could change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/regex.h"

#include <stdlib.h>
#include <string.h>

static struct arena *arena;
static struct regex_scratch *scratch;

static int begin(void **state)
{
    (void)state;
    arena = arena_new(4096);
    scratch = regex_scratch_new(8);
    return 0;
}

static int end(void **state)
{
    (void)state;
    regex_scratch_free(scratch);
    arena_free(arena);
    return 0;
}

static const struct regex *made(const char *pattern, enum regex_use use)
{
    const struct regex *regex = NULL;
    struct fault fault = {0};
    if (regex_new(str_of(pattern), use, arena, &regex, &fault) != ERR_OK) {
        fail_msg("%s: %s", pattern, fault.words);
    }
    return regex;
}

static void a_search_gives_its_groups(void **state)
{
    (void)state;
    const struct regex *regex = made("(?<who>\\w+) is (?<what>\\w+)( here)?", REGEX_SEARCH);
    struct str text = STR("and this is fine");
    assert_int_equal(regex_search(regex, scratch, text), REGEX_FOUND);
    assert_int_equal(regex_groups(regex), 3);
    assert_true(
        str_equal(regex_captured(scratch, regex_group(regex, STR("what")), text), STR("fine")));
    assert_int_equal(regex_captured(scratch, 3, text).len, 0);
    assert_int_equal(regex_group(regex, STR("where")), 0);
    assert_int_equal(regex_search(regex, scratch, STR("nobody")), REGEX_NONE);
    assert_int_equal(regex_search(regex, scratch, (struct str){NULL, 0}), REGEX_NONE);
}

static void what_is_not_utf8_matches_nothing(void **state)
{
    (void)state;
    const struct regex *regex = made("a.b", REGEX_SEARCH);
    assert_int_equal(regex_search(regex, scratch,
                                  STR("a\xFF"
                                      "b")),
                     REGEX_NONE);
    assert_int_equal(regex_search(regex, scratch, STR("\xFF a\u00E4b")), REGEX_FOUND);
    regex = made("\\s\\S\\s", REGEX_SEARCH);
    assert_int_equal(regex_search(regex, scratch, STR("a \u00E4 b")), REGEX_FOUND);
    assert_int_equal(regex_search(regex, scratch, STR("\xFF \u00E4 b")), REGEX_FOUND);
}

static void a_search_has_an_end(void **state)
{
    (void)state;
    const struct regex *regex = made("(a+)+$", REGEX_SEARCH);
    char text[4096];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '!';
    assert_int_equal(regex_search(regex, scratch, (struct str){text, sizeof text}), REGEX_OVER);
}

static void wrong_patterns_are_told_where(void **state)
{
    (void)state;
    const struct regex *regex = NULL;
    struct fault fault = {0};
    assert_int_equal(regex_new(STR("ab(c"), REGEX_AT, arena, &regex, &fault), ERR_SYNTAX);
    assert_non_null(strstr(fault.words, "at byte 4"));
    assert_int_equal(regex_new(STR("a\\Cb"), REGEX_AT, arena, &regex, &fault), ERR_SYNTAX);
    char longest[REGEX_PATTERN_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(
        regex_new((struct str){longest, sizeof longest - 1}, REGEX_AT, arena, &regex, &fault),
        ERR_OK);
    assert_int_equal(
        regex_new((struct str){longest, sizeof longest}, REGEX_AT, arena, &regex, &fault),
        ERR_LIMIT);
}

static enum regex_result at(const char *pattern, struct regex_place place, size_t *length)
{
    const struct regex *regex = made(pattern, REGEX_AT);
    size_t stop = 0;
    enum regex_result result = regex_at(regex, scratch, &place, &stop);
    *length = stop - place.at;
    return result;
}

static void more_text_may_change_the_answer(void **state)
{
    (void)state;
    size_t length = 0;
    struct regex_place open = {.text = STR("x 1234"), .at = 2, .goes_on = true};
    struct regex_place whole = {.text = STR("x 1234"), .at = 2};
    assert_int_equal(at("\\d{4}", open, &length), REGEX_FOUND);
    assert_int_equal(length, 4);
    assert_int_equal(at("\\d{4}\\b", open, &length), REGEX_PARTIAL);
    assert_int_equal(at("\\d{4}\\b", whole, &length), REGEX_FOUND);
    assert_int_equal(at("\\d+", open, &length), REGEX_PARTIAL);
    assert_int_equal(at("\\d{5}", open, &length), REGEX_PARTIAL);
    assert_int_equal(at("\\d{5}", whole, &length), REGEX_NONE);
    assert_int_equal(at("[a-z]", open, &length), REGEX_NONE);
    assert_int_equal(at("\\d+$", whole, &length), REGEX_FOUND);
    whole.cut_behind = true;
    assert_int_equal(at("\\d+$", whole, &length), REGEX_NONE);
}

static void only_the_place_itself_is_tried(void **state)
{
    (void)state;
    size_t length = 0;
    struct regex_place place = {.text = STR("x 1234"), .at = 1};
    assert_int_equal(at("\\d+", place, &length), REGEX_NONE);
    place.at = 2;
    assert_int_equal(at("(?<=x )\\d", place, &length), REGEX_FOUND);
    assert_int_equal(at("^\\d", place, &length), REGEX_NONE);
    assert_int_equal(at("\\d*?", place, &length), REGEX_FOUND);
    assert_int_equal(length, 1);
}

static void what_is_not_utf8_ends_the_text_around_a_place(void **state)
{
    (void)state;
    size_t length = 0;
    struct regex_place place = {.text = STR("ab\xFF"
                                            "cd"),
                                .at = 1};
    assert_int_equal(at("[^b]", place, &length), REGEX_NONE);
    assert_int_equal(at("\\w+\\b", place, &length), REGEX_FOUND);
    assert_int_equal(length, 1);
    assert_int_equal(at("\\w+$", place, &length), REGEX_NONE);
    place.at = 3;
    assert_int_equal(at("^\\w+$", place, &length), REGEX_NONE);
    assert_int_equal(at("\\w+$", place, &length), REGEX_FOUND);
    assert_int_equal(length, 2);
}

static void a_place_has_its_limits(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'a', sizeof text);
    const struct regex *regex = made("(a|aa|a?a)+[!?]", REGEX_AT);
    struct regex_place place = {.text = {text, sizeof text}};
    size_t stop = 0;
    assert_int_equal(regex_at(regex, scratch, &place, &stop), REGEX_OVER);
    regex = made("a+", REGEX_AT);
    place.quick = true;
    assert_int_equal(regex_at(regex, scratch, &place, &stop), REGEX_FOUND);
    assert_int_equal(stop, sizeof text);
    regex = made("(a|aa){1,9}c|a{200}", REGEX_AT);
    assert_int_equal(regex_at(regex, scratch, &place, &stop), REGEX_OVER);
    place.quick = false;
    assert_int_equal(regex_at(regex, scratch, &place, &stop), REGEX_FOUND);
}

static void a_look_ahead_may_ask_for_what_follows(void **state)
{
    (void)state;
    size_t length = 0;
    struct regex_place place = {.text = STR("b")};
    assert_int_equal(at("(?=b)\\s*b+", place, &length), REGEX_FOUND);
    const struct regex *regex = made("(?=b)\\s*b+", REGEX_SEARCH);
    assert_int_equal(regex_search(regex, scratch, STR("ab")), REGEX_FOUND);
}

static void shapes_say_how_matches_begin(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *first; /* bytes that may, then those that may not, begin one */
        const char *never;
    } cases[] = {
        {"abc", "a", "b"},          {"(?i)abc", "aA", "b"},
        {"\\d+", "09", "a "},       {"(?i)k", "kK\xE2", "a"},
        {"a|b", "ab", "c"},         {"\\bfoo", "f", "o"},
        {"(?<=x)y", "y", "x"},      {"(?!a)[ab]", "b", "c"},
        {"\u00E4", "\xC3", "\xA4"}, {"(?i)\u00FF", "\xC3\xC5", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct regex_shape shape;
        regex_shape(made(cases[i].pattern, REGEX_AT), &shape);
        for (const char *c = cases[i].first; *c != '\0'; c++) {
            uint8_t byte = (uint8_t)*c;
            if ((shape.first[byte / 8] >> (byte % 8) & 1) == 0) {
                fail_msg("%s may begin with %02x", cases[i].pattern, byte);
            }
        }
        for (const char *c = cases[i].never; *c != '\0'; c++) {
            uint8_t byte = (uint8_t)*c;
            if ((shape.first[byte / 8] >> (byte % 8) & 1) != 0) {
                fail_msg("%s never begins with %02x", cases[i].pattern, byte);
            }
        }
    }
    struct regex_shape shape;
    regex_shape(made("^a", REGEX_AT), &shape);
    assert_true(shape.text_start);
    regex_shape(made("a*", REGEX_AT), &shape);
    assert_true(shape.empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_gives_its_groups),
        cmocka_unit_test(what_is_not_utf8_matches_nothing),
        cmocka_unit_test(a_search_has_an_end),
        cmocka_unit_test(wrong_patterns_are_told_where),
        cmocka_unit_test(more_text_may_change_the_answer),
        cmocka_unit_test(only_the_place_itself_is_tried),
        cmocka_unit_test(what_is_not_utf8_ends_the_text_around_a_place),
        cmocka_unit_test(a_place_has_its_limits),
        cmocka_unit_test(a_look_ahead_may_ask_for_what_follows),
        cmocka_unit_test(shapes_say_how_matches_begin),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
