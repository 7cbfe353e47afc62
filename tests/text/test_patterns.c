/* SPDX-License-Identifier: Apache-2.0
 * test_patterns.c - Hyperscan only saves time: what is found is what PCRE2 alone would find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/patterns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct pattern patterns_all[] = {
    {STR_CONST("\\bab\\d+\\b"), 0},
    {STR_CONST("(?i)stra\u00DFe"), 1},
    {STR_CONST("(?i)k\u00C4"), 2},
    {STR_CONST("a.c"), 3},
    {STR_CONST("[^a-z]{3}"), 4},
    {STR_CONST("(?s)x.*y"), 5},
    {STR_CONST("a(?=b)"), 6},
    {STR_CONST("(?<!a)b"), 7},
    {STR_CONST("(a)\\1"), 8},
    {STR_CONST("(?>a+)b"), 9},
    {STR_CONST("^ab|c$"), 10},
    {STR_CONST("(?m)^b.*$"), 11},
    {STR_CONST("\\s\\S\\s"), 12},
    {STR_CONST("[[:punct:]]{2}"), 13},
    {STR_CONST("a{1,300}b"), 14},
    {STR_CONST("x\\w+\\b"), 15},
    {STR_CONST("(?<n>a)(?&n)"), 16},
    {STR_CONST("\\R\\h"), 17},
    {STR_CONST("\\x{e4}|\\p{Lu}b"), 18},
    {STR_CONST("(*UCP)\\w\\b."), 19},
};
#define PATTERNS (sizeof patterns_all / sizeof patterns_all[0])

static const struct patterns *made(struct arena *arena, const struct pattern *items, size_t count,
                                   enum regex_use use)
{
    const struct patterns *patterns = NULL;
    struct fault fault = {0};
    if (patterns_new(items, count, use, arena, &patterns, &fault) != ERR_OK) {
        fail_msg("pattern %u: %s", fault.line, fault.words);
    }
    return patterns;
}

/* A text that many of the patterns nearly match. */
static size_t make_text(uint32_t seed, char *text, size_t room)
{
    static const char *const pieces[] = {
        "a",   "b",       "c",       "ab1",          " ",           "\n",      "x",           "y",
        "aaa", "k\u00E4", "K\u00C4", "\u212A\u00E4", "stra\u00DFe", "STRASSE", "STRA\u1E9EE", "-",
        "!!",  "A",       "\u00C4b", "\t",           "\r\n ",       "\u00E4",
    };
    size_t len = 0;
    while (len + 16 < room) {
        seed = seed * 1664525 + 1013904223;
        const char *piece = pieces[(seed >> 16) % (sizeof pieces / sizeof pieces[0])];
        size_t bytes = strlen(piece);
        memcpy(text + len, piece, bytes);
        len += bytes;
    }
    return len;
}

