/* SPDX-License-Identifier: Apache-2.0
 * test_err.c - every code has a name and words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

#include <string.h>

static void every_code_has_a_name_and_words_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_COUNT; i++) {
        assert_true(strlen(err_name((enum err)i)) > 0);
        assert_true(strlen(err_text((enum err)i)) > 0);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(err_name((enum err)i), err_name((enum err)k));
            assert_string_not_equal(err_text((enum err)i), err_text((enum err)k));
        }
    }
    assert_string_equal(err_name(ERR_TIMEOUT), "TIMEOUT");
    assert_string_equal(err_text(ERR_TIMEOUT), "deadline passed");
}

static void a_code_outside_the_list_still_has_words(void **state)
{
    (void)state;
    assert_string_equal(err_name(ERR_COUNT), "?");
    assert_non_null(err_text((enum err)12345));
}

static void a_fault_keeps_its_place_and_gets_words(void **state)
{
    (void)state;
    struct fault fault = {.line = 7, .column = 3};
    assert_int_equal(fault_set(&fault, ERR_SYNTAX, "expected %s, found '%c'", "a name", '{'),
                     ERR_SYNTAX);
    assert_int_equal(fault.code, ERR_SYNTAX);
    assert_string_equal(fault.words, "expected a name, found '{'");
    assert_int_equal(fault.line, 7);
    assert_int_equal(fault.column, 3);
}

static void long_words_are_cut_and_terminated(void **state)
{
    (void)state;
    struct fault fault = {0};
    (void)fault_set(&fault, ERR_LIMIT, "%0500d", 1);
    assert_int_equal(strlen(fault.words), sizeof fault.words - 1);
}

static void nobody_needs_to_want_the_words(void **state)
{
    (void)state;
    assert_int_equal(fault_set(NULL, ERR_IO, "%d", 1), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_name_and_words_of_its_own),
        cmocka_unit_test(a_code_outside_the_list_still_has_words),
        cmocka_unit_test(a_fault_keeps_its_place_and_gets_words),
        cmocka_unit_test(long_words_are_cut_and_terminated),
        cmocka_unit_test(nobody_needs_to_want_the_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
