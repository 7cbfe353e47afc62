/* SPDX-License-Identifier: Apache-2.0
 * words.h - many words and phrases found at once in folded text, with their bytes and the exact
 * safe point (Aho and Corasick 1975, as a table of all moves).
 *
 * Case, width and accents do not count (fold.h); what nobody sees is passed over. Any run of spaces
 * and marks is one space of a phrase. A word begins where a word begins, unless it is written
 * without spaces or asked for ANYWHERE, and ends where one ends; a STEM goes on to its word's end
 * (at most WORD_TAIL_MAX bytes), which belongs to what is found. Immutable; any thread may ask.
 */
#ifndef AIRE_TEXT_WORDS_H
#define AIRE_TEXT_WORDS_H

#include "base/arena.h"
#include "base/err.h"
#include "text/fold.h"
#include "text/hits.h"

#define WORD_SYMBOLS_MAX 62 /* letters and single spaces of one word or phrase */
#define WORD_TAIL_MAX    32
#define WORDS_STATES_MAX 65535
#define WORDS_TABLE_MAX  ((size_t)16 << 20) /* bytes */

enum word_flags {
    WORD_STEM = 1,
    WORD_ANYWHERE = 2, /* begins and ends inside of words, too */
    WORD_LEET = 4      /* 4 3 1 0 5 7 @ $ stand for letters, while letters are as many as digits */
};

struct word {
    struct str text;
    uint32_t id; /* of its hits; words may share one */
    uint32_t flags;
};

/* As people write one: "weapon*" is a stem. Borrows the text. */
struct word word_written(struct str text, uint32_t id);

struct words;

/* `fold` is borrowed. INVALID or LIMIT: `fault` (not NULL) says why, its line is the word's number
 * from 1 (0: of none). All words have WORD_LEET or none. */
enum err words_new(const struct fold *fold, const struct word *items, size_t count,
                   struct arena *arena, const struct words **made, struct fault *fault) MUST_USE;

/* A source of hits. */
size_t words_find(const struct words *words, const struct block *block, struct hits *hits);

#endif
