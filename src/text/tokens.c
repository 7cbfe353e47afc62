/* SPDX-License-Identifier: Apache-2.0
 * tokens.c - one pass over the bytes, ASCII words by a tight loop.
 */
#include "text/tokens.h"

#include "base/utf8.h"

#include <string.h>

#define SEED_WORD UINT32_C(0x811C9DC5)

#define LOOK_AHEAD 64

/* A text that begins with look-alikes is Latin when ASCII letters follow soon. */
static bool begins_latin(struct str text)
{
    for (size_t i = 0; i < text.len && i < LOOK_AHEAD; i++) {
        char low = (char)(text.at[i] | 0x20);
        if (low >= 'a' && low <= 'z') {
            return true;
        }
    }
    return false;
}

void tokens_begin(struct tokens *tokens, const struct fold *fold, struct str text)
{
    *tokens = (struct tokens){.fold = fold,
                              .text = str_cut(text, 0, UINT32_MAX - 1),
                              .line_begins = true,
                              .latin = begins_latin(text)};
}

/* What was seen of a word's scripts while it was read. */
struct letters {
    unsigned scripts; /* a bit per enum fold_script */
    bool plain;       /* every letter is Latin or looks so */
    bool imitates;    /* some letter only looks so */
    uint32_t alike[TOKEN_CODES_MAX];
};

static inline uint32_t entry_at(const struct tokens *tokens, size_t at, size_t *bytes)
{
    uint8_t byte = (uint8_t)tokens->text.at[at];
    if (byte < 0x80) {
        *bytes = 1;
        return tokens->fold->entries[byte];
    }
    uint32_t code = 0;
    *bytes = utf8_step(tokens->text, at, &code);
    return fold_of(tokens->fold, code);
}

static void take_letter(struct token *token, struct letters *letters, uint32_t entry)
{
    uint32_t point = FOLD_POINT(entry);
    uint32_t alike = FOLD_ALIKE(entry);
    enum fold_script script = FOLD_SCRIPT(entry);
    letters->scripts |= 1U << script;
    letters->imitates |= alike != 0;
    letters->plain &= alike != 0 || script == FOLD_LATIN;
    if (token->count < TOKEN_CODES_MAX) {
        letters->alike[token->count] = alike != 0 ? alike : point;
        token->codes[token->count] = point;
        token->count++;
    }
}

/* A word of mixed scripts, or of look-alikes only amid Latin ones, is what it imitates. */
static void settle_word(struct tokens *tokens, struct token *token, const struct letters *letters)
{
    bool latin = (letters->scripts & 1U << FOLD_LATIN) != 0;
    bool mixed = latin && letters->imitates;
    if (mixed || (letters->imitates && letters->plain && tokens->latin)) {
        for (uint16_t i = 0; i < token->count; i++) {
            token->codes[i] = letters->alike[i];
        }
    } else {
        tokens->latin = latin;
    }
}

static inline bool is_letter(char c)
{
    return (uint32_t)((unsigned char)c | 0x20) - 'a' < 26;
}

/* The ASCII letters that a word begins with. */
static void read_plain(struct tokens *tokens, struct token *token)
{
    const char *at = tokens->text.at + tokens->at;
    const char *end = tokens->text.at + tokens->text.len;
    const char *kept = end - at < TOKEN_CODES_MAX ? end : at + TOKEN_CODES_MAX;
    uint32_t hash = SEED_WORD + TOKEN_WORD;
    uint32_t *codes = token->codes;
    for (; at < kept && is_letter(*at); at++) {
        uint32_t low = (unsigned char)*at | 0x20U;
        *codes++ = low;
        hash = token_mix(hash, low);
    }
    for (; at < end && is_letter(*at); at++) {
    }
    token->count = (uint16_t)(codes - token->codes);
    token->hash = hash;
    tokens->at = (size_t)(at - tokens->text.at);
    token->end = (uint32_t)tokens->at;
}

