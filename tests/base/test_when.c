/* SPDX-License-Identifier: Apache-2.0
 * test_when.c - the calendar against the C library, the text forms against their RFCs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t parsed(const char *text)
{
    struct wall wall = {-1};
    assert_int_equal(wall_parse(str_of(text), &wall), ERR_OK);
    return wall.us;
}

static int64_t parsed_http(const char *text)
{
    struct wall wall = {-1};
    assert_int_equal(wall_parse_http(str_of(text), &wall), ERR_OK);
    return wall.us;
}

static void known_moments_are_shown(void **state)
{
    (void)state;
    char to[WHEN_TEXT_BYTES];
    assert_string_equal(wall_show((struct wall){0}, to), "1970-01-01T00:00:00.000000Z");
    assert_string_equal(wall_show((struct wall){-1}, to), "1969-12-31T23:59:59.999999Z");
    assert_string_equal(wall_show((struct wall){INT64_C(1795573778000123)}, to),
                        "2026-11-25T02:29:38.000123Z");
    assert_string_equal(wall_show_http((struct wall){INT64_C(784111777999999)}, to),
                        "Sun, 06 Nov 1994 08:49:37 GMT");
}

static void times_beyond_the_calendar_are_shown_at_its_ends(void **state)
{
    (void)state;
    char to[WHEN_TEXT_BYTES];
    assert_string_equal(wall_show((struct wall){INT64_MAX}, to), "9999-12-31T23:59:59.999999Z");
    assert_string_equal(wall_show((struct wall){INT64_MIN}, to), "0000-01-01T00:00:00.000000Z");
    assert_string_equal(wall_show_http((struct wall){INT64_MAX}, to),
                        "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_string_equal(wall_show_http((struct wall){INT64_MIN}, to),
                        "Sat, 01 Jan 0000 00:00:00 GMT");
}

static void the_calendar_agrees_with_the_c_library(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 16);
    for (int round = 0; round < 50000; round++) {
        int64_t second = (int64_t)rng_below(&rng, UINT64_C(315569520000)) - INT64_C(62167219200);
        int64_t us = second * US_PER_S + (int64_t)rng_below(&rng, 1000000);
        time_t clock = (time_t)second;
        struct tm tm;
        assert_non_null(gmtime_r(&clock, &tm));
        char expected[WHEN_TEXT_BYTES];
        char shown[WHEN_TEXT_BYTES];
        /* strftime does not pad years below 1000. */
        assert_true(strftime(expected, sizeof expected, "%m-%dT%H:%M:%S.", &tm) > 0);
        (void)wall_show((struct wall){us}, shown);
        assert_memory_equal(shown + 5, expected, strlen(expected));
        assert_int_equal(parsed(shown), us);
        assert_int_equal(wall_month((struct wall){us}), (tm.tm_year - 70) * 12 + tm.tm_mon);
        assert_true(strftime(expected, sizeof expected, "%a, %d %b ", &tm) > 0);
        (void)wall_show_http((struct wall){us}, shown);
        assert_memory_equal(shown, expected, strlen(expected));
        assert_int_equal(parsed_http(shown), second * US_PER_S);
    }
}

/* RFC 3339 section 5.8. */
static void published_rfc_3339_examples_are_read(void **state)
{
    (void)state;
    assert_int_equal(parsed("1985-04-12T23:20:50.52Z"), INT64_C(482196050520000));
    assert_int_equal(parsed("1996-12-19T16:39:57-08:00"), parsed("1996-12-20T00:39:57Z"));
    assert_int_equal(parsed("1990-12-31T23:59:60Z"), parsed("1991-01-01T00:00:00Z"));
    assert_int_equal(parsed("1990-12-31T15:59:60-08:00"), parsed("1991-01-01T00:00:00Z"));
    assert_int_equal(parsed("1937-01-01T12:00:27.87+00:20"), parsed("1937-01-01T11:40:27.87Z"));
}

static void small_letters_and_any_fraction_are_read(void **state)
{
    (void)state;
    assert_int_equal(parsed("1970-01-01t00:00:00z"), 0);
    assert_int_equal(parsed("1970-01-01T00:00:00.000001Z"), 1);
    assert_int_equal(parsed("1970-01-01T00:00:00.0000019999999999999999999999Z"), 1);
    assert_int_equal(parsed("1970-01-01T00:00:00.5Z"), 500000);
    assert_int_equal(parsed("1970-01-01T00:00:00+23:59"), -(INT64_C(86340) * US_PER_S));
    assert_int_equal(parsed("2024-02-29T00:00:00Z"),
                     parsed("2024-03-01T00:00:00Z") - 86400 * US_PER_S);
    assert_int_equal(parsed("2000-02-29T00:00:00Z"),
                     parsed("2000-03-01T00:00:00Z") - 86400 * US_PER_S);
}

