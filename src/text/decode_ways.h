/* SPDX-License-Identifier: Apache-2.0
 * decode_ways.h - the ways to decode one piece of text; decode.c says where they are tried.
 *
 * Each writes at most `text.len` bytes into `to` and returns how many, 0 when the piece is not of
 * its kind.
 */
#ifndef AIRE_TEXT_DECODE_WAYS_H
#define AIRE_TEXT_DECODE_WAYS_H

#include "base/str.h"
#include "text/fold.h"

/* For runs of one alphabet, wrapped or not. */
size_t decode_base64(struct str text, char *to);
size_t decode_base32(struct str text, char *to);
size_t decode_hex(struct str text, char *to);  /* pairs may be apart: 49:67 6e */
size_t decode_bits(struct str text, char *to); /* groups of eight 0 and 1 */

/* For pieces of running text. */
size_t decode_escapes(struct str text, char *to); /* %41 &#65; &amp; \u0041 \x41 =41 */
size_t decode_rot13(struct str text, char *to);
size_t decode_reversed(struct str text, char *to); /* by code points */
size_t decode_reversed_words(struct str text, char *to);
size_t decode_leet(struct str text, char *to);
size_t decode_leet_l(struct str text, char *to); /* the same with 1 for l */
size_t decode_spaced(struct str text, char *to);

#endif
