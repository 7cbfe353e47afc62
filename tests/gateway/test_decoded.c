/* SPDX-License-Identifier: Apache-2.0
 * test_decoded.c - positions of a decoded text in the JSON strings it came in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "gateway/decoded.h"
#include "json/json.h"

static void plain_text_stands_where_it_stood(void **state)
{
    (void)state;
    struct decoded decoded = {0};
    struct buf text;
    buf_init(&text, 100);
    assert_int_equal(decoded_add(&decoded, STR("abc"), &text), ERR_OK);
    assert_int_equal(decoded_add(&decoded, STR("def"), &text), ERR_OK);
    assert_int_equal(decoded_raw(&decoded, 4, false), 4);
    assert_int_equal(decoded_raw(&decoded, 6, true), 6);
    buf_end(&text);
    decoded_end(&decoded);
}

static void an_escape_is_widened_to(void **state)
{
    (void)state;
    struct decoded decoded = {0};
    struct buf text;
    buf_init(&text, 100);
    assert_int_equal(decoded_add(&decoded, STR("a\\u00e9b\\n"), &text), ERR_OK);
    assert_int_equal(text.len, 5); /* a, two bytes, b, LF */
    assert_int_equal(decoded_raw(&decoded, 1, false), 1);
    assert_int_equal(decoded_raw(&decoded, 2, false), 1);
    assert_int_equal(decoded_raw(&decoded, 2, true), 7);
    assert_int_equal(decoded_raw(&decoded, 3, true), 7);
    assert_int_equal(decoded_raw(&decoded, 4, false), 8);
    assert_int_equal(decoded_raw(&decoded, 5, true), 10);
    buf_end(&text);
    decoded_end(&decoded);
}

/* Pieces of random escapes: every boundary maps to where the decoded prefix ends. */
static void every_boundary_maps_back(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "a", "xyz", "\\n", "\\u00e9", "\\\"", "\\ud83d\\ude00", "\\ud83d", "\xc3\xa9", "\\u0041"};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng rng;
        struct decoded decoded = {0};
        struct buf text;
        struct buf all;
        uint64_t forgotten = 0;
        rng_seed(&rng, seed);
        buf_init(&text, 4096);
        buf_init(&all, 4096);
        for (int i = 0; i < 40; i++) {
            const char *part = parts[rng_below(&rng, sizeof parts / sizeof parts[0])];
            size_t raw_at = all.len;
            size_t text_at = text.len;
            assert_int_equal(buf_add(&all, str_of(part)), ERR_OK);
            assert_int_equal(decoded_add(&decoded, str_of(part), &text), ERR_OK);
            assert_int_equal(decoded_raw(&decoded, text_at, false), raw_at);
            assert_int_equal(decoded_raw(&decoded, text.len, true), all.len);
            if (rng_below(&rng, 4) == 0) {
                forgotten = text_at;
                decoded_forget(&decoded, forgotten);
                assert_int_equal(decoded_raw(&decoded, text_at, false), raw_at);
            }
        }
        assert_int_equal(decoded.raw, all.len);
        assert_int_equal(decoded.text, text.len);
        buf_end(&text);
        buf_end(&all);
        decoded_end(&decoded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stands_where_it_stood),
        cmocka_unit_test(an_escape_is_widened_to),
        cmocka_unit_test(every_boundary_maps_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
