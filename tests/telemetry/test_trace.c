/* SPDX-License-Identifier: Apache-2.0
 * test_trace.c - traceparent: the examples of W3C Trace Context and the cases of its test suite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "telemetry/trace.h"

#include <string.h>

static const uint8_t fresh[24] = {0xA0, 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                  12,   13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23};
#define FRESH_TRACE                                                                                \
    "a0010203040506070809"                                                                         \
    "0a0b0c0d0e0f"
#define FRESH_SPAN "1011121314151617"

static void what_is_valid_is_continued(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        /* section 3.2.4 */
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
         "00-4bf92f3577b34da6a3ce929d0e0e4736-" FRESH_SPAN "-01"},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
         "00-4bf92f3577b34da6a3ce929d0e0e4736-" FRESH_SPAN "-00"},
        /* unknown flags are not passed on */
        {"00-12345678901234567890123456789012-1234567890123456-ff",
         "00-12345678901234567890123456789012-" FRESH_SPAN "-01"},
        {"00-12345678901234567890123456789012-1234567890123456-02",
         "00-12345678901234567890123456789012-" FRESH_SPAN "-00"},
        /* a later version, with and without more behind it */
        {"cc-12345678901234567890123456789012-1234567890123456-01",
         "00-12345678901234567890123456789012-" FRESH_SPAN "-01"},
        {"cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
         "00-12345678901234567890123456789012-" FRESH_SPAN "-01"},
        {"01-12345678901234567890123456789012-1234567890123456-01-",
         "00-12345678901234567890123456789012-" FRESH_SPAN "-01"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trace trace;
        char shown[TRACE_PARENT_BYTES];
        trace_begin(&trace, str_of(cases[i][0]), fresh);
        assert_true(trace.continued);
        assert_string_equal(trace_parent_show(&trace, shown), cases[i][1]);
    }
}

static void what_is_not_valid_begins_a_new_trace(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "00",
        "ff-12345678901234567890123456789012-1234567890123456-01", /* forbidden version */
        "0-12345678901234567890123456789012-1234567890123456-01",
        ".0-12345678901234567890123456789012-1234567890123456-01",
        "000-12345678901234567890123456789012-1234567890123456-01",
        "00-00000000000000000000000000000000-1234567890123456-01", /* zero trace id */
        "00-12345678901234567890123456789012-0000000000000000-01", /* zero parent id */
        "00-1234567890123456789012345678901-1234567890123456-01",
        "00-123456789012345678901234567890123-1234567890123456-01",
        "00-.2345678901234567890123456789012-1234567890123456-01",
        "00-1234567890123456789012345678901.-1234567890123456-01",
        "00-12345678901234567890123456789012-123456789012345-01",
        "00-12345678901234567890123456789012-12345678901234567-01",
        "00-12345678901234567890123456789012-.234567890123456-01",
        "00-12345678901234567890123456789012-1234567890123456-0",
        "00-12345678901234567890123456789012-1234567890123456-001",
        "00-12345678901234567890123456789012-1234567890123456-.0",
        "00-12345678901234567890123456789012-1234567890123456-0.",
        "00-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
        "00-12345678901234567890123456789012-1234567890123456-01.",
        "00-12345678901234567890123456789012-1234567890123456-01 ",
        "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", /* upper case */
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trace trace;
        char shown[TRACE_PARENT_BYTES];
        static const uint8_t zero[8];
        trace_begin(&trace, str_of(cases[i]), fresh);
        assert_false(trace.continued);
        assert_memory_equal(trace.parent_id, zero, 8);
        assert_string_equal(trace_parent_show(&trace, shown),
                            "00-" FRESH_TRACE "-" FRESH_SPAN "-01");
    }
}

static void the_callers_span_is_remembered(void **state)
{
    (void)state;
    static const uint8_t parent[8] = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7};
    struct trace trace;
    trace_begin(&trace, STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), fresh);
    assert_memory_equal(trace.parent_id, parent, 8);
}

static void ids_are_never_zero(void **state)
{
    (void)state;
    static const uint8_t zeros[24];
    struct trace trace;
    char shown[TRACE_PARENT_BYTES];
    trace_begin(&trace, STR(""), zeros);
    assert_string_equal(trace_parent_show(&trace, shown),
                        "00-00000000000000000000000000000001-0000000000000001-01");
}

static void the_trace_id_is_shown_alone(void **state)
{
    (void)state;
    struct trace trace;
    char shown[33];
    trace_begin(&trace, STR(""), fresh);
    trace_id_show(&trace, shown);
    assert_string_equal(shown, FRESH_TRACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_valid_is_continued),
        cmocka_unit_test(what_is_not_valid_begins_a_new_trace),
        cmocka_unit_test(the_callers_span_is_remembered),
        cmocka_unit_test(ids_are_never_zero),
        cmocka_unit_test(the_trace_id_is_shown_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
