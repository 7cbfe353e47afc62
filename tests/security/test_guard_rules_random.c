/* SPDX-License-Identifier: Apache-2.0
 * test_guard_rules_random.c - random rules over random texts give the same spans for every split:
 * what the engines below do at the end of a text is found by no list of examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "security/guard_rules.h"
#include "support/split.h"
#include "text/regex.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS       40
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static uint32_t seed;

/* A linear congruential generator: the same rules and texts in every run. */
static uint32_t below(size_t count)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 12) % (uint32_t)count;
}

static const char *const atoms[] = {
    "a",
    "b",
    "c",
    "x",
    "ab",
    "\\d",
    "\\w",
    "\\s",
    "\\S",
    "\\W",
    ".",
    "[a-c]",
    "[^a]",
    "(a|b)",
    "(ab|c)",
    "(?i:ab)",
    "\u00E4",
    "1",
    "[\u00E0-\u00FF]",
    "-",
    "(?:x|yz)",
    "!",
};
static const char *const repeats[] = {"", "", "", "*", "+", "?", "{2}", "{1,3}", "+?", "{0,300}"};
static const char *const edges[] = {"\\b", "\\B",    "(?=b)",  "(?!a)", "(?<=a)",
                                    "^",   "(?m:^)", "(?m:$)", "$"};
static const char *const words[] = {"a", "ab", "a b", "x*", "aaa", "\u00E4", "yz 1", "\u7206"};
static const char *const actions[] = {"redact", "block", "note", "escalate"};
static const char *const pieces[] = {
    "a",
    "b",
    "c",
    "x",
    "z",
    "1",
    "23",
    " ",
    "\n",
    "-",
    "!",
    "ab",
    "AB",
    "aaa",
    "\u00E4",
    "\u00C4",
    "\u20AC",
    "\u200B",
    "\u7206",
    "\xC3",
    "\xFF",
    "\u0301",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "a",
    "\u200B\u200B\u200B\u200B\u200B\u200B\u200B\u200B\u200B\u200B\u200B\u200B\u200B\u200B\u200B",
};

static void make_pattern(struct buf *to)
{
    size_t atom_count = 1 + below(5);
    for (size_t i = 0; i < atom_count; i++) {
        assert_int_equal(buf_add(to, str_of(atoms[below(COUNT(atoms))])), ERR_OK);
        assert_int_equal(buf_add(to, str_of(repeats[below(COUNT(repeats))])), ERR_OK);
        if (below(4) == 0) {
            assert_int_equal(buf_add(to, str_of(edges[below(COUNT(edges))])), ERR_OK);
        }
    }
}

/* One that no rule file would be refused for. */
static void make_fair_pattern(struct buf *to)
{
    struct regex_shape shape = {.empty = true};
    while (shape.empty) {
        buf_clear(to);
        make_pattern(to);
        struct arena *arena = arena_new(1024);
        const struct regex *regex = NULL;
        struct fault fault;
        if (regex_new(buf_str(to), REGEX_AT, arena, &regex, &fault) == ERR_OK) {
            regex_shape(regex, &shape);
        }
        arena_free(arena);
    }
}

static void make_rules(struct buf *to)
{
    struct buf pattern;
    buf_init(&pattern, 4096);
    assert_int_equal(buf_add(to, STR("rules:\n")), ERR_OK);
    uint32_t count = 1 + below(6);
    for (uint32_t i = 0; i < count; i++) {
        const char *action = actions[below(COUNT(actions))];
        if (below(3) == 0) {
            assert_int_equal(buf_printf(to, "- {name: r%u, action: %s, words: ['%s']}\n", i, action,
                                        words[below(COUNT(words))]),
                             ERR_OK);
            continue;
        }
        make_fair_pattern(&pattern);
        assert_int_equal(buf_printf(to, "- {name: r%u, action: %s, pattern: '%s'}\n", i, action,
                                    buf_cstr(&pattern)),
                         ERR_OK);
    }
    buf_end(&pattern);
}

static size_t make_text(char *to, size_t room)
{
    size_t len = 0;
    for (;;) {
        const char *piece = pieces[below(COUNT(pieces))];
        size_t bytes = strlen(piece);
        if (len + bytes > room) {
            return len;
        }
        memcpy(to + len, piece, bytes);
        len += bytes;
    }
}

static void random_rules_split_equally(void **state)
{
    (void)state;
    struct fold *fold = fold_new();
    struct buf file;
    buf_init(&file, 65536);
    for (seed = 1; seed <= ROUNDS; seed++) {
        uint32_t round = seed;
        buf_clear(&file);
        make_rules(&file);
        struct arena *arena = arena_new(4096);
        const struct guard_rules *rules = NULL;
        struct fault fault = {0};
        if (guard_rules_load(buf_str(&file), fold, arena, &rules, &fault) != ERR_OK) {
            fail_msg("%u: %s\n%s", fault.line, fault.words, buf_cstr(&file));
        }
        char text[500];
        size_t len = make_text(text, 200 + below(300));
        struct finder finders[GUARD_RULES_FINDERS];
        size_t count = guard_rules_finders(rules, RULE_INPUT, finders);
        for (size_t i = 0; i < count; i++) {
            must_split_equally(&finders[i], (struct str){text, len});
        }
        arena_free(arena);
        seed = round;
    }
    buf_end(&file);
    fold_free(fold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_rules_split_equally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
