/* SPDX-License-Identifier: Apache-2.0
 * test_step.c - which ids are some; numbers and names, which stand in stores and commands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resilience/step.h"

#include <string.h>

static char long_text[STEP_KEY_BYTES_MAX + 2];

static struct str of_length(size_t len)
{
    memset(long_text, 'a', sizeof long_text);
    return (struct str){long_text, len};
}

static void a_runs_id_is_of_few_letters(void **state)
{
    static const char *const good[] = {"a", "0", "Z", "a.b_c:d-e", "2026-11-25.order_7", "9--"};
    static const char *const bad[] = {"",    ".a",  "-a",  "_a",  ":a",        "a b",      "a/b",
                                      "a%b", "a\n", "a@b", "a[b", "a\xc3\xa9", "\xc3\xa9", "a`b"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(run_id_is_valid(str_of(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(run_id_is_valid(str_of(bad[i])));
    }
    assert_false(run_id_is_valid(STR("a\0b")));
    assert_true(run_id_is_valid(of_length(RUN_ID_BYTES_MAX)));
    assert_false(run_id_is_valid(of_length(RUN_ID_BYTES_MAX + 1)));
}

static void a_steps_key_is_printable(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char key[] = {'k', (char)byte};
        bool printable = byte > ' ' && byte < 0x7f;
        assert_int_equal(step_key_is_valid((struct str){key, 2}), printable);
    }
    assert_false(step_key_is_valid(STR("")));
    assert_true(step_key_is_valid(of_length(STEP_KEY_BYTES_MAX)));
    assert_false(step_key_is_valid(of_length(STEP_KEY_BYTES_MAX + 1)));
}

/* Stores hold these numbers. */
static void numbers_never_change(void **state)
{
    (void)state;
    assert_string_equal(step_kind_name(0), "model");
    assert_string_equal(step_kind_name(1), "tool");
    assert_string_equal(step_kind_name(2), "timer");
    assert_string_equal(step_kind_name(3), "signal");
    assert_string_equal(step_kind_name(4), "approval");
    assert_string_equal(step_kind_name(5), "code");
    assert_string_equal(step_effect_name(0), "read");
    assert_string_equal(step_effect_name(1), "idempotent");
    assert_string_equal(step_effect_name(2), "keyed");
    assert_string_equal(step_effect_name(3), "unsafe");
    assert_string_equal(step_state_name(0), "intent");
    assert_string_equal(step_state_name(1), "done");
    assert_string_equal(step_state_name(2), "in_doubt");
    assert_string_equal(step_state_name(3), "skipped");
    assert_string_equal(step_state_name(4), "failed");
    assert_string_equal(run_state_name(0), "open");
    assert_string_equal(run_state_name(1), "done");
    assert_string_equal(run_state_name(2), "failed");
    assert_string_equal(run_state_name(3), "cancelled");
    assert_string_equal(run_state_name(4), "diverged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_runs_id_is_of_few_letters),
        cmocka_unit_test(a_steps_key_is_printable),
        cmocka_unit_test(numbers_never_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
