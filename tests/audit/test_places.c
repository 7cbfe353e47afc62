/* SPDX-License-Identifier: Apache-2.0
 * test_places.c - places as text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audit/places.h"
#include "base/rng.h"

static void assert_written(const uint64_t *places, size_t count, const char *expected)
{
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(places_write(places, count, &text), ERR_OK);
    assert_true(str_equal(buf_str(&text), str_of(expected)));
    buf_end(&text);
}

static void runs_are_short(void **state)
{
    (void)state;
    static const uint64_t places[] = {7, 12, 13, 14, 50, 52, 54, 56, 100, 101, 200, 300};
    assert_written(places, 0, "");
    assert_written(places, 1, "7");
    assert_written(places + 1, 3, "12-14");
    assert_written(places + 4, 4, "50-56/2");
    assert_written(places + 8, 2, "100-101");
    assert_written(places + 10, 2, "200 300");
    assert_written(places, 12, "7 12-14 50-56/2 100-101 200 300");
}

static void every_set_is_read_back(void **state)
{
    (void)state;
    struct rng rng;
    struct buf text;
    rng_seed(&rng, 4711);
    buf_init(&text, 64 * 1024);
    for (int round = 0; round < 500; round++) {
        uint64_t places[100];
        uint64_t last = UINT64_C(1) << rng_below(&rng, 62);
        size_t count = (size_t)rng_below(&rng, 100);
        uint64_t step = 1 + rng_below(&rng, 3);
        for (size_t i = 0; i < count; i++) {
            last += rng_below(&rng, 4) == 0 ? 1 + rng_below(&rng, 9) : step;
            places[i] = last;
        }
        buf_clear(&text);
        assert_int_equal(places_write(places, count, &text), ERR_OK);
        assert_true(text.len <= count * PLACES_BYTES_EACH);
        struct str rest = buf_str(&text);
        struct places_run run;
        size_t read = 0;
        enum err code;
        while ((code = places_next(&rest, &run)) == ERR_OK) {
            for (uint64_t place = run.from; place <= run.to; place += run.step) {
                assert_int_equal(place, places[read++]);
            }
        }
        assert_int_equal(code, ERR_NOT_FOUND);
        assert_int_equal(read, count);
    }
    buf_end(&text);
}

static void what_is_no_run_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"x",
                                      "-1",
                                      "1-",
                                      "2-1",
                                      "1-5/0",
                                      "1-5/3",
                                      "5/2",
                                      "5-5/2",
                                      "1-2-3",
                                      "1-5/",
                                      "+1",
                                      " 1",
                                      "1,2",
                                      "1-5/9",
                                      "18446744073709551616",
                                      "5-5/18446744073709551615",
                                      "1/2-3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct str rest = str_of(bad[i]);
        struct places_run run;
        assert_int_equal(places_next(&rest, &run), ERR_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_short),
        cmocka_unit_test(every_set_is_read_back),
        cmocka_unit_test(what_is_no_run_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
