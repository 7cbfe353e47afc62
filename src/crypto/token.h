/* SPDX-License-Identifier: Apache-2.0
 * token.h - secrets that are shown as text: comparing them and writing them.
 */
#ifndef AIRE_CRYPTO_TOKEN_H
#define AIRE_CRYPTO_TOKEN_H

#include "base/buf.h"

/* In time that depends on the lengths only. An empty token equals nothing, not even another empty
 * one: a secret that was never set must not let anybody in. */
bool token_equal(struct str a, struct str b);

#define TOKEN_RANDOM_MAX 64

/* `random` (1 to TOKEN_RANDOM_MAX bytes, from the caller's entropy) as letters and digits only, so
 * that a double click selects all of it. Equal lengths give equal lengths: 16 bytes 22 characters,
 * 32 bytes 43. */
enum err token_text(struct buf *to, struct str random) MUST_USE;

#endif
