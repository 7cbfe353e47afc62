/* SPDX-License-Identifier: Apache-2.0
 * test_text.c - the published vectors, round trips, and every wrong byte refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/text.h"

#include <string.h>

typedef enum err coder(struct buf *to, struct str from);

/* The coder gives `expected` and appends it to what is there already. */
static void gives(coder *code, struct str from, struct str expected)
{
    struct buf buf;
    buf_init(&buf, 1000);
    assert_int_equal(buf_add(&buf, STR("before:")), ERR_OK);
    assert_int_equal(code(&buf, from), ERR_OK);
    assert_true(str_equal(str_cut(buf_str(&buf), 7, SIZE_MAX), expected));
    buf_end(&buf);
}

static void refuses(coder *code, struct str from)
{
    struct buf buf;
    buf_init(&buf, 1000);
    assert_int_equal(buf_add(&buf, STR("before:")), ERR_OK);
    assert_int_equal(code(&buf, from), ERR_SYNTAX);
    assert_true(str_equal(buf_str(&buf), STR("before:")));
    buf_end(&buf);
}

/* RFC 4648 section 10. */
static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
static const char *const padded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                     "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
static const char *const bare[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};

static void base64_gives_the_published_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        gives(text_base64, str_of(plain[i]), str_of(padded[i]));
        gives(text_unbase64, str_of(padded[i]), str_of(plain[i]));
        gives(text_unbase64, str_of(bare[i]), str_of(plain[i]));
    }
}

static void the_alphabets_differ_in_two_digits(void **state)
{
    (void)state;
    gives(text_base64, STR("\xfb\xff\xbf"), STR("+/+/"));
    gives(text_unbase64, STR("+/-_"), STR("\xfb\xff\xbf"));
}

static void malformed_base64_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "A",    "AAAAA", "=",    "==",   "A===",  "AA=",    "AAA==", "AA=A", "AA==A",
        "AAA ", "AA\nA", "AA.A", "AA~A", "AAAA=", "AAAA==", "====",  "Z=g="};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuses(text_unbase64, str_of(bad[i]));
    }
    refuses(text_unbase64, STR("AA\0A"));
    refuses(text_unbase64, STR("AA\xC3\xA4"));
}

static void unused_bits_are_ignored(void **state)
{
    (void)state;
    gives(text_unbase64, STR("Zh=="), STR("f"));
    gives(text_unbase64, STR("Zm9"), STR("fo"));
}

static void hex_digits_are_read_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(text_hex_digit('0'), 0);
    assert_int_equal(text_hex_digit('f'), 15);
    assert_int_equal(text_hex_digit('F'), 15);
    assert_int_equal(text_hex_digit('/'), -1);
    assert_int_equal(text_hex_digit(':'), -1);
    assert_int_equal(text_hex_digit('@'), -1);
    assert_int_equal(text_hex_digit('G'), -1);
    assert_int_equal(text_hex_digit('\xff'), -1);
}

static void percent_sequences_are_decoded_and_plus_is_not(void **state)
{
    (void)state;
    gives(text_unpercent, STR("a%20b+c%2Fd%2f%00"), STR("a b+c/d/\0"));
    gives(text_unpercent, STR("%25%32%35"), STR("%25"));
    gives(text_unpercent, STR(""), STR(""));
    refuses(text_unpercent, STR("%"));
    refuses(text_unpercent, STR("a%2"));
    refuses(text_unpercent, STR("a%zz"));
    refuses(text_unpercent, STR("%%20"));
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 14);
    for (int round = 0; round < 3000; round++) {
        char bytes[50];
        struct str from = {bytes, (size_t)rng_below(&rng, sizeof bytes + 1)};
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (char)(unsigned char)rng_below(&rng, 256);
        }
        struct buf text;
        buf_init(&text, 200);
        assert_int_equal(text_base64(&text, from), ERR_OK);
        gives(text_unbase64, buf_str(&text), from);
        buf_end(&text);
    }
}

static void the_limit_is_exact_and_keeps_the_content(void **state)
{
    (void)state;
    static const struct {
        coder *code;
        const char *from;
        size_t bytes;
    } cases[] = {
        {text_base64, "ab", 4},
        {text_unbase64, "YWI=", 2},
        {text_unbase64, "YW", 1},
        {text_unpercent, "a%20", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf buf;
        buf_init(&buf, cases[i].bytes);
        assert_int_equal(cases[i].code(&buf, str_of(cases[i].from)), ERR_OK);
        assert_int_equal(buf.len, cases[i].bytes);
        buf_end(&buf);
        buf_init(&buf, cases[i].bytes - 1);
        assert_int_equal(cases[i].code(&buf, str_of(cases[i].from)), ERR_LIMIT);
        assert_int_equal(buf.len, 0);
        buf_end(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_gives_the_published_vectors),
        cmocka_unit_test(the_alphabets_differ_in_two_digits),
        cmocka_unit_test(malformed_base64_is_refused),
        cmocka_unit_test(unused_bits_are_ignored),
        cmocka_unit_test(hex_digits_are_read_in_any_case),
        cmocka_unit_test(percent_sequences_are_decoded_and_plus_is_not),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(the_limit_is_exact_and_keeps_the_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
