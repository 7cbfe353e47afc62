/* SPDX-License-Identifier: Apache-2.0
 * test_json.c - the tape, its limits and errors, and the questions to it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "support/json_help.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

static int with_arena(void **state)
{
    *state = arena_new(4096);
    return 0;
}

static int without_arena(void **state)
{
    arena_free(*state);
    return 0;
}

/* Parses from an allocation of exactly that size, so that a sanitizer sees every byte too far. */
static struct json parsed(void **state, struct str text)
{
    struct json json;
    struct json_problem problem;
    assert_int_equal(json_parse(&json, text, NULL, *state, &problem), ERR_OK);
    assert_int_equal(problem.code, ERR_OK);
    return json;
}

static void assert_str(struct str s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.at, expected, s.len);
}

static void tape_spans_the_text(void **state)
{
    struct json json = parsed(state, STR(" {\"a\":[1,\"x\\n\"],\"b\":{}} "));
    assert_int_equal(json.count, 7);
    assert_str(json_raw(&json, JSON_ROOT), "{\"a\":[1,\"x\\n\"],\"b\":{}}");
    assert_str(json_raw(&json, 1), "\"a\"");
    assert_str(json_inner(&json, 1), "a");
    assert_str(json_raw(&json, 2), "[1,\"x\\n\"]");
    assert_str(json_raw(&json, 4), "\"x\\n\"");
    assert_str(json_raw(&json, 6), "{}");
    assert_int_equal(json.nodes[4].escaped, 1);
    assert_int_equal(json.nodes[1].escaped, 0);
    assert_int_equal(json.nodes[2].next, 5);
    assert_int_equal(json.nodes[0].next, 7);
    assert_int_equal(json_count(&json, JSON_ROOT), 2);
    assert_int_equal(json_count(&json, 2), 2);
    assert_int_equal(json_count(&json, 6), 0);
}

static void samples_are_accepted_with_and_without_tape(void **state)
{
    for (size_t i = 0; i < json_samples_count; i++) {
        struct json json = parsed(state, json_samples[i]);
        assert_int_equal(json.nodes[0].next, json.count);
        assert_true(json_valid(json_samples[i], NULL));
    }
}

static void every_prefix_of_a_closed_sample_ends_too_early(void **state)
{
    for (size_t i = 0; i < json_samples_count; i++) {
        struct str text = str_trim(json_samples[i]);
        for (size_t cut = 0; cut < text.len; cut++) {
            char *exact = malloc(cut + 1);
            memcpy(exact, text.at, cut);
            exact = realloc(exact, cut > 0 ? cut : 1);
            struct json json;
            struct json_problem problem;
            enum err code = json_parse(&json, (struct str){exact, cut}, NULL, *state, &problem);
            assert_int_equal(code, ERR_SYNTAX);
            assert_int_equal(problem.offset, cut);
            assert_non_null(problem.what);
            free(exact);
        }
    }
}

