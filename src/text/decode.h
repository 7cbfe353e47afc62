/* SPDX-License-Identifier: Apache-2.0
 * decode.h - what a text says once its encodings are undone: base64, hex, escapes, rot13, reversed,
 * letters spaced out, digits for letters.
 *
 * Each decoded piece is a view of its own. It is kept only when it reads like a language, so that
 * tokens, hashes and code do not become noise. Views are decoded again, DECODE_DEPTH deep; together
 * they hold at most DECODE_EXPANSION times the text and DECODE_FREE bytes. What lies beyond is told
 * by `caps`. Linear in the text; memory is the arena's.
 */
#ifndef AIRE_TEXT_DECODE_H
#define AIRE_TEXT_DECODE_H

#include "base/arena.h"

#include <stdint.h>

#define DECODE_DEPTH     2
#define DECODE_EXPANSION 4
#define DECODE_FREE      4096
#define DECODE_VIEWS_MAX 4096

enum decode_caps { DECODE_CAP_DEPTH = 1, DECODE_CAP_EXPANSION = 2 };

struct decoded {
    const char *name; /* of the outermost encoding: "base64" */
    struct str text;
    size_t start; /* bytes of the whole text that it came from */
    size_t end;
    unsigned depth; /* 1: directly from the text */
};

/* How usual each pair of letters is as it stands, reversed, and 13 places on: three sums in one
 * number, so that a text's are one addition a byte. And what each byte is, beside what it adds to
 * the counts of its word: one look-up and one addition more. */
#define DECODE_LETTERS UINT64_C(32)
#define DECODE_PAIRS   (DECODE_LETTERS * DECODE_LETTERS)
struct decode_odds {
    uint64_t pairs[DECODE_PAIRS];
    uint64_t bytes[256];
};
void decode_odds_init(struct decode_odds *odds);

struct decode {
    const struct decode_odds *odds;
    struct arena *arena;
    struct decoded *views;
    size_t count;
    size_t room;
    size_t budget; /* bytes that may still be decoded */
    unsigned caps;
};

void decode_all(struct decode *decode, const struct decode_odds *odds, struct str text,
                struct arena *arena);

/* How usual the text's pairs of letters are in English, mean of 8 * log2 of the odds against
 * chance: prose has 6 and more. */
int decode_likeness(struct str text);

#endif
