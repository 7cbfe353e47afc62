/* SPDX-License-Identifier: Apache-2.0
 * grams.c - each family has one function; the order of features is fixed, training depends on it.
 */
#include "text/grams.h"

#include <string.h>

enum salt {
    SALT_WORD = 0x1000,
    SALT_PAIR = 0x2000,
    SALT_SKIP = 0x3000,
    SALT_TRIPLE = 0x4000,
    SALT_PIECE = 0x5000,
    SALT_CLASS = 0x6000,
    SALT_CLASS_PAIR = 0x7000,
    SALT_CLASS_TRIPLE = 0x8000,
    SALT_LINE = 0x9000,
    SALT_SENTENCE = 0xA000,
    SALT_LOUD = 0xB000,
    SALT_CLASS_LINE = 0xC000,
    SALT_CLASS_WORD = 0xD000,
};

#define PIECE      4 /* points; words that are shorter have none */
#define ROLL       UINT32_C(0x9E3779B1)
#define ROLL_FIRST (ROLL * ROLL * ROLL) /* what a piece's first point was multiplied by */
#define EDGE       ((uint32_t)'_')

#define CLASSES_OF_TOKEN 3 /* that count, of a word with several */

struct list {
    uint32_t *at;
    size_t count;
};

static void put(struct list *list, enum gram_family family, uint32_t hash)
{
    hash ^= hash >> 13;
    hash *= UINT32_C(0xC2B2AE35);
    hash ^= hash >> 16;
    list->at[list->count++] = (hash & ~UINT32_C(3)) | (uint32_t)family;
}

/* Words, pieces, place, and what each class adds: no token has more. */
_Static_assert(4 + TOKEN_CODES_MAX + 3 +
                       CLASSES_OF_TOKEN *
                           (2 + 2 * GRAM_EVENTS + GRAM_EVENTS * (GRAM_EVENTS - 1) / 2) <=
                   GRAMS_MAX,
               "room for a token's features");

void grams_begin(struct grams *grams, const struct lexemes *lexemes)
{
    *grams = (struct grams){.lexemes = lexemes, .sentence = true};
    for (size_t i = 0; i < GRAM_EVENTS; i++) {
        grams->events[i].token = UINT32_MAX;
    }
}

static void put_word(const struct token *token, struct list *list)
{
    put(list, GRAM_WORD, token_mix(SALT_WORD, token->hash));
}

static void put_neighbours(const struct grams *grams, const struct token *token, struct list *list)
{
    uint32_t last = grams->before[0];
    uint32_t second = grams->before[1];
    uint32_t hash = token->hash;
    put(list, GRAM_WORD, token_mix(token_mix(SALT_PAIR, last), hash));
    put(list, GRAM_WORD, token_mix(token_mix(SALT_SKIP, second), hash));
    put(list, GRAM_WORD, token_mix(token_mix(token_mix(SALT_TRIPLE, second), last), hash));
}

/* Points of a word with an edge on both sides; a hash of the last PIECE points, as in Karp and
 * Rabin 1987. */
static void put_pieces(const struct token *token, struct list *list)
{
    size_t count = token->count;
    if (token->kind != TOKEN_WORD || count + 2 < PIECE || count >= TOKEN_CODES_MAX) {
        return;
    }
    const uint32_t *codes = token->codes;
    uint32_t hash = (EDGE * ROLL + codes[0]) * ROLL + codes[1];
    uint32_t out = 0; /* leaves with the next point */
    for (size_t i = PIECE - 2; i < count; i++) {
        hash = (hash - out) * ROLL + codes[i];
        put(list, GRAM_PIECE, hash ^ SALT_PIECE);
        out = (i == PIECE - 2 ? EDGE : codes[i + 1 - PIECE]) * ROLL_FIRST;
    }
    hash = (hash - out) * ROLL + EDGE;
    put(list, GRAM_PIECE, hash ^ SALT_PIECE);
}

static uint32_t distance(uint32_t from, uint32_t to)
{
    uint32_t tokens = to - from;
    return tokens <= 2 ? 0 : tokens <= 5 ? 1 : 2;
}

