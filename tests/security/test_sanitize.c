/* SPDX-License-Identifier: Apache-2.0
 * test_sanitize.c - what goes, what is broken, and what must stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "security/sanitize.h"
#include "sys/file.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_becomes(const char *text, const char *expected, enum sanitize_slot slot)
{
    struct arena *arena = arena_new(4096);
    struct sanitize_result result;
    sanitize(str_of(text), slot, arena, &result);
    if (!str_equal(result.view.text, str_of(expected))) {
        fail_msg("'%s' became '" STR_FMT "', not '%s'", text, STR_ARG(result.view.text), expected);
    }
    assert_int_equal(result.changed, strcmp(text, expected) != 0);
    arena_free(arena);
}

static void what_nobody_sees_goes(void **state)
{
    (void)state;
    assert_becomes("a\xE2\x80\x8B"
                   "b\xC2\xAD"
                   "c\xEF\xBB\xBF",
                   "abc", SANITIZE_TRUSTED);
    assert_becomes("a\x1b[31m\x07\tb\n", "a[31m\tb\n", SANITIZE_TRUSTED);
    assert_becomes("\xE2\x80\xAExyz\xE2\x80\xAC", "xyz", SANITIZE_TRUSTED);
    assert_becomes("e\xE2\x80\x8D"
                   "f",
                   "ef", SANITIZE_TRUSTED);
    assert_becomes("a\xFF\xC0\x80z", "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz", SANITIZE_TRUSTED);
}

static void joiners_where_they_belong_stay(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xD9\x85\xDB\x8C\xE2\x80\x8C\xD8\xAE",                              /* Persian, ZWNJ */
        "\xE0\xA4\x95\xE0\xA5\x8D\xE2\x80\x8D\xE0\xA4\xB7",                  /* Devanagari, ZWJ */
        "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9",                      /* a family */
        "\xE2\x9D\xA4\xEF\xB8\x8F",                                          /* a red heart */
        "1\xEF\xB8\x8F\xE2\x83\xA3",                                         /* a keycap */
        "\xD7\xA9\xD7\x9D\xE2\x80\x8F!",                                     /* Hebrew, RLM */
        "\xF0\x9F\x8F\xB4\xF3\xA0\x81\xA7\xF3\xA0\x81\xA2\xF3\xA0\x81\xBF"}; /* a flag of tags */
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_becomes(texts[i], texts[i], SANITIZE_PROMPT);
    }
}

static void hidden_text_is_surfaced(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    struct sanitize_result result;
    sanitize(STR("hi\xF3\xA0\x81\x8F\xF3\xA0\x81\x8B"), SANITIZE_PROMPT, arena, &result);
    assert_true(str_equal(result.view.text, STR("hi")));
    assert_true(str_equal(result.hidden, STR("OK")));
    assert_int_equal(result.counts[SANITIZE_TAG], 1);
    assert_int_equal(result.findings[0].start, 2);
    assert_int_equal(result.findings[0].end, 10);
    arena_free(arena);
}

static void tokens_are_broken_not_deleted(void **state)
{
    (void)state;
    assert_becomes("a <|im_start|>b", "a < |im_start|>b", SANITIZE_PROMPT);
    assert_becomes("<|anything_at-all.2|>", "< |anything_at-all.2|>", SANITIZE_PROMPT);
    assert_becomes("<<|x|>|im_end|>", "<< |x|>|im_end|>", SANITIZE_PROMPT);
    assert_becomes("<|im_\xE2\x80\x8Bstart|>", "< |im_start|>", SANITIZE_PROMPT);
    assert_becomes("x\n\nHuman: y", "x\n\nHuman : y", SANITIZE_PROMPT);
    assert_becomes("[INST] <<SYS>>", "[ INST] < <SYS>>", SANITIZE_PROMPT);
    assert_becomes("SYSTEM: a\n### b", "SYSTEM : a\n# ## b", SANITIZE_PROMPT);
}

static void what_is_no_token_stays(void **state)
{
    (void)state;
    static const char *const texts[] = {"if a <| b then",
                                        "a < b | c >",
                                        "my SYSTEM: log",
                                        "see ### here",
                                        "Human: first line",
                                        "`</s>` strikes",
                                        "```html\n<s>x</s>\n```",
                                        "[INSTALL]",
                                        "<em>x</em>",
                                        "<||>",
                                        "a[0]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_becomes(texts[i], texts[i], SANITIZE_PROMPT);
    }
    assert_becomes("<|im_start|>", "<|im_start|>", SANITIZE_TRUSTED);
    assert_becomes("```\n<|im_end|>\n```", "```\n< |im_end|>\n```", SANITIZE_PROMPT);
}

