/* SPDX-License-Identifier: Apache-2.0
 * test_log.c - one message is one line, whatever it holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"

#include "base/utf8.h"

#include <string.h>

struct seen {
    int lines;
    size_t len;
    char text[16384];
};

static struct wall noon(void *object)
{
    (void)object;
    return (struct wall){INT64_C(1795573778000123)};
}

static void keep(void *object, struct str line)
{
    struct seen *seen = object;
    seen->lines++;
    seen->len = line.len;
    assert_true(str_copy(line, seen->text, sizeof seen->text));
}

static struct log log_into(struct seen *seen, enum log_form form)
{
    *seen = (struct seen){0};
    return (struct log){LOG_INFO, form, noon, keep, seen};
}

static void a_plain_line_has_time_level_area_message(void **state)
{
    (void)state;
    static struct seen seen;
    struct log log = log_into(&seen, LOG_PLAIN);
    log_say(&log, LOG_WARN, "store", "%d of %s", 3, "many");
    assert_string_equal(seen.text, "2026-11-25T02:29:38.000123Z warn store 3 of many\n");
}

static void a_json_line_is_an_object(void **state)
{
    (void)state;
    static struct seen seen;
    struct log log = log_into(&seen, LOG_JSON);
    log_say(&log, LOG_ERROR, "store", "say \"hi\" \\ \n\x1b\x7f \xC3\xA4");
    assert_string_equal(seen.text, "{\"time\":\"2026-11-25T02:29:38.000123Z\",\"level\":\"error\","
                                   "\"area\":\"store\",\"message\":\"say \\\"hi\\\" \\\\ "
                                   "\\u000a\\u001b\\u007f \xC3\xA4\"}\n");
}

static void levels_above_the_wanted_one_are_dropped(void **state)
{
    (void)state;
    static struct seen seen;
    struct log log = log_into(&seen, LOG_PLAIN);
    log_say(&log, LOG_DEBUG, "a", "x");
    assert_int_equal(seen.lines, 0);
    log_say(&log, LOG_INFO, "a", "x");
    assert_int_equal(seen.lines, 1);
    log_say(NULL, LOG_ERROR, "a", "x");
    assert_int_equal(seen.lines, 1);
}

/* No byte of the line but its end is a control byte, and the line is UTF-8. */
static void assert_harmless(const struct seen *seen)
{
    assert_int_equal(seen->lines, 1);
    assert_int_equal(seen->text[seen->len - 1], '\n');
    for (size_t i = 0; i + 1 < seen->len; i++) {
        unsigned char byte = (unsigned char)seen->text[i];
        assert_true(byte >= 0x20 && byte != 0x7F);
    }
    assert_true(utf8_valid((struct str){seen->text, seen->len}));
}

static void no_byte_can_forge_a_line_or_steer_a_terminal(void **state)
{
    (void)state;
    static struct seen seen;
    for (int form = LOG_PLAIN; form <= LOG_JSON; form++) {
        for (int byte = 1; byte < 256; byte++) {
            struct log log = log_into(&seen, (enum log_form)form);
            log_say(&log, LOG_INFO, "a\nb", "[%c]", byte);
            assert_harmless(&seen);
        }
    }
    struct log log = log_into(&seen, LOG_PLAIN);
    log_say(&log, LOG_INFO, "a", "\r\n\xC2\x9B!\xFF");
    assert_string_equal(seen.text,
                        "2026-11-25T02:29:38.000123Z info a \\x0d\\x0a\\x9b!\xEF\xBF\xBD\n");
}

static void the_longest_and_worst_message_still_fits(void **state)
{
    (void)state;
    static struct seen seen;
    static char worst[5000];
    memset(worst, 1, sizeof worst - 1);
    for (int form = LOG_PLAIN; form <= LOG_JSON; form++) {
        struct log log = log_into(&seen, (enum log_form)form);
        log_say(&log, LOG_INFO, worst, "%s", worst);
        assert_harmless(&seen);
    }
    assert_true(seen.len > 12288);
}

static void a_long_message_is_cut_at_a_code_point(void **state)
{
    (void)state;
    static struct seen seen;
    static char text[3001];
    struct log log = log_into(&seen, LOG_PLAIN);
    size_t head = strlen("2026-11-25T02:29:38.000123Z info a ");
    memset(text, 'x', sizeof text - 1);
    log_say(&log, LOG_INFO, "a", "%s", text);
    assert_int_equal(seen.len, head + 2048 + 1);
    static const char face[4] = {'\xF0', '\x9F', '\x98', '\x80'};
    memcpy(text + 2045, face, sizeof face);
    log = log_into(&seen, LOG_PLAIN);
    log_say(&log, LOG_INFO, "a", "%s", text);
    assert_int_equal(seen.len, head + 2045 + 1);
    assert_harmless(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_line_has_time_level_area_message),
        cmocka_unit_test(a_json_line_is_an_object),
        cmocka_unit_test(levels_above_the_wanted_one_are_dropped),
        cmocka_unit_test(no_byte_can_forge_a_line_or_steer_a_terminal),
        cmocka_unit_test(the_longest_and_worst_message_still_fits),
        cmocka_unit_test(a_long_message_is_cut_at_a_code_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
