/* SPDX-License-Identifier: Apache-2.0
 * utf8.h - UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef AIRE_BASE_UTF8_H
#define AIRE_BASE_UTF8_H

#include "base/str.h"

#include <stdint.h>

#define UTF8_REPLACEMENT UINT32_C(0xFFFD)

bool utf8_valid(struct str s);          /* ASCII runs are skipped 16 bytes at a time */
size_t utf8_valid_prefix(struct str s); /* bytes up to the first error */

/* Decodes at `at` (must be < s.len): *code is the point or U+FFFD; returns bytes used, >= 1. */
size_t utf8_step(struct str s, size_t at, uint32_t *code);

size_t utf8_encode(uint32_t code, char to[4]); /* surrogates and beyond become U+FFFD */

/* Longest prefix of at most `bytes_max` bytes that does not cut a code point. */
struct str utf8_head(struct str s, size_t bytes_max);

#endif