static int in_order(const void *a, const void *b)
{
    const struct hit *x = a;
    const struct hit *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

/* All at once over a block, against short blocks, for which Hyperscan is not asked. */
static void the_filter_changes_nothing(void **state)
{
    (void)state;
    struct arena *arena = arena_new(65536);
    const struct patterns *patterns = made(arena, patterns_all, PATTERNS, REGEX_AT);
    assert_true(patterns_filtered(patterns) >= 10);
    static char text[3000];
    for (uint32_t seed = 0; seed < 60; seed++) {
        size_t len = make_text(seed, text, seed % 2 == 0 ? sizeof text : 600);
        struct hits whole = {0};
        struct hits pieces = {0};
        struct block block = {{text, len}, 0, len, true};
        assert_int_equal(patterns_find(patterns, &block, &whole), len);
        for (size_t at = 0; at < len; at = block.to) {
            block = (struct block){{text, len}, at, at + 100 < len ? at + 100 : len, true};
            assert_int_equal(patterns_find(patterns, &block, &pieces), block.to);
        }
        assert_int_equal(whole.count, pieces.count);
        qsort(whole.items, whole.count, sizeof *whole.items, in_order);
        qsort(pieces.items, pieces.count, sizeof *pieces.items, in_order);
        for (size_t i = 0; i < whole.count; i++) {
            if (memcmp(&whole.items[i], &pieces.items[i], sizeof whole.items[i]) != 0) {
                fail_msg("seed %u: pattern %u at %zu, pattern %u at %zu", seed, whole.items[i].id,
                         whole.items[i].start, pieces.items[i].id, pieces.items[i].start);
            }
        }
        hits_end(&whole);
        hits_end(&pieces);
    }
    arena_free(arena);
}

static void whole_texts_are_judged_as_by_pcre2(void **state)
{
    (void)state;
    struct arena *arena = arena_new(65536);
    const struct patterns *patterns = made(arena, patterns_all, PATTERNS, REGEX_SEARCH);
    struct regex_scratch *scratch = regex_scratch_new(8);
    static char text[3000];
    for (uint32_t seed = 0; seed < 200; seed++) {
        size_t len = make_text(seed, text, 20 + seed);
        enum regex_result results[PATTERNS];
        patterns_match(patterns, (struct str){text, len}, results);
        for (size_t i = 0; i < PATTERNS; i++) {
            const struct regex *regex = NULL;
            struct fault fault;
            assert_int_equal(regex_new(patterns_all[i].text, REGEX_SEARCH, arena, &regex, &fault),
                             ERR_OK);
            if (regex_search(regex, scratch, (struct str){text, len}) != results[i]) {
                fail_msg("pattern %zu in \"%.*s\": %d", i, (int)len, text, (int)results[i]);
            }
        }
    }
    regex_scratch_free(scratch);
    arena_free(arena);
}

static void a_match_is_found_without_utf8_around_it(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    const struct pattern item = {STR("k\u00E4y"), 7};
    const struct patterns *patterns = made(arena, &item, 1, REGEX_AT);
    static char text[2000];
    memset(text, '\xFF', sizeof text);
    memcpy(text + 1000, "k\u00E4y", 4);
    struct block block = {{text, sizeof text}, 0, sizeof text, true};
    struct hits hits = {0};
    assert_int_equal(patterns_find(patterns, &block, &hits), sizeof text);
    assert_int_equal(hits.count, 1);
    assert_int_equal(hits.items[0].start, 1000);
    assert_int_equal(hits.items[0].id, 7);
    hits_end(&hits);
    arena_free(arena);
}

static void none_at_all_find_nothing(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    const struct patterns *patterns = made(arena, NULL, 0, REGEX_AT);
    struct block block = {STR("text"), 0, 4, false};
    struct hits hits = {0};
    assert_int_equal(patterns_find(patterns, &block, &hits), 4);
    assert_int_equal(hits.count, 0);
    arena_free(arena);
}

static void the_wrong_one_is_numbered(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    const struct patterns *patterns = NULL;
    struct fault fault = {0};
    const struct pattern items[] = {{STR("a"), 0}, {STR("(b"), 1}};
    assert_int_equal(patterns_new(items, 2, REGEX_SEARCH, arena, &patterns, &fault), ERR_SYNTAX);
    assert_int_equal(fault.line, 2);
    const struct pattern empty = {STR("b?"), 1};
    assert_int_equal(patterns_new(&empty, 1, REGEX_AT, arena, &patterns, &fault), ERR_INVALID);
    assert_int_equal(patterns_new(&empty, 1, REGEX_SEARCH, arena, &patterns, &fault), ERR_OK);
    assert_int_equal(patterns_new(items, PATTERNS_MAX + 1, REGEX_SEARCH, arena, &patterns, &fault),
                     ERR_LIMIT);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_filter_changes_nothing),
        cmocka_unit_test(whole_texts_are_judged_as_by_pcre2),
        cmocka_unit_test(a_match_is_found_without_utf8_around_it),
        cmocka_unit_test(none_at_all_find_nothing),
        cmocka_unit_test(the_wrong_one_is_numbered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
