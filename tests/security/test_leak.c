/* SPDX-License-Identifier: Apache-2.0
 * test_leak.c - which answers repeat a prompt, and how much of an arriving one may be shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/text.h"
#include "security/leak.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prompt[] =
    "You are Nora, the support assistant of Harbour Tools. Answer only questions about orders, "
    "returns and repairs. Never offer more than fifteen percent discount, and never mention the "
    "supplier list. If a customer threatens to go to court, hand over to the legal desk at once. "
    "Keep answers under one hundred and twenty words, and sign with your first name.";

static struct arena *arena;

static int begin(void **state)
{
    (void)state;
    arena = arena_new(65536);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct leak *leak_of(const char *text, const char *canary)
{
    const struct str prompts[] = {str_of(text)};
    const struct leak_asked asked = {
        .prompts = prompts, .prompt_count = 1, .canary = str_of(canary)};
    return leak_new(&asked, arena);
}

static double score_of(struct leak *leak, struct str answer)
{
    struct leak_walk walk = {0};
    return leak_feed(leak, &walk, answer, true);
}

static void a_verbatim_prompt_scores_one(void **state)
{
    (void)state;
    assert_true(score_of(leak_of(prompt, ""), str_of(prompt)) >= 1.0);
}

static void case_space_and_punctuation_do_not_count(void **state)
{
    (void)state;
    char text[sizeof prompt * 2];
    size_t len = 0;
    for (size_t i = 0; prompt[i] != '\0'; i++) {
        text[len++] = (char)toupper((unsigned char)prompt[i]);
        if (prompt[i] == ' ') {
            text[len++] = i % 2 == 0 ? '\n' : '*';
        }
    }
    assert_true(score_of(leak_of(prompt, ""), (struct str){text, len}) >= 1.0);
    struct leak *leak = leak_of("\u00DCber \u00C9tat \u041F\u0420\u0418\u0412\u0415\u0422 "
                                "\u0395\u03BB\u03BB\u03AC\u03C2 one two three",
                                "");
    assert_true(score_of(leak, STR("\u201C\u00FCber\u201D \u2014 \u00E9tat\u00A0"
                                   "\u043F\u0440\u0438\u0432\u0435\u0442 "
                                   "\u03B5\u03BB\u03BB\u03AC\u03C2, one: two; three")) >= 1.0);
}

static void other_texts_score_nothing(void **state)
{
    (void)state;
    assert_true(score_of(leak_of(prompt, ""),
                         STR("Your order left our house on Monday. If you want to return it, you "
                             "have thirty days. Answer only if you are not happy with the repair; "
                             "a customer of ours never waits more than fifteen minutes.")) <= 0.0);
}

static void half_a_prompt_scores_about_half(void **state)
{
    (void)state;
    double score = score_of(leak_of(prompt, ""), str_cut(str_of(prompt), 0, sizeof prompt / 2));
    assert_true(score > 0.25 && score < 0.65);
}

static void a_repeated_part_counts_once(void **state)
{
    (void)state;
    struct leak *leak = leak_of(prompt, "");
    struct str part = str_cut(str_of(prompt), 0, 120);
    double once = score_of(leak, part);
    assert_true(once > 0.1);
    assert_true(score_of(leak, part) <= once);
}

static void short_prompts_count_as_a_whole(void **state)
{
    (void)state;
    assert_true(score_of(leak_of("Be kind, answer briefly.", ""), STR("be kind answer it")) <= 0.0);
    assert_true(score_of(leak_of("Be kind, answer briefly.", ""),
                         STR("I am told: BE KIND. ANSWER BRIEFLY")) >= 1.0);
    assert_true(score_of(leak_of("Be kind.", ""), STR("be kind")) <= 0.0);
    assert_true(score_of(leak_of("one two three four five six seven eight", ""),
                         STR("one two three four five six seven eight")) >= 1.0);
}

static void public_phrases_do_not_count(void **state)
{
    (void)state;
    const struct str prompts[] = {str_of(prompt)};
    const struct str allowed[] = {str_of(prompt)};
    const struct leak_asked asked = {prompts, 1, allowed, 1, STR("")};
    assert_true(score_of(leak_new(&asked, arena), str_of(prompt)) <= 0.0);
}

static void the_worst_prompt_of_several_counts(void **state)
{
    (void)state;
    const struct str prompts[] = {str_of(prompt), STR("Alpha beta gamma delta epsilon zeta eta "
                                                      "theta iota kappa lambda mu nu xi omicron")};
    const struct leak_asked asked = {.prompts = prompts, .prompt_count = 2};
    assert_true(score_of(leak_new(&asked, arena), prompts[1]) >= 1.0);
}

static void a_canary_proves_it_in_many_forms(void **state)
{
    (void)state;
    char canary[LEAK_CANARY];
    leak_canary(STR("a session's key"), canary);
    assert_int_equal(strlen(canary), LEAK_CANARY - 1);
    char other[LEAK_CANARY];
    leak_canary(STR("another key"), other);
    assert_string_not_equal(canary, other);
    char forms[7][128] = {{0}};
    size_t len = strlen(canary);
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(forms[0] + i * 2, 3, "%c ", toupper((unsigned char)canary[i]));
        forms[1][i] = canary[len - 1 - i];
        (void)snprintf(forms[2] + i * 2, 3, "%02X", (unsigned char)canary[i]);
        bool letter = isalpha((unsigned char)canary[i]) != 0;
        forms[3][i] = (char)(letter ? 'a' + (canary[i] - 'a' + 13) % 26 : canary[i]);
    }
    for (size_t skip = 0; skip < 3; skip++) {
        struct buf to;
        buf_init(&to, 128);
        char text[64];
        (void)snprintf(text, sizeof text, "%.*s%s.", (int)skip, "so", canary);
        assert_int_equal(text_base64(&to, str_of(text)), ERR_OK);
        (void)snprintf(forms[4 + skip], sizeof forms[0], "%s", buf_cstr(&to));
        buf_end(&to);
    }
    for (size_t i = 0; i < 7; i++) {
        char answer[256];
        (void)snprintf(answer, sizeof answer, "Here you are: %.128s!", forms[i]);
        if (score_of(leak_of("", canary), str_of(answer)) < 1.0) {
            fail_msg("form %zu: %s", i, answer);
        }
    }
    assert_true(score_of(leak_of("", canary), str_of(other)) <= 0.0);
}

/* However it is cut, the score is the same, and no letter of a canary is shown before it. */
static void splits_do_not_matter(void **state)
{
    (void)state;
    char canary[LEAK_CANARY];
    leak_canary(STR("key"), canary);
    char answer[1024];
    int len = snprintf(answer, sizeof answer, "Of course. %.200s and so on. The word is %s.",
                       prompt, canary);
    size_t word = (size_t)(strstr(answer, canary) - answer);
    double whole = score_of(leak_of(prompt, ""), (struct str){answer, (size_t)len});
    for (size_t cut = 0; cut <= (size_t)len; cut++) {
        struct leak *leak = leak_of(prompt, canary);
        struct leak_walk walk = {0};
        double first = leak_feed(leak, &walk, (struct str){answer, cut}, false);
        uint64_t safe = leak_safe(leak, &walk);
        assert_true(safe <= cut && cut - safe <= LEAK_HOLD_MAX);
        if (first < 1.0) {
            assert_true(safe <= word || cut <= word);
        }
        assert_true(leak_feed(leak, &walk, (struct str){answer + cut, (size_t)len - cut}, true) >=
                    1.0);
        leak = leak_of(prompt, "");
        walk = (struct leak_walk){0};
        (void)leak_feed(leak, &walk, (struct str){answer, cut}, false);
        double score = leak_feed(leak, &walk, (struct str){answer + cut, (size_t)len - cut}, true);
        assert_true(score >= whole && score <= whole);
    }
}

