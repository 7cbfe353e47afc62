/* SPDX-License-Identifier: Apache-2.0
 * test_texts.c - which texts a document holds, and from whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "gateway/texts.h"

#include <string.h>

/* "provenance:form:raw" of each text, separated by blanks. */
static void assert_texts(bool answer, const char *document, const char *expected)
{
    static const char *const forms[] = {"plain", "json", "key", "number"};
    struct arena *arena = arena_new(4096);
    struct json json;
    struct texts texts;
    struct buf told;
    assert_int_equal(json_parse(&json, str_of(document), NULL, arena, NULL), ERR_OK);
    if (answer) {
        texts_of_answer(&json, arena, &texts);
    } else {
        texts_of_request(&json, arena, &texts);
    }
    buf_init(&told, 65536);
    for (size_t i = 0; i < texts.count; i++) {
        const struct text *text = &texts.items[i];
        const struct json_node *node = &json.nodes[text->node];
        assert_int_equal(buf_printf(&told, "%s%s:%s%s:%.*s", i > 0 ? " " : "",
                                    provenance_name(text->provenance), forms[text->form],
                                    text->echo ? ":echo" : "", (int)node->len, document + node->at),
                         ERR_OK);
    }
    assert_string_equal(told.len > 0 ? told.at : "", expected);
    buf_end(&told);
    arena_free(arena);
}

static void a_message_has_the_rank_of_its_role(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"a\"},"
                 "{\"content\":\"b\",\"role\":\"user\"},{\"role\":\"assistant\",\"content\":\"c\"},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"t\",\"content\":\"d\"}]}",
                 "system:plain:a user:plain:b assistant:plain:c tool_result:plain:d");
}

static void parts_are_texts_and_images_are_not(void **state)
{
    (void)state;
    assert_texts(
        false,
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://x\"}}]}]}",
        "user:plain:a user:plain:http://x");
}

static void arguments_are_json(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"i\",\"type\":"
                 "\"function\",\"function\":{\"name\":\"n\",\"arguments\":\"{}\"}}]}]}",
                 "assistant:json:{}");
}

static void a_tools_input_is_of_free_form(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
                 "\"id\":\"i\",\"name\":\"n\",\"input\":{\"type\":\"x\",\"card\":4111111111111111,"
                 "\"n\":12}}]}]}",
                 "assistant:key:type assistant:plain:x assistant:key:card "
                 "assistant:number:4111111111111111 assistant:key:n");
}

static void anthropics_system_results_and_documents(void **state)
{
    (void)state;
    assert_texts(
        false,
        "{\"system\":[{\"type\":\"text\",\"text\":\"s\"}],\"messages\":[{\"role\":\"user\","
        "\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i\",\"content\":\"r\"},"
        "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"data\":\"d\"}},"
        "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"data\":\"AAAA\"}}]}]}",
        "system:plain:s tool_result:plain:r retrieved:plain:d");
}

static void responses_items(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"instructions\":\"s\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":"
                 "\"input_text\",\"text\":\"u\"}]},{\"type\":\"function_call_output\",\"call_id\":"
                 "\"c\",\"output\":\"r\"}],\"metadata\":{\"k\":\"v\"},\"user\":\"w\"}",
                 "system:plain:s user:plain:u tool_result:plain:r user:key:k user:plain:v "
                 "user:plain:w");
}

static void tools_are_the_developers_and_schemas_are_no_text(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"n\",\"description\":"
                 "\"d\",\"parameters\":{\"type\":\"object\",\"description\":\"no\"}}}]}",
                 "developer:plain:d");
}

static void an_unknown_field_is_text(void **state)
{
    (void)state;
    assert_texts(false, "{\"future\":{\"deep\":[\"a\"]}}", "user:plain:a");
}

static void what_an_answer_repeats_is_an_echo(void **state)
{
    (void)state;
    assert_texts(true,
                 "{\"instructions\":\"s\",\"metadata\":{\"k\":\"v\"},\"output\":[{\"type\":"
                 "\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
                 "\"text\":\"t\"}]}]}",
                 "system:plain:echo:s assistant:key:echo:k assistant:plain:echo:v "
                 "assistant:plain:t");
}

static void texts_have_a_limit(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    struct buf document;
    struct json json;
    struct texts texts;
    buf_init(&document, 4u << 20);
    assert_int_equal(buf_add(&document, STR("[\"a\"")), ERR_OK);
    for (size_t i = 1; i <= TEXTS_MAX; i++) {
        assert_int_equal(buf_add(&document, STR(",\"a\"")), ERR_OK);
    }
    assert_int_equal(buf_add(&document, STR("]")), ERR_OK);
    assert_int_equal(json_parse(&json, buf_str(&document), NULL, arena, NULL), ERR_OK);
    texts_of_request(&json, arena, &texts);
    assert_int_equal(texts.count, TEXTS_MAX);
    assert_true(texts.overflow);
    buf_end(&document);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_the_rank_of_its_role),
        cmocka_unit_test(parts_are_texts_and_images_are_not),
        cmocka_unit_test(arguments_are_json),
        cmocka_unit_test(a_tools_input_is_of_free_form),
        cmocka_unit_test(anthropics_system_results_and_documents),
        cmocka_unit_test(responses_items),
        cmocka_unit_test(tools_are_the_developers_and_schemas_are_no_text),
        cmocka_unit_test(an_unknown_field_is_text),
        cmocka_unit_test(what_an_answer_repeats_is_an_echo),
        cmocka_unit_test(texts_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
