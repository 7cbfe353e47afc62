/* SPDX-License-Identifier: Apache-2.0
 * seal.h - authenticated encryption at rest: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03,
 * libsodium), and keyed hashes (HMAC-SHA-256, RFC 2104).
 *
 * A sealed text is one byte of version, a random nonce of 24 bytes, the ciphertext and a tag of 16.
 * What it belongs to (a table and a row) is associated data: a text that is moved elsewhere does
 * not open.
 */
#ifndef AIRE_CRYPTO_SEAL_H
#define AIRE_CRYPTO_SEAL_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

#define SEAL_KEY_BYTES   32
#define SEAL_NONCE_BYTES 24
#define SEAL_EXTRA_BYTES (1 + SEAL_NONCE_BYTES + 16) /* a sealed text is longer by */

struct seal_key {
    uint8_t bytes[SEAL_KEY_BYTES];
};

void seal_key_wipe(struct seal_key *key);

/* Appends the sealed text; `nonce` is fresh random bytes. LIMIT: the buffer's. */
enum err seal(const struct seal_key *key, const uint8_t nonce[SEAL_NONCE_BYTES],
              struct str associated, struct str plain, struct buf *to) MUST_USE;
/* Appends the plain text. INVALID: another key, other associated data, or it was changed. */
enum err seal_open(const struct seal_key *key, struct str associated, struct str sealed,
                   struct buf *to) MUST_USE;

/* A key for one purpose from another: HMAC-SHA-256(key, purpose). */
struct seal_key seal_derive(const struct seal_key *key, struct str purpose);
void seal_mac(const struct seal_key *key, struct str bytes, uint8_t mac[32]);

#endif