static void errors_name_the_byte_and_the_reason(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
        const char *what;
    } cases[] = {
        {"", 0, "expected a value"},
        {"  ", 2, "expected a value"},
        {"[1,]", 3, "expected a value"},
        {"\xef\xbb\xbf{}", 0, "expected a value"},
        {"nul", 3, "expected true, false or null"},
        {"[truE]", 4, "expected true, false or null"},
        {"{1:2}", 1, "expected a key in quotes"},
        {"{\"a\":1,}", 7, "expected a key in quotes"},
        {"{,}", 1, "expected a key in quotes"},
        {"{\"a\" 1}", 5, "expected ':'"},
        {"{\"a\":1 \"b\":2}", 7, "expected ',' or '}'"},
        {"{\"a\":1]", 6, "expected ',' or '}'"},
        {"[1 2]", 3, "expected ',' or ']'"},
        {"[1}", 2, "expected ',' or ']'"},
        {"{} x", 3, "expected nothing behind the value"},
        {"1 2", 2, "expected nothing behind the value"},
        {"-", 1, "expected a digit"},
        {"[1.]", 3, "expected a digit"},
        {"[1e+]", 4, "expected a digit"},
        {"[-a]", 2, "expected a digit"},
        {"[01]", 2, "a number must not begin with a needless zero"},
        {"\"abc", 4, "a string without its closing quote"},
        {"\"abc\\", 5, "a string without its closing quote"},
        {"\"a\nb\"", 2, "a control character in a string must be escaped"},
        {"\"\\x\"", 2, "an escape that JSON does not know"},
        {"\"\\u00g0\"", 5, "expected four hexadecimal digits behind \\u"},
        {"\"\\u00\"", 5, "expected four hexadecimal digits behind \\u"},
        {"\"\xc0\x80\"", 1, "not UTF-8"},
        {"\"\xe0\x9f\xbf\"", 2, "not UTF-8"},
        {"\"\xed\xa0\x80\"", 2, "not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", 2, "not UTF-8"},
        {"\"a\xc3\"", 3, "not UTF-8"},
        {"\"\x80\"", 1, "not UTF-8"},
        {"\"a long run of ASCII and then \xff\"", 30, "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json json;
        struct json_problem problem;
        struct json_problem same;
        struct str text = str_of(cases[i].text);
        assert_int_equal(json_parse(&json, text, NULL, *state, &problem), ERR_SYNTAX);
        assert_int_equal(problem.code, ERR_SYNTAX);
        assert_int_equal(problem.offset, cases[i].offset);
        assert_string_equal(problem.what, cases[i].what);
        assert_false(json_valid(text, &same));
        assert_int_equal(same.offset, problem.offset);
        assert_ptr_equal(same.what, problem.what);
        assert_int_equal(json.count, 0);
        assert_int_equal(json_get(&json, JSON_ROOT, STR("a")), JSON_NONE);
    }
}

/* All sequences of up to four bytes around the borders of RFC 3629, table of section 4. */
static void strings_are_utf8_exactly_as_base_has_it(void **state)
{
    static const uint8_t border[] = {0x22, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                     0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                     0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    const size_t n = sizeof border;
    (void)state;
    for (size_t i = n; i < n * n * n * n; i++) { /* the quote comes first: not in these */
        char text[6] = {'"',
                        (char)border[i / n / n / n],
                        (char)border[i / n / n % n],
                        (char)border[i / n % n],
                        (char)border[i % n],
                        '"'};
        struct str inner = {text + 1, 4};
        bool expected = memchr(inner.at, '"', 4) == NULL && utf8_valid(inner);
        assert_int_equal(json_valid((struct str){text, 6}, NULL), expected);
    }
}

static void nesting_is_limited(void **state)
{
    static char text[2 * 200 + 1];
    for (uint32_t depth = 1; depth <= 200; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct str all = {text, (size_t)depth * 2};
        struct json json;
        struct json_problem problem;
        bool fits = depth <= JSON_DEPTH_MAX;
        assert_int_equal(json_parse(&json, all, NULL, *state, &problem), fits ? ERR_OK : ERR_LIMIT);
        assert_int_equal(json_valid(all, NULL), fits);
        if (!fits) {
            assert_int_equal(problem.offset, JSON_DEPTH_MAX);
            assert_string_equal(problem.what, "nested too deep");
        }
        struct json_limits limits = {.depth_max = 3};
        assert_int_equal(json_parse(&json, all, &limits, *state, NULL),
                         depth <= 3 ? ERR_OK : ERR_LIMIT);
        limits.depth_max = 200;
        assert_int_equal(json_parse(&json, all, &limits, *state, NULL), ERR_OK);
    }
}

static void a_hundred_thousand_brackets_are_refused(void **state)
{
    size_t len = 100000;
    char *text = malloc(len);
    memset(text, '[', len);
    struct json json;
    struct json_problem problem;
    assert_int_equal(json_parse(&json, (struct str){text, len}, NULL, *state, &problem), ERR_LIMIT);
    assert_false(json_valid((struct str){text, len}, &problem));
    assert_int_equal(problem.code, ERR_LIMIT);
    free(text);
}

static void values_are_limited(void **state)
{
    struct json json;
    struct json_problem problem;
    struct json_limits limits = {.nodes_max = 4};
    assert_int_equal(json_parse(&json, STR("[1,2,3]"), &limits, *state, NULL), ERR_OK);
    assert_int_equal(json_parse(&json, STR("[1,2,3,4]"), &limits, *state, &problem), ERR_LIMIT);
    assert_int_equal(problem.offset, 7);
    assert_string_equal(problem.what, "too many values");
    assert_int_equal(json_parse(&json, STR("[1,2,3,[]]"), &limits, *state, NULL), ERR_LIMIT);
    limits.nodes_max = 1;
    assert_int_equal(json_parse(&json, STR("[]"), &limits, *state, NULL), ERR_OK);
}

static void text_over_a_gibibyte_is_refused_unread(void **state)
{
    struct json json;
    struct json_problem problem;
    struct str text = {"1", ((size_t)1 << 30) + 1};
    assert_int_equal(json_parse(&json, text, NULL, *state, &problem), ERR_LIMIT);
    assert_string_equal(problem.what, "a text over 1 GiB");
    assert_false(json_valid(text, NULL));
}

static void a_large_tape_grows(void **state)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(buf_add(&text, STR("[0")), ERR_OK);
    for (unsigned i = 1; i < 50000; i++) {
        assert_int_equal(buf_printf(&text, ",%u", i), ERR_OK);
    }
    assert_int_equal(buf_add(&text, STR("]")), ERR_OK);
    struct json json = parsed(state, buf_str(&text));
    assert_int_equal(json_count(&json, JSON_ROOT), 50000);
    for (uint32_t i = 0; i < 50000; i += 777) {
        uint64_t value;
        assert_true(json_u64(&json, json_at(&json, JSON_ROOT, i), &value));
        assert_int_equal(value, i);
    }
    buf_end(&text);
}

