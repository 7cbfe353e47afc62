/* SPDX-License-Identifier: Apache-2.0
 * test_str.c - borrowed bytes: edges, the empty str, and properties against slow definitions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/str.h"

#include <string.h>

static const struct str none = {NULL, 0};

static void the_empty_str_is_safe_everywhere(void **state)
{
    (void)state;
    assert_true(str_equal(none, str_of(NULL)));
    assert_true(str_equal(none, STR("")));
    assert_true(str_equal_ci(none, STR("")));
    assert_int_equal(str_compare(none, none), 0);
    assert_true(str_starts(none, none) && str_ends(none, none));
    assert_int_equal(str_find(none, none), 0);
    assert_true(str_find(none, STR("a")) == SIZE_MAX);
    assert_true(str_find_byte(none, 0) == SIZE_MAX);
    assert_int_equal(str_trim(none).len, 0);
    assert_int_equal(str_cut(none, 1, 2).len, 0);
    assert_int_equal(str_distance(none, STR("abc")), 3);
    char to[1] = {'x'};
    assert_true(str_copy(none, to, 1));
    assert_int_equal(to[0], 0);
}

static void cut_clamps_to_the_str(void **state)
{
    (void)state;
    struct str s = STR("hello");
    assert_true(str_equal(str_cut(s, 1, 3), STR("el")));
    assert_true(str_equal(str_cut(s, 0, SIZE_MAX), s));
    assert_int_equal(str_cut(s, 3, 2).len, 0);
    assert_int_equal(str_cut(s, SIZE_MAX, SIZE_MAX).len, 0);
    assert_ptr_equal(str_cut(s, 9, 9).at, s.at + 5);
}

static void equality_sees_every_byte_and_nul_too(void **state)
{
    (void)state;
    assert_true(str_equal(STR("a\0b"), STR("a\0b")));
    assert_false(str_equal(STR("a\0b"), STR("a\0c")));
    assert_false(str_equal(STR("a"), STR("ab")));
}

static void case_is_ignored_for_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(str_equal_ci(STR("Content-TYPE"), STR("content-type")));
    assert_false(str_equal_ci(STR("@"), STR("`")));
    assert_false(str_equal_ci(STR("["), STR("{")));
    assert_false(str_equal_ci(STR("\xC4"), STR("\xE4")));
    assert_false(str_equal_ci(STR("ab"), STR("abc")));
}

static void order_is_of_unsigned_bytes_shorter_first(void **state)
{
    (void)state;
    assert_true(str_compare(STR("a"), STR("b")) < 0);
    assert_true(str_compare(STR("b"), STR("a")) > 0);
    assert_true(str_compare(STR("a"), STR("ab")) < 0);
    assert_true(str_compare(STR("\x7F"), STR("\x80")) < 0);
    assert_true(str_compare(STR("x"), none) > 0);
}

static void prefix_and_suffix_are_found_at_their_end_only(void **state)
{
    (void)state;
    assert_true(str_starts(STR("sk-live"), STR("sk-")));
    assert_false(str_starts(STR("sk"), STR("sk-")));
    assert_true(str_ends(STR("a.json"), STR(".json")));
    assert_false(str_ends(STR("json"), STR(".json")));
    assert_false(str_ends(STR(".jsonl"), STR(".json")));
}

static void find_agrees_with_the_slow_definition(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (int round = 0; round < 5000; round++) {
        char hay[24];
        char needle[3];
        struct str h = {hay, (size_t)rng_below(&rng, sizeof hay + 1)};
        struct str n = {needle, (size_t)rng_below(&rng, sizeof needle + 1)};
        for (size_t i = 0; i < sizeof hay; i++) {
            hay[i] = (char)('a' + rng_below(&rng, 2));
        }
        for (size_t i = 0; i < sizeof needle; i++) {
            needle[i] = (char)('a' + rng_below(&rng, 2));
        }
        size_t expected = SIZE_MAX;
        for (size_t i = 0; expected == SIZE_MAX && i + n.len <= h.len; i++) {
            expected = memcmp(hay + i, needle, n.len) == 0 ? i : SIZE_MAX;
        }
        assert_true(str_find(h, n) == expected);
    }
}

static void trim_takes_blanks_at_both_ends_only(void **state)
{
    (void)state;
    assert_true(str_equal(str_trim(STR(" \t\r\na b\n ")), STR("a b")));
    assert_int_equal(str_trim(STR(" \t ")).len, 0);
    assert_true(str_equal(str_trim(STR("\vx")), STR("\vx")));
}

static void split_gives_each_part_once(void **state)
{
    (void)state;
    struct str rest = STR(",a,,b,");
    const char *const expected[] = {"", "a", "", "b"};
    struct str head;
    size_t count = 0;
    while (str_split(&rest, ',', &head)) {
        assert_true(count < 4 && str_equal(head, str_of(expected[count])));
        count++;
    }
    assert_int_equal(count, 4);
    rest = STR("whole");
    assert_true(str_split(&rest, ',', &head) && str_equal(head, STR("whole")));
    assert_false(str_split(&rest, ',', &head));
}

static void copy_terminates_and_tells_a_cut(void **state)
{
    (void)state;
    char to[4];
    assert_true(str_copy(STR("abc"), to, sizeof to));
    assert_string_equal(to, "abc");
    assert_false(str_copy(STR("abcd"), to, sizeof to));
    assert_string_equal(to, "abc");
    assert_false(str_copy(STR("a"), to, 1));
    assert_string_equal(to, "");
}

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
    assert_int_equal(str_distance(STR("same"), STR("same")), 0);
    assert_int_equal(str_distance(STR("upstream"), STR("upstreams")), 1);
    assert_int_equal(str_distance(STR("abc"), none), 3);
}

static void distance_is_a_metric(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 2);
    for (int round = 0; round < 2000; round++) {
        char text[3][8];
        struct str s[3];
        for (size_t k = 0; k < 3; k++) {
            s[k] = (struct str){text[k], (size_t)rng_below(&rng, 9)};
            for (size_t i = 0; i < 8; i++) {
                text[k][i] = (char)('a' + rng_below(&rng, 3));
            }
        }
        size_t ab = str_distance(s[0], s[1]);
        assert_int_equal(ab, str_distance(s[1], s[0]));
        assert_int_equal(ab == 0, str_equal(s[0], s[1]));
        assert_true(str_distance(s[0], s[2]) <= ab + str_distance(s[1], s[2]));
    }
}

static void distance_looks_at_64_bytes(void **state)
{
    (void)state;
    char a[100];
    char b[100];
    memset(a, 'a', sizeof a);
    memset(b, 'a', sizeof b);
    b[64] = 'b';
    assert_int_equal(str_distance((struct str){a, 100}, (struct str){b, 100}), 0);
    b[63] = 'b';
    assert_int_equal(str_distance((struct str){a, 100}, (struct str){b, 100}), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_empty_str_is_safe_everywhere),
        cmocka_unit_test(cut_clamps_to_the_str),
        cmocka_unit_test(equality_sees_every_byte_and_nul_too),
        cmocka_unit_test(case_is_ignored_for_ascii_letters_only),
        cmocka_unit_test(order_is_of_unsigned_bytes_shorter_first),
        cmocka_unit_test(prefix_and_suffix_are_found_at_their_end_only),
        cmocka_unit_test(find_agrees_with_the_slow_definition),
        cmocka_unit_test(trim_takes_blanks_at_both_ends_only),
        cmocka_unit_test(split_gives_each_part_once),
        cmocka_unit_test(copy_terminates_and_tells_a_cut),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(distance_is_a_metric),
        cmocka_unit_test(distance_looks_at_64_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
