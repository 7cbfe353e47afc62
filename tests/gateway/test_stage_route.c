/* SPDX-License-Identifier: Apache-2.0
 * test_stage_route.c - which route, for whom, and the kill switches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stage_kit.h"

static const char configuration[] = STAGE_PROVIDERS
    "  named: {provider: p, model: \"gpt \\\"9\\\"\"}\n"
    "routes:\n  r: {path: [t]}\n  s: {path: [named]}\n"
    "agents:\n  a: {route: r}\n  b: {}\n";

static int open_kit(void **state)
{
    return stage_open(state, configuration);
}

static struct str ask(void **state, const char *fields, const char *body)
{
    return gateway_kit_post(*state, PATH, fields, body);
}

static void test_a_model_that_no_route_declares_goes_to_the_dialects_provider(void **state)
{
    struct str answer = ask(state, "", CHAT("gpt-elsewhere", ""));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(gateway_kit_sent_body(*state), "\"model\":\"gpt-elsewhere\"");
    assert_has(answer, "x-aire-target: p\r\n");
    assert_has(gateway_kit_events(*state), "\"route\":\"default-p\"");
}

static void test_without_such_a_provider_the_model_is_not_found(void **state)
{
    struct str answer = gateway_kit_post(*state, "/v1/messages", "", CHAT("claude", ""));
    assert_refused(answer, 404, "\"type\":\"not_found_error\"");
    assert_has(answer, "claude");
}

static void test_the_targets_model_replaces_the_routes_name(void **state)
{
    assert_int_equal(gateway_kit_status(ask(state, "", CHAT("s", ""))), 200);
    assert_true(str_equal(gateway_kit_sent_body(*state), STR(CHAT("gpt \\\"9\\\"", ""))));
    assert_has(gateway_kit_events(*state), "\"edits\":\"9+3:\\\"gpt \\\\\\\"9\\\\\\\"\\\"\"");
}

static void test_an_agent_keeps_to_its_route(void **state)
{
    assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: a\r\n", CHAT("r", ""))), 200);
    assert_refused(ask(state, "x-aire-agent: a\r\n", CHAT("s", "")), 403, "route_not_allowed");
    assert_refused(ask(state, "x-aire-agent: a\r\n", CHAT("gpt", "")), 403, "route_not_allowed");
    assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: b\r\n", CHAT("s", ""))), 200);
}

static void test_a_kill_switch_works_at_once_and_both_ways(void **state)
{
    struct stops *stops = gateway_kit_commons(*state)->stops;
    assert_int_equal(stops_set(stops, STOP_AGENT, STR("a"), true), ERR_OK);
    assert_refused(ask(state, "x-aire-agent: a\r\n", CHAT("r", "")), 503, "agent_stopped");
    assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: b\r\n", CHAT("r", ""))), 200);
    assert_int_equal(stops_set(stops, STOP_ROUTE, STR("r"), true), ERR_OK);
    assert_refused(ask(state, "", CHAT("r", "")), 503, "route_stopped");
    assert_int_equal(gateway_kit_status(ask(state, "", CHAT("s", ""))), 200);
    assert_int_equal(stops_set(stops, STOP_ROUTE, STR("r"), false), ERR_OK);
    assert_int_equal(gateway_kit_status(ask(state, "", CHAT("r", ""))), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_kit, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_model_that_no_route_declares_goes_to_the_dialects_provider),
        TEST(test_without_such_a_provider_the_model_is_not_found),
        TEST(test_the_targets_model_replaces_the_routes_name),
        TEST(test_an_agent_keeps_to_its_route),
        TEST(test_a_kill_switch_works_at_once_and_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
