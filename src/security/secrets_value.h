/* SPDX-License-Identifier: Apache-2.0
 * secrets_value.h - does a value look like a credential, and does a name say that it is one?
 * Inside of secrets*.c only.
 */
#ifndef AIRE_SECURITY_SECRETS_VALUE_H
#define AIRE_SECURITY_SECRETS_VALUE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum secret_sense {
    SENSE_NONE,
    SENSE_KEY,      /* "some_key": only what is certainly noise */
    SENSE_GENERIC,  /* "token", "api_key": a digest there is a digest */
    SENSE_SECRET,   /* "client_secret", "stripe_key": long and random */
    SENSE_PASSWORD, /* short and mixed is enough */
};

/* Of the name that ends at `end`; looks back at most `behind` bytes. */
enum secret_sense secret_sense_of(struct str text, size_t end, size_t behind);

/* Bits a byte of the empirical distribution (Shannon 1948). */
double secret_entropy(struct str value);
/* The share of places at which words, camel case and numbers do not change and random strings do:
 * from letters to digits and back, from lower case to capitals, and between capitals. */
double secret_disorder(struct str value);
/* The random part of a token: no example, no repetition, no words. */
bool secret_is_random(struct str part);
/* What people write where a credential belongs: placeholders, look-ups, well-known defaults. */
bool secret_is_placeholder(struct str value);
/* A password of a URL or a login. */
bool secret_is_password(struct str password, struct str user);

/* How sure that the value is a credential; 0: it is none. */
float secret_value_score(struct str value, enum secret_sense sense, bool quoted);

#endif
