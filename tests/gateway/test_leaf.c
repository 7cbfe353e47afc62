/* SPDX-License-Identifier: Apache-2.0
 * test_leaf.c - the form of a record in the history, which must never change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/tree.h"
#include "gateway/leaf.h"

#include <string.h>

#define SALT  "0123456789abcdef"
#define KNOWN "\x01\x01\x02\x03\x04\x05\x06\x07\x08" SALT "\0\0\0\2dk\0\0\0\0\0\0\0\5facts"

static const struct leaf known = {.key = INT64_C(0x0102030405060708),
                                  .salt = STR_CONST(SALT),
                                  .data_key = STR_CONST("dk"),
                                  .personal = STR_CONST(""),
                                  .facts = STR_CONST("facts")};

static void the_form_is_the_documented_one(void **state)
{
    (void)state;
    struct buf bytes;
    buf_init(&bytes, LEAF_BYTES_MAX);
    assert_int_equal(leaf_write(&known, &bytes), ERR_OK);
    assert_true(str_equal(buf_str(&bytes), STR(KNOWN)));
    buf_end(&bytes);
}

static void the_hash_is_of_these_bytes(void **state)
{
    (void)state;
    struct digest hash = leaf_hash(&known);
    struct digest expected = tree_leaf(STR(KNOWN));
    assert_true(digest_equal(&hash, &expected));
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    struct leaf leaf;
    assert_int_equal(leaf_read(STR(KNOWN), &leaf), ERR_OK);
    assert_int_equal(leaf.key, known.key);
    assert_true(str_equal(leaf.salt, known.salt));
    assert_true(str_equal(leaf.data_key, known.data_key));
    assert_int_equal(leaf.personal.len, 0);
    assert_true(str_equal(leaf.facts, known.facts));
}

static void nothing_shorter_or_longer_is_read(void **state)
{
    (void)state;
    static const char longer[] = KNOWN "x";
    struct leaf leaf;
    for (size_t len = 0; len < sizeof KNOWN - 1; len++) {
        assert_int_equal(leaf_read((struct str){longer, len}, &leaf), ERR_CORRUPT);
    }
    assert_int_equal(leaf_read((struct str){longer, sizeof KNOWN}, &leaf), ERR_CORRUPT);
    assert_int_equal(leaf_read(STR("\x02"), &leaf), ERR_CORRUPT);
}

/* Every part counts, and where one ends and the next begins. */
static void different_records_have_different_hashes(void **state)
{
    (void)state;
    struct leaf others[] = {known, known, known, known, known, known};
    others[1].key++;
    others[2].salt = STR("0123456789abcdeg");
    others[3].data_key = STR("d");
    others[3].personal = STR("k");
    others[4].personal = STR("f");
    others[4].facts = STR("acts");
    others[5].facts = STR("fact");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        for (size_t k = 0; k < i; k++) {
            struct digest a = leaf_hash(&others[i]);
            struct digest b = leaf_hash(&others[k]);
            assert_false(digest_equal(&a, &b));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_is_the_documented_one),
        cmocka_unit_test(the_hash_is_of_these_bytes),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(nothing_shorter_or_longer_is_read),
        cmocka_unit_test(different_records_have_different_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
