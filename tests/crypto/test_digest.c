/* SPDX-License-Identifier: Apache-2.0
 * test_digest.c - SHA-256 and HMAC against their published vectors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/digest.h"

#include "base/rng.h"

#include <string.h>

static void shows(struct digest digest, const char *expected)
{
    char hex[DIGEST_HEX_BYTES];
    assert_string_equal(digest_show(&digest, hex), expected);
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

static void a_million_bytes_in_pieces_give_the_published_value(void **state)
{
    (void)state;
    struct digester *digester = digest_new();
    char piece[1000];
    memset(piece, 'a', sizeof piece);
    for (int i = 0; i < 1000; i++) {
        digest_add(digester, (struct str){piece, sizeof piece});
    }
    shows(digest_end(digester), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    digest_free(digester);
}

static void a_digester_starts_afresh_after_each_end(void **state)
{
    (void)state;
    struct digester *digester = digest_new();
    shows(digest_end(digester), hash_of_nothing);
    digest_add(digester, STR("a"));
    digest_add(digester, (struct str){NULL, 0});
    digest_add(digester, STR("bc"));
    shows(digest_end(digester), hash_of_abc);
    shows(digest_end(digester), hash_of_nothing);
    digest_free(digester);
    digest_free(NULL);
}

static void pieces_do_not_matter(void **state)
{
    (void)state;
    struct digester *digester = digest_new();
    struct rng rng;
    rng_seed(&rng, 17);
    char bytes[300];
    for (int round = 0; round < 500; round++) {
        struct str all = {bytes, (size_t)rng_below(&rng, sizeof bytes + 1)};
        memset(bytes, round, sizeof bytes);
        size_t cut = (size_t)rng_below(&rng, all.len + 1);
        digest_add(digester, str_cut(all, 0, cut));
        digest_add(digester, str_cut(all, cut, SIZE_MAX));
        struct digest pieces = digest_end(digester);
        struct digest whole = digest_of(all);
        assert_true(digest_equal(&pieces, &whole));
    }
    digest_free(digester);
}

/* RFC 4231 section 4, cases 1, 2, 3, 6 and 7. */
static void hmac_gives_the_published_values(void **state)
{
    (void)state;
    char b[20];
    char aa[131];
    char dd[50];
    memset(b, 0x0b, sizeof b);
    memset(aa, 0xaa, sizeof aa);
    memset(dd, 0xdd, sizeof dd);
    shows(digest_hmac((struct str){b, 20}, STR("Hi There")),
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    shows(digest_hmac(STR("Jefe"), STR("what do ya want for nothing?")),
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    shows(digest_hmac((struct str){aa, 20}, (struct str){dd, 50}),
          "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    shows(digest_hmac((struct str){aa, 131},
                      STR("Test Using Larger Than Block-Size Key - Hash Key First")),
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    shows(digest_hmac((struct str){aa, 131},
                      STR("This is a test using a larger than block-size key and a larger than "
                          "block-size data. The key needs to be hashed before being used by the "
                          "HMAC algorithm.")),
          "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void hmac_takes_empty_key_and_message(void **state)
{
    (void)state;
    shows(digest_hmac((struct str){NULL, 0}, (struct str){NULL, 0}),
          "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
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
        cmocka_unit_test(a_million_bytes_in_pieces_give_the_published_value),
        cmocka_unit_test(a_digester_starts_afresh_after_each_end),
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(hmac_gives_the_published_values),
        cmocka_unit_test(hmac_takes_empty_key_and_message),
        cmocka_unit_test(digests_differ_in_any_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
