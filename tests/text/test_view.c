/* SPDX-License-Identifier: Apache-2.0
 * test_view.c - texts made from others, and the way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "text/view.h"

#include <string.h>

static void assert_span(const struct view *view, size_t start, size_t end, const char *expected)
{
    size_t from;
    size_t to;
    view_span(view, start, end, &from, &to);
    struct str source = str_cut(view->source, from, to);
    if (!str_equal(source, str_of(expected))) {
        fail_msg("[%zu, %zu) is '" STR_FMT "', not '%s'", start, end, STR_ARG(source), expected);
    }
}

static void what_did_not_change_is_the_source_itself(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    struct view view = view_unescape(STR("plain"), arena);
    assert_ptr_equal(view.text.at, view.source.at);
    assert_int_equal(view.count, 0);
    assert_span(&view, 1, 3, "la");
    struct view_writer writer;
    view_begin(&writer, STR("plain"), arena);
    view_copy(&writer, 5);
    view = view_done(&writer);
    assert_ptr_equal(view.text.at, view.source.at);
    arena_free(arena);
}

static void escapes_are_decoded_and_found_again(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    struct view view = view_unescape(STR("a\\u00e9b\\n\\ud83d\\ude00c\\ud83dd"), arena);
    struct str text = STR("a\xc3\xa9"
                          "b\n\xf0\x9f\x98\x80"
                          "c\xef\xbf\xbd"
                          "d");
    assert_int_equal(view.text.len, text.len);
    assert_memory_equal(view.text.at, text.at, text.len);
    assert_span(&view, 0, 1, "a");
    assert_span(&view, 1, 3, "\\u00e9");
    assert_span(&view, 2, 3, "\\u00e9"); /* half of it is all of it */
    assert_span(&view, 3, 5, "b\\n");
    assert_span(&view, 5, 9, "\\ud83d\\ude00");
    assert_span(&view, 9, 10, "c");
    assert_span(&view, 10, 13, "\\ud83d");
    assert_span(&view, 13, 14, "d");
    assert_span(&view, 4, 4, "");
    arena_free(arena);
}

static void what_was_dropped_belongs_to_what_spans_it(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    struct view_writer writer;
    view_begin(&writer, STR("ab--cd"), arena);
    view_copy(&writer, 2);
    view_replace(&writer, 2, STR(""));
    view_copy(&writer, 2);
    struct view view = view_done(&writer);
    assert_span(&view, 1, 3, "b--c");
    assert_span(&view, 0, 2, "ab");
    assert_span(&view, 2, 4, "cd");
    arena_free(arena);
}

/* "\xC3\x9F" and "ss" are two bytes each: half of one is all of the other. */
static void a_replacement_of_one_length_is_whole_too(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    struct view_writer writer;
    view_begin(&writer, STR("gro\xC3\x9F und"), arena);
    view_copy(&writer, 3);
    view_replace(&writer, 2, STR("ss"));
    view_replace(&writer, 1, STR("_"));
    view_copy(&writer, 3);
    struct view view = view_done(&writer);
    assert_span(&view, 3, 4, "\xC3\x9F");
    assert_span(&view, 4, 5, "\xC3\x9F");
    assert_span(&view, 4, 6, "\xC3\x9F ");
    assert_span(&view, 2, 4, "o\xC3\x9F");
    assert_span(&view, 5, 7, " u");
    arena_free(arena);
}

static void what_was_put_in_comes_from_nothing(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    struct view_writer writer;
    view_begin(&writer, STR("<s>"), arena);
    view_copy(&writer, 1);
    view_replace(&writer, 0, STR(" "));
    view_copy(&writer, 2);
    struct view view = view_done(&writer);
    assert_span(&view, 1, 2, "");
    assert_span(&view, 0, 2, "<");
    assert_span(&view, 1, 3, "s");
    assert_span(&view, 0, 4, "<s>");
    arena_free(arena);
}

