/* SPDX-License-Identifier: Apache-2.0
 * sign.h - signatures: Ed25519 (RFC 8032, libsodium), for what others must be able to check.
 *
 * A key is made from a seed of 32 bytes: a new key from fresh random ones. Whoever holds a
 * `struct sign_key` wipes it; nothing here prints one.
 */
#ifndef AIRE_CRYPTO_SIGN_H
#define AIRE_CRYPTO_SIGN_H

#include "base/str.h"

#include <stdint.h>

#define SIGN_SEED_BYTES   32
#define SIGN_PUBLIC_BYTES 32
#define SIGN_BYTES        64 /* of a signature */

struct sign_key { /* secret */
    uint8_t bytes[SIGN_SEED_BYTES + SIGN_PUBLIC_BYTES];
};
struct sign_public {
    uint8_t bytes[SIGN_PUBLIC_BYTES];
};
struct signature {
    uint8_t bytes[SIGN_BYTES];
};

struct sign_key sign_key_of(const uint8_t seed[SIGN_SEED_BYTES]);
void sign_key_wipe(struct sign_key *key);
/* The seed, borrowed from the key: as secret as the key. */
struct str sign_seed(const struct sign_key *key);
struct sign_public sign_public_of(const struct sign_key *key);

/* The same bytes under the same key give the same signature. */
struct signature sign(const struct sign_key *key, struct str bytes);
/* Strict: encodings that are not canonical and points of small order never check. */
bool sign_check(const struct sign_public *by, struct str bytes, const struct signature *signature);

#endif
