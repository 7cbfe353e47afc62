/* SPDX-License-Identifier: Apache-2.0
 * tokens.h - a text as words for detection: folded, with their place in the bytes.
 *
 * A token is a word, a run of digits, one sign of a script without spaces, or one mark. Zero-width
 * characters, accents and tags do not separate. A word whose letters are drawn from several
 * scripts, or that consists of look-alikes amid Latin text, is read as the Latin word it imitates;
 * real Cyrillic and Greek pass unchanged. Only the first TOKEN_CODES_MAX points of a token are
 * kept: the rest counts for its length alone, so that a text costs linear time whatever it holds.
 */
#ifndef AIRE_TEXT_TOKENS_H
#define AIRE_TEXT_TOKENS_H

#include "base/str.h"
#include "text/fold.h"

#define TOKEN_CODES_MAX 24

enum token_kind { TOKEN_WORD, TOKEN_SIGN, TOKEN_NUMBER, TOKEN_MARK, TOKEN_LINE };

struct token {
    uint32_t start; /* bytes of the text */
    uint32_t end;
    uint32_t hash;
    enum token_kind kind;
    uint16_t count; /* of codes */
    bool first;     /* of its line */
    bool upper;     /* ASCII: begins with a capital letter */
    bool loud;      /* ASCII: nothing but capital letters, two or more */
    bool glued;     /* no space before it */
    uint32_t codes[TOKEN_CODES_MAX];
};

struct tokens {
    const struct fold *fold;
    struct str text;
    size_t at;
    bool line_begins;
    bool latin; /* the last word was Latin beyond doubt */
};

/* Texts of 4 GiB and more are cut there. */
void tokens_begin(struct tokens *tokens, const struct fold *fold, struct str text);
bool tokens_next(struct tokens *tokens, struct token *token);

static inline uint32_t token_mix(uint32_t hash, uint32_t value)
{
    hash = (hash ^ value) * UINT32_C(0x9E3779B1);
    return hash ^ (hash >> 15);
}

#endif
