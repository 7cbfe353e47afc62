/* SPDX-License-Identifier: Apache-2.0
 * test_settings_secret.c - ${NAME} and file:PATH: where they come from, and that they never show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/sample.h"

static struct arena *arena;
static struct fault fault;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static enum err resolve(const char *scalar, struct str *text)
{
    struct settings_load load = {&sample_secrets, arena, &fault};
    struct yaml node = {.kind = YAML_SCALAR, .scalar = str_of(scalar), .line = 7, .column = 3};
    fault = (struct fault){0};
    return settings_resolve(&load, &node, text);
}

static void forms_are_resolved(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"${TOKEN}", "sk-sample-0123"},
        {"Bearer ${TOKEN}!", "Bearer sk-sample-0123!"},
        {"${TOKEN}${TOKEN}", "sk-sample-0123sk-sample-0123"},
        {"file:one.key", "from-file"},
        {"plain", "plain"},
        {"$TOKEN $5 }", "$TOKEN $5 }"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str text = STR("?");
        assert_int_equal(resolve(cases[i][0], &text), ERR_OK);
        assert_int_equal(text.len, strlen(cases[i][1]));
        assert_memory_equal(text.at, cases[i][1], text.len);
    }
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *scalar;
        enum err code;
        const char *words;
    } cases[] = {
        {"${NO}", ERR_NOT_FOUND, "the environment variable NO is not set"},
        {"${EMPTY}", ERR_NOT_FOUND, "the environment variable EMPTY is not set"},
        {"${LINES}", ERR_INVALID, "the environment variable LINES is not one line of text"},
        {"${}", ERR_SYNTAX, "'${' is not of the form ${NAME}"},
        {"${1A}", ERR_SYNTAX, "'${1A' is not of the form ${NAME}"},
        {"x ${TOKEN", ERR_SYNTAX, "'${TOKEN' is not of the form ${NAME}"},
        {"file:no.key", ERR_NOT_FOUND, "the file 'no.key' does not exist"},
        {"file:two.key", ERR_INVALID, "the file 'two.key' is not one line of text"},
        {"file:blank.key", ERR_NOT_FOUND, "the file 'blank.key' is empty"},
        {"file:large.key", ERR_LIMIT, "the file 'large.key' is over 64 KiB"},
        {"file:denied.key", ERR_DENIED, "the file 'denied.key' cannot be read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str text;
        assert_int_equal(resolve(cases[i].scalar, &text), cases[i].code);
        assert_string_equal(fault.words, cases[i].words);
        assert_int_equal(fault.line, 7);
        assert_int_equal(fault.column, 3);
    }
}

static void a_list_is_no_secret(void **state)
{
    (void)state;
    struct settings_load load = {&sample_secrets, arena, &fault};
    struct yaml node = {.kind = YAML_LIST};
    struct str text;
    assert_int_equal(settings_resolve(&load, &node, &text), ERR_INVALID);
    assert_string_equal(fault.words, "must be text, not a list");
}

static void text_is_limited_to_64_kib(void **state)
{
    (void)state;
    static char scalar[SETTINGS_SECRET_MAX + 2];
    memset(scalar, 'x', SETTINGS_SECRET_MAX);
    struct str text;
    assert_int_equal(resolve(scalar, &text), ERR_OK);
    assert_int_equal(text.len, SETTINGS_SECRET_MAX);
    scalar[SETTINGS_SECRET_MAX] = 'x';
    assert_int_equal(resolve(scalar, &text), ERR_LIMIT);
    memcpy(scalar, "${TOKEN}", 8);
    assert_int_equal(resolve(scalar, &text), ERR_LIMIT);
    assert_null(strstr(fault.words, "sk-sample"));
}

/* Whatever else is wrong in the list, no message repeats a value that was resolved or written. */
static void no_message_holds_a_secret(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{name: x, keys: [sk-written, '${TOKEN}', '${TOKEN}', '${TOKEN}']}",
        "{name: x, keys: [sk-written, {sk-map: 1}]}",
        "{name: x, keys: [sk-written, '${TOKEN} ${NO}']}",
        "{name: x, keys: [sk-written, 'file:two.key']}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct settings_load load = {&sample_secrets, arena, &fault};
        const struct yaml *root = NULL;
        struct sample sample;
        assert_int_equal(yaml_parse(str_of(texts[i]), arena, &root, &fault), ERR_OK);
        assert_int_not_equal(settings_read(&load, &sample_section, root, &sample), ERR_OK);
        assert_null(strstr(fault.words, "sk-"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_resolved),        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_list_is_no_secret),       cmocka_unit_test(text_is_limited_to_64_kib),
        cmocka_unit_test(no_message_holds_a_secret),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
