/* SPDX-License-Identifier: Apache-2.0
 * test_grammar.c - samples that follow the rules, equal for equal seeds; mistakes with their place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/grammar.h"

#include <string.h>

/* One sample of a rule. */
static enum err sample(const char *text, const char *rule, uint64_t seed, char *to, size_t room,
                       struct grammar_span *span)
{
    struct arena *arena = arena_new(4096);
    struct grammar grammar;
    struct fault fault = {0};
    struct rng rng;
    struct buf buf;
    rng_seed(&rng, seed);
    buf_init(&buf, room - 1);
    enum err code = grammar_parse(str_of(text), arena, &grammar, &fault);
    assert_int_equal(code, ERR_OK);
    code = grammar_expand(&grammar, str_of(rule), &rng, &buf, span);
    if (buf.len > 0) {
        memcpy(to, buf.at, buf.len);
    }
    to[buf.len] = '\0';
    buf_end(&buf);
    arena_free(arena);
    return code;
}

static void assert_fault(const char *text, unsigned line)
{
    struct arena *arena = arena_new(4096);
    struct grammar grammar;
    struct fault fault = {0};
    assert_int_not_equal(grammar_parse(str_of(text), arena, &grammar, &fault), ERR_OK);
    if (fault.line != line || fault.words[0] == '\0') {
        fail_msg("line %u, not %u: %s", fault.line, line, fault.words);
    }
    arena_free(arena);
}

static void rules_are_followed(void **state)
{
    (void)state;
    char to[100];
    struct grammar_span span;
    for (uint64_t seed = 1; seed < 50; seed++) {
        assert_int_equal(
            sample("a:\n    {Please |}$b.\nb:\n    go\n    stay\n", "a", seed, to, 100, &span),
            ERR_OK);
        assert_true(strcmp(to, "Please go.") == 0 || strcmp(to, "go.") == 0 ||
                    strcmp(to, "Please stay.") == 0 || strcmp(to, "stay.") == 0);
    }
}

static void equal_seeds_give_equal_texts(void **state)
{
    (void)state;
    static const char text[] = "a:\n    {1|2|3|4}{1|2|3|4}{1|2|3|4}{1|2|3|4}\n";
    char one[100];
    char two[100];
    struct grammar_span span;
    bool differ = false;
    for (uint64_t seed = 1; seed < 20; seed++) {
        assert_int_equal(sample(text, "a", seed, one, 100, &span), ERR_OK);
        assert_int_equal(sample(text, "a", seed, two, 100, &span), ERR_OK);
        assert_string_equal(one, two);
        assert_int_equal(sample(text, "a", seed + 1, two, 100, &span), ERR_OK);
        differ = differ || strcmp(one, two) != 0;
    }
    assert_true(differ);
}

static void a_weight_makes_it_likelier(void **state)
{
    (void)state;
    char to[100];
    struct grammar_span span;
    int heavy = 0;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        assert_int_equal(sample("a:\n    x\n    %9 y\n", "a", seed, to, 100, &span), ERR_OK);
        heavy += to[0] == 'y' ? 1 : 0;
    }
    assert_in_range(heavy, 850, 950);
}

static void the_part_that_attacks_is_told(void **state)
{
    (void)state;
    char to[100];
    struct grammar_span span;
    assert_int_equal(sample("a:\n    one \\[two\\] three\n", "a", 1, to, 100, &span), ERR_OK);
    assert_string_equal(to, "one two three");
    assert_int_equal(span.start, 4);
    assert_int_equal(span.end, 7);
    assert_int_equal(sample("a:\n    all\n", "a", 1, to, 100, &span), ERR_OK);
    assert_int_equal(span.start, 0);
    assert_int_equal(span.end, 3);
}

static void what_has_no_end_is_a_limit(void **state)
{
    (void)state;
    char to[100];
    struct grammar_span span;
    assert_int_equal(sample("a:\n    $a $a\n", "a", 1, to, 100, &span), ERR_LIMIT);
    assert_string_equal(to, "");
    assert_int_equal(sample("a:\n    $a\n", "a", 1, to, 100, &span), ERR_LIMIT);
    assert_int_equal(sample("a:\n    0123456789\n", "a", 1, to, 8, &span), ERR_LIMIT);
    assert_int_equal(sample("a:\n    x\n", "b", 1, to, 100, &span), ERR_NOT_FOUND);
}

static void mistakes_have_their_place(void **state)
{
    (void)state;
    assert_fault("a:\n    $nowhere\n", 2);
    assert_fault("a:\n    {x|y\n", 2);
    assert_fault("a:\n    x\na:\n    y\n", 3);
    assert_fault("make many injection k en user a\n", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_followed),
        cmocka_unit_test(equal_seeds_give_equal_texts),
        cmocka_unit_test(a_weight_makes_it_likelier),
        cmocka_unit_test(the_part_that_attacks_is_told),
        cmocka_unit_test(what_has_no_end_is_a_limit),
        cmocka_unit_test(mistakes_have_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
