/* SPDX-License-Identifier: Apache-2.0
 * digest.c - OpenSSL's EVP interface. SHA-256 cannot fail on any input: a failing call means no
 * memory or a broken library, and both end the process.
 */
#include "crypto/digest.h"

#include "base/must.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

struct digest digest_of(struct str bytes)
{
    struct digest digest;
    must(EVP_Digest(bytes.len ? bytes.at : "", bytes.len, digest.bytes, NULL, EVP_sha256(), NULL) ==
         1);
    return digest;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

struct str digest_str(const struct digest *digest)
{
    return (struct str){(const char *)digest->bytes, DIGEST_BYTES};
}
