/* SPDX-License-Identifier: Apache-2.0
 * secrets.h - finds credentials (standard S4): tokens by their issuers' prefixes, JSON web tokens,
 * private keys, connection strings with a password, and values of keys and headers whose name says
 * that they are secret.
 *
 * A span is the credential itself, not the name in front of it. Hashes, UUIDs, public keys,
 * certificates, placeholders and environment look-ups are none. Kinds are indexes of one table.
 */
#ifndef AIRE_SECURITY_SECRETS_H
#define AIRE_SECURITY_SECRETS_H

#include "security/finder.h"

/* Immutable after secrets_init. */
struct secrets {
    uint64_t heads[1024]; /* a bit for each pair of bytes that begins a prefix */
    uint8_t words[256];   /* 1: a letter, digit or _ */
    uint8_t first[256];   /* the first prefix that begins with a byte, plus one */
    uint8_t next[256];    /* the next one of the same byte, plus one */
};

void secrets_init(struct secrets *secrets);
struct finder secrets_finder(const struct secrets *secrets);

struct str secrets_name(uint16_t kind);  /* "github_token": of findings and of the configuration */
struct str secrets_label(uint16_t kind); /* of placeholders: "SECRET" */
size_t secrets_kinds(void);

#endif
