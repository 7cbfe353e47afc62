/* SPDX-License-Identifier: Apache-2.0
 * test_fleeting.c - which words change from run to run, and which only look like them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/fleeting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In expectations a '#' is the mark. */
static void expect(const char *text, const char *expected)
{
    struct arena *arena = arena_new(1024);
    struct str got = arena_str(arena, fleeting_fold(str_of(text), arena));
    char *shown = arena_alloc(arena, got.len + 1);
    for (size_t i = 0; i < got.len; i++) {
        shown[i] = got.at[i] == FLEETING_MARK[0] ? '#' : got.at[i];
    }
    if (!str_equal((struct str){shown, got.len}, str_of(expected))) {
        fail_msg("'%s': '%.*s', expected '%s'", text, (int)got.len, shown, expected);
    }
    arena_free(arena);
}

static void what_is_fleeting_becomes_one_mark(void **state)
{
    static const char *const words[] = {
        "2026-11-25",
        "2026-11-25T08:30",
        "2026-11-25T08:30:00",
        "2026-11-25 08:30:00",
        "2026-11-25T08:30:00Z",
        "2026-11-25T08:30:00.123Z",
        "2026-11-25 08:30:00.123456",
        "2026-11-25T08:30:00+01:00",
        "2026-11-25T08:30:00.5-0930",
        "08:30:00",
        "08:30:00.25",
        "08:30:00Z",
        "25 Nov 2026",
        "5 November 2026",
        "25 may 2026",
        "November 25, 2026",
        "NOV 5, 2026",
        "1764059400",
        "1764059400123",
        "01234567-89ab-cdef-0123-456789abcdef",
        "F1234567-89AB-CDEF-0123-456789ABCDEF",
        "0x7ffd12",
        "0x00007ffd12345678",
    };
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char text[128];
        static const char *const around[][2] = {{"", ""},   {"at ", " o'clock"}, {"(", ")"},
                                                {"=", ","}, {"\"", "\"."},       {"\n", "\n"}};
        for (size_t k = 0; k < sizeof around / sizeof around[0]; k++) {
            char expected[128];
            (void)snprintf(text, sizeof text, "%s%s%s", around[k][0], words[i], around[k][1]);
            (void)snprintf(expected, sizeof expected, "%s#%s", around[k][0], around[k][1]);
            expect(text, expected);
        }
    }
}

static void what_only_looks_like_it_stays(void **state)
{
    static const char *const texts[] = {
        "",
        "7",
        "12345",
        "2764059400",
        "176405940",
        "17640594001",
        "17640594001234",
        "1764059400a",
        "a1764059400",
        "_1764059400",
        "1764059400_",
        "\xc3\xa9"
        "1764059400",
        "12026-11-25",
        "2026-11-255",
        "2026-1-25",
        "2026/11/25",
        "x2026-11-25",
        "108:30:00",
        "08:30:001",
        "08:30",
        "8:30:00",
        "25 Novel 2026",
        "25 Nov 20261",
        "125 Nov 2026",
        "25  Nov 2026",
        "November 2026",
        "November 25 2026",
        "Nov. 25, 2026",
        "mayor 25, 2026",
        "01234567-89ab-cdef-0123-456789abcdeg",
        "01234567-89ab-cdef-0123-456789abcdef0",
        "0123456789abcdef0123456789abcdef",
        "0x7ffd1",
        "0x00007ffd123456789",
        "0X7ffd12345678",
        "the amount is 1,764,059,400.00",
        "call +49 30 1234567",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect(texts[i], texts[i]);
    }
}

static void several_words_and_the_text_between(void **state)
{
    (void)state;
    expect("from 2026-11-25 to 2026-11-26.", "from # to #.");
    expect("2026-11-25 2026-11-26", "# #");
    expect("2026-11-25,08:30:00", "#,#");
    expect("2026-11-25T8:30", "2026-11-25T8:30");
    expect("2026-11-25 08:30", "# 08:30");
    expect("id 01234567-89ab-cdef-0123-456789abcdef at 0x7ffd1234 since 1764059400",
           "id # at # since #");
    expect("08:30:00+0100+0100", "#+0100");
    expect("08:30:00.", "#.");
    expect("08:30:00+", "#+");
    expect("08:30:00+01", "#+01");
    expect("2026-11-25T", "2026-11-25T");
    expect("2026-11-25 ", "# ");
}

static void a_text_without_them_is_not_copied(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    const struct str text = STR("nothing of 12 or 1,000.50 is fleeting here");
    assert_ptr_equal(fleeting_fold(text, arena).at, text.at);
    arena_free(arena);
}

/* Each prefix is a text of its own memory, so that a byte read behind it is noticed. */
static void texts_that_end_anywhere(void **state)
{
    static const char text[] = "2026-11-25T08:30:00.123+01:00 25 Nov 2026 November 25, 2026 "
                               "1764059400123 01234567-89ab-cdef-0123-456789abcdef 0x7ffd1234";
    (void)state;
    for (size_t from = 0; from < sizeof text; from++) {
        for (size_t to = from; to < sizeof text; to++) {
            struct arena *arena = arena_new(512);
            size_t len = to - from;
            char *own = malloc(len > 0 ? len : 1);
            assert_non_null(own);
            memcpy(own, text + from, len);
            struct str exact = {own, len};
            struct str folded = fleeting_fold(exact, arena);
            assert_true(folded.len <= exact.len);
            assert_true(str_equal(fleeting_fold(folded, arena), folded));
            free(own);
            arena_free(arena);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_fleeting_becomes_one_mark),
        cmocka_unit_test(what_only_looks_like_it_stays),
        cmocka_unit_test(several_words_and_the_text_between),
        cmocka_unit_test(a_text_without_them_is_not_copied),
        cmocka_unit_test(texts_that_end_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
