/* SPDX-License-Identifier: Apache-2.0
 * test_lexemes.c - words, phrases and inflections of several scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/lexemes.h"

enum { IGNORE = 1, PRIOR = 2, PHRASE = 4, HAN = 8, KOREAN = 16, SHORT = 32 };

static struct fold *fold;
static struct lexemes *lexemes;

static int set_up(void **state)
{
    (void)state;
    static const struct lexeme items[] = {
        {IGNORE, STR_CONST("ignore")},        {PRIOR, STR_CONST("previous")},
        {PHRASE, STR_CONST("do not follow")}, {HAN, STR_CONST("\u5ffd\u7565")},
        {KOREAN, STR_CONST("\ubb34\uc2dc*")}, {SHORT, STR_CONST("all")},
    };
    fold = fold_new();
    lexemes = lexemes_new(fold, items, sizeof items / sizeof items[0]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lexemes_free(lexemes);
    fold_free(fold);
    return 0;
}

static uint64_t classes_of(const char *text)
{
    struct tokens tokens;
    struct token token;
    struct lexeme_walk walk = {.count = 0};
    uint64_t all = 0;
    unsigned length = 0;
    tokens_begin(&tokens, fold, str_of(text));
    while (tokens_next(&tokens, &token)) {
        struct lexeme_entry entry = lexemes_enter(lexemes, &token);
        all |= lexemes_step(lexemes, &walk, &token, entry, &length);
    }
    return all;
}

static void words_and_phrases_are_found(void **state)
{
    (void)state;
    assert_int_equal(classes_of("Please IGNORE the previous text"), IGNORE | PRIOR);
    assert_int_equal(classes_of("and do not follow it"), PHRASE);
    assert_int_equal(classes_of("do not, follow"), 0);
}

static void long_words_may_be_inflected_and_short_ones_not(void **state)
{
    (void)state;
    assert_int_equal(classes_of("ignored ignores"), IGNORE);
    assert_int_equal(classes_of("ignoramusses"), 0);
    assert_int_equal(classes_of("allow"), 0);
}

static void scripts_without_spaces_are_searched_inside(void **state)
{
    (void)state;
    assert_int_equal(classes_of("\u8bf7\u5ffd\u7565\u5b83"), HAN);
    assert_int_equal(classes_of("\ubb34\uc2dc\ud558\uace0"), KOREAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_phrases_are_found),
        cmocka_unit_test(long_words_may_be_inflected_and_short_ones_not),
        cmocka_unit_test(scripts_without_spaces_are_searched_inside),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
