/* SPDX-License-Identifier: Apache-2.0
 * digest.h - SHA-256 (FIPS 180-4).
 */
#ifndef AIRE_CRYPTO_DIGEST_H
#define AIRE_CRYPTO_DIGEST_H

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES 32

struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

struct digest digest_of(struct str bytes);
/* Of what the parts are when they stand one behind the other. */
struct digest digest_of_parts(const struct str *parts, size_t count);
/* In constant time. */
bool digest_equal(const struct digest *a, const struct digest *b);
/* The 32 bytes, borrowed from `digest`. */
struct str digest_str(const struct digest *digest);

#endif