/* The rest of a word or number that began at token->start. */
static void read_rest(struct tokens *tokens, struct token *token, enum fold_kind kind,
                      struct letters *letters)
{
    size_t at = tokens->at;
    size_t end = token->end;
    while (at < tokens->text.len) {
        size_t bytes = 1;
        uint32_t entry = entry_at(tokens, at, &bytes);
        enum fold_kind next = FOLD_KIND(entry);
        if (next == kind) {
            take_letter(token, letters, entry);
            end = at + bytes;
        } else if (next != FOLD_NONE) {
            break;
        }
        at += bytes;
    }
    tokens->at = at;
    token->end = (uint32_t)end;
}

static void shape(const struct tokens *tokens, struct token *token)
{
    const char *at = tokens->text.at + token->start;
    size_t len = token->end - token->start;
    token->upper = at[0] >= 'A' && at[0] <= 'Z';
    token->loud = token->upper && len >= 2 && at[1] >= 'A' && at[1] <= 'Z' && at[len - 1] >= 'A' &&
                  at[len - 1] <= 'Z';
}

static void hash_token(struct token *token)
{
    uint32_t hash = SEED_WORD + (uint32_t)token->kind;
    if (token->kind != TOKEN_NUMBER) {
        for (uint16_t i = 0; i < token->count; i++) {
            hash = token_mix(hash, token->codes[i]);
        }
    }
    token->hash = hash;
}

/* A word or number that is not all ASCII letters, though its beginning may be. */
static void read_mixed(struct tokens *tokens, struct token *token, enum fold_kind kind)
{
    struct letters letters;
    letters.scripts = token->count > 0 ? 1U << FOLD_LATIN : 0;
    letters.plain = true;
    letters.imitates = false;
    memcpy(letters.alike, token->codes, token->count * sizeof *letters.alike);
    read_rest(tokens, token, kind, &letters);
    if (kind == FOLD_LETTER) {
        settle_word(tokens, token, &letters);
    }
    hash_token(token);
}

/* A word or number from its first byte to its last. */
static void read_word(struct tokens *tokens, struct token *token, enum fold_kind kind)
{
    token->end = token->start;
    if (kind == FOLD_LETTER && (unsigned char)tokens->text.at[tokens->at] < 0x80) {
        read_plain(tokens, token);
        if (tokens->at == tokens->text.len || (unsigned char)tokens->text.at[tokens->at] < 0x80) {
            tokens->latin = true;
            return;
        }
    }
    read_mixed(tokens, token, kind);
}

bool tokens_next(struct tokens *tokens, struct token *token)
{
    bool glued = true;
    while (tokens->at < tokens->text.len) {
        size_t bytes = 1;
        uint32_t entry = entry_at(tokens, tokens->at, &bytes);
        enum fold_kind kind = FOLD_KIND(entry);
        if (kind == FOLD_NONE || kind == FOLD_SPACE || (kind == FOLD_LINE && tokens->line_begins)) {
            glued = glued && kind == FOLD_NONE;
            tokens->at += bytes;
            continue;
        }
        static const enum token_kind kinds[] = {
            [FOLD_LINE] = TOKEN_LINE,   [FOLD_MARK] = TOKEN_MARK, [FOLD_DIGIT] = TOKEN_NUMBER,
            [FOLD_LETTER] = TOKEN_WORD, [FOLD_SIGN] = TOKEN_SIGN,
        };
        token->start = (uint32_t)tokens->at;
        token->count = 0;
        token->kind = kinds[kind];
        token->first = tokens->line_begins;
        token->glued = glued;
        if (kind == FOLD_LETTER || kind == FOLD_DIGIT) {
            read_word(tokens, token, kind);
        } else {
            token->codes[0] = kind == FOLD_LINE ? '\n' : FOLD_POINT(entry);
            token->count = 1;
            tokens->at += bytes;
            token->end = (uint32_t)tokens->at;
            token->hash = token_mix(SEED_WORD + (uint32_t)token->kind, token->codes[0]);
        }
        tokens->line_begins = kind == FOLD_LINE;
        shape(tokens, token);
        return true;
    }
    return false;
}