/* A span of a view of a view goes back step by step. */
static void views_nest(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    struct view_writer writer;
    struct view inner = view_unescape(STR("a\\u200bb \\u00dfc\\nd"), arena);
    view_begin(&writer, inner.text, arena);
    view_copy(&writer, 1);
    view_replace(&writer, 3, STR("")); /* U+200B */
    view_copy(&writer, 2);
    view_replace(&writer, 2, STR("ss"));
    view_copy(&writer, 3);
    struct view outer = view_done(&writer);
    assert_true(str_equal(outer.text, STR("ab ssc\nd")));
    static const struct {
        size_t start;
        size_t end;
        const char *source;
    } cases[] = {{0, 1, "a"},        {0, 2, "a\\u200bb"}, {3, 4, "\\u00df"},
                 {4, 6, "\\u00dfc"}, {6, 8, "\\nd"},      {0, 8, "a\\u200bb \\u00dfc\\nd"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t from;
        size_t to;
        view_span(&outer, cases[i].start, cases[i].end, &from, &to);
        assert_span(&inner, from, to, cases[i].source);
    }
    arena_free(arena);
}

/* A copied run keeps its bytes; a span of the view covers exactly the pieces it touches. */
static void any_span_covers_what_it_came_from(void **state)
{
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct arena *arena = arena_new(4096);
        struct rng rng;
        struct view_writer writer;
        char source[200];
        size_t piece_from[100];
        size_t piece_to[100];
        size_t piece_of[800];
        bool copied[100];
        size_t pieces = 0;
        size_t taken = 0;
        size_t made = 0;
        rng_seed(&rng, seed);
        for (size_t i = 0; i < sizeof source; i++) {
            source[i] = letters[rng_below(&rng, 26)];
        }
        view_begin(&writer, (struct str){source, sizeof source}, arena);
        while (taken < sizeof source && pieces < 99) {
            size_t bytes = 1 + rng_below(&rng, 5);
            bytes = bytes < sizeof source - taken ? bytes : sizeof source - taken;
            copied[pieces] = rng_below(&rng, 2) == 0;
            size_t len = copied[pieces] ? bytes : rng_below(&rng, 4);
            if (copied[pieces]) {
                view_copy(&writer, bytes);
            } else {
                view_replace(&writer, bytes, (struct str){"aaaa", len});
            }
            piece_from[pieces] = taken;
            taken += bytes;
            piece_to[pieces] = taken;
            for (size_t i = 0; i < len; i++) {
                piece_of[made++] = pieces;
            }
            pieces++;
        }
        size_t rest = sizeof source - taken;
        view_copy(&writer, rest);
        struct view view = view_done(&writer);
        assert_int_equal(view.text.len, made + rest);
        for (size_t start = 0; start < made; start++) {
            size_t end = start + 1 + rng_below(&rng, made - start);
            size_t from;
            size_t to;
            view_span(&view, start, end, &from, &to);
            size_t a = piece_of[start];
            size_t b = piece_of[end - 1];
            assert_true(from >= piece_from[a] && from < piece_to[a]);
            assert_true(to > piece_from[b] && to <= piece_to[b]);
            assert_true(copied[a] || from == piece_from[a]);
            assert_true(copied[b] || to == piece_to[b]);
            assert_true(!copied[a] || source[from] == view.text.at[start]);
            assert_true(!copied[b] || source[to - 1] == view.text.at[end - 1]);
        }
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_did_not_change_is_the_source_itself),
        cmocka_unit_test(escapes_are_decoded_and_found_again),
        cmocka_unit_test(what_was_dropped_belongs_to_what_spans_it),
        cmocka_unit_test(a_replacement_of_one_length_is_whole_too),
        cmocka_unit_test(what_was_put_in_comes_from_nothing),
        cmocka_unit_test(views_nest),
        cmocka_unit_test(any_span_covers_what_it_came_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
