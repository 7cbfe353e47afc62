/* SPDX-License-Identifier: Apache-2.0
 * test_sanitize.c - what goes, what is broken, and what must stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "security/sanitize.h"
#include "support/config_files.h"
#include "sys/file.h"
#include "text/fold.h"
#include "json/json.h"

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
                   "abc", SANITIZE_PROMPT);
    assert_becomes("a\x1b[31m\x07\tb\n", "a[31m\tb\n", SANITIZE_PROMPT);
    assert_becomes("\xE2\x80\xAExyz\xE2\x80\xAC", "xyz", SANITIZE_PROMPT);
    assert_becomes("e\xE2\x80\x8D"
                   "f",
                   "ef", SANITIZE_PROMPT);
    assert_becomes("a\xFF\xC0\x80z", "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz", SANITIZE_PROMPT);
}

/* Their own words: controls go, tokens and joiners are theirs; what hides is told. */
static void of_operators_words_controls_alone_go(void **state)
{
    (void)state;
    assert_becomes("<|im_start|>\n### x\x07\xC2\x85\xE2\x80\xAE\xC2\xAD",
                   "<|im_start|>\n### x\xC2\xAD", SANITIZE_TRUSTED);
    assert_becomes("a\xFF", "a\xEF\xBF\xBD", SANITIZE_TRUSTED);
    struct arena *arena = arena_new(4096);
    struct sanitize_result result;
    sanitize(STR("hi\xF3\xA0\x81\x8F\xF3\xA0\x81\x8B"), SANITIZE_TRUSTED, arena, &result);
    assert_false(result.changed);
    assert_true(str_equal(result.hidden, STR("OK")));
    assert_int_equal(result.finding_count, 0);
    arena_free(arena);
}

static bool read_lines(const char *path, struct buf *to, struct str *rest)
{
    buf_init(to, 1 << 20);
    bool read = file_read(path, to) == ERR_OK;
    *rest = buf_str(to);
    return read;
}

static void legitimate_texts_stay_as_they_are(void **state)
{
    (void)state;
    struct buf file;
    struct str rest;
    struct str line;
    size_t count = 0;
    assert_true(read_lines("tests/data/sanitize/legitimate.txt", &file, &rest));
    struct arena *arena = arena_new(1 << 16);
    for (; str_split(&rest, '\n', &line); count += line.len > 0) {
        struct sanitize_result result;
        sanitize(line, SANITIZE_PROMPT, arena, &result);
        if (result.changed || result.finding_count > 0) {
            fail_msg("'" STR_FMT "' became '" STR_FMT "'", STR_ARG(line),
                     STR_ARG(result.view.text));
        }
        assert_ptr_equal(result.view.text.at, line.at); /* nothing was copied */
    }
    assert_true(count > 40);
    arena_free(arena);
    buf_end(&file);
}

static void tokens_of_every_family_are_broken(void **state)
{
    (void)state;
    struct buf file;
    struct str rest;
    struct str token;
    size_t count = 0;
    assert_true(read_lines("tests/data/sanitize/tokens.txt", &file, &rest));
    struct arena *arena = arena_new(1 << 16);
    for (; str_split(&rest, '\n', &token); count += token.len > 0) {
        struct sanitize_result result;
        struct str parts[] = {STR("Hello "), token, STR(" world")};
        if (token.len == 0) {
            continue;
        }
        sanitize(arena_join(arena, parts, 3), SANITIZE_PROMPT, arena, &result);
        if (str_find(result.view.text, token) != SIZE_MAX) {
            fail_msg("'" STR_FMT "' survives", STR_ARG(token));
        }
        assert_int_equal(result.counts[SANITIZE_TOKEN], 1);
        assert_non_null(result.findings[0].family);
        assert_int_equal(result.findings[0].start, 6);
        assert_int_equal(result.findings[0].end, 6 + token.len);
    }
    assert_true(count > 130);
    arena_free(arena);
    buf_end(&file);
}

/* A flag is one of three; any other sequence of tags would be words. */
static void what_hides_behind_a_flag_goes(void **state)
{
    (void)state;
    assert_becomes("\xF0\x9F\x8F\xB4\xF3\xA0\x81\xA7\xF3\xA0\x81\xA2\xF3\xA0\x81\xBF",
                   "\xF0\x9F\x8F\xB4", SANITIZE_PROMPT);
    /* A second selector behind an emoji, and one that emoji do not have. */
    assert_becomes("\xE2\x9D\xA4\xEF\xB8\x8F\xEF\xB8\x8F", "\xE2\x9D\xA4\xEF\xB8\x8F",
                   SANITIZE_PROMPT);
    assert_becomes("\xE2\x9D\xA4\xEF\xB8\x83", "\xE2\x9D\xA4", SANITIZE_PROMPT);
    assert_becomes("1\xEF\xB8\x8F", "1", SANITIZE_PROMPT);
}

/* The strides over what is quiet and the look at a single point decide alike: in the middle of a
 * text a point is passed in strides, at its end it is looked at. */
