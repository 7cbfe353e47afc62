/* SPDX-License-Identifier: Apache-2.0
 * Truths about the refund agent: what it reads out of text, which tool it calls, how it fills
 * schemas.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider/brain.h"

#include <string.h>

struct rig {
    struct arena *arena;
    struct buf scratch;
    struct json json;
    struct ask ask;
    struct reply reply;
};

static void rig_end(struct rig *rig)
{
    arena_free(rig->arena);
    buf_end(&rig->scratch);
}

static void think_as(struct rig *rig, const char *body, const struct script_do *act,
                     bool (*read)(struct ask *, struct ask_problem *))
{
    struct ask_problem problem;
    rig->arena = arena_new(4096);
    buf_init(&rig->scratch, 1 << 20);
    assert_int_equal(json_parse(&rig->json, str_of(body), NULL, rig->arena, NULL), ERR_OK);
    rig->ask = (struct ask){.json = &rig->json, .arena = rig->arena, .hash = 7};
    assert_true(read(&rig->ask, &problem));
    brain_answer(&rig->ask, act, &rig->scratch, &rig->reply);
}

static void think(struct rig *rig, const char *body)
{
    think_as(rig, body, &script_do_nothing, ask_chat);
}

static bool contains(struct str s, const char *part)
{
    return str_find(s, str_of(part)) != SIZE_MAX;
}

#define TOOLS                                                                                      \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"lookup_order\",\"parameters\":"    \
    "{\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":\"string\"}},"                    \
    "\"required\":[\"order_id\"]}}},{\"type\":\"function\",\"function\":{\"name\":"                \
    "\"refund_order\",\"parameters\":{\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":" \
    "\"string\"},\"amount\":{\"type\":\"number\"},\"reason\":{\"type\":\"string\"}},"              \
    "\"required\":[\"order_id\",\"amount\"]}}}]"

static void facts_are_spans_of_the_text(void **state)
{
    (void)state;
    struct facts f;
    facts_read(STR("Please refund order 1234 ($20.50) because it broke. Thanks"), &f);
    assert_int_equal(f.order_count, 1);
    assert_true(str_equal(f.orders[0], STR("1234")));
    assert_true(str_equal(f.amount, STR("20.50")));
    assert_true(str_equal(f.reason, STR("it broke")));
    assert_true(f.refund);
    facts_read(STR("orders 1234 and 5678, #9012 and #9012"), &f);
    assert_int_equal(f.order_count, 3);
    assert_true(str_equal(f.orders[2], STR("9012")));
    assert_false(f.refund);
    facts_read(STR("refund order number A-77 of 35.25 dollars, maybe"), &f);
    assert_true(str_equal(f.orders[0], STR("A-77")));
    assert_true(str_equal(f.amount, STR("35.25")));
    assert_true(f.unsure);
    facts_read(STR("in order to win 100 games"), &f);
    assert_int_equal(f.order_count, 0);
    facts_read(STR("answer with confidence 0.42"), &f);
    assert_true(f.confidence > 0.419 && f.confidence < 0.421);
}

static void the_lookup_comes_before_the_refund(void **state)
{
    (void)state;
    struct rig rig;
    think(&rig, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"refund order "
                "1234\"}]," TOOLS "}");
    assert_int_equal(rig.reply.call_count, 1);
    assert_int_equal(rig.reply.finish, FINISH_TOOLS);
    assert_true(str_equal(rig.reply.calls[0].name, STR("lookup_order")));
    assert_true(str_equal(rig.reply.calls[0].arguments, STR("{\"order_id\":\"1234\"}")));
    rig_end(&rig);
}

static void a_stated_amount_is_refunded_at_once(void **state)
{
    (void)state;
    struct rig rig;
    think(&rig, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                "\"refund $20.5 for order 1234 because late\"}]," TOOLS "}");
    assert_true(str_equal(rig.reply.calls[0].name, STR("refund_order")));
    assert_true(str_equal(rig.reply.calls[0].arguments,
                          STR("{\"order_id\":\"1234\",\"amount\":20.5,\"reason\":\"late\"}")));
    rig_end(&rig);
}

#define LOOKED_UP                                                                                  \
    "{\"role\":\"user\",\"content\":\"refund order "                                               \
    "1234\"},{\"role\":\"assistant\",\"tool_calls\":"                                              \
    "[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"lookup_order\",\"arguments\":" \
    "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":"

static void the_refund_takes_the_amount_of_the_lookup(void **state)
{
    (void)state;
    struct rig rig;
    think(&rig, "{\"model\":\"m\",\"messages\":[" LOOKED_UP
                "\"{\\\"status\\\":\\\"shipped\\\",\\\"total\\\":42.5}\"}]," TOOLS "}");
    assert_true(str_equal(rig.reply.calls[0].name, STR("refund_order")));
    assert_true(contains(rig.reply.calls[0].arguments, "\"amount\":42.5"));
    rig_end(&rig);
}

static void a_failed_lookup_ends_the_plan(void **state)
{
    (void)state;
    struct rig rig;
    think(&rig, "{\"model\":\"m\",\"messages\":[" LOOKED_UP "\"order not found\"}]," TOOLS "}");
    assert_int_equal(rig.reply.call_count, 0);
    assert_true(contains(rig.reply.text, "not found"));
    assert_true(rig.reply.confidence < 0.7);
    rig_end(&rig);
}

static void the_outcome_is_told_in_words(void **state)
{
    (void)state;
    struct rig rig;
    think(&rig,
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
          "\"refund $5 of order 1234\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\","
          "\"type\":\"function\",\"function\":{\"name\":\"refund_order\",\"arguments\":\"{}\"}}]}"
          ",{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"{\\\"refund_id\\\":\\\"r9\\\"}"
          "\"}]," TOOLS "}");
    assert_int_equal(rig.reply.finish, FINISH_STOP);
    assert_true(contains(rig.reply.text, "Order 1234 has been refunded: refund id r9."));
    assert_true(contains(rig.reply.text, "\nConfidence: 0.95"));
    rig_end(&rig);
}

static void two_orders_make_parallel_calls_unless_forbidden(void **state)
{
    (void)state;
    struct rig rig;
    think(&rig, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                "\"status of order 1234 and order 5678?\"}]," TOOLS "}");
    assert_int_equal(rig.reply.call_count, 2);
    assert_true(contains(rig.reply.calls[1].arguments, "5678"));
    rig_end(&rig);
    think(&rig, "{\"model\":\"m\",\"parallel_tool_calls\":false,\"messages\":[{\"role\":\"user\","
                "\"content\":\"status of order 1234 and order 5678?\"}]," TOOLS "}");
    assert_int_equal(rig.reply.call_count, 1);
    rig_end(&rig);
}

static void the_callers_choice_of_tool_counts(void **state)
{
    (void)state;
    struct rig rig;
    think(&rig, "{\"model\":\"m\",\"tool_choice\":\"none\",\"messages\":[{\"role\":\"user\","
                "\"content\":\"order 1234?\"}]," TOOLS "}");
    assert_int_equal(rig.reply.call_count, 0);
    rig_end(&rig);
    think(&rig,
          "{\"model\":\"m\",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":"
          "\"refund_order\"}},\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]," TOOLS "}");
    assert_true(str_equal(rig.reply.calls[0].name, STR("refund_order")));
    rig_end(&rig);
    think(&rig, "{\"model\":\"m\",\"tool_choice\":\"required\",\"messages\":[{\"role\":\"user\","
                "\"content\":\"hello\"}]," TOOLS "}");
    assert_int_equal(rig.reply.call_count, 1);
    rig_end(&rig);
}

static void other_tools_are_found_by_their_words(void **state)
{
    (void)state;
    struct rig rig;
    think_as(&rig,
             "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
             "[{\"type\":\"text\",\"text\":\"What is the weather in Paris?\"}]}],\"tools\":[{"
             "\"name\":\"get_weather\",\"input_schema\":{\"type\":\"object\",\"properties\":{"
             "\"location\":{\"type\":\"string\"},\"unit\":{\"enum\":[\"c\",\"f\"]}},"
             "\"required\":[\"location\",\"unit\"]}}]}",
             &script_do_nothing, ask_messages);
    assert_int_equal(rig.reply.call_count, 1);
    assert_true(
        str_equal(rig.reply.calls[0].arguments, STR("{\"location\":\"Paris\",\"unit\":\"c\"}")));
    rig_end(&rig);
}

static void a_schema_gets_a_small_instance(void **state)
{
    (void)state;
    struct rig rig;
    think(
        &rig,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"order 77\"}],"
        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{"
        "\"type\":\"object\",\"$defs\":{\"line\":{\"type\":\"object\",\"properties\":{\"sku\":{"
        "\"type\":\"string\",\"minLength\":3}},\"required\":[\"sku\"]}},\"properties\":{"
        "\"order_id\":{\"type\":\"integer\"},\"confidence\":{\"type\":\"number\"},"
        "\"state\":{\"enum\":[\"new\",\"done\"]},\"lines\":{\"type\":\"array\",\"minItems\":2,"
        "\"items\":{\"$ref\":\"#/$defs/line\"}},\"when\":{\"anyOf\":[{\"type\":\"string\","
        "\"format\":\"date\"},{\"type\":\"null\"}]},\"extra\":{\"type\":\"string\"}},"
        "\"required\":[\"order_id\",\"state\",\"lines\",\"when\"]}}}}");
    assert_true(str_equal(rig.reply.text,
                          STR("{\"order_id\":77,\"confidence\":0.9,\"state\":\"new\",\"lines\":[{"
                              "\"sku\":\"xxx\"},{\"sku\":\"xxx\"}],\"when\":\"2026-01-01\"}")));
    rig_end(&rig);
}

static void an_endless_schema_ends(void **state)
{
    (void)state;
    struct rig rig;
    think(&rig,
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
          "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":"
          "\"object\",\"properties\":{\"next\":{\"$ref\":\"#\"}},\"required\":[\"next\"]}}}}");
    assert_true(json_valid(rig.reply.text, NULL));
    rig_end(&rig);
}

static void a_schema_that_multiplies_stays_small(void **state)
{
    (void)state;
    struct rig rig;
    think(&rig,
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
          "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":"
          "\"array\",\"minItems\":60,\"items\":{\"$ref\":\"#\"}}}}}");
    assert_true(json_valid(rig.reply.text, NULL));
    assert_true(rig.reply.text.len < 100000);
    rig_end(&rig);
}

static void limits_and_stops_end_the_text(void **state)
{
    (void)state;
    struct rig rig;
    think(&rig, "{\"model\":\"m\",\"max_tokens\":2,\"messages\":[{\"role\":\"user\",\"content\":"
                "\"hello there\"}]}");
    assert_int_equal(rig.reply.finish, FINISH_LENGTH);
    assert_int_equal(rig.reply.output_tokens, 2);
    assert_true(str_equal(rig.reply.text, STR("You said:")));
    rig_end(&rig);
    think(&rig,
          "{\"model\":\"m\",\"stop\":[\"there\"],\"messages\":[{\"role\":\"user\",\"content\":"
          "\"hello there\"}]}");
    assert_int_equal(rig.reply.finish, FINISH_SEQUENCE);
    assert_true(str_equal(rig.reply.text, STR("You said: hello ")));
    rig_end(&rig);
}

static void tokens_join_to_the_text(void **state)
{
    (void)state;
    struct str text = STR(
        "Gr\xC3\xBC\xC3\x9F"
        "e \xE4\xB8\xAD\xE6\x96\x87\xE4\xB8\xAD\xE6\x96\x87"
        "\xE4\xB8\xAD\xE6\x96\x87\xE4\xB8\xAD\xE6\x96\x87\xE4\xB8\xAD\xE6\x96\x87 a\n\nb");
    struct str rest = text;
    struct str token;
    size_t len = 0;
    while (brain_token(&rest, &token)) {
        assert_true(token.len > 0);
        assert_memory_equal(token.at, text.at + len, token.len);
        assert_true(((unsigned char)token.at[0] & 0xC0) != 0x80);
        len += token.len;
    }
    assert_int_equal(len, text.len);
}

static void the_script_can_put_words_and_calls_in(void **state)
{
    (void)state;
    struct rig rig;
    struct script_do act = script_do_nothing;
    act.text = STR("as told");
    act.confidence = 0.3;
    think_as(&rig, "{\"model\":\"m\",\"input\":\"hi\"}", &act, ask_responses);
    assert_true(str_equal(rig.reply.text, STR("as told")));
    rig_end(&rig);
    act = script_do_nothing;
    act.tool = STR("drop_table");
    act.arguments = STR("{\"x\":1}");
    think_as(&rig, "{\"model\":\"m\",\"input\":\"hi\"}", &act, ask_responses);
    assert_true(str_equal(rig.reply.calls[0].name, STR("drop_table")));
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_spans_of_the_text),
        cmocka_unit_test(the_lookup_comes_before_the_refund),
        cmocka_unit_test(a_stated_amount_is_refunded_at_once),
        cmocka_unit_test(the_refund_takes_the_amount_of_the_lookup),
        cmocka_unit_test(a_failed_lookup_ends_the_plan),
        cmocka_unit_test(the_outcome_is_told_in_words),
        cmocka_unit_test(two_orders_make_parallel_calls_unless_forbidden),
        cmocka_unit_test(the_callers_choice_of_tool_counts),
        cmocka_unit_test(other_tools_are_found_by_their_words),
        cmocka_unit_test(a_schema_gets_a_small_instance),
        cmocka_unit_test(an_endless_schema_ends),
        cmocka_unit_test(a_schema_that_multiplies_stays_small),
        cmocka_unit_test(limits_and_stops_end_the_text),
        cmocka_unit_test(tokens_join_to_the_text),
        cmocka_unit_test(the_script_can_put_words_and_calls_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
