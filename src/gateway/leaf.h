/* SPDX-License-Identifier: Apache-2.0
 * leaf.h - a record as the history has it: one form of bytes for what a row says, whatever database
 * it stands in.
 *
 *   version:1 byte (1)  key:8 bytes  salt:16 bytes
 *   then three texts, each with its length in 4 bytes before it: data key's id, personal, facts
 * Numbers are big-endian. The hash of a leaf is SHA-256 of a zero byte and these bytes (RFC 9162).
 *
 * What is personal stands here as ciphertext: its key can be destroyed and the proofs hold. The
 * salt goes with the row: nobody can guess the facts of a row that has gone and try its hash.
 */
#ifndef AIRE_GATEWAY_LEAF_H
#define AIRE_GATEWAY_LEAF_H

#include "base/buf.h"
#include "crypto/digest.h"

#define LEAF_SALT_BYTES 16
#define LEAF_BYTES_MAX  ((size_t)1 << 20)
#define LEAF_TEXTS_MAX  UINT32_MAX /* bytes of one text */

struct leaf {
    int64_t key;
    struct str salt;     /* LEAF_SALT_BYTES of them */
    struct str data_key; /* id of the key that what is sealed was sealed with; "" for none */
    struct str personal; /* sealed */
    struct str facts;    /* events (telemetry/events.h); sealed as a whole in some classes */
};

struct digest leaf_hash(const struct leaf *leaf);
enum err leaf_write(const struct leaf *leaf, struct buf *to) MUST_USE;
/* Borrows the bytes. CORRUPT: they are not what leaf_write writes. */
enum err leaf_read(struct str bytes, struct leaf *leaf) MUST_USE;

#endif
