/* SPDX-License-Identifier: Apache-2.0
 * digest.c - OpenSSL's EVP interface with the algorithm fetched once per digester.
 *
 * Invariant: between calls the context is always initialised. SHA-256 cannot fail on any input; a
 * failing call means no memory or a broken library, and both end the process.
 */
#include "crypto/digest.h"

#include "base/must.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#define HMAC_KEY_MAX (1 << 20)

struct digester {
    EVP_MD *algorithm;
    EVP_MD_CTX *context;
};

struct digester *digest_new(void)
{
    struct digester *digester = calloc(1, sizeof *digester);
    if (digester == NULL) {
        must_have_memory();
    }
    digester->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    digester->context = EVP_MD_CTX_new();
    must(digester->algorithm != NULL && digester->context != NULL);
    must(EVP_DigestInit_ex2(digester->context, digester->algorithm, NULL) == 1);
    return digester;
}

void digest_free(struct digester *digester)
{
    if (digester == NULL) {
        return;
    }
    EVP_MD_CTX_free(digester->context);
    EVP_MD_free(digester->algorithm);
    free(digester);
}

void digest_add(struct digester *digester, struct str bytes)
{
    if (bytes.len > 0) {
        must(EVP_DigestUpdate(digester->context, bytes.at, bytes.len) == 1);
    }
}

struct digest digest_end(struct digester *digester)
{
    struct digest digest;
    must(EVP_DigestFinal_ex(digester->context, digest.bytes, NULL) == 1);
    must(EVP_DigestInit_ex2(digester->context, digester->algorithm, NULL) == 1);
    return digest;
}

struct digest digest_of(struct str bytes)
{
    struct digest digest;
    must(EVP_Digest(bytes.len ? bytes.at : "", bytes.len, digest.bytes, NULL, EVP_sha256(), NULL) ==
         1);
    return digest;
}

struct digest digest_hmac(struct str key, struct str bytes)
{
    must(key.len <= HMAC_KEY_MAX);
    struct digest digest;
    const char *data = bytes.len ? bytes.at : "";
    must(HMAC(EVP_sha256(), key.len ? key.at : "", (int)key.len, (const unsigned char *)data,
              bytes.len, digest.bytes, NULL) != NULL);
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

const char *digest_show(const struct digest *digest, char to[DIGEST_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        to[2 * i] = digits[digest->bytes[i] >> 4];
        to[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    to[DIGEST_HEX_BYTES - 1] = '\0';
    return to;
}
