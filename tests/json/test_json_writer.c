/* SPDX-License-Identifier: Apache-2.0
 * test_json_writer.c - commas, escapes, numbers, the limit; what is written reads back the same. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "support/jansson_opinion.h"
#include "support/json_help.h"
#include "json/json_writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void assert_written(struct buf *to, const char *expected)
{
    assert_string_equal(buf_cstr(to), expected);
    assert_true(json_valid(buf_str(to), NULL));
    buf_end(to);
}

static void commas_stand_between_items_only(void **state)
{
    (void)state;
    struct buf to;
    struct json_writer w;
    buf_init(&to, 1000);
    json_writer_init(&w, &to);
    json_begin_object(&w);
    json_member_u64(&w, "a", UINT64_MAX);
    json_member_i64(&w, "b", INT64_MIN);
    json_key(&w, "c");
    json_begin_array(&w);
    json_begin_array(&w);
    json_end_array(&w);
    json_begin_object(&w);
    json_end_object(&w);
    json_put_null(&w);
    json_put_bool(&w, true);
    json_end_array(&w);
    json_member_bool(&w, "d", false);
    json_member_cstr(&w, "e", NULL);
    json_member_cstr(&w, "f", "x");
    json_member_double(&w, "g", 0.1);
    json_key_str(&w, STR("h\n"));
    json_put_raw(&w, STR("[1, 2]"));
    json_member_str(&w, "i", STR(""));
    json_end_object(&w);
    assert_int_equal(json_writer_end(&w), ERR_OK);
    assert_written(&to, "{\"a\":18446744073709551615,\"b\":-9223372036854775808,\"c\":[[],{},null,"
                        "true],\"d\":false,\"e\":null,\"f\":\"x\",\"g\":0.1,\"h\\n\":[1, 2],"
                        "\"i\":\"\"}");
}

static void strings_are_escaped(void **state)
{
    static const struct {
        struct str value;
        const char *inner;
    } cases[] = {
        {{"plain", 5}, "plain"},
        {{"\"\\/", 3}, "\\\"\\\\/"},
        {{"\b\f\n\r\t", 5}, "\\b\\f\\n\\r\\t"},
        {{"\0\x1f\x7f", 3}, "\\u0000\\u001f\x7f"},
        {{"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 9}, "\\u2028\\u2029\xe2\x80\xaa"},
        {{"\xf0\x9f\x98\x80\xc3\xbc", 6}, "\xf0\x9f\x98\x80\xc3\xbc"},
        {{"a\xffz", 3}, "a\xef\xbf\xbdz"},
        {{"\xed\xa0\x80", 3}, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {{"end\xc3", 4}, "end\xef\xbf\xbd"},
        {{NULL, 0}, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf to;
        buf_init(&to, 100);
        assert_int_equal(json_escape(&to, cases[i].value), ERR_OK);
        assert_string_equal(buf_cstr(&to), cases[i].inner);
        buf_end(&to);
    }
}

static void escape_over_the_limit_leaves_the_buffer(void **state)
{
    (void)state;
    struct buf to;
    buf_init(&to, 4);
    assert_int_equal(json_escape(&to, STR("abc\n")), ERR_LIMIT);
    assert_int_equal(to.len, 0);
    assert_int_equal(json_escape(&to, STR("ab\n")), ERR_OK);
    buf_end(&to);
}

static const char *shown(struct buf *to, double value)
{
    struct json_writer w;
    buf_clear(to);
    json_writer_init(&w, to);
    json_put_double(&w, value);
    assert_int_equal(json_writer_end(&w), ERR_OK);
    return buf_cstr(to);
}

static void doubles_are_short(void **state)
{
    (void)state;
    struct buf to;
    buf_init(&to, 100);
    assert_string_equal(shown(&to, 0.1), "0.1");
    assert_string_equal(shown(&to, 0.1 + 0.2), "0.30000000000000004");
    assert_string_equal(shown(&to, 1.0 / 3), "0.3333333333333333");
    assert_string_equal(shown(&to, 100), "100");
    assert_string_equal(shown(&to, -0.0), "-0");
    assert_string_equal(shown(&to, 1e300), "1e+300");
    assert_string_equal(shown(&to, 5e-324), "4.94065645841247e-324");
    assert_string_equal(shown(&to, (double)INFINITY), "null");
    assert_string_equal(shown(&to, (double)NAN), "null");
    buf_end(&to);
}

static void doubles_read_back_bit_for_bit(void **state)
{
    (void)state;
    struct buf to;
    buf_init(&to, 100);
    struct rng rng;
    rng_seed(&rng, 5);
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = rng_next(&rng);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        const char *text = shown(&to, value);
        assert_true(json_valid(buf_str(&to), NULL));
        double back = strtod(text, NULL);
        assert_memory_equal(&back, &value, sizeof value);
    }
    buf_end(&to);
}

static void deepest_nesting_is_written(void **state)
{
    (void)state;
    struct buf to;
    struct json_writer w;
    buf_init(&to, 1000);
    json_writer_init(&w, &to);
    for (int i = 0; i < JSON_WRITER_DEPTH_MAX; i++) {
        if (i % 2) {
            json_put_u64(&w, 1); /* so that every other container has a comma to remember */
            json_begin_object(&w);
            json_key(&w, "k");
        } else {
            json_begin_array(&w);
        }
    }
    json_put_u64(&w, 0);
    for (int i = JSON_WRITER_DEPTH_MAX - 1; i >= 0; i--) {
        if (i % 2) {
            json_end_object(&w);
        } else {
            json_end_array(&w);
        }
    }
    assert_int_equal(json_writer_end(&w), ERR_OK);
    assert_true(json_valid(buf_str(&to), NULL));
    buf_end(&to);
}

