/* SPDX-License-Identifier: Apache-2.0
 * test_sign.c - the vectors of RFC 8032, and what must not check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "crypto/sign.h"

#include <string.h>

/* RFC 8032 section 7.1: seed, public key, message, signature. */
static const struct {
    const char *seed;
    const char *public;
    const char *message;
    const char *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
     "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
     "c6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fe"
     "ebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431"
     "e0303dca179c138ac17ad9bef1177331a704"}};

static size_t unhex(const char *hex, uint8_t *to)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        to[i] = (uint8_t)(text_hex_digit(hex[2 * i]) << 4 | text_hex_digit(hex[2 * i + 1]));
    }
    return len;
}

static void the_published_vectors_are_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t seed[SIGN_SEED_BYTES];
        uint8_t public[SIGN_PUBLIC_BYTES];
        uint8_t expected[SIGN_BYTES];
        uint8_t message[64];
        (void)unhex(vectors[i].seed, seed);
        (void)unhex(vectors[i].public, public);
        (void)unhex(vectors[i].signature, expected);
        struct str text = {(const char *)message, unhex(vectors[i].message, message)};
        struct sign_key key = sign_key_of(seed);
        struct sign_public by = sign_public_of(&key);
        struct signature signature = sign(&key, text);
        assert_memory_equal(by.bytes, public, sizeof public);
        assert_memory_equal(signature.bytes, expected, sizeof expected);
        assert_true(sign_check(&by, text, &signature));
        assert_memory_equal(sign_seed(&key).at, seed, sizeof seed);
    }
}

static void any_changed_bit_is_noticed(void **state)
{
    (void)state;
    const uint8_t seed[SIGN_SEED_BYTES] = {7};
    struct sign_key key = sign_key_of(seed);
    struct sign_public by = sign_public_of(&key);
    char text[] = "a checkpoint";
    struct str bytes = {text, sizeof text - 1};
    struct signature signature = sign(&key, bytes);
    for (size_t bit = 0; bit < 8 * sizeof signature.bytes; bit++) {
        signature.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(sign_check(&by, bytes, &signature));
        signature.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof by.bytes; bit++) {
        by.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(sign_check(&by, bytes, &signature));
        by.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        assert_false(sign_check(&by, bytes, &signature));
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
    }
    assert_true(sign_check(&by, bytes, &signature));
}

/* With S + L in place of S the equation still holds (RFC 8032 section 5.1.7 demands S < L). */
static void a_signature_has_one_form(void **state)
{
    (void)state;
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    const uint8_t seed[SIGN_SEED_BYTES] = {7};
    struct sign_key key = sign_key_of(seed);
    struct sign_public by = sign_public_of(&key);
    struct signature signature = sign(&key, STR("x"));
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)signature.bytes[32 + i] + order[i];
        signature.bytes[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_false(sign_check(&by, STR("x"), &signature));
}

/* Under the neutral point as key, this signature would hold for every message. */
static void a_key_of_small_order_signs_nothing(void **state)
{
    (void)state;
    struct sign_public neutral = {{1}};
    struct signature signature = {{1}};
    assert_false(sign_check(&neutral, STR("anything"), &signature));
}

static void a_wiped_key_is_gone(void **state)
{
    (void)state;
    const uint8_t seed[SIGN_SEED_BYTES] = {7};
    const struct sign_key nothing = {{0}};
    struct sign_key key = sign_key_of(seed);
    sign_key_wipe(&key);
    assert_memory_equal(&key, &nothing, sizeof key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vectors_are_met),
        cmocka_unit_test(any_changed_bit_is_noticed),
        cmocka_unit_test(a_signature_has_one_form),
        cmocka_unit_test(a_key_of_small_order_signs_nothing),
        cmocka_unit_test(a_wiped_key_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
