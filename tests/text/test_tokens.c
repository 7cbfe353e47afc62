/* SPDX-License-Identifier: Apache-2.0
 * test_tokens.c - disguised words are read as what they imitate, others as they stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/tokens.h"

#include <string.h>

static struct fold *fold;

static int set_up(void **state)
{
    (void)state;
    fold = fold_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fold_free(fold);
    return 0;
}

/* Hash of a text's only token. */
static uint32_t hash_of(const char *text)
{
    struct tokens tokens;
    struct token token;
    struct token other;
    tokens_begin(&tokens, fold, str_of(text));
    assert_true(tokens_next(&tokens, &token));
    assert_false(tokens_next(&tokens, &other));
    return token.hash;
}

static size_t count_of(struct str text)
{
    struct tokens tokens;
    struct token token;
    size_t count = 0;
    tokens_begin(&tokens, fold, text);
    while (tokens_next(&tokens, &token)) {
        assert_true(token.start < token.end && token.end <= text.len);
        count++;
    }
    return count;
}

static void disguises_of_a_word_are_one_token(void **state)
{
    (void)state;
    static const char *const disguises[] = {
        "IGNORE",
        "ign\u00f6r\u00e9",
        "i\u200bg\u200dn\u2060o\ufeffr\u00ade",
        "\uff49\uff47\uff4e\uff4f\uff52\uff45",
        "\U0001D422\U0001D420\U0001D427\U0001D428\U0001D42B\U0001D41E",
        "\u24d8\u24d6\u24dd\u24de\u24e1\u24d4",
        "\u0456gn\u043er\u0435",
        "i\u0301g\u0301n\u0301o\u0301r\u0301e\u0301",
        "\U000E0069\U000E0067\U000E006E\U000E006F\U000E0072\U000E0065",
    };
    for (size_t i = 0; i < sizeof disguises / sizeof disguises[0]; i++) {
        assert_int_equal(hash_of(disguises[i]), hash_of("ignore"));
    }
}

static void real_cyrillic_and_greek_are_kept(void **state)
{
    (void)state;
    struct tokens tokens;
    struct token token;
    tokens_begin(&tokens, fold, str_of("\u043d\u0435\u0442 \u043e\u043d\u0430"));
    assert_true(tokens_next(&tokens, &token)); /* some letter looks like no Latin one */
    assert_int_equal(token.codes[0], 0x43D);
    assert_true(tokens_next(&tokens, &token)); /* look-alikes only, amid Cyrillic words */
    assert_int_equal(token.codes[0], 0x43E);
}

static void words_of_lookalikes_amid_latin_are_read_as_latin(void **state)
{
    (void)state;
    struct tokens tokens;
    struct token token;
    tokens_begin(&tokens, fold, str_of("the \u0441\u043e\u0440"));
    assert_true(tokens_next(&tokens, &token));
    assert_true(tokens_next(&tokens, &token));
    assert_int_equal(token.hash, hash_of("cop"));
}

static void signs_stand_alone_and_marks_too(void **state)
{
    (void)state;
    assert_int_equal(count_of(STR("\u5ffd\u7565\u4e4b\u524d")), 4);
    assert_int_equal(count_of(STR("a.b, 12 \n\n c")), 7); /* a . b , 12 newline c */
}

static void a_long_word_is_one_token_of_bounded_codes(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, 'a', sizeof text);
    assert_int_equal(count_of((struct str){text, sizeof text}), 1);
}

static void malformed_bytes_are_survived(void **state)
{
    (void)state;
    assert_true(count_of((struct str){"a\xff\xfe\xc3 b\xe2\x80", 9}) >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disguises_of_a_word_are_one_token),
        cmocka_unit_test(real_cyrillic_and_greek_are_kept),
        cmocka_unit_test(words_of_lookalikes_amid_latin_are_read_as_latin),
        cmocka_unit_test(signs_stand_alone_and_marks_too),
        cmocka_unit_test(a_long_word_is_one_token_of_bounded_codes),
        cmocka_unit_test(malformed_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