static void what_cannot_be_a_leak_is_not_held(void **state)
{
    (void)state;
    struct leak *leak = leak_of(prompt, "");
    struct leak_walk walk = {0};
    (void)leak_feed(leak, &walk, STR("Elephants dislike mice. "), false);
    assert_int_equal(leak_safe(leak, &walk), 24);
    (void)leak_feed(leak, &walk, STR("Nora, the support "), false);
    assert_int_equal(leak_safe(leak, &walk), 24);
    (void)leak_feed(leak, &walk, STR("elephant sleeps. "), false);
    assert_int_equal(leak_safe(leak, &walk), walk.fed);
}

static void at_most_so_much_is_held(void **state)
{
    (void)state;
    struct leak *leak = leak_of(prompt, "");
    struct leak_walk walk = {0};
    (void)leak_feed(leak, &walk, str_cut(str_of(prompt), 0, 330), false);
    assert_int_equal(walk.fed - leak_safe(leak, &walk), LEAK_HOLD_MAX);
}

static void a_huge_prompt_is_cut_not_refused(void **state)
{
    (void)state;
    size_t len = (size_t)LEAK_WORDS_MAX * 12;
    char *text = malloc(len);
    assert_non_null(text);
    uint32_t seed = 1;
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = i % 6 == 5 ? ' ' : (char)('a' + (seed >> 24) % 26);
    }
    const struct str prompts[] = {{text, len}};
    const struct leak_asked asked = {.prompts = prompts, .prompt_count = 1};
    struct leak *leak = leak_new(&asked, arena);
    assert_true(score_of(leak, (struct str){text, len}) >= 1.0);
    free(text);
}

static void a_restart_forgets_what_was_shown(void **state)
{
    (void)state;
    struct leak *leak = leak_of(prompt, "");
    struct str whole = str_of(prompt);
    double half = score_of(leak, str_cut(whole, 0, whole.len / 2));
    assert_true(half > 0 && half < 1);
    leak_restart(leak);
    assert_true(leak_score(leak) <= 0);
    double other = score_of(leak, str_cut(whole, whole.len / 2, whole.len));
    assert_true(other > 0 && other < 1);
    leak_restart(leak);
    assert_true(score_of(leak, whole) >= 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verbatim_prompt_scores_one),
        cmocka_unit_test(case_space_and_punctuation_do_not_count),
        cmocka_unit_test(other_texts_score_nothing),
        cmocka_unit_test(half_a_prompt_scores_about_half),
        cmocka_unit_test(a_repeated_part_counts_once),
        cmocka_unit_test(short_prompts_count_as_a_whole),
        cmocka_unit_test(public_phrases_do_not_count),
        cmocka_unit_test(the_worst_prompt_of_several_counts),
        cmocka_unit_test(a_canary_proves_it_in_many_forms),
        cmocka_unit_test(splits_do_not_matter),
        cmocka_unit_test(what_cannot_be_a_leak_is_not_held),
        cmocka_unit_test(at_most_so_much_is_held),
        cmocka_unit_test(a_huge_prompt_is_cut_not_refused),
        cmocka_unit_test(a_restart_forgets_what_was_shown),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
