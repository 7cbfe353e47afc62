/* SPDX-License-Identifier: Apache-2.0
 * test_seal.c - published vectors, and what must not open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/seal.h"

#include <string.h>

static struct seal_key counting_key(void)
{
    struct seal_key key;
    for (int i = 0; i < SEAL_KEY_BYTES; i++) {
        key.bytes[i] = (uint8_t)(0x80 + i);
    }
    return key;
}

/* draft-irtf-cfrg-xchacha-03, appendix A.3.1. */
static void the_published_vector_is_met(void **state)
{
    (void)state;
    static const char plain[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                                "only one tip for the future, sunscreen would be it.";
    static const uint8_t associated[] = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1,
                                         0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
    static const uint8_t first[] = {0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b};
    static const uint8_t tag[] = {0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79,
                                  0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf, 0x49};
    struct seal_key key = counting_key();
    uint8_t nonce[SEAL_NONCE_BYTES];
    struct buf sealed;
    for (int i = 0; i < SEAL_NONCE_BYTES; i++) {
        nonce[i] = (uint8_t)(0x40 + i);
    }
    buf_init(&sealed, 4096);
    assert_int_equal(seal(&key, nonce, (struct str){(const char *)associated, sizeof associated},
                          (struct str){plain, sizeof plain - 1}, &sealed),
                     ERR_OK);
    assert_int_equal(sealed.len, sizeof plain - 1 + SEAL_EXTRA_BYTES);
    assert_memory_equal(sealed.at + 1 + SEAL_NONCE_BYTES, first, sizeof first);
    assert_memory_equal(sealed.at + sealed.len - sizeof tag, tag, sizeof tag);
    buf_end(&sealed);
}

static void any_changed_bit_is_noticed(void **state)
{
    (void)state;
    struct seal_key key = counting_key();
    uint8_t nonce[SEAL_NONCE_BYTES] = {7};
    struct buf sealed;
    struct buf plain;
    buf_init(&sealed, 4096);
    buf_init(&plain, 4096);
    assert_int_equal(seal(&key, nonce, STR("row 7"), STR("secret"), &sealed), ERR_OK);
    assert_int_equal(seal_open(&key, STR("row 7"), buf_str(&sealed), &plain), ERR_OK);
    assert_int_equal(plain.len, 6);
    assert_memory_equal(plain.at, "secret", 6);
    assert_int_equal(seal_open(&key, STR("row 8"), buf_str(&sealed), &plain), ERR_INVALID);
    for (size_t i = 0; i < sealed.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            sealed.at[i] = (char)(sealed.at[i] ^ (1 << bit));
            assert_int_equal(seal_open(&key, STR("row 7"), buf_str(&sealed), &plain), ERR_INVALID);
            sealed.at[i] = (char)(sealed.at[i] ^ (1 << bit));
        }
    }
    for (size_t len = 0; len < sealed.len; len++) {
        assert_int_equal(seal_open(&key, STR("row 7"), str_cut(buf_str(&sealed), 0, len), &plain),
                         ERR_INVALID);
    }
    assert_int_equal(plain.len, 6);
    key.bytes[0] ^= 1;
    assert_int_equal(seal_open(&key, STR("row 7"), buf_str(&sealed), &plain), ERR_INVALID);
    buf_end(&sealed);
    buf_end(&plain);
}

/* RFC 4231, test case 1, with its key padded by zeros (RFC 2104, section 2). */
static void the_keyed_hash_is_hmac_sha_256(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53};
    struct seal_key key = {{0}};
    uint8_t mac[32];
    memset(key.bytes, 0x0b, 20);
    seal_mac(&key, STR("Hi There"), mac);
    assert_memory_equal(mac, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vector_is_met),
        cmocka_unit_test(any_changed_bit_is_noticed),
        cmocka_unit_test(the_keyed_hash_is_hmac_sha_256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