static void children_come_in_order(void **state)
{
    struct json json = parsed(state, STR("{\"a\":[[],[1,2],3],\"b\":{\"x\":1},\"c\":null}"));
    const char *names[] = {"a", "b", "c"};
    size_t at = 0;
    for (uint32_t k = json_first(&json, JSON_ROOT); k != JSON_NONE;
         k = json_after(&json, JSON_ROOT, k)) {
        assert_true(json_string_is(&json, k, str_of(names[at])));
        at++;
    }
    assert_int_equal(at, 3);
    uint32_t array = json_get(&json, JSON_ROOT, STR("a"));
    assert_int_equal(json_count(&json, json_at(&json, array, 1)), 2);
    assert_str(json_raw(&json, json_at(&json, array, 2)), "3");
    assert_int_equal(json_at(&json, array, 3), JSON_NONE);
    uint32_t first = json_first(&json, array);
    assert_int_equal(first, json_at(&json, array, 0));
    assert_int_equal(json_after(&json, array, first), json_at(&json, array, 1));
    assert_int_equal(json_first(&json, first), JSON_NONE);
    assert_int_equal(json_at(&json, JSON_ROOT, 0), JSON_NONE);
}

static void nothing_answers_nothing(void **state)
{
    struct json json = parsed(state, STR("[1]"));
    uint64_t number;
    double real;
    assert_int_equal(json_kind(&json, JSON_NONE), JSON_NULL);
    assert_false(json_is(&json, JSON_NONE, JSON_NULL));
    assert_int_equal(json_count(&json, JSON_NONE), 0);
    assert_int_equal(json_get(&json, JSON_NONE, STR("a")), JSON_NONE);
    assert_int_equal(json_at(&json, JSON_NONE, 0), JSON_NONE);
    assert_int_equal(json_first(&json, JSON_NONE), JSON_NONE);
    assert_int_equal(json_after(&json, JSON_NONE, JSON_NONE), JSON_NONE);
    assert_int_equal(json_duplicate(&json, JSON_NONE), JSON_NONE);
    assert_int_equal(json_raw(&json, JSON_NONE).len, 0);
    assert_int_equal(json_string(&json, JSON_NONE, *state).len, 0);
    assert_false(json_string_is(&json, JSON_NONE, STR("")));
    assert_true(json_bool(&json, JSON_NONE, true));
    assert_false(json_u64(&json, JSON_NONE, &number));
    assert_false(json_double(&json, JSON_NONE, &real));
}