static void put_class(struct grams *grams, uint8_t class, bool begins, struct list *list)
{
    struct gram_event *events = grams->events;
    uint32_t index = grams->index;
    put(list, GRAM_CLASS, token_mix(SALT_CLASS, class));
    if (begins) {
        put(list, GRAM_CLASS, token_mix(SALT_CLASS_LINE, class));
    }
    for (size_t i = 0; i < GRAM_EVENTS; i++) {
        if (events[i].token == UINT32_MAX || index - events[i].token > GRAM_REACH) {
            break;
        }
        uint32_t pair = token_mix(token_mix(SALT_CLASS_PAIR, events[i].class), class);
        put(list, GRAM_CLASS, pair);
        put(list, GRAM_CLASS, token_mix(pair, distance(events[i].token, index)));
        for (size_t k = i + 1; k < GRAM_EVENTS; k++) {
            if (events[k].token == UINT32_MAX || index - events[k].token > GRAM_REACH) {
                break;
            }
            put(list, GRAM_CLASS,
                token_mix(token_mix(token_mix(SALT_CLASS_TRIPLE, events[k].class), events[i].class),
                          class));
        }
    }
    memmove(events + 1, events, (GRAM_EVENTS - 1) * sizeof *events);
    events[0] = (struct gram_event){.token = index, .class = class};
}

static void put_shape(const struct grams *grams, const struct token *token, struct list *list)
{
    if (token->first) {
        put(list, GRAM_SHAPE, token_mix(SALT_LINE, token->hash));
    }
    if (grams->sentence && token->kind == TOKEN_WORD) {
        put(list, GRAM_SHAPE, token_mix(SALT_SENTENCE, token->hash));
    }
    if (token->loud) {
        put(list, GRAM_SHAPE, token_mix(SALT_LOUD, token->hash));
    }
}

#define BIT(c) (UINT64_C(1) << ((c)&63))

static bool ends_sentence(const struct token *token)
{
    static const uint64_t marks[] = {BIT('.') | BIT('!') | BIT('?') | BIT(':') | BIT(';') |
                                         BIT('"') | BIT('>') | BIT('(') | BIT('-') | BIT('*') |
                                         BIT(','),
                                     BIT('[') | BIT('{') | BIT('|')};
    uint32_t code = token->codes[0];
    if (token->kind != TOKEN_MARK) {
        return token->kind == TOKEN_LINE;
    }
    if (code < 128) {
        return (marks[code / 64] & BIT(code)) != 0;
    }
    return code == 0x3002 || code == 0xFF01 || code == 0xFF1F || code == 0x61F || code == 0x964;
}

/* Said three times, said often enough: rulers, rows of dots. */
static bool repeats(const struct grams *grams, const struct token *token)
{
    return token->hash == grams->before[0] && token->hash == grams->before[1];
}

/* How the token stands among others, but for its neighbours; then it is one of them. */
static void put_place(struct grams *grams, const struct token *token, struct lexeme_entry entry,
                      struct list *list)
{
    put_shape(grams, token, list);
    uint64_t classes = lexemes_step(grams->lexemes, &grams->walk, token, entry,
                                    &grams->class_tokens);
    grams->classes = classes;
    for (unsigned taken = 0; classes != 0 && taken < CLASSES_OF_TOKEN; taken++) {
        uint8_t class = (uint8_t)__builtin_ctzll(classes);
        put_class(grams, class, grams->sentence, list);
        classes &= classes - 1;
    }
    grams->sentence = ends_sentence(token);
    grams->before[2] = grams->before[1];
    grams->before[1] = grams->before[0];
    grams->before[0] = token->hash;
    grams->index++;
}

size_t grams_next(struct grams *grams, const struct token *token, uint32_t *features)
{
    struct list list;
    list.at = features;
    list.count = 0;
    if (repeats(grams, token)) {
        grams->index++;
        return 0;
    }
    put_word(token, &list);
    put_neighbours(grams, token, &list);
    put_pieces(token, &list);
    put_place(grams, token, lexemes_enter(grams->lexemes, token), &list);
    return list.count;
}

size_t grams_alone(const struct token *token, uint32_t *features)
{
    struct list list;
    list.at = features;
    list.count = 0;
    put_word(token, &list);
    put_pieces(token, &list);
    return list.count;
}

size_t grams_there(struct grams *grams, const struct token *token, struct lexeme_entry entry,
                   uint32_t *features)
{
    struct list list;
    list.at = features;
    list.count = 0;
    if (repeats(grams, token)) {
        grams->index++;
        return 0;
    }
    put_neighbours(grams, token, &list);
    put_place(grams, token, entry, &list);
    return list.count;
}