static void every_point_is_decided_alike_anywhere(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 16);
    size_t dropped = 0;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char text[64];
        struct sanitize_result middle;
        struct sanitize_result end;
        if (code >= 0xD800 && code <= 0xDFFF) {
            continue;
        }
        memset(text, 'a', sizeof text);
        size_t bytes = utf8_encode(code, text + 1);
        sanitize((struct str){text, 48}, SANITIZE_PROMPT, arena, &middle);
        sanitize((struct str){text, 1 + bytes}, SANITIZE_PROMPT, arena, &end);
        if (middle.changed != end.changed) {
            fail_msg("U+%04X", (unsigned)code);
        }
        dropped += end.changed;
        arena_reset(arena);
    }
    /* Unicode 15: 4174 default-ignorable points, 62 controls that go, 3 of annotations. */
    assert_int_equal(dropped, 4174 + 62 + 3);
    arena_free(arena);
}

static void ill_formed_bytes_in_strides_are_replaced(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC3",
                                      "\xD0\xD0",
                                      "\xE0\x80\x80",
                                      "\xED\xA0\x80",
                                      "\xE3\x81",
                                      "\xF0\x80\x80\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80",
                                      "\xFF"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (size_t before = 0; before < 20; before++) {
            char text[64];
            struct arena *arena = arena_new(4096);
            struct sanitize_result result;
            memset(text, 'a', sizeof text);
            memcpy(text + before, bad[i], strlen(bad[i]));
            sanitize((struct str){text, 50}, SANITIZE_PROMPT, arena, &result);
            assert_true(utf8_valid(result.view.text));
            assert_int_equal(result.counts[SANITIZE_ILL_FORMED], 1);
            assert_int_equal(result.findings[0].start, before);
            assert_int_equal(result.findings[0].end, before + strlen(bad[i]));
            arena_free(arena);
        }
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

/* Selectors spell bytes, and may spell anything. */
static void words_hidden_in_selectors_are_surfaced(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    struct sanitize_result result;
    sanitize(STR("\xF0\x9F\x98\x80\xF3\xA0\x85\x9F\xF3\xA0\x85\x9B\xF3\xA0\x87\xB1"),
             SANITIZE_PROMPT, arena, &result);
    assert_true(str_equal(result.view.text, STR("\xF0\x9F\x98\x80")));
    assert_true(utf8_valid(result.hidden));
    assert_true(str_equal(result.hidden, STR("ok")) || str_equal(result.hidden, STR("OK")));
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
    assert_becomes("x\r\n\r\nAssistant:", "x\r\n\r\nAssistant :", SANITIZE_PROMPT);
    assert_becomes("<\xEF\xBD\x9Cx\xEF\xBD\x9C>", "< \xEF\xBD\x9Cx\xEF\xBD\x9C>", SANITIZE_PROMPT);
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

/* A fence or quote that nothing closes is no code, else it were a way around. */
static void code_counts_only_when_it_is_closed(void **state)
{
    (void)state;
    assert_becomes("`[INST] x", "`[ INST] x", SANITIZE_PROMPT);
    assert_becomes("```\n[INST] x", "```\n[ INST] x", SANITIZE_PROMPT);
    assert_becomes("~~~\n</s>\n~~~\n</s>", "~~~\n</s>\n~~~\n< /s>", SANITIZE_PROMPT);
    assert_becomes("````\n```\n<s>\n````", "````\n```\n<s>\n````", SANITIZE_PROMPT);
    assert_becomes("  ```c\n### a\n  ```\n### b", "  ```c\n### a\n  ```\n# ## b", SANITIZE_PROMPT);
    assert_becomes("`a` <s> `b`", "`a` < s> `b`", SANITIZE_PROMPT);
    assert_becomes("``a` <s> `` <s>", "``a` <s> `` < s>", SANITIZE_PROMPT);
    assert_becomes("`a\n<s>` b", "`a\n< s>` b", SANITIZE_PROMPT);
    assert_becomes("`<|x|>`", "`< |x|>`", SANITIZE_PROMPT);
}

static void marks_are_told_apart_from_tokens(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    struct sanitize_result result;
    sanitize(STR("x\xE2\x80\x8B\n### y <|im_\xC2\xADstart|>"), SANITIZE_PROMPT, arena, &result);
    assert_int_equal(result.counts[SANITIZE_MARK], 1);
    assert_int_equal(result.counts[SANITIZE_TOKEN], 1);
    const struct sanitize_finding *token = &result.findings[result.finding_count - 1];
    assert_int_equal(token->start, 11); /* of the text, not of what can be seen */
    assert_int_equal(token->end, 25);
    assert_string_equal(sanitize_kind_name(token->kind), "token");
    assert_string_equal(sanitize_kind_name(SANITIZE_MARK), "mark");
    arena_free(arena);
}

static void findings_are_capped_and_all_counted(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    struct sanitize_result result;
    struct buf text;
    buf_init(&text, 4096);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(buf_add(&text, STR("a\xE2\x80\x8B\xE2\x80\x8B<|b|>")), ERR_OK);
    }
    sanitize(buf_str(&text), SANITIZE_PROMPT, arena, &result);
    assert_int_equal(result.finding_count, SANITIZE_FINDINGS_MAX);
    assert_int_equal(result.counts[SANITIZE_INVISIBLE], 100);
    assert_int_equal(result.counts[SANITIZE_TOKEN], 100);
    buf_end(&text);
    arena_free(arena);
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

struct met {
    struct fold *fold;
    struct arena *arena;
    size_t as_is;
    size_t folded;
    size_t broken;
    size_t in_lines; /* '###' and 'SYSTEM:' in the middle of a line are ordinary text (S6) */
};

/* What the detector reads: no marks on letters, look-alikes as the letter they imitate. */
static struct str folded(const struct met *met, struct str text)
{
    char *to = arena_alloc(met->arena, 4 * text.len + 4);
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        at += utf8_step(text, at, &code);
        uint32_t entry = fold_of(met->fold, code);
        uint32_t alike = FOLD_ALIKE(entry);
        if (FOLD_KIND(entry) != FOLD_NONE) {
            len += utf8_encode(alike != 0 ? alike : FOLD_POINT(entry), to + len);
        }
    }
    return (struct str){to, len};
}

static bool is_folded_kind(struct str kind)
{
    return str_equal(kind, STR("fullwidth")) || str_equal(kind, STR("mathbold")) ||
           str_equal(kind, STR("homoglyph")) || str_equal(kind, STR("combining"));
}

static struct str field(const struct json *json, struct str name, struct arena *arena)
{
    return json_string(json, json_get(json, JSON_ROOT, name), arena);
}

static void meet_case(struct met *met, struct str line)
{
    static const struct str token_kind = STR_CONST(
        "special token: must not survive verbatim outside code: ");
    struct json json;
    struct sanitize_result result;
    assert_int_equal(json_parse(&json, line, NULL, met->arena, NULL), ERR_OK);
    struct str kind = field(&json, STR("kind"), met->arena);
    struct str text = field(&json, STR("text"), met->arena);
    sanitize(text, SANITIZE_PROMPT, met->arena, &result);
    if (str_starts(kind, token_kind)) {
        struct str token = str_cut(kind, token_kind.len, kind.len);
        bool survives = str_find(result.view.text, token) != SIZE_MAX;
        bool mark = str_equal(token, STR("###")) || str_equal(token, STR("SYSTEM:"));
        met->broken += !survives;
        met->in_lines += survives && mark;
        if (survives && !mark) {
            fail_msg(STR_FMT " survives", STR_ARG(text));
        }
        return;
    }
    struct str expect = field(&json, STR("expect"), met->arena);
    bool as_is = str_equal(result.view.text, expect);
    if (!as_is && !(is_folded_kind(kind) && str_equal_ci(folded(met, result.view.text), expect))) {
        fail_msg(STR_FMT ": '" STR_FMT "'", STR_ARG(kind), STR_ARG(result.view.text));
    }
    met->as_is += as_is;
    met->folded += !as_is;
    if (str_starts(kind, STR("tags"))) {
        assert_true(result.hidden.len > 0);
    }
}

static void the_corpus_is_met(void **state)
{
    (void)state;
    struct buf file;
    struct str line;
    buf_init(&file, 1 << 20);
    if (!config_files_shared("corpora/unicode/cases.jsonl", &file)) {
        buf_end(&file);
        skip();
    }
    struct met met = {.fold = fold_new(), .arena = arena_new(1 << 16)};
    struct str rest = buf_str(&file);
    while (str_split(&rest, '\n', &line)) {
        if (line.len > 0) {
            meet_case(&met, line);
        }
    }
    assert_int_equal(met.as_is, 73);
    assert_int_equal(met.folded, 64);
    assert_int_equal(met.broken, 20);
    assert_int_equal(met.in_lines, 2);
    arena_free(met.arena);
    fold_free(met.fold);
    buf_end(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_sees_goes),
        cmocka_unit_test(of_operators_words_controls_alone_go),
        cmocka_unit_test(legitimate_texts_stay_as_they_are),
        cmocka_unit_test(tokens_of_every_family_are_broken),
        cmocka_unit_test(what_hides_behind_a_flag_goes),
        cmocka_unit_test(every_point_is_decided_alike_anywhere),
        cmocka_unit_test(ill_formed_bytes_in_strides_are_replaced),
        cmocka_unit_test(hidden_text_is_surfaced),
        cmocka_unit_test(words_hidden_in_selectors_are_surfaced),
        cmocka_unit_test(tokens_are_broken_not_deleted),
        cmocka_unit_test(what_is_no_token_stays),
        cmocka_unit_test(code_counts_only_when_it_is_closed),
        cmocka_unit_test(marks_are_told_apart_from_tokens),
        cmocka_unit_test(findings_are_capped_and_all_counted),
        cmocka_unit_test(twice_is_once),
        cmocka_unit_test(a_bomb_takes_time_in_proportion),
        cmocka_unit_test(the_corpus_is_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
