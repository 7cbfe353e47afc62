/* SPDX-License-Identifier: Apache-2.0
 * digest.h - SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104).
 *
 * A `digester` belongs to one thread and serves any number of digests one after another;
 * digest_of() is for places where one more look-up of the algorithm does not matter.
 */
#ifndef AIRE_CRYPTO_DIGEST_H
#define AIRE_CRYPTO_DIGEST_H

#include "base/str.h"

#include <stdint.h>

#define DIGEST_BYTES 32

struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

struct digester;

struct digester *digest_new(void);           /* ready to add to */
void digest_free(struct digester *digester); /* NULL is fine */
void digest_add(struct digester *digester, struct str bytes);
struct digest digest_end(struct digester *digester); /* of all added; then ready for the next */

struct digest digest_of(struct str bytes);
struct digest digest_hmac(struct str key, struct str bytes); /* key: at most 1 MiB, may be empty */

/* In constant time. */
bool digest_equal(const struct digest *a, const struct digest *b);

/* The 32 bytes, borrowed from `digest`. */
struct str digest_str(const struct digest *digest);

#define DIGEST_HEX_BYTES (2 * DIGEST_BYTES + 1)
const char *digest_show(const struct digest *digest, char to[DIGEST_HEX_BYTES]);

#endif