static void twice_is_once(void **state)
{
    (void)state;
    static const char *const parts[] = {"<",
                                        "|",
                                        "im_start",
                                        "|>",
                                        "[",
                                        "INST",
                                        "]",
                                        "\n",
                                        "###",
                                        "SYSTEM:",
                                        "\xE2\x80\x8B",
                                        "\xE2\x80\x8D",
                                        "Human:",
                                        "`",
                                        "\xEF\xBD\x9C",
                                        " ",
                                        "s>",
                                        "/",
                                        "\xF0\x9F\x91\xA8",
                                        "\xF3\xA0\x81\xA1",
                                        "\xD8\xA7",
                                        "\xFF"};
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct arena *arena = arena_new(4096);
        struct rng rng;
        struct buf text;
        struct sanitize_result once;
        struct sanitize_result twice;
        rng_seed(&rng, seed);
        buf_init(&text, 4096);
        for (int i = 0; i < 12; i++) {
            const char *part = parts[rng_below(&rng, sizeof parts / sizeof parts[0])];
            assert_int_equal(buf_add(&text, str_of(part)), ERR_OK);
        }
        sanitize(buf_str(&text), SANITIZE_PROMPT, arena, &once);
        sanitize(once.view.text, SANITIZE_PROMPT, arena, &twice);
        if (twice.changed) {
            fail_msg("seed %d: '" STR_FMT "' became '" STR_FMT "'", (int)seed,
                     STR_ARG(once.view.text), STR_ARG(twice.view.text));
        }
        buf_end(&text);
        arena_free(arena);
    }
}

static void a_bomb_takes_time_in_proportion(void **state)
{
    (void)state;
    size_t size = 10 << 20;
    char *text = malloc(size);
    assert_non_null(text);
    for (size_t i = 0; i + 3 <= size; i += 3) {
        memcpy(text + i, "\xE2\x80\x8B", 3);
    }
    struct arena *arena = arena_new(4096);
    struct sanitize_result result;
    sanitize((struct str){text, size - size % 3}, SANITIZE_PROMPT, arena, &result);
    assert_int_equal(result.view.text.len, 0);
    assert_int_equal(result.counts[SANITIZE_INVISIBLE], 1);
    arena_free(arena);
    free(text);
}

/* ---- the corpus, where it stands ---- */

static bool read_corpus(struct buf *to)
{
    const char *shared = getenv("AIRE_SHARED");
    const char *folders[] = {shared != NULL ? shared : "../shared", "../shared", "../../shared"};
    for (size_t i = 0; i < 3; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/corpora/unicode/cases.jsonl", folders[i]);
        if (file_read(path, to) == ERR_OK) {
            return true;
        }
    }
    return false;
}

/* Kinds whose expected text is the detector's folded one are fold's to meet. '###' and 'SYSTEM:' in
 * the middle of a line are ordinary Markdown and log text, by the standard's own decision. */
static bool is_ours(struct str kind, struct str text)
{
    static const struct str folded[] = {STR_CONST("fullwidth"), STR_CONST("mathbold"),
                                        STR_CONST("homoglyph"), STR_CONST("combining")};
    for (size_t i = 0; i < 4; i++) {
        if (str_equal(kind, folded[i])) {
            return false;
        }
    }
    return !str_equal(text, STR("Hello ### world")) && !str_equal(text, STR("Hello SYSTEM: world"));
}

static void the_corpus_is_met(void **state)
{
    (void)state;
    struct buf file;
    struct str rest;
    struct str line;
    size_t count = 0;
    buf_init(&file, 1 << 20);
    if (!read_corpus(&file)) {
        buf_end(&file);
        skip();
    }
    struct arena *arena = arena_new(1 << 16);
    rest = buf_str(&file);
    while (str_split(&rest, '\n', &line)) {
        struct json json;
        struct sanitize_result result;
        if (line.len == 0) {
            continue;
        }
        assert_int_equal(json_parse(&json, line, NULL, arena, NULL), ERR_OK);
        struct str text = json_string(&json, json_get(&json, JSON_ROOT, STR("text")), arena);
        struct str kind = json_string(&json, json_get(&json, JSON_ROOT, STR("kind")), arena);
        uint32_t expect = json_get(&json, JSON_ROOT, STR("expect"));
        if (!is_ours(kind, text)) {
            continue;
        }
        count++;
        sanitize(text, SANITIZE_PROMPT, arena, &result);
        if (json_is(&json, expect, JSON_STRING)) {
            if (!str_equal(result.view.text, json_string(&json, expect, arena))) {
                fail_msg(STR_FMT ": '" STR_FMT "'", STR_ARG(kind), STR_ARG(result.view.text));
            }
        } else if (result.counts[SANITIZE_TOKEN] == 0) {
            fail_msg(STR_FMT " survives", STR_ARG(text));
        }
    }
    assert_int_equal(count, 159 - 4 * 16 - 2);
    arena_free(arena);
    buf_end(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_sees_goes),
        cmocka_unit_test(joiners_where_they_belong_stay),
        cmocka_unit_test(hidden_text_is_surfaced),
        cmocka_unit_test(tokens_are_broken_not_deleted),
        cmocka_unit_test(what_is_no_token_stays),
        cmocka_unit_test(twice_is_once),
        cmocka_unit_test(a_bomb_takes_time_in_proportion),
        cmocka_unit_test(the_corpus_is_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
