/* SPDX-License-Identifier: Apache-2.0
 * test_pack.c - what is packed comes back, and what is not a packed text never does harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/pack.h"
#include "base/rng.h"

#include <string.h>

static const char hex[] = "0123456789abcdef";

/* Bytes of which each has `kinds` values: 1 packs best, 256 not at all. */
static void fill(char *to, size_t len, unsigned kinds)
{
    struct rng rng;
    rng_seed(&rng, len + kinds);
    for (size_t i = 0; i < len; i++) {
        to[i] = (char)rng_below(&rng, kinds);
    }
}

static size_t round_trip(struct str text)
{
    struct buf packed;
    struct buf back;
    buf_init(&packed, text.len + 1);
    buf_init(&back, text.len + 2);
    assert_int_equal(buf_add(&back, STR("<>")), ERR_OK);
    assert_int_equal(pack(NULL, text, &packed), ERR_OK);
    assert_int_equal(unpack(buf_str(&packed), &back), ERR_OK);
    struct str got = str_cut(buf_str(&back), 2, back.len);
    assert_true(str_equal(got, text));
    size_t len = packed.len;
    buf_end(&packed);
    buf_end(&back);
    return len;
}

static void every_text_comes_back(void **state)
{
    static const unsigned kinds[] = {1, 2, 16, 256};
    static const size_t more[] = {4095, 4096, 65536, 131073, 1000000};
    static char text[1000000];
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        fill(text, sizeof text, kinds[k]);
        for (size_t len = 0; len < 300; len++) {
            (void)round_trip((struct str){text, len});
        }
        for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
            (void)round_trip((struct str){text, more[i]});
        }
    }
}

static void it_costs_one_byte_at_most(void **state)
{
    static char text[100000];
    (void)state;
    fill(text, sizeof text, 256);
    assert_int_equal(round_trip((struct str){text, 0}), 1);
    assert_int_equal(round_trip((struct str){text, 63}), 64);
    assert_int_equal(round_trip((struct str){text, 64}), 65);
    assert_int_equal(round_trip((struct str){text, sizeof text}), sizeof text + 1);
}

static void what_repeats_becomes_small(void **state)
{
    static char text[100000];
    (void)state;
    memset(text, 'x', sizeof text);
    assert_in_range(round_trip((struct str){text, sizeof text}), 2, 100);
    assert_in_range(round_trip((struct str){text, 100}), 2, 30);
    fill(text, sizeof text, 16);
    assert_in_range(round_trip((struct str){text, sizeof text}), 2, 52000);
}

static void both_keep_to_the_limit_of_their_buffer(void **state)
{
    static char text[1000];
    (void)state;
    fill(text, sizeof text, 16);
    const struct str texts[] = {{text, 10}, {text, sizeof text}};
    for (size_t i = 0; i < 2; i++) {
        size_t len = round_trip(texts[i]);
        struct buf packed;
        struct buf back;
        buf_init(&packed, len - 1);
        assert_int_equal(pack(NULL, texts[i], &packed), ERR_LIMIT);
        assert_int_equal(packed.len, 0);
        buf_end(&packed);
        buf_init(&packed, len);
        assert_int_equal(pack(NULL, texts[i], &packed), ERR_OK);
        buf_init(&back, texts[i].len - 1);
        assert_int_equal(unpack(buf_str(&packed), &back), ERR_LIMIT);
        assert_int_equal(back.len, 0);
        buf_end(&back);
        buf_init(&back, texts[i].len + 1);
        assert_int_equal(buf_add(&back, STR("ab")), ERR_OK);
        assert_int_equal(unpack(buf_str(&packed), &back), ERR_LIMIT);
        assert_int_equal(back.len, 2);
        buf_end(&back);
        buf_end(&packed);
    }
}

static enum err unpack_into(struct str packed, size_t limit, struct buf *to)
{
    buf_init(to, limit);
    enum err code = unpack(packed, to);
    assert_true(code == ERR_OK || to->len == 0);
    return code;
}

static void expect(struct str packed, enum err expected)
{
    struct buf to;
    assert_int_equal(unpack_into(packed, KIB(64), &to), expected);
    buf_end(&to);
}

/* Frames are written by hand after RFC 8878, section 3.1.1. */
static void what_was_not_packed_is_refused(void **state)
{
    (void)state;
    expect(STR(""), ERR_CORRUPT);
    expect(STR("\x02"
               "abc"),
           ERR_CORRUPT);
    expect(STR("\x01"), ERR_CORRUPT);
    expect(STR("\x01"
               "abc"),
           ERR_CORRUPT);
    /* no size in the frame's head */
    expect((struct str){"\x01\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00", 10}, ERR_CORRUPT);
    /* four gigabytes are promised */
    expect((struct str){"\x01\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xff\x01\x00\x00", 13}, ERR_LIMIT);
    /* one byte is promised, none comes */
    expect((struct str){"\x01\x28\xb5\x2f\xfd\x20\x01\x01\x00\x00", 10}, ERR_CORRUPT);
    /* nothing is promised, nothing comes */
    expect((struct str){"\x01\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00", 10}, ERR_OK);
    /* a frame and more behind it */
    expect((struct str){"\x01\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00x", 11}, ERR_CORRUPT);
}

static void a_frame_that_was_cut_is_refused(void **state)
{
    char text[2000];
    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = hex[i * i % 16];
    }
    struct buf packed;
    struct buf to;
    buf_init(&packed, sizeof text);
    assert_int_equal(pack(NULL, (struct str){text, sizeof text}, &packed), ERR_OK);
    assert_int_equal(packed.at[0], 1);
    for (size_t len = 0; len < packed.len; len++) {
        expect((struct str){packed.at, len}, ERR_CORRUPT);
    }
    /* Frames have no checksum: a changed one may become another text, never a longer one. */
    for (size_t i = 0; i < packed.len * 8; i++) {
        packed.at[i / 8] = (char)(packed.at[i / 8] ^ 1 << i % 8);
        enum err code = unpack_into(buf_str(&packed), sizeof text, &to);
        assert_true(code == ERR_OK || code == ERR_CORRUPT || code == ERR_LIMIT);
        buf_end(&to);
        packed.at[i / 8] = (char)(packed.at[i / 8] ^ 1 << i % 8);
    }
    buf_end(&packed);
}

static void a_packer_remembers_nothing_of_the_text_before(void **state)
{
    struct packer *packer = packer_new();
    char text[2000];
    (void)state;
    for (unsigned kinds = 1; kinds <= 256; kinds *= 2) {
        struct buf alone;
        struct buf after;
        buf_init(&alone, sizeof text + 1);
        buf_init(&after, sizeof text + 1);
        fill(text, sizeof text, kinds);
        assert_int_equal(pack(NULL, (struct str){text, sizeof text}, &alone), ERR_OK);
        assert_int_equal(pack(packer, (struct str){text, sizeof text}, &after), ERR_OK);
        assert_true(str_equal(buf_str(&alone), buf_str(&after)));
        buf_end(&alone);
        buf_end(&after);
    }
    packer_free(packer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_comes_back),
        cmocka_unit_test(a_packer_remembers_nothing_of_the_text_before),
        cmocka_unit_test(it_costs_one_byte_at_most),
        cmocka_unit_test(what_repeats_becomes_small),
        cmocka_unit_test(both_keep_to_the_limit_of_their_buffer),
        cmocka_unit_test(what_was_not_packed_is_refused),
        cmocka_unit_test(a_frame_that_was_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
