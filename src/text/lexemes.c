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

#define LETTERS 26 /* a to z */
#define BY_STEP UINT32_MAX

struct node {
    uint64_t whole;  /* classes of lexemes that end here */
    uint64_t ending; /* of these, those whose last word may go on */
    uint32_t edges;  /* a bit for each edge that leaves it, by the last bits of its point */
};

struct lexemes {
    const struct fold *fold;
    struct edge *edges;
    uint32_t mask;
    struct node *nodes;
    uint32_t count;
    uint32_t room;
    uint64_t begins[1024]; /* a bit for each hash of a first word or stem */
    uint8_t stems[256];    /* by first point: a bit for each length of a stem that is entered */
    /* Where two letters lead from the root; BY_STEP when something ends between them. */
    uint32_t pairs[LETTERS][LETTERS];
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

/* Most ends are dead, and the node itself tells of most of them. */
static uint32_t follow(const struct lexemes *lexemes, uint32_t from, uint32_t point)
{
    bool may = (lexemes->nodes[from].edges >> (point & 31) & 1) != 0;
    return may ? lexemes->edges[place_of(lexemes, from, point)].to : 0;
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
    unsigned lengths = token->kind == TOKEN_WORD ? lexemes->stems[token->codes[0] & 255] : 0;
    lengths &= (2U << (token->count < STEM_POINTS ? token->count - 1U : STEM_POINTS - 1U)) - 1;
    uint32_t hash = STEM_SEED;
    for (const uint32_t *code = token->codes; lengths != 0; code++, lengths >>= 1) {
        hash = token_mix(hash, *code);
        if ((lengths & 1) != 0 && entered(lexemes, hash)) {
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
    lexemes->stems[token->codes[0] & 255] |= (uint8_t)(1U << (count - 1));
    enter(lexemes, hash);
}

static uint32_t extend(struct lexemes *lexemes, uint32_t from, uint32_t point)
{
    struct edge *edge = &lexemes->edges[place_of(lexemes, from, point)];
    if (edge->to == 0) {
        must(lexemes->count < lexemes->room);
        lexemes->nodes[from].edges |= UINT32_C(1) << (point & 31);
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

static void set_pairs(struct lexemes *lexemes)
{
    for (uint32_t a = 0; a < LETTERS; a++) {
        uint32_t first = follow(lexemes, 0, 'a' + a);
        for (uint32_t b = 0; b < LETTERS; b++) {
            uint32_t second = first == 0 ? 0 : follow(lexemes, first, 'a' + b);
            lexemes->pairs[a][b] = lexemes->nodes[first].ending != 0 ? BY_STEP : second;
        }
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
    set_pairs(lexemes);
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

/* Where a token's first two letters lead from the root, or BY_STEP. */
static uint32_t through_pair(const struct lexemes *lexemes, const struct token *token)
{
    uint32_t a = token->codes[0] - 'a';
    uint32_t b = token->codes[1] - 'a';
    return token->count >= 2 && a < LETTERS && b < LETTERS ? lexemes->pairs[a][b] : BY_STEP;
}

/* Walks one token from `node`: where it ends (0: nowhere), and what ended on the way. */
static uint32_t through(const struct lexemes *lexemes, uint32_t node, const struct token *token,
                        uint64_t *found)
{
    uint32_t pair = node == 0 ? through_pair(lexemes, token) : BY_STEP;
    for (uint16_t i = pair == BY_STEP ? 0 : 1; i < token->count; i++) {
        node = i == 1 && pair != BY_STEP ? pair : follow(lexemes, node, token->codes[i]);
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

struct lexeme_entry lexemes_enter(const struct lexemes *lexemes, const struct token *token)
{
    struct lexeme_entry entry = {0};
    if (may_begin(lexemes, token)) {
        entry.node = through(lexemes, 0, token, &entry.classes);
    }
    return entry;
}

/* Goes on from a node where others may: at most LEXEME_LIVE_MAX at once. */
static void keep(const struct lexemes *lexemes, struct lexeme_walk *walk, uint32_t node,
                 unsigned span)
{
    if (node != 0 && lexemes->nodes[node].edges != 0 && walk->count < LEXEME_LIVE_MAX &&
        span < UINT8_MAX) {
        walk->nodes[walk->count] = node;
        walk->spans[walk->count] = (uint8_t)span;
        walk->count++;
    }
}

uint64_t lexemes_step(const struct lexemes *lexemes, struct lexeme_walk *walk,
                      const struct token *token, struct lexeme_entry entry, unsigned *tokens)
{
    uint64_t all = entry.classes;
    bool joined = walk->sign && token->kind == TOKEN_SIGN;
    uint32_t live = walk->count;
    *tokens = all != 0 ? 1 : 0;
    walk->count = 0; /* those kept take places that were read before */
    for (uint32_t i = 0; i < live; i++) {
        uint32_t node = walk->nodes[i];
        unsigned span = walk->spans[i] + 1U;
        uint64_t found = 0;
        node = joined ? node : follow(lexemes, node, SEPARATOR);
        node = node != 0 ? through(lexemes, node, token, &found) : 0;
        *tokens = found != 0 && span > *tokens ? span : *tokens;
        all |= found;
        keep(lexemes, walk, node, span);
    }
    keep(lexemes, walk, entry.node, 1);
    walk->sign = token->kind == TOKEN_SIGN;
    return all;
}
