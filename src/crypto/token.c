/* SPDX-License-Identifier: Apache-2.0
 * token.c - constant-time comparison, and base 62.
 *
 * Invariant: different random bytes of one length give different texts: 62^digits >= 256^length.
 */
#include "crypto/token.h"

#include "base/must.h"

#include <openssl/crypto.h>
#include <string.h>

#define BASE 62
/* log2(62) = 5.95419..., in ten thousandths and rounded down, so that digits are rounded up. */
#define DIGIT_BITS       59541
#define DIGITS_OF(bytes) (((bytes)*80000 + DIGIT_BITS - 1) / DIGIT_BITS)

bool token_equal(struct str a, struct str b)
{
    return a.len == b.len && a.len > 0 && CRYPTO_memcmp(a.at, b.at, a.len) == 0;
}

/* Divides the big-endian number by 62 in place and returns the remainder. */
static unsigned next_digit(unsigned char *number, size_t bytes)
{
    unsigned rest = 0;
    for (size_t i = 0; i < bytes; i++) {
        rest = rest << 8 | number[i];
        number[i] = (unsigned char)(rest / BASE);
        rest %= BASE;
    }
    return rest;
}

enum err token_text(struct buf *to, struct str random)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    must(random.len > 0 && random.len <= TOKEN_RANDOM_MAX);
    unsigned char number[TOKEN_RANDOM_MAX];
    char text[DIGITS_OF(TOKEN_RANDOM_MAX)];
    size_t digits = DIGITS_OF(random.len);
    memcpy(number, random.at, random.len);
    for (size_t i = digits; i > 0; i--) {
        text[i - 1] = alphabet[next_digit(number, random.len)];
    }
    enum err err = buf_add(to, (struct str){text, digits});
    OPENSSL_cleanse(text, sizeof text);
    return err;
}
