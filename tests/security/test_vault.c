/* SPDX-License-Identifier: Apache-2.0
 * test_vault.c - placeholders: unguessable, one per value, known again whatever a model does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "security/vault.h"
#include "support/split.h"

#include <stdio.h>
#include <string.h>

static const struct seal_key key = {{1, 2, 3}};
static const struct seal_key other_key = {{1, 2, 4}};

static struct str made(struct vault *vault, const char *label, const char *value)
{
    struct str placeholder;
    assert_int_equal(vault_placeholder(vault, str_of(label), str_of(value), &placeholder), ERR_OK);
    return placeholder;
}

static void a_value_has_one_placeholder_in_a_session(void **state)
{
    (void)state;
    struct vault *a = vault_new(&key);
    struct vault *b = vault_new(&other_key);
    struct str first = made(a, "EMAIL", "ann@example.com");
    assert_int_equal(first.len, 2 + 5 + 1 + 10 + 2);
    assert_memory_equal(first.at, "[[EMAIL_", 8);
    assert_true(str_equal(first, made(a, "EMAIL", "ann@example.com")));
    assert_false(str_equal(first, made(a, "EMAIL", "bob@example.com")));
    assert_false(
        str_equal(str_cut(first, 8, 18), str_cut(made(a, "NAME", "ann@example.com"), 7, 17)));
    assert_false(str_equal(first, made(b, "EMAIL", "ann@example.com")));
    assert_int_equal(vault_count(a), 3);
    vault_free(a);
    vault_free(b);
}

/* The form with L and T filled in; its length. */
static int fill(char *to, size_t room, const char *form, const char *label, const char *tag)
{
    size_t at = 0;
    for (; *form != '\0'; form++) {
        const char one[2] = {*form, '\0'};
        const char *part = *form == 'L' ? label : *form == 'T' ? tag : one;
        at += (size_t)snprintf(to + at, room - at, "%s", part);
    }
    return (int)at;
}

/* `form` has an L and a T: label and tag. */
static void assert_known(struct vault *vault, struct str placeholder, const char *form,
                         size_t start, size_t behind)
{
    char text[200];
    char label[40];
    char tag[40];
    (void)snprintf(label, sizeof label, "%.*s", (int)placeholder.len - 15, placeholder.at + 2);
    (void)snprintf(tag, sizeof tag, "%.*s", 10, placeholder.at + placeholder.len - 12);
    int len = fill(text, sizeof text, form, label, tag);
    struct spans found = {0};
    struct finder finder = vault_finder(vault);
    finder_find(&finder, str_of(text), &found);
    if (found.count != 1 || found.items[0].start != start ||
        found.items[0].end != (size_t)len - behind) {
        fail_msg("%s: %zu found", text, found.count);
    }
    must_split_equally(&finder, str_of(text));
    spans_end(&found);
}

static void what_a_careless_model_makes_of_it_is_known(void **state)
{
    (void)state;
    struct vault *vault = vault_new(&key);
    struct str p = made(vault, "CREDIT_CARD", "4111");
    assert_known(vault, p, "say [[L_T]] now", 4, 4);
    assert_known(vault, p, "[[L_T]]", 0, 0);
    assert_known(vault, p, "[L_T]", 0, 0);
    assert_known(vault, p, "L_T.", 0, 1);
    assert_known(vault, p, "[[ L_T ]],", 0, 1);
    assert_known(vault, p, "[[L\\_T]]", 0, 0);
    assert_known(vault, p, "\"L_T\"", 1, 1);
    assert_known(vault, p, "[[L_T] next", 0, 5);
    assert_known(vault, p, "[[[L_T]]]", 1, 1);
    vault_free(vault);
}

