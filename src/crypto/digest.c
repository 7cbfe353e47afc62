/* SPDX-License-Identifier: Apache-2.0
 * digest.c - OpenSSL's own SHA-256 functions, with the processor's SHA instructions where it has
 * them.
 *
 * They are marked as deprecated in favour of EVP, which costs three times as much here (65 bytes:
 * 83 ns against 286 ns; a context that is kept: 100 ns) because it looks the algorithm up and
 * allocates. They keep their state in the caller's memory and cannot fail on any input.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/digest.h"

#include "base/must.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

struct digest digest_of_parts(const struct str *parts, size_t count)
{
    struct digest digest;
    SHA256_CTX state;
    must(SHA256_Init(&state) == 1);
    for (size_t i = 0; i < count; i++) {
        must(SHA256_Update(&state, parts[i].at, parts[i].len) == 1);
    }
    must(SHA256_Final(digest.bytes, &state) == 1);
    return digest;
}

struct digest digest_of(struct str bytes)
{
    return digest_of_parts(&bytes, 1);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

struct str digest_str(const struct digest *digest)
{
    return (struct str){(const char *)digest->bytes, DIGEST_BYTES};
}