static void malformed_rfc_3339_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026-11-25",
        "2026-11-25T02:29:38",
        "2026-11-25 02:29:38Z",
        "2026-11-25T02:29:38.Z",
        "2026-11-25T02:29:38Zx",
        "2026-11-25T02:29:38+0100",
        "2026-11-25T02:29:38+24:00",
        "2026-11-25T02:29:38+01:60",
        "2026-1-25T02:29:38Z",
        "26-11-25T02:29:38Z",
        "+026-11-25T02:29:38Z",
        "2026-11-25T02:29Z",
        "2026-11-25T02:29:38,5Z",
        "2026-11-25T02:29:38--1:00",
    };
    static const char *const impossible[] = {
        "2026-00-25T02:29:38Z", "2026-13-25T02:29:38Z", "2026-11-00T02:29:38Z",
        "2026-11-31T02:29:38Z", "2026-02-29T02:29:38Z", "1900-02-29T02:29:38Z",
        "2026-11-25T24:00:00Z", "2026-11-25T02:60:38Z", "2026-11-25T02:29:61Z",
    };
    struct wall wall = {77};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(wall_parse(str_of(bad[i]), &wall), ERR_SYNTAX);
    }
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        assert_int_equal(wall_parse(str_of(impossible[i]), &wall), ERR_RANGE);
    }
    assert_int_equal(wall.us, 77);
}

/* RFC 9110 section 5.6.7: three writings of one moment. */
static void all_three_http_dates_are_read(void **state)
{
    (void)state;
    assert_int_equal(parsed_http("Sun, 06 Nov 1994 08:49:37 GMT"), INT64_C(784111777000000));
    assert_int_equal(parsed_http("Sunday, 06-Nov-94 08:49:37 GMT"), INT64_C(784111777000000));
    assert_int_equal(parsed_http("Sun Nov  6 08:49:37 1994"), INT64_C(784111777000000));
    assert_int_equal(parsed_http("Wed Nov 16 08:49:37 1994"), INT64_C(784975777000000));
    assert_int_equal(parsed_http("Tuesday, 06-Nov-29 08:49:37 GMT"),
                     parsed_http("Tue, 06 Nov 2029 08:49:37 GMT"));
}

static void malformed_http_dates_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 ",
        "784111777",
    };
    struct wall wall = {77};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(wall_parse_http(str_of(bad[i]), &wall), ERR_SYNTAX);
    }
    assert_int_equal(wall_parse_http(STR("Sun, 31 Nov 1994 08:49:37 GMT"), &wall), ERR_RANGE);
    assert_int_equal(wall.us, 77);
}

static void days_and_months_begin_at_midnight_before_the_epoch_too(void **state)
{
    (void)state;
    assert_int_equal(wall_day((struct wall){0}), 0);
    assert_int_equal(wall_day((struct wall){-1}), -1);
    assert_int_equal(wall_day((struct wall){86400 * US_PER_S - 1}), 0);
    assert_int_equal(wall_day((struct wall){86400 * US_PER_S}), 1);
    assert_int_equal(wall_month((struct wall){0}), 0);
    assert_int_equal(wall_month((struct wall){-1}), -1);
    assert_int_equal(wall_month((struct wall){parsed("2026-11-30T23:59:59.999999Z")}), 682);
    assert_int_equal(wall_month((struct wall){parsed("2026-12-01T00:00:00Z")}), 683);
}

static void instants_never_run_backwards(void **state)
{
    (void)state;
    struct instant a = {5000};
    assert_true(instant_after_ms(a, 2).ns == 2005000);
    assert_true(instant_since_us(instant_after_ms(a, 2), a) == 2000);
    assert_true(instant_since_us(a, instant_after_ms(a, 2)) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments_are_shown),
        cmocka_unit_test(times_beyond_the_calendar_are_shown_at_its_ends),
        cmocka_unit_test(the_calendar_agrees_with_the_c_library),
        cmocka_unit_test(published_rfc_3339_examples_are_read),
        cmocka_unit_test(small_letters_and_any_fraction_are_read),
        cmocka_unit_test(malformed_rfc_3339_is_refused),
        cmocka_unit_test(all_three_http_dates_are_read),
        cmocka_unit_test(malformed_http_dates_are_refused),
        cmocka_unit_test(days_and_months_begin_at_midnight_before_the_epoch_too),
        cmocka_unit_test(instants_never_run_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
