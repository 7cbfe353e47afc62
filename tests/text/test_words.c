/* SPDX-License-Identifier: Apache-2.0
 * test_words.c - which words are found where, and how much of an arriving text is decided. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "text/words.h"

#include <stdio.h>
#include <string.h>

static struct fold *fold;

static int begin(void **state)
{
    (void)state;
    fold = fold_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    fold_free(fold);
    return 0;
}

/* "0-4 9-12 |20": what is found, and what is decided. */
static const char *found(const struct word *items, size_t count, struct str text, bool final)
{
    static char shown[512];
    struct arena *arena = arena_new(4096);
    const struct words *words = NULL;
    struct fault fault = {0};
    if (words_new(fold, items, count, arena, &words, &fault) != ERR_OK) {
        fail_msg("%s", fault.words);
    }
    struct hits hits = {0};
    const struct block block = {text, 0, text.len, final};
    size_t safe = words_find(words, &block, &hits);
    size_t len = 0;
    shown[0] = '\0';
    for (size_t i = 0; i < hits.count && len < 400; i++) {
        if (hits.items[i].start < safe) {
            len += (size_t)snprintf(shown + len, sizeof shown - len, "%zu-%zu ",
                                    hits.items[i].start, hits.items[i].end);
        }
    }
    (void)snprintf(shown + len, sizeof shown - len, "|%zu", safe);
    hits_end(&hits);
    arena_free(arena);
    return shown;
}

static const char *find(const char *word, uint32_t flags, const char *text, bool final)
{
    const struct word item = {str_of(word), 0, flags};
    return found(&item, 1, str_of(text), final);
}

static void a_word_has_edges(void **state)
{
    (void)state;
    assert_string_equal(find("bomb", 0, "a bomb, bombs bombe; bOMB", true), "2-6 21-25 |25");
    assert_string_equal(find("bomb", 0, "abomb 1bomb bomb1", true), "|17");
    assert_string_equal(find("bomb", WORD_ANYWHERE, "abombs", true), "1-5 |6");
}

static void a_stem_goes_on_to_the_end_of_its_word(void **state)
{
    (void)state;
    assert_string_equal(find("bomb", WORD_STEM, "bombing! abomb", true), "0-7 |14");
    assert_string_equal(find("bomb", WORD_STEM, "xx bombi", false), "|3");
}

static void case_accents_and_what_nobody_sees_do_not_count(void **state)
{
    (void)state;
    assert_string_equal(find("cafe", 0, "CAF\u00C9 cafe\u0301 c\u200Bafe", true),
                        "0-5 6-10 13-20 |20");
    assert_string_equal(
        find("\u0431\u043E\u043C\u0431\u0430", 0, "\u0411\u041E\u041C\u0411\u0410!", true),
        "0-10 |11");
}

static void a_phrase_takes_any_space_for_one(void **state)
{
    (void)state;
    assert_string_equal(find("son of", 0, "son  -\n of, sonof", true), "0-10 |17");
    assert_string_equal(find("son of", 0, "the son ", false), "|4");
}

static void digits_may_stand_for_letters(void **state)
{
    (void)state;
    assert_string_equal(find("bass", WORD_LEET, "b4ss 8455 b@$$ b455", true), "0-4 10-14 |19");
    assert_string_equal(find("ass", WORD_LEET, "455 4ss", true), "4-7 |7");
}

static void scripts_without_spaces_have_no_edges(void **state)
{
    (void)state;
    assert_string_equal(find("\u7206\u5F39", 0, "\u7684\u7206\u5F39\u7684", true), "3-9 |12");
    assert_string_equal(find("bomb", 0, "\u7684bomb\u7684", true), "3-7 |10");
}

static void only_what_may_still_grow_is_held(void **state)
{
    (void)state;
    assert_string_equal(find("bomb", 0, "the b", false), "|4");
    assert_string_equal(find("bomb", 0, "the ab", false), "|6");
    assert_string_equal(find("bomb", 0, "the bomb", false), "|4");
    assert_string_equal(find("bomb", 0, "the bombe", false), "|9");
    assert_string_equal(find("bomb", 0, "the bo\xC3", false), "|4");
}

static void what_stretches_a_word_too_far_ends_it(void **state)
{
    (void)state;
    char text[700] = "b";
    for (size_t i = 1; i + 3 < 600; i += 3) {
        memcpy(text + i, "\u200B", 3);
    }
    size_t len = strlen(text);
    const struct word item = {STR("bo"), 0, 0};
    char shown[32];
    (void)snprintf(shown, sizeof shown, "|%zu", len);
    assert_string_equal(found(&item, 1, (struct str){text, len}, false), shown);
}

/* As it does when the text is cut between them. */
static void a_long_gap_parts_two_words(void **state)
{
    (void)state;
    char text[96] = "abc";
    memset(text + 3, '\x01', 70);
    memcpy(text + 73, "bomb", 5);
    assert_string_equal(find("bomb", 0, text, true), "73-77 |77");
    text[40] = 'd';
    assert_string_equal(find("bomb", 0, text, true), "|77");
}

static void words_may_share_an_end(void **state)
{
    (void)state;
    const struct word items[] = {{STR("of a"), 1, 0}, {STR("son of a"), 2, 0}, {STR("a"), 3, 0}};
    assert_string_equal(found(items, 3, STR("son of a"), true), "0-8 4-8 7-8 |8");
}

static void a_wrong_word_is_named(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    const struct words *words = NULL;
    struct fault fault = {0};
    const struct word bad[] = {{STR("fine"), 0, 0}, {STR("!?"), 0, 0}};
    assert_int_equal(words_new(fold, bad, 2, arena, &words, &fault), ERR_INVALID);
    assert_non_null(strstr(fault.words, "'!?'"));
    char longest[WORD_SYMBOLS_MAX + 1];
    memset(longest, 'x', sizeof longest);
    const struct word fits = {{longest, WORD_SYMBOLS_MAX - 2}, 0, 0};
    assert_int_equal(words_new(fold, &fits, 1, arena, &words, &fault), ERR_OK);
    const struct word over = {{longest, WORD_SYMBOLS_MAX}, 0, 0};
    assert_int_equal(words_new(fold, &over, 1, arena, &words, &fault), ERR_INVALID);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_has_edges),
        cmocka_unit_test(a_stem_goes_on_to_the_end_of_its_word),
        cmocka_unit_test(case_accents_and_what_nobody_sees_do_not_count),
        cmocka_unit_test(a_phrase_takes_any_space_for_one),
        cmocka_unit_test(digits_may_stand_for_letters),
        cmocka_unit_test(scripts_without_spaces_have_no_edges),
        cmocka_unit_test(only_what_may_still_grow_is_held),
        cmocka_unit_test(what_stretches_a_word_too_far_ends_it),
        cmocka_unit_test(a_long_gap_parts_two_words),
        cmocka_unit_test(words_may_share_an_end),
        cmocka_unit_test(a_wrong_word_is_named),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
