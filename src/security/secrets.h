/* SPDX-License-Identifier: Apache-2.0
 * secrets.h - finds credentials (standard S4): tokens that say by a prefix who issued them, JSON
 * web tokens, private keys, URLs and headers with a password, and values whose name says that they
 * are secret.
 *
 * A span is the credential itself, not the name in front of it: redacted JSON stays JSON. Hashes,
 * UUIDs, public keys, certificates, placeholders and look-ups of the environment are none. What
 * begins at a byte is decided from FINDER_BEHIND_MAX bytes behind and FINDER_HOLD_MAX ahead; a
 * longer credential is an open span until its alphabet or its END line ends it.
 */
#ifndef AIRE_SECURITY_SECRETS_H
#define AIRE_SECURITY_SECRETS_H

#include "security/finder.h"

enum { SECRETS_BUCKETS = 4096, SECRETS_HEADS_MAX = 400 };

/* About 10 KiB. Immutable after secrets_init. */
struct secrets {
    uint8_t bytes[256];                /* what may begin at a byte of this value */
    uint32_t endings[32];              /* by the last letter of names: bits of the one before */
    uint16_t buckets[SECRETS_BUCKETS]; /* by three bytes: a place in `heads` plus 1 */
    struct {
        char three[4]; /* the bytes it begins with */
        uint16_t row;  /* of the table of formats */
        uint16_t next; /* of the same bucket: a place plus 1 */
    } heads[SECRETS_HEADS_MAX];
    uint16_t count;
};

void secrets_init(struct secrets *secrets);
struct finder secrets_finder(const struct secrets *secrets);

/* How sure that there is a credential among the spans, 0 to 1; from 0.5 on there is one. Checksums
 * and private keys 1, prefixes 0.95, context and entropy 0.6 to 0.9. */
double secrets_score(const struct spans *spans);

struct str secrets_name(uint16_t kind);  /* "github_token": of findings and of the configuration */
struct str secrets_label(uint16_t kind); /* of placeholders: "TOKEN" */
size_t secrets_kinds(void);

#endif
