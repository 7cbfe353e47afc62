/* SPDX-License-Identifier: Apache-2.0
 * test_stage_observe.c - one record an exchange; words only where the route says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stage_kit.h"

static const char configuration[] = STAGE_PROVIDERS
    "routes:\n  none: {path: [t]}\n  meta: {path: [t], capture: meta}\n"
    "  full: {path: [t], capture: full}\n"
    "  person: {path: [t, human], ephemeral: true, retries: {attempts: 1}}\n"
    "agents:\n  a: {}\n";

static int open_kit(void **state)
{
    return stage_open(state, configuration);
}

static struct str ask(void **state, const char *fields, const char *body)
{
    return gateway_kit_post(*state, PATH, fields, body);
}

static void test_the_numbers_are_recorded_always(void **state)
{
    static const char *const parts[] = {
        "\"event\":\"attempt_ended\"",
        "\"failure\":\"none\"",
        "\"event\":\"exchange_ended\"",
        "\"route\":\"none\"",
        "\"endpoint\":\"chat\"",
        "\"model\":\"none\"",
        "\"target\":\"t\"",
        "\"tier\":\"t\"",
        "\"outcome\":\"answered\"",
        "\"tokens_input\":70",
        "\"tokens_output\":30",
        "\"cost_microusd\":1000",
        "\"session\":\"s1\"",
        "\"user\":\"ann\"",
        "\"agent\":\"a\"",
        "\"tokens_estimated\":false",
        "\"streamed\":false",
        "\"generation\":1",
    };
    (void)ask(state, "x-aire-agent: a\r\nx-aire-user: ann\r\nx-aire-session: s1\r\n",
              CHAT("none", ""));
    struct str events = gateway_kit_events(*state);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        assert_has(events, parts[i]);
    }
}

static void test_words_are_recorded_where_the_route_says_so_only(void **state)
{
    (void)ask(state, "", CHAT("none", ""));
    (void)ask(state, "", CHAT("meta", ""));
    assert_has_not(gateway_kit_events(*state), "content_captured");
    assert_has(gateway_kit_events(*state), "\"event\":\"shape_captured\"");
    assert_has(gateway_kit_events(*state), "\"finish\":\"stop\"");
    (void)ask(state, "", CHAT("full", ""));
    struct str events = gateway_kit_events(*state);
    assert_has(events, "\"event\":\"content_captured\"");
    assert_has(events, "\\\"content\\\":\\\"hi\\\"");
    assert_has(events, "\\\"content\\\":\\\"yes\\\"");
}

static void test_a_stream_is_captured_as_it_left(void **state)
{
    gateway_kit_answers(*state, STREAM);
    (void)ask(state, "", CHAT("full", ",\"stream\":true"));
    struct str events = gateway_kit_events(*state);
    assert_has(events, "\\\"delta\\\":{\\\"content\\\":\\\"yes\\\"}");
    assert_has(events, "data: [DONE]");
    assert_has(events, "\"streamed\":true");
    assert_has(events, "\"tokens_estimated\":true");
}

static void test_a_refusal_is_recorded_with_its_reason(void **state)
{
    (void)ask(state, "", "{}");
    struct str events = gateway_kit_events(*state);
    assert_has(events, "\"event\":\"request_refused\"");
    assert_has(events, "\"reason\":\"invalid_request\"");
    assert_has(events, "\"outcome\":\"refused\"");
    assert_has(events, "\"status\":400");
    assert_has(events, "\"attempts\":0");
}

static void test_an_ephemeral_route_asks_a_person_without_a_word_of_the_body(void **state)
{
    static const struct statement questions = {"SELECT id, question FROM reviews", 0};
    gateway_kit_answers(*state, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    struct str answer = ask(state, "", CHAT("person", ""));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(answer, "x-aire-review: rv");
    struct store_query query = {.rows_max = 10};
    assert_int_equal(store_read_now(gateway_kit_commons(*state)->store, &questions, NULL, &query),
                     ERR_OK);
    assert_int_equal(query.row_count, 1);
    assert_int_equal(query.rows[1].bytes.len, 0);
    store_query_end(&query);
    assert_has(gateway_kit_events(*state), "\"event\":\"review_requested\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_kit, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_numbers_are_recorded_always),
        TEST(test_words_are_recorded_where_the_route_says_so_only),
        TEST(test_a_stream_is_captured_as_it_left),
        TEST(test_a_refusal_is_recorded_with_its_reason),
        TEST(test_an_ephemeral_route_asks_a_person_without_a_word_of_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