static void last_member_of_a_name_wins_also_escaped(void **state)
{
    struct json json = parsed(state, STR("{\"key\":1,\"k\\u0065y\":2,\"kez\":3,\"\":4}"));
    assert_str(json_raw(&json, json_get(&json, JSON_ROOT, STR("key"))), "2");
    assert_str(json_raw(&json, json_get(&json, JSON_ROOT, STR(""))), "4");
    assert_int_equal(json_get(&json, JSON_ROOT, STR("ke")), JSON_NONE);
    assert_int_equal(json_get(&json, JSON_ROOT, STR("keyy")), JSON_NONE);
}

static void strings_decode(void **state)
{
    static const struct {
        const char *text;
        const char *decoded;
    } cases[] = {
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"a\\u0041\\u00e9\\u20AC\"", "aA\xc3\xa9\xe2\x82\xac"},
        {"\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!"},
        {"\"\\ud83d\"", "\xef\xbf\xbd"},
        {"\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\"\\ud83d\\u0041\"", "\xef\xbf\xbd\x41"},
        {"\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
        {"\"\\ud83d\\n\"", "\xef\xbf\xbd\n"},
        {"\"\\udbff\\udfff\\ud800\\udc00\"", "\xf4\x8f\xbf\xbf\xf0\x90\x80\x80"},
        {"\"\"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json json = parsed(state, str_of(cases[i].text));
        assert_str(json_string(&json, JSON_ROOT, *state), cases[i].decoded);
        assert_true(json_string_is(&json, JSON_ROOT, str_of(cases[i].decoded)));
        assert_false(json_string_is(&json, JSON_ROOT, STR("other")));
        struct buf to;
        buf_init(&to, 100);
        assert_int_equal(json_unescape(&to, json_inner(&json, JSON_ROOT)), ERR_OK);
        assert_str(buf_str(&to), cases[i].decoded);
        buf_end(&to);
    }
}

static void a_zero_byte_is_decoded_like_any(void **state)
{
    struct json json = parsed(state, STR("\"a\\u0000b\""));
    struct str s = json_string(&json, JSON_ROOT, *state);
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.at, "a\0b", 3);
}

static void unescaped_string_aliases_the_text(void **state)
{
    struct str text = STR("\"same\"");
    struct json json = parsed(state, text);
    assert_ptr_equal(json_string(&json, JSON_ROOT, *state).at, text.at + 1);
}

