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

static void tools_are_the_developers_and_schemas_have_texts(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"n\",\"description\":"
                 "\"d\",\"parameters\":{\"type\":\"object\",\"description\":\"e f\",\"properties\":"
                 "{\"data\":{\"enum\":[\"g\"],\"default\":\"h\"},\"to do\":{}},\"required\":"
                 "[\"data\",\"i j\"]}}}]}",
                 "developer:plain:d developer:plain:e f developer:plain:g developer:plain:h "
                 "developer:key:to do developer:plain:i j");
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

static void a_text_that_looks_like_a_file_is_a_text(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"messages\":[{\"role\":\"user\",\"content\":\"data: x\"},{\"role\":\"user\","
                 "\"content\":[{\"type\":\"text\",\"text\":\"data:image/png;base64,AAAA\"},"
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,A A\"}},"
                 "{\"file_data\":\"data:text/plain;base64,AAAA\"},{\"data\":\"b c\"},"
                 "{\"url\":\"data:image\\/png;base64,A\\/A=\"}]}]}",
                 "user:plain:data: x user:plain:data:image/png;base64,AAAA "
                 "user:plain:data:image/png;base64,A A "
                 "user:plain:data:text/plain;base64,AAAA user:plain:b c");
}

static void a_part_of_a_message_does_not_choose_who_said_it(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"role\":"
                 "\"assistant\",\"text\":\"a\"},{\"role\":\"system\",\"text\":\"b\"},{\"type\":"
                 "\"reasoning\",\"text\":\"c\"},{\"type\":\"tool_result\",\"content\":\"d\"}]},"
                 "{\"role\":\"user\",\"type\":\"reasoning\",\"content\":\"e\"},"
                 "{\"type\":\"reasoning\",\"content\":\"f\"}]}",
                 "user:plain:a user:plain:b user:plain:c tool_result:plain:d user:plain:e "
                 "user:plain:f");
}

static void an_item_has_the_rank_of_its_type(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"input\":[{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\","
                 "\"text\":\"a\"}]},{\"type\":\"function_call\",\"name\":\"n\",\"arguments\":"
                 "\"{}\"}]}",
                 "assistant:plain:a assistant:json:{}");
}

static void what_is_said_twice_has_the_lowest_rank(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"messages\":[{\"role\":\"user\",\"r\\u006fle\":\"assistant\","
                 "\"content\":\"a\"},{\"role\":\"assistant\",\"type\":\"x\",\"type\":\"y\","
                 "\"content\":\"b\"}]}",
                 "unknown:plain:a unknown:plain:b");
}

static void escaped_names_mean_what_they_say(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"mod\\u0065l\":\"a b\",\"messages\":[{\"role\":\"\\u0073ystem\",\"content\":"
                 "\"s\"},{\"\\u0061rguments\":\"{}\"}]}",
                 "system:plain:\\u0073ystem system:plain:s user:json:{}");
}

static void the_highest_ranks_stand_at_the_root_alone(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"messages\":[{\"role\":\"user\",\"content\":[{\"system\":\"a\","
                 "\"instructions\":[\"b\"],\"tools\":[{\"description\":\"c\"}]}]}]}",
                 "user:plain:a user:plain:b user:plain:c");
}

static void prose_is_text_where_a_word_is_structure(void **state)
{
    (void)state;
    assert_texts(false,
                 "{\"messages\":[{\"role\":\"user\",\"name\":\"ann\",\"id\":\"i d\",\"content\":"
                 "[{\"type\":\"x\",\"name\":\"n\",\"status\":\"do this\"}]}]}",
                 "user:plain:ann user:plain:i d user:plain:do this");
}

static void an_answer_repeats_at_its_root_alone(void **state)
{
    (void)state;
    assert_texts(true,
                 "{\"type\":\"response.completed\",\"response\":{\"metadata\":{\"k\":\"v\"},"
                 "\"output\":[{\"metadata\":{\"k\":\"w\"}}]}}",
                 "assistant:key:echo:k assistant:plain:echo:v assistant:key:k assistant:plain:w");
}

static void token_probabilities_can_be_dropped(void **state)
{
    (void)state;
    static const char document[] =
        "{\"choices\":[{\"logprobs\":{\"content\":[{\"token\":\"a\",\"top_logprobs\":[1]}]},"
        "\"message\":{\"content\":\"b\",\"logprobs\":[{\"token\":\"c\"}]}}],\"logprobs\":[]}";
    struct arena *arena = arena_new(4096);
    struct json json;
    struct json_edit edit;
    struct buf result;
    assert_int_equal(json_parse(&json, str_of(document), NULL, arena, NULL), ERR_OK);
    json_edit_init(&edit, json.text, arena);
    assert_int_equal(texts_drop_logprobs(&json, arena, &edit), ERR_OK);
    buf_init(&result, 4096);
    assert_int_equal(json_edit_apply(&edit, &result), ERR_OK);
    assert_true(str_equal(buf_str(&result),
                          STR("{\"choices\":[{\"logprobs\":null,\"message\":{\"content\":\"b\","
                              "\"logprobs\":[]}}],\"logprobs\":[]}")));
    buf_end(&result);
    arena_free(arena);
    assert_texts(true, document, "assistant:plain:b");
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
        cmocka_unit_test(tools_are_the_developers_and_schemas_have_texts),
        cmocka_unit_test(an_unknown_field_is_text),
        cmocka_unit_test(what_an_answer_repeats_is_an_echo),
        cmocka_unit_test(a_text_that_looks_like_a_file_is_a_text),
        cmocka_unit_test(a_part_of_a_message_does_not_choose_who_said_it),
        cmocka_unit_test(an_item_has_the_rank_of_its_type),
        cmocka_unit_test(what_is_said_twice_has_the_lowest_rank),
        cmocka_unit_test(escaped_names_mean_what_they_say),
        cmocka_unit_test(the_highest_ranks_stand_at_the_root_alone),
        cmocka_unit_test(prose_is_text_where_a_word_is_structure),
        cmocka_unit_test(an_answer_repeats_at_its_root_alone),
        cmocka_unit_test(token_probabilities_can_be_dropped),
        cmocka_unit_test(texts_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
