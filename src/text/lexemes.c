/* SPDX-License-Identifier: Apache-2.0
 * lexemes.c - edges live in one open hash table keyed by (node, point); node 0 is the root and
 * never the target of an edge.
 */
#include "text/lexemes.h"

#include "base/must.h"

#include <stdlib.h>

#define SEPARATOR ((uint32_t)' ')

#define STEM_SEED   UINT32_C(0x5EED)
#define STEM_POINTS 5

struct edge {
    uint32_t from;
    uint32_t point;
    uint32_t to; /* 0: the place is free */
};

struct node {
    uint64_t whole;  /* classes of lexemes that end here */
    uint64_t ending; /* of these, those whose last word may go on */
    bool more;       /* edges leave it */
};

struct lexemes {
    const struct fold *fold;
    struct edge *edges;
    uint32_t mask;
    struct node *nodes;
    uint32_t count;
    uint32_t room;
    uint64_t begins[1024]; /* a bit for each hash of a first word or stem */
    uint32_t stems;        /* a bit for each length of a stem that is entered */
};

static uint32_t place_of(const struct lexemes *lexemes, uint32_t from, uint32_t point)
{
    uint32_t at = token_mix(from * UINT32_C(0x85EBCA6B), point) & lexemes->mask;
    const struct edge *edges = lexemes->edges;
    while (edges[at].to != 0 && (edges[at].from != from || edges[at].point != point)) {
        at = (at + 1) & lexemes->mask;
    }
    return at;
}

static uint32_t follow(const struct lexemes *lexemes, uint32_t from, uint32_t point)
{
    return lexemes->edges[place_of(lexemes, from, point)].to;
}

/* Most words begin no lexeme: a look at a few bits tells, without a walk. A lexeme is entered by
 * its first word, or by that word's first points when it may go on. */
static void enter(struct lexemes *lexemes, uint32_t hash)
{
    lexemes->begins[hash >> 6 & 1023] |= UINT64_C(1) << (hash & 63);
}

static bool entered(const struct lexemes *lexemes, uint32_t hash)
{
    return (lexemes->begins[hash >> 6 & 1023] >> (hash & 63) & 1) != 0;
}

static bool may_begin(const struct lexemes *lexemes, const struct token *token)
{
    if (entered(lexemes, token->hash)) {
        return true;
    }
    uint32_t hash = STEM_SEED;
    for (uint16_t i = 0; i < token->count && i < STEM_POINTS; i++) {
        hash = token_mix(hash, token->codes[i]);
        if ((lexemes->stems >> i & 1) != 0 && entered(lexemes, hash)) {
            return true;
        }
    }
    return false;
}

static void enter_stem(struct lexemes *lexemes, const struct token *token)
{
    uint32_t hash = STEM_SEED;
    uint16_t count = token->count < STEM_POINTS ? token->count : STEM_POINTS;
    must(count > 0);
    for (uint16_t i = 0; i < count; i++) {
        hash = token_mix(hash, token->codes[i]);
    }
    lexemes->stems |= 1U << (count - 1);
    enter(lexemes, hash);
}

static uint32_t extend(struct lexemes *lexemes, uint32_t from, uint32_t point)
{
    struct edge *edge = &lexemes->edges[place_of(lexemes, from, point)];
    if (edge->to == 0) {
        must(lexemes->count < lexemes->room);
        lexemes->nodes[from].more = true;
        *edge = (struct edge){.from = from, .point = point, .to = lexemes->count++};
    }
    return edge->to;
}

static bool may_go_on(const struct token *last, bool starred)
{
    if (starred || last->kind == TOKEN_SIGN) {
        return starred && last->kind == TOKEN_WORD;
    }
    uint32_t point = last->codes[0];
    unsigned stem = point >= 0xAC00 && point < 0xD7B0 ? 2 : point >= 0x370 ? 3 : LEXEME_STEM;
    return last->kind == TOKEN_WORD && last->count >= stem;
}

