/* SPDX-License-Identifier: Apache-2.0
 * test_token.c - secrets compared whole, random bytes written without loss.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/token.h"

#include "base/rng.h"

#include <string.h>

static void tokens_are_equal_only_when_every_byte_is(void **state)
{
    (void)state;
    assert_true(token_equal(STR("secret"), STR("secret")));
    assert_true(token_equal(STR("a\0b"), STR("a\0b")));
    assert_false(token_equal(STR("secret"), STR("Secret")));
    assert_false(token_equal(STR("secret"), STR("secreT")));
    assert_false(token_equal(STR("a\0b"), STR("a\0c")));
    assert_false(token_equal(STR("secret"), STR("secre")));
    assert_false(token_equal(STR("secret"), STR("secrets")));
}

static void an_empty_token_equals_nothing(void **state)
{
    (void)state;
    assert_false(token_equal(STR(""), STR("")));
    assert_false(token_equal((struct str){NULL, 0}, (struct str){NULL, 0}));
    assert_false(token_equal((struct str){NULL, 0}, STR("a")));
}

static void writes(struct str random, const char *expected)
{
    struct buf buf;
    buf_init(&buf, 100);
    assert_int_equal(token_text(&buf, random), ERR_OK);
    assert_string_equal(buf_cstr(&buf), expected);
    buf_end(&buf);
}

static void text_is_the_number_in_base_62(void **state)
{
    (void)state;
    writes(STR("\x00"), "00");
    writes(STR("\x3d"), "0z");
    writes(STR("\x3e"), "10");
    writes(STR("\xff"), "47");
    writes(STR("\xff\xff\xff\xff\xff\xff\xff\xff"), "LygHa16AHYF");
}

static void equal_lengths_give_equal_lengths(void **state)
{
    (void)state;
    for (size_t len = 1; len <= TOKEN_RANDOM_MAX; len++) {
        char low[TOKEN_RANDOM_MAX] = {0};
        char high[TOKEN_RANDOM_MAX];
        memset(high, 0xff, sizeof high);
        struct buf a;
        struct buf b;
        buf_init(&a, 100);
        buf_init(&b, 100);
        assert_int_equal(token_text(&a, (struct str){low, len}), ERR_OK);
        assert_int_equal(token_text(&b, (struct str){high, len}), ERR_OK);
        assert_int_equal(a.len, b.len);
        assert_true(len != 16 || a.len == 22);
        assert_true(len != 32 || a.len == 43);
        buf_end(&a);
        buf_end(&b);
    }
}

static int digit_of(char c)
{
    if (c <= '9') {
        return c - '0';
    }
    return c <= 'Z' ? c - 'A' + 10 : c - 'a' + 36;
}

static void the_random_bytes_can_be_read_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 18);
    for (int round = 0; round < 2000; round++) {
        unsigned char bytes[TOKEN_RANDOM_MAX];
        size_t len = 1 + (size_t)rng_below(&rng, TOKEN_RANDOM_MAX);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (unsigned char)rng_below(&rng, 256);
        }
        struct buf buf;
        buf_init(&buf, 100);
        assert_int_equal(token_text(&buf, (struct str){(const char *)bytes, len}), ERR_OK);
        unsigned char read[TOKEN_RANDOM_MAX] = {0};
        for (size_t i = 0; i < buf.len; i++) {
            unsigned carry = (unsigned)digit_of(buf.at[i]);
            for (size_t k = len; k > 0; k--) {
                carry += read[k - 1] * 62U;
                read[k - 1] = (unsigned char)carry;
                carry >>= 8;
            }
            assert_int_equal(carry, 0);
        }
        assert_memory_equal(read, bytes, len);
        buf_end(&buf);
    }
}

static void the_limit_of_the_buf_is_kept(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 42);
    char bytes[32] = {1};
    assert_int_equal(token_text(&buf, (struct str){bytes, 32}), ERR_LIMIT);
    assert_int_equal(buf.len, 0);
    buf_end(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_equal_only_when_every_byte_is),
        cmocka_unit_test(an_empty_token_equals_nothing),
        cmocka_unit_test(text_is_the_number_in_base_62),
        cmocka_unit_test(equal_lengths_give_equal_lengths),
        cmocka_unit_test(the_random_bytes_can_be_read_back),
        cmocka_unit_test(the_limit_of_the_buf_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
