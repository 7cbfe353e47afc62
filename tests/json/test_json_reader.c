/* SPDX-License-Identifier: Apache-2.0
 * test_json_reader.c - pieces give the answer of the whole, and both the answer of the parser. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/json_help.h"
#include "json/json_reader.h"

#include <string.h>

/* Feeds text cut at `a` and `b` and holds the outcome against json_valid: the same verdict, and a
 * refusal at the same byte for the same reason. */
static void assert_agrees(struct str text, size_t a, size_t b)
{
    struct json_reader r;
    json_reader_init(&r);
    enum err code = json_reader_feed(&r, str_cut(text, 0, a));
    code = json_reader_feed(&r, str_cut(text, a, b));
    code = json_reader_feed(&r, str_cut(text, b, text.len));
    struct json_problem problem;
    bool valid = json_valid(text, &problem);
    assert_int_equal(code == ERR_OK && json_reader_complete(&r), valid);
    if (valid || problem.offset == text.len) {
        assert_int_equal(code, ERR_OK); /* too short is not yet wrong */
        assert_int_equal(r.offset, text.len);
    } else {
        assert_int_equal(code, problem.code);
        assert_int_equal(r.offset, problem.offset);
        assert_string_equal(r.what, problem.what);
    }
}

static void every_split_of_a_sample_gives_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_samples_count; i++) {
        struct str text = json_samples[i];
        for (size_t a = 0; a <= text.len; a++) {
            for (size_t b = a; b <= text.len; b++) {
                assert_agrees(text, a, b);
            }
        }
    }
}

static void every_split_of_a_mutation_gives_the_same(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 11);
    for (size_t turn = 0; turn < 20000; turn++) {
        struct arena *arena = arena_new(1024);
        struct str sample = json_samples[rng_below(&rng, json_samples_count)];
        struct str text = json_mutate(&rng, sample, arena);
        for (size_t a = 0; a <= text.len; a += 1 + text.len / 32) {
            assert_agrees(text, a, a);
        }
        arena_free(arena);
    }
}

static void a_prefix_is_incomplete_but_not_wrong(void **state)
{
    (void)state;
    struct str text = STR("{\"city\":\"K\xc3\xb6ln\",\"n\":[1,{\"x\":\"\\u00e9\"}]}");
    for (size_t len = 0; len < text.len; len++) {
        struct json_reader r;
        json_reader_init(&r);
        assert_int_equal(json_reader_feed(&r, str_cut(text, 0, len)), ERR_OK);
        assert_false(json_reader_complete(&r));
    }
}

static void a_bare_number_is_complete_at_any_digit(void **state)
{
    (void)state;
    struct str text = STR("-12.5e+30 ");
    const char complete[] = "0110100111"; /* behind each byte */
    struct json_reader r;
    json_reader_init(&r);
    for (size_t i = 0; i < text.len; i++) {
        assert_int_equal(json_reader_feed(&r, str_cut(text, i, i + 1)), ERR_OK);
        assert_int_equal(json_reader_complete(&r), complete[i] == '1');
    }
}

static void failure_stays(void **state)
{
    (void)state;
    struct json_reader r;
    json_reader_init(&r);
    assert_int_equal(json_reader_feed(&r, STR("[1,}")), ERR_SYNTAX);
    assert_int_equal(r.offset, 3);
    assert_string_equal(r.what, "expected a value");
    assert_int_equal(json_reader_feed(&r, STR("2]")), ERR_SYNTAX);
    assert_int_equal(r.offset, 3);
    assert_false(json_reader_complete(&r));
}

static void nesting_is_limited(void **state)
{
    (void)state;
    char text[JSON_DEPTH_MAX * 2];
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_agrees((struct str){text, sizeof text}, JSON_DEPTH_MAX, JSON_DEPTH_MAX);
    assert_true(json_valid((struct str){text, sizeof text}, NULL));
    text[JSON_DEPTH_MAX] = '[';
    struct json_reader r;
    json_reader_init(&r);
    assert_int_equal(json_reader_feed(&r, (struct str){text, sizeof text}), ERR_LIMIT);
    assert_int_equal(r.offset, JSON_DEPTH_MAX);
    assert_int_equal(json_reader_feed(&r, STR("]")), ERR_LIMIT);
    assert_agrees((struct str){text, sizeof text}, JSON_DEPTH_MAX, JSON_DEPTH_MAX);
}

static void kinds_of_containers_are_remembered_at_every_depth(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    for (int turn = 0; turn < 200; turn++) {
        struct buf text;
        buf_init(&text, 4096);
        char closers[JSON_DEPTH_MAX];
        for (int i = 0; i < JSON_DEPTH_MAX; i++) {
            bool object = rng_below(&rng, 2) == 0;
            closers[i] = object ? '}' : ']';
            assert_int_equal(buf_add(&text, object ? STR("{\"\":") : STR("[")), ERR_OK);
        }
        assert_int_equal(buf_add(&text, STR("1")), ERR_OK);
        for (int i = JSON_DEPTH_MAX - 1; i >= 0; i--) {
            assert_int_equal(buf_add_byte(&text, closers[i]), ERR_OK);
        }
        assert_true(json_valid(buf_str(&text), NULL));
        assert_agrees(buf_str(&text), text.len / 2, text.len * 3 / 4);
        size_t wrong = text.len - 1 - (size_t)rng_below(&rng, JSON_DEPTH_MAX);
        text.at[wrong] = text.at[wrong] == ']' ? '}' : ']';
        assert_false(json_valid(buf_str(&text), NULL));
        assert_agrees(buf_str(&text), 5, wrong);
        buf_end(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_of_a_sample_gives_the_same),
        cmocka_unit_test(every_split_of_a_mutation_gives_the_same),
        cmocka_unit_test(a_prefix_is_incomplete_but_not_wrong),
        cmocka_unit_test(a_bare_number_is_complete_at_any_digit),
        cmocka_unit_test(failure_stays),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(kinds_of_containers_are_remembered_at_every_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
