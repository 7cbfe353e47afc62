/* SPDX-License-Identifier: Apache-2.0
 * test_yaml.c - trees and their places, refusals by example files, limits at their edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/yaml.h"
#include "support/config_files.h"

#include <stdlib.h>
#include <string.h>

static struct arena *arena;

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

static const struct yaml *parse(const char *text)
{
    const struct yaml *root = NULL;
    struct fault fault = {0};
    enum err err = yaml_parse(str_of(text), arena, &root, &fault);
    if (err != ERR_OK) {
        fail_msg("%u:%u %s", fault.line, fault.column, fault.words);
    }
    return root;
}

static void assert_text(struct str got, const char *expected)
{
    if (!str_equal(got, str_of(expected))) {
        fail_msg("'" STR_FMT "' is not '%s'", STR_ARG(got), expected);
    }
}

static void a_map_keeps_the_order_and_the_places_of_its_keys(void **state)
{
    (void)state;
    const struct yaml *root = parse("b: 1\n\"a\":\n  - x\n  - {k: v}\n");
    assert_int_equal(root->kind, YAML_MAP);
    assert_int_equal(root->count, 2);
    const struct yaml *b = root->first;
    assert_text(b->key, "b");
    assert_text(b->scalar, "1");
    const struct yaml *a = yaml_get(root, STR("a"));
    assert_ptr_equal(b->next, a);
    assert_int_equal(a->kind, YAML_LIST);
    assert_int_equal(a->line, 2);
    assert_int_equal(a->column, 1);
    const struct yaml *k = yaml_get(a->first->next, STR("k"));
    assert_text(k->scalar, "v");
    assert_int_equal(k->line, 4);
    assert_int_equal(k->column, 6);
}

static void columns_count_characters_not_bytes(void **state)
{
    (void)state;
    const struct yaml *root = parse("{\"\xC3\xA4\xE2\x82\xAC\": [x]}");
    assert_int_equal(root->first->first->column, 9);
}

static void scalars_have_no_types(void **state)
{
    (void)state;
    const struct yaml *root = parse("[yes, 0x1F, 1.0, 2026-11-25, null, 'null', '']");
    static const char *const texts[] = {"yes", "0x1F", "1.0", "2026-11-25", "null", "null", ""};
    static const bool absent[] = {false, false, false, false, true, false, false};
    const struct yaml *node = root->first;
    for (size_t i = 0; i < 7; i++, node = node->next) {
        assert_text(node->scalar, texts[i]);
        assert_int_equal(yaml_absent(node), absent[i]);
    }
}

static void an_empty_value_null_and_tilde_are_absent(void **state)
{
    (void)state;
    const struct yaml *root = parse("a:\nb: ~\nc: null\nd: x\n");
    assert_true(yaml_absent(yaml_get(root, STR("a"))));
    assert_true(yaml_absent(yaml_get(root, STR("b"))));
    assert_true(yaml_absent(yaml_get(root, STR("c"))));
    assert_false(yaml_absent(yaml_get(root, STR("d"))));
    assert_true(yaml_absent(yaml_get(root, STR("e"))));
}

static void a_file_without_content_is_absent(void **state)
{
    (void)state;
    assert_true(yaml_absent(parse("")));
    assert_true(yaml_absent(parse("# only words\n")));
    assert_true(yaml_absent(parse("---\n...\n")));
}

static void block_scalars_and_escapes_are_text(void **state)
{
    (void)state;
    const struct yaml *root = parse("a: |\n  x\n  y\nb: \"\\u00e9\\n\"\nc: '''q'\n");
    assert_text(yaml_get(root, STR("a"))->scalar, "x\ny\n");
    assert_text(yaml_get(root, STR("b"))->scalar, "\xC3\xA9\n");
    assert_text(yaml_get(root, STR("c"))->scalar, "'q");
}

static void exclamation_marks_inside_text_are_no_tags(void **state)
{
    (void)state;
    const struct yaml *root = parse("a: x!\nb: '!x'\nc: \"!\"\n");
    assert_text(yaml_get(root, STR("b"))->scalar, "!x");
    assert_text(yaml_get(root, STR("c"))->scalar, "!");
}

static void example_files_are_refused_as_they_say(void **state)
{
    (void)state;
    size_t files = 0;
    struct config_file file;
    for (size_t at = 0; config_files_next("tests/data/config", "yaml-", &at, &file); files++) {
        struct fault fault = {0};
        const struct yaml *root = NULL;
        enum err err = yaml_parse(file.text, arena, &root, &fault);
        config_files_check(&file, err, &fault);
    }
    assert_true(files >= 25);
}

static void values_are_limited(void **state)
{
    (void)state;
    const struct yaml *root = NULL;
    struct fault fault = {0};
    struct buf text;
    buf_init(&text, YAML_BYTES_MAX);
    for (size_t i = 0; i < YAML_NODES_MAX - 1; i++) {
        assert_int_equal(buf_add(&text, STR("- x\n")), ERR_OK);
    }
    assert_int_equal(yaml_parse(buf_str(&text), arena, &root, &fault), ERR_OK);
    assert_int_equal(root->count, YAML_NODES_MAX - 1);
    assert_int_equal(buf_add(&text, STR("- x\n")), ERR_OK);
    assert_int_equal(yaml_parse(buf_str(&text), arena, &root, &fault), ERR_LIMIT);
    assert_int_equal(fault.line, YAML_NODES_MAX);
    buf_end(&text);
}

static void bytes_are_limited(void **state)
{
    (void)state;
    const struct yaml *root = NULL;
    struct fault fault = {0};
    struct buf text;
    buf_init(&text, YAML_BYTES_MAX + 1);
    while (text.len < YAML_BYTES_MAX) {
        struct str line = STR("# 456789abcdef\n\n");
        assert_int_equal(buf_add(&text, line), ERR_OK);
    }
    assert_int_equal(text.len, YAML_BYTES_MAX);
    assert_int_equal(yaml_parse(buf_str(&text), arena, &root, &fault), ERR_OK);
    assert_int_equal(buf_add_byte(&text, '\n'), ERR_OK);
    assert_int_equal(yaml_parse(buf_str(&text), arena, &root, &fault), ERR_LIMIT);
    buf_end(&text);
}

static void depth_of_32_is_allowed(void **state)
{
    (void)state;
    char text[2 * YAML_DEPTH_MAX + 1] = "";
    memset(text, '[', YAML_DEPTH_MAX);
    memset(text + YAML_DEPTH_MAX, ']', YAML_DEPTH_MAX);
    assert_int_equal(parse(text)->kind, YAML_LIST);
}

static void a_fault_is_not_required(void **state)
{
    (void)state;
    const struct yaml *root = NULL;
    assert_int_equal(yaml_parse(STR("a: *b"), arena, &root, NULL), ERR_UNSUPPORTED);
    assert_int_equal(yaml_parse(STR("\xFF"), arena, &root, NULL), ERR_SYNTAX);
    assert_int_equal(yaml_parse(STR("[\x02]"), arena, &root, NULL), ERR_SYNTAX);
}

static void shown_text_is_short_and_harmless(void **state)
{
    (void)state;
    char to[YAML_SHOW_BYTES];
    assert_string_equal(yaml_show(STR("a\x1b[31m"), to), "a?[31m");
    char text[100];
    memset(text, 'x', sizeof text);
    assert_int_equal(strlen(yaml_show((struct str){text, sizeof text}, to)), YAML_SHOW_BYTES - 1);
    assert_string_equal(to + YAML_SHOW_BYTES - 4, "...");
}

static void the_fixed_examples_parse(void **state)
{
    (void)state;
    struct buf text;
    if (!config_files_shared("aire.example.yaml", &text)) {
        skip();
    }
    const struct yaml *root = parse(buf_cstr(&text));
    const struct yaml *support = yaml_get(yaml_get(root, STR("routes")), STR("support"));
    assert_int_equal(yaml_get(support, STR("path"))->count, 5);
    assert_text(yaml_get(yaml_get(support, STR("timeouts")), STR("head"))->scalar, "10s");
    buf_end(&text);
    assert_true(config_files_shared("rules.example.yaml", &text));
    const struct yaml *rules = yaml_get(parse(buf_cstr(&text)), STR("rules"));
    assert_int_equal(rules->count, 2);
    assert_text(yaml_get(rules->first, STR("name"))->scalar, "where-is-my-order");
    buf_end(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_keeps_the_order_and_the_places_of_its_keys),
        cmocka_unit_test(columns_count_characters_not_bytes),
        cmocka_unit_test(scalars_have_no_types),
        cmocka_unit_test(an_empty_value_null_and_tilde_are_absent),
        cmocka_unit_test(a_file_without_content_is_absent),
        cmocka_unit_test(block_scalars_and_escapes_are_text),
        cmocka_unit_test(exclamation_marks_inside_text_are_no_tags),
        cmocka_unit_test(example_files_are_refused_as_they_say),
        cmocka_unit_test(values_are_limited),
        cmocka_unit_test(bytes_are_limited),
        cmocka_unit_test(depth_of_32_is_allowed),
        cmocka_unit_test(a_fault_is_not_required),
        cmocka_unit_test(shown_text_is_short_and_harmless),
        cmocka_unit_test(the_fixed_examples_parse),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