static void one_escape_is_as_long_as_its_pair(void **state)
{
    (void)state;
    static const struct {
        struct str escaped;
        size_t bytes;
        struct str meaning;
    } cases[] = {
        {STR_CONST("\\nb"), 2, STR_CONST("\n")},
        {STR_CONST("\\u00e9\\u0301"), 6, STR_CONST("\u00e9")},
        {STR_CONST("\\ud83d\\uDE00!"), 12, STR_CONST("\U0001F600")},
        {STR_CONST("\\ud83d\\u0041"), 6, STR_CONST("\uFFFD")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char to[4];
        size_t len = 0;
        assert_int_equal(json_unescape_one(cases[i].escaped, to, &len), cases[i].bytes);
        assert_true(str_equal((struct str){to, len}, cases[i].meaning));
    }
}

static void unescape_over_the_limit_leaves_the_buffer(void **state)
{
    (void)state;
    struct buf to;
    buf_init(&to, 4);
    assert_int_equal(buf_add(&to, STR("x")), ERR_OK);
    assert_int_equal(json_unescape(&to, STR("ab\\ncd")), ERR_LIMIT);
    assert_str(buf_str(&to), "x");
    assert_int_equal(json_unescape(&to, STR("ab\\n")), ERR_OK);
    assert_str(buf_str(&to), "xab\n");
    buf_end(&to);
}

static void numbers_are_exact_or_refused(void **state)
{
    static const struct {
        const char *text;
        bool is_u64;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"-1", false, 0},
        {"1.0", false, 0},
        {"1e2", false, 0},
        {"\"1\"", false, 0},
        {"9007199254740993", true, UINT64_C(9007199254740993)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json json = parsed(state, str_of(cases[i].text));
        uint64_t value = 0;
        assert_int_equal(json_u64(&json, JSON_ROOT, &value), cases[i].is_u64);
        assert_int_equal(value, cases[i].value);
    }
    struct json json = parsed(state, STR("[-0.5e-3,true,false,null]"));
    double real;
    assert_true(json_double(&json, 1, &real));
    assert_true(real >= -0.0005 && real <= -0.0005);
    assert_false(json_double(&json, 2, &real));
    assert_true(json_bool(&json, 2, false));
    assert_false(json_bool(&json, 3, true));
    assert_true(json_bool(&json, 4, true));
}

static void duplicates_are_found_small(void **state)
{
    struct json json = parsed(state, STR("{\"a\":{\"b\":1},\"b\":2,\"\\u0061\":3}"));
    uint32_t found = json_duplicate(&json, JSON_ROOT);
    assert_str(json_raw(&json, found), "\"\\u0061\"");
    json = parsed(state, STR("{\"a\":1,\"b\":2,\"b\":2,\"a\":3}"));
    assert_int_equal(json_duplicate(&json, JSON_ROOT), 5);
    json = parsed(state, STR("{\"a\":1,\"b\":2,\"ab\":2,\"\":3}"));
    assert_int_equal(json_duplicate(&json, JSON_ROOT), JSON_NONE);
    json = parsed(state, STR("[\"a\",\"a\"]"));
    assert_int_equal(json_duplicate(&json, JSON_ROOT), JSON_NONE);
    json = parsed(state, STR("{}"));
    assert_int_equal(json_duplicate(&json, JSON_ROOT), JSON_NONE);
}

/* 200,000 keys: quadratic work would be 2 * 10^10 comparisons, and the test would not end. */
static void duplicates_are_found_in_a_huge_object(void **state)
{
    struct buf text;
    buf_init(&text, 1 << 23);
    assert_int_equal(buf_add(&text, STR("{\"same\":0")), ERR_OK);
    for (unsigned i = 0; i < 200000; i++) {
        assert_int_equal(buf_printf(&text, ",\"key%u\":%u", i ^ 0x1555U, i), ERR_OK);
    }
    size_t without = text.len;
    assert_int_equal(buf_add(&text, STR("}")), ERR_OK);
    struct json json = parsed(state, buf_str(&text));
    assert_int_equal(json_duplicate(&json, JSON_ROOT), JSON_NONE);
    text.len = without;
    assert_int_equal(buf_add(&text, STR(",\"s\\u0061me\":1,\"key7\":2}")), ERR_OK);
    json = parsed(state, buf_str(&text));
    assert_str(json_raw(&json, json_duplicate(&json, JSON_ROOT)), "\"s\\u0061me\"");
    text.len = without;
    assert_int_equal(buf_add(&text, STR(",\"key7\":2,\"s\\u0061me\":1}")), ERR_OK);
    json = parsed(state, buf_str(&text));
    assert_str(json_raw(&json, json_duplicate(&json, JSON_ROOT)), "\"key7\"");
    buf_end(&text);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, with_arena, without_arena)
    const struct CMUnitTest tests[] = {
        TEST(tape_spans_the_text),
        TEST(samples_are_accepted_with_and_without_tape),
        TEST(every_prefix_of_a_closed_sample_ends_too_early),
        TEST(errors_name_the_byte_and_the_reason),
        TEST(strings_are_utf8_exactly_as_base_has_it),
        TEST(nesting_is_limited),
        TEST(a_hundred_thousand_brackets_are_refused),
        TEST(values_are_limited),
        TEST(text_over_a_gibibyte_is_refused_unread),
        TEST(a_large_tape_grows),
        TEST(children_come_in_order),
        TEST(nothing_answers_nothing),
        TEST(last_member_of_a_name_wins_also_escaped),
        TEST(strings_decode),
        TEST(a_zero_byte_is_decoded_like_any),
        TEST(unescaped_string_aliases_the_text),
        TEST(one_escape_is_as_long_as_its_pair),
        TEST(unescape_over_the_limit_leaves_the_buffer),
        TEST(numbers_are_exact_or_refused),
        TEST(duplicates_are_found_small),
        TEST(duplicates_are_found_in_a_huge_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
