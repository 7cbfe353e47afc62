/* SPDX-License-Identifier: Apache-2.0
 * test_digest.c - SHA-256 against its published vectors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/digest.h"

#include <stdio.h>

static void shows(struct digest digest, const char *expected)
{
    char hex[2 * DIGEST_BYTES + 1];
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", digest.bytes[i]);
    }
    assert_string_equal(hex, expected);
}

/* FIPS 180-4 examples. */
static const char hash_of_nothing[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char hash_of_abc[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void sha256_gives_the_published_values(void **state)
{
    (void)state;
    shows(digest_of(STR("")), hash_of_nothing);
    shows(digest_of((struct str){NULL, 0}), hash_of_nothing);
    shows(digest_of(STR("abc")), hash_of_abc);
    shows(digest_of(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Wherever it is cut, around the 64 bytes of a block too. */
static void parts_are_one_text(void **state)
{
    (void)state;
    char bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * 7);
    }
    struct str whole = {bytes, sizeof bytes};
    struct digest expected = digest_of(whole);
    for (size_t cut = 0; cut <= whole.len; cut++) {
        const struct str parts[] = {
            str_cut(whole, 0, cut), {NULL, 0}, str_cut(whole, cut, whole.len)};
        struct digest digest = digest_of_parts(parts, 3);
        assert_true(digest_equal(&digest, &expected));
    }
    shows(digest_of_parts(NULL, 0), hash_of_nothing);
}

static void digests_differ_in_any_bit(void **state)
{
    (void)state;
    struct digest a = digest_of(STR("a"));
    for (size_t bit = 0; bit < 8 * sizeof a.bytes; bit++) {
        struct digest b = a;
        assert_true(digest_equal(&a, &b));
        b.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(digest_equal(&a, &b));
    }
    assert_ptr_equal(digest_str(&a).at, a.bytes);
    assert_int_equal(digest_str(&a).len, DIGEST_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_values),
        cmocka_unit_test(parts_are_one_text),
        cmocka_unit_test(digests_differ_in_any_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