static void case_does_not_count(void **state)
{
    (void)state;
    struct vault *vault = vault_new(&key);
    struct str p = made(vault, "EMAIL", "a@b.c");
    char text[64];
    struct spans found = {0};
    struct finder finder = vault_finder(vault);
    for (size_t i = 0; i < p.len; i++) {
        char c = p.at[i];
        text[i] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    finder_find(&finder, (struct str){text, p.len}, &found);
    assert_int_equal(found.count, 1);
    assert_true(str_equal(vault_value(vault, found.items[0].kind), STR("a@b.c")));
    spans_end(&found);
    vault_free(vault);
}

static void what_is_not_ours_is_left_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[[EMAIL_k7q2m9x4td]]", "[[EMAIL_", "[[", "EMAIL_", "get_characters",
        "[[EMAIL_short]]",      "a_b_c_d",  "]]", "[[[[[",  "x"};
    struct vault *vault = vault_new(&key);
    (void)made(vault, "EMAIL", "a@b.c");
    struct finder finder = vault_finder(vault);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct spans found = {0};
        finder_find(&finder, str_of(texts[i]), &found);
        assert_int_equal(found.count, 0);
        must_split_equally(&finder, str_of(texts[i]));
        spans_end(&found);
    }
    vault_free(vault);
}

static void words_that_look_like_a_placeholder_are_seen(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
    } cases[] = {{"[[EMAIL_k7q2m9x4td]]", 1}, {"[email_k7q2m9x4td]", 1}, {"EMAIL_k7q2m9x4td", 1},
                 {"get_characters", 0},       {"[[EMAIL]]", 0},          {"[1] and [2]", 0},
                 {"MAX_characters", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct spans found = {0};
        finder_find(&placeholder_finder, str_of(cases[i].text), &found);
        if (found.count != cases[i].count) {
            fail_msg("%s: %zu", cases[i].text, found.count);
        }
        must_split_equally(&placeholder_finder, str_of(cases[i].text));
        spans_end(&found);
    }
}

/* Texts of placeholders, halves of them, values and noise: what is put in comes out again. */
static void restoring_gives_back_what_was_hidden(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng rng;
        struct vault *vault = vault_new(&key);
        struct buf hidden;
        struct buf plain;
        struct buf restored;
        rng_seed(&rng, seed);
        buf_init(&hidden, 1 << 16);
        buf_init(&plain, 1 << 16);
        buf_init(&restored, 1 << 16);
        for (int i = 0; i < 20; i++) {
            static const char *const noise[] = {" ", "[",  "]",        "[[", "EMAIL_",
                                                "x", "\\", "\xc3\xa9", "_",  "\n"};
            char value[16];
            (void)snprintf(value, sizeof value, "v%u", (unsigned)rng_below(&rng, 8));
            struct str p = made(vault, rng_below(&rng, 2) == 0 ? "EMAIL" : "US_SSN", value);
            assert_int_equal(buf_add(&hidden, STR(" ")), ERR_OK);
            assert_int_equal(buf_add(&plain, STR(" ")), ERR_OK);
            if (rng_below(&rng, 2) == 0) {
                assert_int_equal(buf_add(&hidden, p), ERR_OK);
                assert_int_equal(buf_add(&plain, str_of(value)), ERR_OK);
            } else {
                struct str word = str_of(noise[rng_below(&rng, sizeof noise / sizeof noise[0])]);
                assert_int_equal(buf_add(&hidden, word), ERR_OK);
                assert_int_equal(buf_add(&plain, word), ERR_OK);
                assert_int_equal(buf_add(&hidden, STR(".")), ERR_OK);
                assert_int_equal(buf_add(&plain, STR(".")), ERR_OK);
            }
        }
        struct spans found = {0};
        struct finder finder = vault_finder(vault);
        size_t at = 0;
        finder_find(&finder, buf_str(&hidden), &found);
        for (size_t i = 0; i < found.count; i++) {
            struct str between = str_cut(buf_str(&hidden), at, found.items[i].start);
            assert_int_equal(buf_add(&restored, between), ERR_OK);
            assert_int_equal(buf_add(&restored, vault_value(vault, found.items[i].kind)), ERR_OK);
            at = found.items[i].end;
        }
        assert_int_equal(buf_add(&restored, str_cut(buf_str(&hidden), at, hidden.len)), ERR_OK);
        assert_true(str_equal(buf_str(&restored), buf_str(&plain)));
        must_split_equally(&finder, buf_str(&hidden));
        spans_end(&found);
        buf_end(&hidden);
        buf_end(&plain);
        buf_end(&restored);
        vault_free(vault);
    }
}

static void entries_have_a_limit(void **state)
{
    (void)state;
    struct vault *vault = vault_new(&key);
    struct str placeholder;
    char value[16];
    for (int i = 0; i < VAULT_ENTRIES_MAX; i++) {
        (void)snprintf(value, sizeof value, "%d", i);
        (void)made(vault, "EMAIL", value);
    }
    assert_int_equal(vault_placeholder(vault, STR("EMAIL"), STR("more"), &placeholder), ERR_LIMIT);
    (void)made(vault, "EMAIL", "17"); /* one that is there already */
    vault_free(vault);
}

static void a_saved_vault_is_the_same_again(void **state)
{
    (void)state;
    struct vault *vault = vault_new(&key);
    struct vault *again = vault_new(&key);
    struct buf bytes;
    buf_init(&bytes, 4096);
    struct str p = made(vault, "EMAIL", "a@b.c");
    (void)made(vault, "US_SSN", "1");
    size_t count = 0;
    assert_int_equal(vault_save(vault, 0, &bytes, &count), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(vault_load(again, buf_str(&bytes)), ERR_OK);
    assert_int_equal(vault_count(again), 2);
    assert_true(str_equal(p, made(again, "EMAIL", "a@b.c")));
    for (size_t len = 1; len < bytes.len; len++) {
        struct vault *third = vault_new(&key);
        enum err code = vault_load(third, str_cut(buf_str(&bytes), 0, len));
        assert_true(code == ERR_INVALID || vault_count(third) == 1);
        vault_free(third);
    }
    buf_end(&bytes);
    vault_free(vault);
    vault_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_has_one_placeholder_in_a_session),
        cmocka_unit_test(what_a_careless_model_makes_of_it_is_known),
        cmocka_unit_test(case_does_not_count),
        cmocka_unit_test(what_is_not_ours_is_left_alone),
        cmocka_unit_test(words_that_look_like_a_placeholder_are_seen),
        cmocka_unit_test(restoring_gives_back_what_was_hidden),
        cmocka_unit_test(entries_have_a_limit),
        cmocka_unit_test(a_saved_vault_is_the_same_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