static void first_limit_error_sticks(void **state)
{
    (void)state;
    struct buf to;
    struct json_writer w;
    buf_init(&to, 10);
    json_writer_init(&w, &to);
    json_begin_array(&w);
    json_put_cstr(&w, "1234");
    json_put_cstr(&w, "much too long");
    size_t len = to.len;
    json_put_u64(&w, 1);
    json_end_array(&w);
    assert_int_equal(json_writer_end(&w), ERR_LIMIT);
    assert_int_equal(to.len, len);
    buf_end(&to);
}

static void samples_written_anew_mean_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_samples_count; i++) {
        struct arena *arena = arena_new(4096);
        struct json json;
        struct buf to;
        buf_init(&to, 10000);
        assert_int_equal(json_parse(&json, json_samples[i], NULL, arena, NULL), ERR_OK);
        assert_int_equal(json_rewrite(&json, arena, &to), ERR_OK);
        assert_true(json_valid(buf_str(&to), NULL));
        if (jansson_opinion(json_samples[i]) == OPINION_YES) {
            assert_true(jansson_equal(json_samples[i], buf_str(&to)));
        }
        buf_end(&to);
        arena_free(arena);
    }
}

static void any_string_survives_escape_and_unescape(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    for (int turn = 0; turn < 20000; turn++) {
        struct buf value;
        struct buf escaped;
        struct buf back;
        buf_init(&value, 1000);
        buf_init(&escaped, 10000);
        buf_init(&back, 10000);
        for (uint64_t n = rng_below(&rng, 40); n > 0; n--) {
            uint64_t limit = rng_below(&rng, 3) ? 0x80 : 0x110000;
            char bytes[4];
            size_t len = utf8_encode((uint32_t)rng_below(&rng, limit), bytes);
            assert_int_equal(buf_add(&value, (struct str){bytes, len}), ERR_OK);
        }
        assert_int_equal(json_escape(&escaped, buf_str(&value)), ERR_OK);
        assert_int_equal(json_unescape(&back, buf_str(&escaped)), ERR_OK);
        assert_true(str_equal(buf_str(&value), buf_str(&back)));
        buf_end(&value);
        buf_end(&escaped);
        buf_end(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_items_only),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(escape_over_the_limit_leaves_the_buffer),
        cmocka_unit_test(doubles_are_short),
        cmocka_unit_test(doubles_read_back_bit_for_bit),
        cmocka_unit_test(deepest_nesting_is_written),
        cmocka_unit_test(first_limit_error_sticks),
        cmocka_unit_test(samples_written_anew_mean_the_same),
        cmocka_unit_test(any_string_survives_escape_and_unescape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
