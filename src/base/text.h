/* SPDX-License-Identifier: Apache-2.0
 * text.h - encodings of bytes as text: hex, base64 (RFC 4648, both alphabets), percent (RFC 3986).
 * All write into a buf and return its limit error; decoders return ERR_SYNTAX on any other byte.
 */
#ifndef AIRE_BASE_TEXT_H
#define AIRE_BASE_TEXT_H

#include "base/buf.h"

enum err text_base64(struct buf *to, struct str bytes) MUST_USE; /* with padding */
enum err text_unbase64(struct buf *to,
                       struct str text) MUST_USE; /* either alphabet, padding free */
enum err text_unpercent(struct buf *to, struct str text) MUST_USE; /* '+' stays '+' */

/* Of ASCII; other bytes stay. */
static inline char text_lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        c = (char)(c | 0x20);
    }
    return c;
}

/* Value of one hex digit, or -1. */
int text_hex_digit(char c);

#endif
