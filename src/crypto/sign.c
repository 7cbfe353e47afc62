/* SPDX-License-Identifier: Apache-2.0
 * sign.c - libsodium. Its key is the seed with the public key behind it. */
#include "crypto/sign.h"

#include "base/must.h"

#include <sodium.h>
#include <string.h>

static const unsigned char *bytes_of(struct str s)
{
    return (const unsigned char *)(s.len > 0 ? s.at : "");
}

struct sign_key sign_key_of(const uint8_t seed[SIGN_SEED_BYTES])
{
    struct sign_key key;
    struct sign_public public;
    must(crypto_sign_seed_keypair(public.bytes, key.bytes, seed) == 0);
    return key;
}

void sign_key_wipe(struct sign_key *key)
{
    sodium_memzero(key, sizeof *key);
}

struct str sign_seed(const struct sign_key *key)
{
    return (struct str){(const char *)key->bytes, SIGN_SEED_BYTES};
}

struct sign_public sign_public_of(const struct sign_key *key)
{
    struct sign_public public;
    memcpy(public.bytes, key->bytes + SIGN_SEED_BYTES, sizeof public.bytes);
    return public;
}

struct signature sign(const struct sign_key *key, struct str bytes)
{
    struct signature signature;
    must(crypto_sign_detached(signature.bytes, NULL, bytes_of(bytes), bytes.len, key->bytes) == 0);
    return signature;
}

bool sign_check(const struct sign_public *by, struct str bytes, const struct signature *signature)
{
    return crypto_sign_verify_detached(signature->bytes, bytes_of(bytes), bytes.len, by->bytes) ==
           0;
}
