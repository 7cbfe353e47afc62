/* SPDX-License-Identifier: Apache-2.0
 * secrets_value.h - does a value look like a credential, and does the name in front of it say so?
 */
#ifndef AIRE_SECURITY_SECRETS_VALUE_H
#define AIRE_SECURITY_SECRETS_VALUE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define SECRET_VALUE_MAX 200 /* longer values are judged by their beginning */

/* Bits a byte of the empirical distribution (Shannon 1948). */
double secret_entropy(struct str value);
/* The random part of a token: many different bytes, no example. */
bool secret_is_random(struct str part);
/* Do the last six letters spell the CRC-32 of the rest in base 62 (GitHub's tokens of 2021)? */
bool secret_has_crc32(struct str part);
/* A password of a connection string, not a placeholder and not the user's name again. */
bool secret_is_password(struct str password, struct str user);

struct secret_name {
    bool header;   /* Bearer or Basic: any token follows */
    bool password; /* short and mixed is enough */
    char quote;    /* what the value stands in; 0: nothing */
};

/* Does the text end with `name =`, `"name": "` and the like, or with Bearer, of a secret name? */
bool secret_named(struct str behind, struct secret_name *name);
/* Bytes of the value that begins here. */
size_t secret_value_bytes(struct str text, const struct secret_name *name);
/* How sure that it is a credential; 0: it is none. */
float secret_value_score(struct str value, const struct secret_name *name);

#endif
