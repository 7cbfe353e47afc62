/* SPDX-License-Identifier: Apache-2.0
 * test_buf.c - owned bytes: the limit to the byte, and content kept when it is hit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/rng.h"
#include "base/wipe.h"

#include <string.h>

static void the_limit_is_exact_and_keeps_the_content(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 5);
    assert_int_equal(buf_add(&buf, STR("abc")), ERR_OK);
    assert_int_equal(buf_add(&buf, STR("def")), ERR_LIMIT);
    assert_int_equal(buf_printf(&buf, "%d", 123), ERR_LIMIT);
    assert_int_equal(buf_add_u64(&buf, 123), ERR_LIMIT);
    assert_int_equal(buf_reserve(&buf, 3), ERR_LIMIT);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), ERR_LIMIT);
    assert_true(str_equal(buf_str(&buf), STR("abc")));
    assert_int_equal(buf_printf(&buf, "%d", 12), ERR_OK);
    assert_int_equal(buf_add_byte(&buf, 'x'), ERR_LIMIT);
    assert_string_equal(buf_cstr(&buf), "abc12");
    buf_end(&buf);
}

static void every_limit_can_be_filled_and_not_passed(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 300; limit++) {
        struct buf buf;
        buf_init(&buf, limit);
        for (size_t i = 0; i < limit; i++) {
            assert_int_equal(buf_add_byte(&buf, 'a'), ERR_OK);
            assert_true(buf.len <= buf.cap && buf.cap <= limit + 1);
        }
        assert_int_equal(buf_add_byte(&buf, 'a'), ERR_LIMIT);
        assert_int_equal(strlen(buf_cstr(&buf)), limit);
        buf_end(&buf);
    }
}

static void nothing_is_allocated_for_nothing(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    assert_int_equal(buf_add(&buf, (struct str){NULL, 0}), ERR_OK);
    assert_null(buf.at);
    assert_string_equal(buf_cstr(&buf), "");
    assert_int_equal(buf_str(&buf).len, 0);
    buf_end(&buf);
}

static void an_unlimited_buf_refuses_the_impossible(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), ERR_LIMIT);
    assert_int_equal(buf_reserve(&buf, (size_t)PTRDIFF_MAX), ERR_LIMIT);
    buf_end(&buf);
}

static void formatting_fits_at_every_fill(void **state)
{
    (void)state;
    for (size_t fill = 0; fill < 140; fill++) {
        struct buf buf;
        buf_init(&buf, 1000);
        for (size_t i = 0; i < fill; i++) {
            assert_int_equal(buf_add_byte(&buf, '.'), ERR_OK);
        }
        assert_int_equal(buf_printf(&buf, "%s=%d", "key", 12345), ERR_OK);
        assert_true(str_equal(str_cut(buf_str(&buf), fill, SIZE_MAX), STR("key=12345")));
        buf_end(&buf);
    }
}

static void numbers_are_written_whole(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    assert_int_equal(buf_add_u64(&buf, 0), ERR_OK);
    assert_int_equal(buf_add_byte(&buf, ' '), ERR_OK);
    assert_int_equal(buf_add_u64(&buf, UINT64_MAX), ERR_OK);
    assert_string_equal(buf_cstr(&buf), "0 18446744073709551615");
    buf_end(&buf);
}

static void the_front_can_be_dropped(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_drop_front(&buf, 0);
    assert_int_equal(buf_add(&buf, STR("0123456789")), ERR_OK);
    buf_drop_front(&buf, 4);
    assert_string_equal(buf_cstr(&buf), "456789");
    buf_drop_front(&buf, 6);
    assert_string_equal(buf_cstr(&buf), "");
    buf_end(&buf);
}

static void clearing_keeps_memory_and_ending_keeps_the_limit(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 3);
    assert_int_equal(buf_add(&buf, STR("abc")), ERR_OK);
    const char *at = buf.at;
    buf_clear(&buf);
    assert_int_equal(buf_add(&buf, STR("xyz")), ERR_OK);
    assert_ptr_equal(buf.at, at);
    buf_end(&buf);
    buf_end(&buf);
    assert_int_equal(buf_add(&buf, STR("abcd")), ERR_LIMIT);
    assert_int_equal(buf_add(&buf, STR("abc")), ERR_OK);
    buf_end(&buf);
}

static void taking_moves_the_memory(void **state)
{
    (void)state;
    struct buf from;
    struct buf to;
    buf_init(&from, 50);
    buf_init(&to, 10);
    assert_int_equal(buf_add_byte(&to, 'x'), ERR_OK);
    buf_clear(&to);
    assert_int_equal(buf_add(&from, STR("content")), ERR_OK);
    const char *at = from.at;
    buf_take(&from, &to);
    assert_ptr_equal(to.at, at);
    assert_string_equal(buf_cstr(&to), "content");
    assert_int_equal(to.limit, 50);
    assert_null(from.at);
    assert_int_equal(from.len, 0);
    assert_int_equal(buf_add(&from, STR("again")), ERR_OK);
    buf_end(&from);
    buf_end(&to);
}

static void any_sequence_of_changes_matches_a_plain_array(void **state)
{
    (void)state;
    enum { LIMIT = 400 };
    char model[LIMIT];
    size_t len = 0;
    struct buf buf;
    buf_init(&buf, LIMIT);
    struct rng rng;
    rng_seed(&rng, 4);
    for (int round = 0; round < 20000; round++) {
        char piece[40];
        size_t bytes = (size_t)rng_below(&rng, sizeof piece + 1);
        memset(piece, (int)rng_below(&rng, 256), sizeof piece);
        if (rng_below(&rng, 5) == 0) {
            bytes = (size_t)rng_below(&rng, len + 1);
            buf_drop_front(&buf, bytes);
            len -= bytes;
            memmove(model, model + bytes, len);
        } else if (buf_add(&buf, (struct str){piece, bytes}) == ERR_OK) {
            assert_true(len + bytes <= LIMIT);
            memcpy(model + len, piece, bytes);
            len += bytes;
        } else {
            assert_true(len + bytes > LIMIT);
        }
        assert_true(str_equal(buf_str(&buf), (struct str){model, len}));
    }
    buf_end(&buf);
}

static void what_is_dropped_is_wiped(void **state)
{
    (void)state;
    static const char zero[16];
    wipe_begin();
    struct buf buf;
    buf_init(&buf, 64);
    assert_int_equal(buf_add(&buf, STR("marker and more")), ERR_OK);
    buf_drop_front(&buf, 7);
    assert_memory_equal(buf.at + buf.len, zero, 7);
    buf_clear(&buf);
    assert_memory_equal(buf.at, zero, 15);
    buf_end(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_exact_and_keeps_the_content),
        cmocka_unit_test(what_is_dropped_is_wiped),
        cmocka_unit_test(every_limit_can_be_filled_and_not_passed),
        cmocka_unit_test(nothing_is_allocated_for_nothing),
        cmocka_unit_test(an_unlimited_buf_refuses_the_impossible),
        cmocka_unit_test(formatting_fits_at_every_fill),
        cmocka_unit_test(numbers_are_written_whole),
        cmocka_unit_test(the_front_can_be_dropped),
        cmocka_unit_test(clearing_keeps_memory_and_ending_keeps_the_limit),
        cmocka_unit_test(taking_moves_the_memory),
        cmocka_unit_test(any_sequence_of_changes_matches_a_plain_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