static void add(struct lexemes *lexemes, const struct lexeme *item)
{
    struct str text = item->text;
    bool starred = str_ends(text, STR("*"));
    struct tokens tokens;
    tokens_begin(&tokens, lexemes->fold, str_cut(text, 0, text.len - (starred ? 1 : 0)));
    struct token token;
    uint32_t node = 0;
    bool sign = false;
    while (tokens_next(&tokens, &token)) {
        if (node != 0 && !(sign && token.kind == TOKEN_SIGN)) {
            node = extend(lexemes, node, SEPARATOR);
        }
        if (node == 0) {
            enter(lexemes, token.hash);
            if (may_go_on(&token, starred)) {
                enter_stem(lexemes, &token);
            }
        }
        for (uint16_t i = 0; i < token.count; i++) {
            node = extend(lexemes, node, token.codes[i]);
        }
        sign = token.kind == TOKEN_SIGN;
    }
    must(node != 0);
    lexemes->nodes[node].whole |= item->classes;
    if (may_go_on(&token, starred)) {
        lexemes->nodes[node].ending |= item->classes;
    }
}

struct lexemes *lexemes_new(const struct fold *fold, const struct lexeme *items, size_t count)
{
    struct lexemes *lexemes = must_have(calloc(1, sizeof *lexemes));
    size_t points = 1;
    for (size_t i = 0; i < count; i++) {
        points += items[i].text.len + 1;
    }
    must(points < UINT32_MAX / 4);
    uint32_t room = 64;
    while (room < points * 2) {
        room *= 2;
    }
    lexemes->fold = fold;
    lexemes->mask = room - 1;
    lexemes->room = (uint32_t)points;
    lexemes->count = 1;
    lexemes->edges = must_have(calloc(room, sizeof *lexemes->edges));
    lexemes->nodes = must_have(calloc(points, sizeof *lexemes->nodes));
    for (size_t i = 0; i < count; i++) {
        add(lexemes, &items[i]);
    }
    return lexemes;
}

void lexemes_free(struct lexemes *lexemes)
{
    if (lexemes != NULL) {
        free(lexemes->edges);
        free(lexemes->nodes);
        free(lexemes);
    }
}

/* Walks one token from `node`: where it ends (0: nowhere), and what ended on the way. */
static uint32_t through(const struct lexemes *lexemes, uint32_t node, const struct token *token,
                        uint64_t *found)
{
    for (uint16_t i = 0; i < token->count; i++) {
        node = follow(lexemes, node, token->codes[i]);
        if (node == 0) {
            return 0;
        }
        if (lexemes->nodes[node].ending != 0 && token->count - i - 1 <= LEXEME_ENDING) {
            *found |= lexemes->nodes[node].ending;
        }
    }
    *found |= lexemes->nodes[node].whole;
    return node;
}

uint64_t lexemes_step(const struct lexemes *lexemes, struct lexeme_walk *walk,
                      const struct token *token, unsigned *tokens)
{
    uint64_t all = 0;
    *tokens = 0;
    uint32_t kept = 0;
    bool joined = walk->sign && token->kind == TOKEN_SIGN;
    for (uint32_t i = 0; i <= walk->count; i++) {
        bool fresh = i == walk->count;
        uint32_t node = fresh || joined ? 0 : follow(lexemes, walk->nodes[i], SEPARATOR);
        node = !fresh && joined ? walk->nodes[i] : node;
        if (fresh ? !may_begin(lexemes, token) : node == 0) {
            continue;
        }
        uint64_t found = 0;
        node = through(lexemes, node, token, &found);
        unsigned span = fresh ? 1 : walk->spans[i] + 1U;
        *tokens = found != 0 && span > *tokens ? span : *tokens;
        all |= found;
        if (node != 0 && lexemes->nodes[node].more && kept < LEXEME_LIVE_MAX && span < UINT8_MAX) {
            walk->nodes[kept] = node;
            walk->spans[kept] = (uint8_t)span;
            kept++;
        }
    }
    walk->count = kept;
    walk->sign = token->kind == TOKEN_SIGN;
    return all;
}
