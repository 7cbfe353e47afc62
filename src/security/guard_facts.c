/* SPDX-License-Identifier: Apache-2.0
 * guard_facts.c - words of all conditions in one automaton, patterns of all in one set.
 *
 * Invariant: a word of the automaton belongs to one condition, which its hits' id names; a NEAR has
 * two of them, the first one's id is even to the second's odd. */
#include "security/guard_facts.h"

#include "base/must.h"
#include "base/utf8.h"
#include "text/patterns.h"
#include "text/words.h"

#include <string.h>

#define BLOCK_BYTES 4096
#define NOWHERE     SIZE_MAX

struct fact {
    enum fact_kind kind;
    struct str text; /* of EQUALS, CONTAINS, STARTS, ENDS */
    uint32_t within;
};

struct facts {
    const struct fold *fold;
    struct arena *arena;
    struct fact *items;
    size_t count;
    struct word *word_list; /* id: fact * 2 + which of a NEAR's two */
    size_t word_count;
    struct pattern *pattern_list; /* id: fact */
    size_t pattern_count;
    const struct words *words;
    const struct patterns *patterns;
};

struct facts *facts_new(const struct fold *fold, struct arena *arena)
{
    struct facts *facts = arena_new_of(arena, struct facts);
    facts->fold = fold;
    facts->arena = arena;
    facts->items = arena_array_of(arena, struct fact, EXPR_FACTS_MAX);
    facts->word_list = arena_array_of(arena, struct word, EXPR_WORDS_MAX);
    facts->pattern_list = arena_array_of(arena, struct pattern, PATTERNS_MAX);
    return facts;
}

size_t facts_count(const struct facts *facts)
{
    return facts->count;
}

enum err facts_add(struct facts *facts, enum fact_kind kind, const struct str *texts, size_t count,
                   uint32_t within)
{
    bool words = kind == FACT_WORDS || kind == FACT_NEAR;
    if (facts->count == EXPR_FACTS_MAX || (words && facts->word_count + count > EXPR_WORDS_MAX) ||
        facts->pattern_count == PATTERNS_MAX) {
        return ERR_LIMIT;
    }
    uint32_t number = (uint32_t)facts->count;
    struct fact *fact = &facts->items[facts->count++];
    *fact = (struct fact){.kind = kind, .text = texts[0], .within = within};
    if (kind == FACT_MATCHES) {
        facts->pattern_list[facts->pattern_count++] = (struct pattern){texts[0], number};
    }
    for (size_t i = 0; words && i < count; i++) {
        uint32_t side = kind == FACT_NEAR ? (uint32_t)i : 0;
        facts->word_list[facts->word_count++] = word_written(texts[i], number * 2 + side);
    }
    return ERR_OK;
}

enum err facts_done(struct facts *facts, size_t *which, struct fault *fault)
{
    struct fault inner = {0};
    enum err code = patterns_new(facts->pattern_list, facts->pattern_count, REGEX_SEARCH,
                                 facts->arena, &facts->patterns, &inner);
    *which = code != ERR_OK && inner.line > 0 ? facts->pattern_list[inner.line - 1].id
                                              : facts->count;
    if (code == ERR_OK) {
        code = words_new(facts->fold, facts->word_list, facts->word_count, facts->arena,
                         &facts->words, &inner);
        *which = code != ERR_OK && inner.line > 0 ? facts->word_list[inner.line - 1].id / 2
                                                  : facts->count;
    }
    return code == ERR_OK ? code : fault_set(fault, code, "%s", inner.words);
}

/* ---- finding ---- */

/* Where a NEAR's two words ended last. */
struct near {
    size_t ends[2];
};

/* How many words [from, to) holds, counted to one more than `most`. */
static uint32_t words_between(const struct facts *facts, struct str text, size_t from, size_t to,
                              uint32_t most)
{
    uint32_t count = 0;
    bool inside = false;
    while (from < to && count <= most) {
        uint32_t code = 0;
        from += utf8_step(text, from, &code);
        enum fold_kind kind = FOLD_KIND(fold_of(facts->fold, code));
        if (kind == FOLD_NONE) {
            continue;
        }
        bool joins = kind == FOLD_LETTER || kind == FOLD_DIGIT;
        count += kind == FOLD_SIGN || (joins && !inside);
        inside = joins;
    }
    return count;
}

static bool is_near(const struct facts *facts, struct str text, const struct hit *hit,
                    struct near *near)
{
    const struct fact *fact = &facts->items[hit->id / 2];
    size_t *other = &near->ends[1 - hit->id % 2];
    near->ends[hit->id % 2] = hit->end;
    if (*other == NOWHERE) {
        return false;
    }
    if (words_between(facts, text, *other, hit->start, fact->within) <= fact->within) {
        return true;
    }
    *other = NOWHERE; /* what comes is further still */
    return false;
}

static void find_words(const struct facts *facts, struct str text, struct arena *arena,
                       enum expr_value *values)
{
    struct near *nears = arena_array_of(arena, struct near, facts->count);
    memset(nears, 0xFF, facts->count * sizeof *nears);
    struct hits hits = {0};
    for (size_t at = 0; at < text.len; at += BLOCK_BYTES) {
        size_t rest = text.len - at;
        const struct block block = {text, at, at + (rest < BLOCK_BYTES ? rest : BLOCK_BYTES), true};
        hits.count = 0;
        (void)words_find(facts->words, &block, &hits);
        for (size_t i = 0; i < hits.count; i++) {
            const struct hit *hit = &hits.items[i];
            enum expr_value *value = &values[hit->id / 2];
            if (*value == EXPR_NO && (facts->items[hit->id / 2].kind == FACT_WORDS ||
                                      is_near(facts, text, hit, &nears[hit->id / 2]))) {
                *value = EXPR_YES;
            }
        }
    }
    hits_end(&hits);
}

static void find_patterns(const struct facts *facts, struct str text, struct arena *arena,
                          enum expr_value *values)
{
    enum regex_result *results = arena_array_of(arena, enum regex_result, facts->pattern_count);
    patterns_match(facts->patterns, text, results);
    for (size_t i = 0; i < facts->pattern_count; i++) {
        bool found = results[i] == REGEX_FOUND;
        values[facts->pattern_list[i].id] = results[i] == REGEX_OVER ? EXPR_UNKNOWN
                                                                     : (found ? EXPR_YES : EXPR_NO);
    }
}

static bool holds(const struct fact *fact, struct str text)
{
    switch (fact->kind) {
    case FACT_EQUALS:
        return str_equal(text, fact->text);
    case FACT_CONTAINS:
        return str_find(text, fact->text) != SIZE_MAX;
    case FACT_STARTS:
        return str_starts(text, fact->text);
    case FACT_ENDS:
        return str_ends(text, fact->text);
    case FACT_MATCHES:
    case FACT_WORDS:
    case FACT_NEAR:
        break;
    }
    return false;
}

void facts_find(const struct facts *facts, struct str text, struct arena *arena,
                enum expr_value *values)
{
    for (size_t i = 0; i < facts->count; i++) {
        values[i] = holds(&facts->items[i], text) ? EXPR_YES : EXPR_NO;
    }
    if (facts->word_count > 0) {
        find_words(facts, text, arena, values);
    }
    if (facts->pattern_count > 0) {
        find_patterns(facts, text, arena, values);
    }
}
