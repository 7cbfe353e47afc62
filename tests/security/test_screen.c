/* SPDX-License-Identifier: Apache-2.0
 * test_screen.c - regions from the spans of several finders, for every cut of the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/screen.h"

#include <stdlib.h>
#include <string.h>

/* Finds runs of bytes of a class, at most 8 long; the class is `self`. */
static size_t find_runs(const void *self, const struct window *window, struct finder_state *state,
                        struct spans *found)
{
    const char *class = self;
    size_t at = window->from;
    (void)state;
    while (at < window->text.len) {
        size_t end = at;
        while (end < window->text.len && end - at < 8 && strchr(class, window->text.at[end])) {
            end++;
        }
        if (end == window->text.len && end - at < 8 && end > at && !window->final) {
            return at; /* it may go on */
        }
        if (end > at) {
            spans_add(found, (struct span){at, end, 1, 0, 1.0F});
        }
        at = end > at ? end : at + 1;
    }
    return window->text.len;
}

/* From '{' to '}', whatever stands between. */
static size_t find_braces(const void *self, const struct window *window, struct finder_state *state,
                          struct spans *found)
{
    (void)self;
    size_t start = window->from;
    for (size_t at = window->from; at < window->text.len; at++) {
        if (state->open == 0 && window->text.at[at] == '{') {
            state->open = 1;
            state->held = 0;
            start = at;
        } else if (state->open != 0 && window->text.at[at] == '}') {
            uint16_t flags = state->held != 0 ? SPAN_GOES_ON : 0;
            spans_add(found, (struct span){start, at + 1, 2, flags, 1.0F});
            state->open = 0;
        }
    }
    if (state->open != 0 && start < window->text.len) {
        uint16_t flags = SPAN_OPEN | (state->held != 0 ? SPAN_GOES_ON : 0);
        spans_add(found, (struct span){start, window->text.len, 2, flags, 1.0F});
        state->held = 1;
    }
    return window->text.len;
}

static const struct finder finders[] = {
    {"digits", find_runs, "0123456789"},
    {"hex", find_runs, "456789abcdef"},
    {"braces", find_braces, NULL},
};

/* Writes the text with [ and ] around its regions, whatever pieces they come in. */
struct told {
    char marks[512]; /* per byte: 1 inside; 2 at a beginning */
};

static void take(struct screen *screen, struct told *told, uint64_t *last)
{
    struct region region;
    while (screen_next(screen, &region)) {
        assert_true(region.start >= *last);
        assert_true(region.end > region.start);
        assert_true(region.end <= screen->mark);
        for (uint64_t i = region.start; i < region.end; i++) {
            told->marks[i] = i == region.start && region.begins ? 2 : 1;
        }
        *last = region.end;
    }
}

static void tell(const char *text, const size_t *cuts, size_t count, struct told *told)
{
    struct screen screen;
    size_t len = strlen(text);
    size_t at = 0;
    uint64_t last = 0;
    memset(told, 0, sizeof *told);
    screen_init(&screen, finders, 3);
    for (size_t i = 0; i <= count; i++) {
        size_t end = i < count ? cuts[i] : len;
        assert_int_equal(screen_feed(&screen, str_cut(str_of(text), at, end), i == count), ERR_OK);
        assert_true(screen.mark >= last);
        take(&screen, told, &last);
        at = end;
    }
    assert_int_equal(screen.mark, len);
    screen_end(&screen);
}

static void every_cut_gives_the_same_regions(void **state)
{
    (void)state;
    static const char *const texts[] = {"",          "nothing here",    "12 34 56",
                                        "x123abcx",  "abc123def456",    "{a secret}",
                                        "12{34}56",  "no {end of it 1", "1234567890123456789",
                                        "{}{}{x}12", "ff{00}ff {",      "a1b2c3d4e5f6",
                                        "}{",        "x12{y}z"};
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        struct told whole;
        struct told cut;
        size_t len = strlen(texts[t]);
        tell(texts[t], NULL, 0, &whole);
        for (size_t a = 0; a <= len; a++) {
            for (size_t b = a; b <= len; b++) {
                const size_t cuts[] = {a, b};
                tell(texts[t], cuts, 2, &cut);
                if (memcmp(&whole, &cut, sizeof cut) != 0) {
                    fail_msg("'%s' cut at %zu and %zu", texts[t], a, b);
                }
            }
        }
    }
}

static void a_region_covers_all_that_overlaps(void **state)
{
    (void)state;
    struct screen screen;
    struct region region;
    screen_init(&screen, finders, 2);
    assert_int_equal(screen_feed(&screen, STR("x123456abcx"), true), ERR_OK);
    assert_true(screen_next(&screen, &region));
    assert_int_equal(region.start, 1);
    assert_int_equal(region.end, 10);
    assert_int_equal(region.finder, 0);
    assert_true(region.begins && region.ends);
    struct str words = screen_words(&screen, &region);
    assert_memory_equal(words.at, "123456abc", 9);
    assert_false(screen_next(&screen, &region));
    screen_end(&screen);
}

static void a_new_text_begins_afresh(void **state)
{
    (void)state;
    struct screen screen;
    struct region region;
    screen_init(&screen, finders, 3);
    assert_int_equal(screen_feed(&screen, STR("{open"), true), ERR_OK);
    assert_true(screen_next(&screen, &region));
    assert_true(region.ends);
    assert_int_equal(screen_feed(&screen, STR("12"), true), ERR_OK);
    assert_true(screen_next(&screen, &region));
    assert_int_equal(region.start, 5);
    assert_int_equal(region.end, 7);
    assert_false(screen_next(&screen, &region));
    screen_end(&screen);
}

static void little_is_kept_of_a_long_text(void **state)
{
    (void)state;
    struct screen screen;
    struct region region;
    screen_init(&screen, finders, 3);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(screen_feed(&screen, STR("plain words "), false), ERR_OK);
        while (screen_next(&screen, &region)) {
        }
        assert_true(screen.text.len <= 4 * (FINDER_BEHIND_MAX + FINDER_HOLD_MAX));
    }
    screen_end(&screen);
}

static void too_many_spans_are_told(void **state)
{
    (void)state;
    struct screen screen;
    struct region region;
    size_t count = 0;
    size_t bytes = 2 * (size_t)(SPANS_MAX + 1);
    char *text = malloc(bytes);
    assert_non_null(text);
    for (size_t i = 0; i < bytes; i++) {
        text[i] = i % 2 == 0 ? '1' : ' ';
    }
    screen_init(&screen, finders, 1);
    assert_int_equal(screen_feed(&screen, (struct str){text, bytes}, true), ERR_OK);
    while (screen_next(&screen, &region)) {
        count++;
    }
    assert_int_equal(count, SPANS_MAX);
    assert_true(screen.overflow);
    screen_end(&screen);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_same_regions),
        cmocka_unit_test(a_region_covers_all_that_overlaps),
        cmocka_unit_test(a_new_text_begins_afresh),
        cmocka_unit_test(little_is_kept_of_a_long_text),
        cmocka_unit_test(too_many_spans_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
