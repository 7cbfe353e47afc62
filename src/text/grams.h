/* SPDX-License-Identifier: Apache-2.0
 * grams.h - features of a text, as numbers, while its tokens pass.
 *
 * Words and their neighbours, pieces of words, how a word stands in its line, and the order in
 * which classes of lexemes follow one another whatever stands between them. A feature is a hash
 * whose low bits name its family. Each belongs to the token that completes it, so that the features
 * of any window are those of its tokens.
 */
#ifndef AIRE_TEXT_GRAMS_H
#define AIRE_TEXT_GRAMS_H

#include "text/lexemes.h"

enum gram_family { GRAM_WORD, GRAM_PIECE, GRAM_CLASS, GRAM_SHAPE };
#define GRAM_FAMILY(hash) ((enum gram_family)((hash)&3))

#define GRAMS_MAX   96 /* of one token */
#define GRAM_EVENTS 4
#define GRAM_REACH  14 /* tokens between classes that belong together */

struct gram_event {
    uint32_t token;
    uint8_t class;
};

struct grams {
    const struct lexemes *lexemes;
    struct lexeme_walk walk;
    uint32_t index;                        /* of the next token */
    uint32_t before[3];                    /* hashes of the last tokens, newest first */
    bool sentence;                         /* the next word begins one */
    struct gram_event events[GRAM_EVENTS]; /* newest first */
    uint64_t classes;                      /* of the last token */
    unsigned class_tokens;
};

void grams_begin(struct grams *grams, const struct lexemes *lexemes);
/* Features that this token completes; at most GRAMS_MAX. */
size_t grams_next(struct grams *grams, const struct token *token, uint32_t *features);

/* The same in two parts, for those who remember words: what a token says by itself, and what it
 * says where it stands, given its entry. Of a token that says nothing there, nothing counts. */
size_t grams_alone(const struct token *token, uint32_t *features);
size_t grams_there(struct grams *grams, const struct token *token, struct lexeme_entry entry,
                   uint32_t *features);

#endif
