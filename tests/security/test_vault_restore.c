/* SPDX-License-Identifier: Apache-2.0
 * test_vault_restore.c - the property restore(redact(x)) == x: over thousands of texts made of
 * values, placeholders true and forged, halves of them, JSON and Markdown, restored whole and over
 * every split.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "security/screen.h"
#include "security/vault.h"
#include "support/split.h"

#include <stdio.h>
#include <string.h>

#define TEXTS 3000

/* A toy of a detector: 'v', digits, "@x"; overlaps with the other one, which wants "@x.io". */
static size_t find_toys(const void *self, const struct window *window, struct finder_state *state,
                        struct spans *found)
{
    const char *ending = self;
    struct str text = window->text;
    (void)state;
    assert_true(window->final);
    for (size_t i = window->from; i < text.len; i++) {
        size_t end = i + 1;
        while (text.at[i] == 'v' && end < text.len && text.at[end] >= '0' && text.at[end] <= '9') {
            end++;
        }
        if (end > i + 1 && str_starts(str_cut(text, end, text.len), str_of(ending))) {
            end += strlen(ending);
            spans_add(found, (struct span){i, end, 0, 0, 1.0F});
            i = end - 1;
        }
    }
    return text.len;
}

static void add(struct buf *to, struct str text)
{
    assert_int_equal(buf_add(to, text), ERR_OK);
}

/* All that any finder reports is replaced, overlaps as one. */
static void redact(struct vault *vault, struct str text, struct buf *to)
{
    static const struct str labels[] = {STR_CONST("EMAIL"), STR_CONST("HOST_NAME"),
                                        STR_CONST("TEXT"), STR_CONST("TEXT")};
    const struct finder finders[] = {{"a", find_toys, "@x"},
                                     {"b", find_toys, "@x.io"},
                                     vault_forgery_finder(vault),
                                     placeholder_finder};
    struct screen screen;
    struct region region;
    size_t at = 0;
    screen_init(&screen, finders, 4);
    assert_int_equal(screen_feed(&screen, text, true), ERR_OK);
    while (screen_next(&screen, &region)) {
        struct str placeholder;
        assert_true(region.begins && region.ends);
        add(to, str_cut(text, at, region.start));
        assert_int_equal(vault_placeholder(vault, labels[region.finder],
                                           str_cut(text, region.start, region.end), &placeholder),
                         ERR_OK);
        add(to, placeholder);
        at = region.end;
    }
    add(to, str_cut(text, at, text.len));
    screen_end(&screen);
}

static void put_back(const struct vault *vault, struct str text, const struct spans *found,
                     struct buf *to)
{
    size_t at = 0;
    for (size_t i = 0; i < found->count; i++) {
        add(to, str_cut(text, at, found->items[i].start));
        add(to, vault_value(vault, found->items[i].kind));
        at = found->items[i].end;
    }
    add(to, str_cut(text, at, text.len));
}

/* A placeholder of the vault, as careless models write them. */
static void add_placeholder(struct vault *vault, struct rng *rng, struct buf *to)
{
    static const char *const values[] = {"v1@x", "v2@x.io", "[[", "v3@x"};
    struct str p;
    assert_int_equal(vault_placeholder(vault, STR("EMAIL"), str_of(values[rng_below(rng, 4)]), &p),
                     ERR_OK);
    size_t from = rng_below(rng, 3);
    size_t len = rng_below(rng, 4) == 0 ? rng_below(rng, p.len) : p.len - rng_below(rng, 3);
    uint64_t form = rng_below(rng, 4);
    for (size_t i = from; i < len; i++) {
        char c = p.at[i];
        if (form == 1 && c >= 'A' && c <= 'Z') {
            c = (char)(c + 32);
        } else if (form == 2 && c >= 'a' && c <= 'z') {
            c = (char)(c - 32);
        }
        if (form == 3 && c == '_') {
            add(to, STR("\\"));
        }
        assert_int_equal(buf_add_byte(to, c), ERR_OK);
    }
}

static void make_text(struct vault *vault, struct rng *rng, struct buf *to)
{
    static const char *const pieces[] = {"v1@x",
                                         "v2@x.io",
                                         "v44@x.iov5@x",
                                         "v",
                                         "[",
                                         "[[",
                                         "]",
                                         "]]",
                                         " ",
                                         "EMAIL_",
                                         "email_",
                                         "\\_",
                                         "\\",
                                         "{\"a\":\"",
                                         "\"}",
                                         "**",
                                         "[a](b_c)",
                                         "\n",
                                         "_",
                                         "TEXT",
                                         "0123456789",
                                         "\xc3\xa9",
                                         "x",
                                         "[[EMAIL_0123456789]]",
                                         "TEXT_00000000000000000000"};
    size_t count = 1 + rng_below(rng, 12);
    for (size_t i = 0; i < count; i++) {
        if (rng_below(rng, 4) == 0) {
            add_placeholder(vault, rng, to);
        } else {
            add(to, str_of(pieces[rng_below(rng, sizeof pieces / sizeof pieces[0])]));
        }
    }
}

static void what_was_redacted_comes_back(void **state)
{
    (void)state;
    static const struct seal_key key = {{5}};
    for (uint64_t seed = 1; seed <= TEXTS; seed++) {
        struct rng rng;
        struct buf text;
        struct buf hidden;
        struct buf restored;
        struct spans found = {0};
        struct vault *vault = vault_new(&key);
        struct finder finder = vault_finder(vault);
        rng_seed(&rng, seed);
        buf_init(&text, 1 << 16);
        buf_init(&hidden, 1 << 16);
        buf_init(&restored, 1 << 16);
        make_text(vault, &rng, &text);
        struct finder forged = vault_forgery_finder(vault);
        must_split_equally(&forged, buf_str(&text));
        redact(vault, buf_str(&text), &hidden);
        finder_find(&finder, buf_str(&hidden), &found);
        put_back(vault, buf_str(&hidden), &found, &restored);
        if (!str_equal(buf_str(&restored), buf_str(&text))) {
            fail_msg("seed %u: '" STR_FMT "' became '" STR_FMT "' and '" STR_FMT "'",
                     (unsigned)seed, STR_ARG(buf_str(&text)), STR_ARG(buf_str(&hidden)),
                     STR_ARG(buf_str(&restored)));
        }
        must_split_equally(&finder, buf_str(&hidden));
        spans_end(&found);
        buf_end(&text);
        buf_end(&hidden);
        buf_end(&restored);
        vault_free(vault);
    }
}

static void a_placeholder_that_nobody_made_stays(void **state)
{
    (void)state;
    static const struct seal_key key = {{5}};
    static const struct seal_key other = {{6}};
    struct vault *vault = vault_new(&key);
    struct vault *stranger = vault_new(&other);
    struct finder finder = vault_finder(vault);
    struct spans found = {0};
    struct str mine;
    struct str theirs;
    assert_int_equal(vault_placeholder(vault, STR("EMAIL"), STR("a"), &mine), ERR_OK);
    assert_int_equal(vault_placeholder(stranger, STR("EMAIL"), STR("a"), &theirs), ERR_OK);
    finder_find(&finder, theirs, &found);
    assert_int_equal(found.count, 0);
    finder_find(&finder, mine, &found);
    assert_int_equal(found.count, 1);
    spans_end(&found);
    vault_free(vault);
    vault_free(stranger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_redacted_comes_back),
        cmocka_unit_test(a_placeholder_that_nobody_made_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
