/* SPDX-License-Identifier: Apache-2.0
 * lexemes.h - known words and phrases, found while tokens pass.
 *
 * A trie over folded points, entered at every token: languages differ in their letters, not in how
 * they are matched. A lexeme belongs to one or more classes (a bit each). Its last word may go on
 * for a few letters where languages inflect: at most LEXEME_ENDING, behind LEXEME_STEM letters (two
 * in Hangul, three elsewhere beyond Latin); "*" at its end allows that for short ones too.
 * Immutable after it was made; a walk is the caller's.
 */
#ifndef AIRE_TEXT_LEXEMES_H
#define AIRE_TEXT_LEXEMES_H

#include "text/tokens.h"

#include <stddef.h>

#define LEXEME_CLASSES_MAX 64
#define LEXEME_STEM        5
#define LEXEME_ENDING      4
#define LEXEME_LIVE_MAX    4 /* phrases begun at once; further ones are not begun */

struct lexeme {
    uint64_t classes;
    struct str text;
};

struct lexemes;
struct lexemes *lexemes_new(const struct fold *fold, const struct lexeme *items, size_t count);
void lexemes_free(struct lexemes *lexemes); /* NULL is fine */

struct lexeme_walk {
    uint32_t nodes[LEXEME_LIVE_MAX]; /* after whole tokens */
    uint8_t spans[LEXEME_LIVE_MAX];  /* tokens taken */
    uint32_t count;
    bool sign; /* the last token was one */
};

/* What begins with a token: lexemes that it is the whole of, and a node others go on from (0: none
 * do). It depends on the token alone. */
struct lexeme_entry {
    uint64_t classes;
    uint32_t node;
};

struct lexeme_entry lexemes_enter(const struct lexemes *lexemes, const struct token *token);

/* Zero a walk to begin. The classes of all lexemes that end at this token, whose entry is given;
 * `tokens` receives the length of the longest. */
uint64_t lexemes_step(const struct lexemes *lexemes, struct lexeme_walk *walk,
                      const struct token *token, struct lexeme_entry entry, unsigned *tokens);

#endif
