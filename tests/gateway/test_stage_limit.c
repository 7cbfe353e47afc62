/* SPDX-License-Identifier: Apache-2.0
 * test_stage_limit.c - rates, tokens and money: reserved before, settled after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stage_kit.h"

static const char configuration[] = STAGE_PROVIDERS
    "routes:\n  r: {path: [t], retries: {attempts: 1}}\n"
    "  watched: {path: [t], modes: {limits: observe}}\n"
    "  free: {path: [t], modes: {limits: off}}\n"
    "tools:\n  shop: {http: \"" KIT_PROVIDER "\"}\n"
    "  busy: {http: \"" KIT_PROVIDER "\", rate: 1/min, limits: observe}\n"
    "agents:\n"
    "  rated: {rate: 2/min}\n"
    "  users: {user_rate: 1/min}\n"
    "  soft: {rate: 1/min, limits: observe}\n"
    "  off: {rate: 1/min, limits: off}\n"
    "  tokens: {spend: {day_tokens: 250}}\n"
    "  money: {spend: {day: $0.0021}}\n"
    "  counted: {spend: {day: $5, day_tokens: 100000}}\n";

static int open_kit(void **state)
{
    return stage_open(state, configuration);
}

static struct str ask(void **state, const char *fields, const char *body)
{
    return gateway_kit_post(*state, PATH, fields, body);
}

#define SMALL(route) CHAT(route, ",\"max_tokens\":100")

static void test_beyond_the_rate_is_429_with_the_time_to_wait(void **state)
{
    assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: rated\r\n", SMALL("r"))), 200);
    assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: rated\r\n", SMALL("r"))), 200);
    struct str answer = ask(state, "x-aire-agent: rated\r\n", SMALL("r"));
    assert_refused(answer, 429, "\"code\":\"rate_limit_exceeded\"");
    assert_has(answer, "retry-after: 30\r\n");
    assert_has(answer, "x-should-retry: true\r\n"); /* its own pace: it may come back */
    assert_int_equal(gateway_kit_sent_count(*state), 2);
    assert_has(gateway_kit_events(*state), "\"event\":\"limit_hit\"");
}

static void test_a_tool_that_declares_no_rate_has_the_standards(void **state)
{
    for (int i = 0; i < 10; i++) {
        assert_int_equal(gateway_kit_status(gateway_kit_post(*state, "/tools/shop/x", "", "{}")),
                         200);
    }
    struct str answer = gateway_kit_post(*state, "/tools/shop/x", "", "{}");
    assert_refused(answer, 429, "\"code\":\"rate_limit_exceeded\"");
    assert_has(answer, "retry-after: 6\r\n");
    assert_int_equal(gateway_kit_sent_count(*state), 10);
    assert_int_equal(gateway_kit_status(ask(state, "", SMALL("r"))), 200);
}

static void test_a_tools_rate_is_its_own_and_may_be_observed(void **state)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gateway_kit_status(gateway_kit_post(*state, "/tools/busy/x", "", "{}")),
                         200);
    }
    assert_has(gateway_kit_events(*state), "\"event\":\"limit_hit\"");
}

static void test_calls_of_tools_count_for_the_agent_too(void **state)
{
    static const char rated[] = "x-aire-agent: rated\r\n";
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gateway_kit_status(gateway_kit_post(*state, "/tools/shop/x", rated, "{}")),
                         200);
    }
    assert_int_equal(gateway_kit_status(ask(state, rated, SMALL("r"))), 429);
}

static void test_each_end_user_has_a_rate_of_its_own(void **state)
{
    static const char ann[] = "x-aire-agent: users\r\nx-aire-user: ann\r\n";
    static const char bob[] = "x-aire-agent: users\r\nx-aire-user: bob\r\n";
    assert_int_equal(gateway_kit_status(ask(state, ann, SMALL("r"))), 200);
    assert_int_equal(gateway_kit_status(ask(state, ann, SMALL("r"))), 429);
    assert_int_equal(gateway_kit_status(ask(state, bob, SMALL("r"))), 200);
    assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: users\r\n", SMALL("r"))), 200);
}

static void test_observed_limits_let_pass_and_tell(void **state)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: soft\r\n", SMALL("r"))), 200);
        assert_int_equal(
            gateway_kit_status(ask(state, "x-aire-agent: rated\r\n", SMALL("watched"))), 200);
    }
    assert_has(gateway_kit_events(*state), "\"mode\":\"observe\"");
    assert_has_not(gateway_kit_events(*state), "\"mode\":\"enforce\"");
}

static void test_limits_that_are_off_count_nothing(void **state)
{
    for (int i = 0; i < 4; i++) {
        assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: off\r\n", SMALL("r"))), 200);
        assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: rated\r\n", SMALL("free"))),
                         200);
    }
    assert_has_not(gateway_kit_events(*state), "limit_hit");
}

/* The bound is half a token a byte of the body and max_tokens; what is spent are the provider's
 * 100. */
static void test_tokens_are_reserved_before_and_settled_after(void **state)
{
    assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: tokens\r\n", SMALL("r"))), 200);
    struct str answer = ask(state, "x-aire-agent: tokens\r\n", CHAT("r", ",\"max_tokens\":200"));
    assert_refused(answer, 429, "\"code\":\"budget_exceeded\"");
    assert_has(answer, "day_tokens");
    assert_int_equal(gateway_kit_sent_count(*state), 1);
}

static void test_money_is_bounded_by_the_dearest_target(void **state)
{
    assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: money\r\n", SMALL("r"))), 200);
    assert_refused(ask(state, "x-aire-agent: money\r\n", CHAT("r", ",\"max_tokens\":250")), 429,
                   "day_money");
}

static struct limit_view look(void **state, const char *subject)
{
    struct commons *commons = gateway_kit_commons(*state);
    struct limit_view view = {0};
    assert_true(limits_look(commons->limits, str_of(subject), env_wall(commons->env), &view));
    return view;
}

static void test_what_was_spent_is_counted_and_nothing_stays_held(void **state)
{
    static const char counted[] = "x-aire-agent: counted\r\n";
    assert_int_equal(gateway_kit_status(ask(state, counted, SMALL("r"))), 200);
    struct limit_view view = look(state, "default local agent:counted");
    assert_int_equal(view.day_tokens, 100);
    assert_int_equal(view.day_microusd, 1000); /* 100 tokens of $10 a million */
    assert_true(view.held_tokens == 0 && view.held_microusd == 0);
}

static void test_a_failed_request_gives_back_what_it_held(void **state)
{
    gateway_kit_answers(*state, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: counted\r\n", SMALL("r"))), 502);
    struct limit_view view = look(state, "default local agent:counted");
    assert_true(view.held_tokens == 0 && view.held_microusd == 0);
    assert_int_equal(view.day_tokens, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_kit, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_beyond_the_rate_is_429_with_the_time_to_wait),
        TEST(test_a_tool_that_declares_no_rate_has_the_standards),
        TEST(test_a_tools_rate_is_its_own_and_may_be_observed),
        TEST(test_calls_of_tools_count_for_the_agent_too),
        TEST(test_each_end_user_has_a_rate_of_its_own),
        TEST(test_observed_limits_let_pass_and_tell),
        TEST(test_limits_that_are_off_count_nothing),
        TEST(test_tokens_are_reserved_before_and_settled_after),
        TEST(test_money_is_bounded_by_the_dearest_target),
        TEST(test_what_was_spent_is_counted_and_nothing_stays_held),
        TEST(test_a_failed_request_gives_back_what_it_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
