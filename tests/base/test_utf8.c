/* SPDX-License-Identifier: Apache-2.0
 * test_utf8.c - every code point, every kind of damage, at every place of a stride.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/utf8.h"

#include <string.h>

static bool is_scalar(uint32_t code)
{
    return code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

static void every_code_point_survives(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x110010; code++) {
        char bytes[4];
        struct str s = {bytes, utf8_encode(code, bytes)};
        uint32_t read = 0;
        size_t used = utf8_step(s, 0, &read);
        uint32_t expected = is_scalar(code) ? code : UTF8_REPLACEMENT;
        if (used != s.len || read != expected || !utf8_valid(s)) {
            fail_msg("U+%04X", (unsigned)code);
        }
    }
}

static void every_pair_of_bytes_is_judged_as_rfc_3629_does(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            const char bytes[2] = {(char)(unsigned char)a, (char)(unsigned char)b};
            bool expected = (a < 0x80 && b < 0x80) ||
                            (a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF);
            assert_int_equal(utf8_valid((struct str){bytes, 2}), expected);
        }
    }
}

/* The sequence is invalid and decoding passes over `used` bytes of it first. */
static void damaged(struct str s, size_t used)
{
    uint32_t code = 0;
    assert_false(utf8_valid(s));
    assert_int_equal(utf8_valid_prefix(s), 0);
    assert_int_equal(utf8_step(s, 0, &code), used);
    assert_int_equal(code, UTF8_REPLACEMENT);
}

static void forbidden_forms_are_damage(void **state)
{
    (void)state;
    damaged(STR("\x80"), 1);
    damaged(STR("\xC0\x80"), 1);         /* overlong NUL */
    damaged(STR("\xC1\xBF"), 1);         /* overlong */
    damaged(STR("\xE0\x9F\xBF"), 1);     /* overlong */
    damaged(STR("\xED\xA0\x80"), 1);     /* surrogate */
    damaged(STR("\xED\xBF\xBF"), 1);     /* surrogate */
    damaged(STR("\xF0\x8F\xBF\xBF"), 1); /* overlong */
    damaged(STR("\xF4\x90\x80\x80"), 1); /* above U+10FFFF */
    damaged(STR("\xF5\x80\x80\x80"), 1); /* no lead byte */
    damaged(STR("\xFF"), 1);
}

static void cut_sequences_are_passed_over_as_one(void **state)
{
    (void)state;
    damaged(STR("\xC3"), 1);
    damaged(STR("\xE2\x82"), 2);
    damaged(STR("\xE2\x82"
                "a"),
            2);
    damaged(STR("\xF0\x9F\x98"), 3);
    damaged(STR("\xF0\x9F\x98"
                "a"),
            3);
    damaged(STR("\xF0\x9F"
                "a"),
            2);
    damaged(STR("\xE2"
                "a"),
            1);
}

static void damage_is_found_at_every_place_of_a_long_run(void **state)
{
    (void)state;
    for (size_t len = 1; len < 70; len++) {
        for (size_t at = 0; at < len; at++) {
            char bytes[70];
            memset(bytes, 'a', len);
            assert_true(utf8_valid((struct str){bytes, len}));
            bytes[at] = '\xFF';
            assert_int_equal(utf8_valid_prefix((struct str){bytes, len}), at);
        }
    }
    assert_true(utf8_valid((struct str){NULL, 0}));
}

static void prefix_and_steps_agree_on_random_bytes(void **state)
{
    (void)state;
    static const unsigned char pool[] = {'a',  0x7F, 0x80, 0xBF, 0xC2, 0xC3, 0xE0, 0xA0, 0xED,
                                         0x9F, 0xE2, 0x82, 0xAC, 0xF0, 0x90, 0xF4, 0x8F, 0xFF};
    struct rng rng;
    rng_seed(&rng, 15);
    for (int round = 0; round < 100000; round++) {
        char bytes[24];
        struct str s = {bytes, (size_t)rng_below(&rng, sizeof bytes + 1)};
        for (size_t i = 0; i < s.len; i++) {
            bytes[i] = (char)pool[rng_below(&rng, sizeof pool)];
        }
        /* A piece is good when it encodes back to itself. */
        size_t at = 0;
        while (at < s.len) {
            uint32_t code = 0;
            char again[4];
            size_t used = utf8_step(s, at, &code);
            struct str piece = str_cut(s, at, at + used);
            assert_int_equal(piece.len, used);
            if (!str_equal(piece, (struct str){again, utf8_encode(code, again)})) {
                break;
            }
            at += used;
        }
        assert_int_equal(utf8_valid_prefix(s), at);
    }
}

static void a_head_never_splits_a_code_point(void **state)
{
    (void)state;
    struct str s = STR("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z");
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < sizeof expected / sizeof expected[0]; max++) {
        assert_int_equal(utf8_head(s, max).len, expected[max]);
    }
}

static void a_head_of_damaged_text_is_bounded_too(void **state)
{
    (void)state;
    assert_int_equal(utf8_head(STR("\x80\x80\x80\x80\x80\x80\x80"), 5).len, 5);
    assert_int_equal(utf8_head(STR("\x80\x80\x80"), 0).len, 0);
    assert_int_equal(utf8_head((struct str){NULL, 0}, 0).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_survives),
        cmocka_unit_test(every_pair_of_bytes_is_judged_as_rfc_3629_does),
        cmocka_unit_test(forbidden_forms_are_damage),
        cmocka_unit_test(cut_sequences_are_passed_over_as_one),
        cmocka_unit_test(damage_is_found_at_every_place_of_a_long_run),
        cmocka_unit_test(prefix_and_steps_agree_on_random_bytes),
        cmocka_unit_test(a_head_never_splits_a_code_point),
        cmocka_unit_test(a_head_of_damaged_text_is_bounded_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
