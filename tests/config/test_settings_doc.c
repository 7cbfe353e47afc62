/* SPDX-License-Identifier: Apache-2.0
 * test_settings_doc.c - reference page and JSON Schema say what the loader does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/sample.h"

#include <jansson.h>

static struct buf text;

static int set_up(void **state)
{
    (void)state;
    buf_init(&text, 1 << 16);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_end(&text);
    return 0;
}

static void assert_line(const char *line)
{
    if (strstr(buf_cstr(&text), line) == NULL) {
        fail_msg("missing: %s\n%s", line, buf_cstr(&text));
    }
}

static void the_page_has_a_row_for_each_setting(void **state)
{
    (void)state;
    assert_int_equal(settings_document(&sample_section, &text), ERR_OK);
    assert_line("## `routes.NAME`\n\nA section of every kind.\n");
    assert_line("| `name` | text | required | 1 to 20 bytes |  | a name |\n");
    assert_line("| `wait` | 250ms, 5s, 2m, 24h, 7d | `5s` | 1ms to 10m | R4 | how long |\n");
    assert_line("| `rate` | 5/s, 10/min, 100/h, 1000/d |  | at least 1 a period |  |");
    assert_line("| `mode` | `off`, `observe`, `enforce` | `enforce` |  |  | what happens |\n");
    assert_line("| `hedge` | not available yet | `off` |  |  | comes with hedged attempts |\n");
    assert_line("## `routes.NAME.timeouts`\n\nHow long parts may take.\n");
    assert_line("## `routes.NAME.members.NAME`\n\nHow long parts may take.\n");
}

static void bars_in_help_do_not_end_a_cell(void **state)
{
    (void)state;
    assert_int_equal(settings_document(&sample_section, &text), ERR_OK);
    assert_line("| a \\| share |\n");
}

static json_t *schema(void)
{
    assert_int_equal(settings_schema(&sample_section, &text), ERR_OK);
    json_error_t error;
    json_t *root = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        fail_msg("%s\n%s", error.text, buf_cstr(&text));
    }
    return root;
}

static void the_schema_refuses_unknown_keys_and_asks_for_required_ones(void **state)
{
    (void)state;
    json_t *root = schema();
    assert_string_equal(json_string_value(json_object_get(root, "type")), "object");
    assert_true(json_is_false(json_object_get(root, "additionalProperties")));
    json_t *required = json_object_get(root, "required");
    assert_int_equal(json_array_size(required), 1);
    assert_string_equal(json_string_value(json_array_get(required, 0)), "name");
    json_t *properties = json_object_get(root, "properties");
    assert_int_equal(json_object_size(properties), sample_section.count);
    json_decref(root);
}

static void the_schema_has_bounds_patterns_choices_and_nested_sections(void **state)
{
    (void)state;
    json_t *root = schema();
    json_t *properties = json_object_get(root, "properties");
    json_t *count = json_object_get(properties, "count");
    assert_true(json_number_value(json_object_get(count, "minimum")) == 1);
    assert_true(json_number_value(json_object_get(count, "maximum")) == 10);
    assert_int_equal(json_integer_value(json_object_get(count, "default")), 3);
    json_t *wait = json_object_get(properties, "wait");
    assert_string_equal(json_string_value(json_object_get(wait, "pattern")),
                        "^(0|[0-9]+(ms|s|m|h|d))$");
    /* "off" is a word and, to an editor, a boolean. */
    json_t *mode = json_object_get(json_object_get(properties, "mode"), "enum");
    assert_int_equal(json_array_size(mode), 4);
    json_t *listen = json_object_get(properties, "listen");
    assert_int_equal(json_integer_value(json_object_get(listen, "maxItems")), 4);
    json_t *nested = json_object_get(json_object_get(properties, "timeouts"), "properties");
    assert_int_equal(json_object_size(nested), 2);
    json_t *members = json_object_get(properties, "members");
    json_t *member = json_object_get(members, "additionalProperties");
    assert_int_equal(json_object_size(json_object_get(member, "properties")), 2);
    json_t *hedge = json_object_get(json_object_get(properties, "hedge"), "enum");
    assert_string_equal(json_string_value(json_array_get(hedge, 0)), "off");
    json_decref(root);
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    buf_end(&text);
    buf_init(&text, 100);
    assert_int_equal(settings_document(&sample_section, &text), ERR_LIMIT);
    buf_clear(&text);
    assert_int_equal(settings_schema(&sample_section, &text), ERR_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_page_has_a_row_for_each_setting),
        TEST(bars_in_help_do_not_end_a_cell),
        TEST(the_schema_refuses_unknown_keys_and_asks_for_required_ones),
        TEST(the_schema_has_bounds_patterns_choices_and_nested_sections),
        TEST(a_full_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
