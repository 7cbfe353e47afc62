/* SPDX-License-Identifier: Apache-2.0
 * test_upstream.c - along a path: tries, keys, targets by weight, tiers, the end (R4, R5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stage_kit.h"

static const char configuration[] =
    "version: 1\n"
    "providers:\n"
    "  a: {dialect: openai, base_url: " KIT_PROVIDER "/a, keys: [one, two]}\n"
    "  b: {dialect: openai, base_url: " KIT_PROVIDER "/b}\n"
    "  ant: {dialect: anthropic, base_url: " KIT_PROVIDER "/ant}\n"
    "  dead: {dialect: openai, base_url: \"http://127.0.0.1:9\"}\n"
    "targets:\n"
    "  a: {provider: a, weight: 3}\n  b: {provider: b}\n  c: {provider: ant}\n"
    "  d: {provider: dead}\n"
    "routes:\n"
    "  one: {path: [a], retries: {attempts: 3, backoff: 10ms, backoff_max: 2s}}\n"
    "  tiers: {path: [a, b], retries: {attempts: 2, backoff: 10ms, backoff_max: 2s}}\n"
    "  shared: {path: [[a, b]], retries: {attempts: 1}}\n"
    "  filtered: {path: [a, b], refusals: fallback}\n"
    "  crossed: {path: [c]}\n"
    "  unreachable: {path: [d, b], retries: {attempts: 1}}\n"
    "  late: {path: [a], timeouts: {total: 1s}}\n"
    "  ruled: {path: [a, rules], rules: x.yaml, retries: {attempts: 1}}\n"
    "  watched: {path: [a, rules, human], rules: x.yaml, retries: {attempts: 1},\n"
    "            modes: {rules: observe}}\n";

#define FAIL(status, fields, body)                                                                 \
    "HTTP/1.1 " status " X\r\nContent-Type: application/json\r\n" fields                           \
    "Connection: close\r\n\r\n" body
#define ERROR(code, type)                                                                          \
    "{\"error\":{\"message\":\"their words\",\"type\":\"" type "\",\"code\":\"" code "\"}}"

static int open_kit(void **state)
{
    return stage_open(state, configuration);
}

static struct str ask(void **state, const char *body)
{
    return gateway_kit_post(*state, PATH, "", body);
}

static void test_a_failing_target_is_tried_again_and_then_left(void **state)
{
    gateway_kit_answers_at(*state, "/a", FAIL("500", "", ""));
    struct str answer = ask(state, CHAT("tiers", ""));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(answer, "x-aire-attempts: 3\r\n");
    assert_has(answer, "x-aire-tier: b\r\n");
    assert_has(answer, "x-aire-degraded: b\r\n");
    assert_has(gateway_kit_events(*state), "\"event\":\"fell_back\"");
}

static void test_nobody_left_is_told_in_our_words(void **state)
{
    gateway_kit_answers(*state, FAIL("500", "", ERROR("x", "y")));
    struct str answer = ask(state, CHAT("tiers", ""));
    assert_refused(answer, 502, "provider_error");
    assert_has_not(answer, "their words");
    assert_has(answer, "x-aire-attempts: 4\r\n");
}

static void test_the_clients_own_fault_is_tried_once(void **state)
{
    gateway_kit_answers_at(*state, "/a", FAIL("400", "", ERROR("bad", "invalid_request_error")));
    assert_refused(ask(state, CHAT("tiers", "")), 400, "their words");
    assert_int_equal(gateway_kit_sent_count(*state), 1);
}

static void test_a_refused_key_gives_way_to_the_next_for_all_that_follow(void **state)
{
    gateway_kit_answers_at(*state, "/a", FAIL("401", "", ERROR("invalid_api_key", "auth")));
    struct str answer = ask(state, CHAT("one", ""));
    assert_refused(answer, 502, "provider_credential_refused");
    assert_has(answer, "x-aire-attempts: 2\r\n");
    assert_has(gateway_kit_sent_head(*state), "Bearer two\n");
}

static void test_a_short_retry_after_is_waited_for(void **state)
{
    gateway_kit_answers_at(*state, "/a", FAIL("429", "retry-after-ms: 1500\r\n", ""));
    uint64_t before_ms = sim_env_ms(gateway_kit_sim(*state));
    struct str answer = ask(state, CHAT("tiers", ""));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_true(sim_env_ms(gateway_kit_sim(*state)) - before_ms >= 1500);
    assert_has(answer, "x-aire-attempts: 3\r\n");
}

static void test_a_long_retry_after_leads_on_at_once(void **state)
{
    gateway_kit_answers_at(*state, "/a", FAIL("429", "retry-after: 60\r\n", ""));
    struct str answer = ask(state, CHAT("tiers", ""));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(answer, "x-aire-attempts: 2\r\n");
}

static void test_over_the_context_length_only_another_target_can_help(void **state)
{
    gateway_kit_answers_at(*state, "/a",
                           FAIL("400", "", ERROR("context_length_exceeded", "invalid_request")));
    struct str answer = ask(state, CHAT("tiers", ""));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(answer, "x-aire-attempts: 2\r\n");
}

#define REFUSED                                                                                    \
    FAIL("200", "",                                                                                \
         "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"no\"},"     \
         "\"finish_reason\":\"content_filter\"}]}")

static void test_a_refusal_is_an_answer_unless_the_route_says_otherwise(void **state)
{
    gateway_kit_answers_at(*state, "/a", REFUSED);
    struct str answer = ask(state, CHAT("tiers", ""));
    assert_has(answer, "content_filter");
    assert_has(answer, "x-aire-tier: a\r\n");
    answer = ask(state, CHAT("filtered", ""));
    assert_has(answer, "yes");
    assert_has(answer, "x-aire-tier: b\r\n");
}

static void test_targets_of_a_tier_share_by_weight(void **state)
{
    unsigned at_a = 0;
    for (int i = 0; i < 200; i++) {
        struct str answer = ask(state, CHAT("shared", ""));
        at_a += gateway_kit_has(answer, "x-aire-target: a\r\n") ? 1 : 0;
        assert_has_not(answer, "x-aire-degraded");
    }
    assert_in_range(at_a, 125, 175); /* of 200, three quarters: 150; four deviations are 25 */
}

static void test_a_tier_is_left_when_all_of_it_failed(void **state)
{
    gateway_kit_answers_at(*state, "/a", FAIL("500", "", ""));
    for (int i = 0; i < 4; i++) {
        struct str answer = ask(state, CHAT("shared", ""));
        assert_int_equal(gateway_kit_status(answer), 200);
        assert_has(answer, "x-aire-target: b\r\n");
    }
}

static void test_a_path_of_another_dialect_is_told_so(void **state)
{
    assert_refused(ask(state, CHAT("crossed", "")), 400, "dialect_unsupported");
    assert_int_equal(gateway_kit_sent_count(*state), 0);
}

static void test_an_unreachable_provider_is_passed_over(void **state)
{
    struct str answer = ask(state, CHAT("unreachable", ""));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(answer, "x-aire-attempts: 2\r\n");
    assert_has(gateway_kit_events(*state), "\"failure\":\"connect\"");
}

static void test_an_open_breaker_is_not_tried_and_says_when(void **state)
{
    gateway_kit_answers_at(*state, "/a", FAIL("500", "", ""));
    for (int i = 0; i < 3; i++) {
        (void)ask(state, CHAT("one", ""));
    }
    size_t before = gateway_kit_sent_count(*state);
    struct str answer = ask(state, CHAT("one", ""));
    assert_refused(answer, 503, "targets_unavailable");
    assert_has(answer, "retry-after: ");
    assert_has(answer, "x-aire-attempts: 0\r\n");
    assert_int_equal(gateway_kit_sent_count(*state), before);
    assert_has(gateway_kit_events(*state), "\"from\":\"closed\",\"to\":\"open\"");
}

static void test_the_deadline_ends_everything(void **state)
{
    gateway_kit_answers_at(*state, "/a", "");
    uint64_t before_ms = sim_env_ms(gateway_kit_sim(*state));
    assert_refused(ask(state, CHAT("late", "")), 504, "deadline_exceeded");
    uint64_t took_ms = sim_env_ms(gateway_kit_sim(*state)) - before_ms;
    assert_in_range(took_ms, 1000, 1500);
}

static void test_rules_answer_only_what_plain_words_satisfy(void **state)
{
    gateway_kit_answers_at(*state, "/a", FAIL("500", "", ""));
    assert_has(ask(state, CHAT("ruled", "")), "from the rules");
    assert_has(ask(state, CHAT("ruled", ",\"stream\":true")), "data: [DONE]");
    struct str answer = ask(state, CHAT("ruled", ",\"tool_choice\":\"required\""));
    assert_int_equal(gateway_kit_status(answer) / 100, 5);
    answer = ask(state, CHAT("ruled", ",\"response_format\":{\"type\":\"json_object\"}"));
    assert_int_equal(gateway_kit_status(answer) / 100, 5);
}

static void test_observed_rules_tell_and_pass_on_to_a_person(void **state)
{
    gateway_kit_answers_at(*state, "/a", FAIL("500", "", ""));
    struct str answer = ask(state, CHAT("watched", ""));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(answer, "x-aire-tier: human\r\n");
    assert_has(answer, "x-aire-confidence: 0.00\r\n");
    assert_has(gateway_kit_events(*state), "\"event\":\"would_have\"");
    answer = ask(state, CHAT("watched", ",\"response_format\":{\"type\":\"json_schema\"}"));
    assert_refused(answer, 503, "review_pending");
    assert_has(answer, "x-aire-review: rv");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_kit, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_failing_target_is_tried_again_and_then_left),
        TEST(test_nobody_left_is_told_in_our_words),
        TEST(test_the_clients_own_fault_is_tried_once),
        TEST(test_a_refused_key_gives_way_to_the_next_for_all_that_follow),
        TEST(test_a_short_retry_after_is_waited_for),
        TEST(test_a_long_retry_after_leads_on_at_once),
        TEST(test_over_the_context_length_only_another_target_can_help),
        TEST(test_a_refusal_is_an_answer_unless_the_route_says_otherwise),
        TEST(test_targets_of_a_tier_share_by_weight),
        TEST(test_a_tier_is_left_when_all_of_it_failed),
        TEST(test_a_path_of_another_dialect_is_told_so),
        TEST(test_an_unreachable_provider_is_passed_over),
        TEST(test_an_open_breaker_is_not_tried_and_says_when),
        TEST(test_the_deadline_ends_everything),
        TEST(test_rules_answer_only_what_plain_words_satisfy),
        TEST(test_observed_rules_tell_and_pass_on_to_a_person),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
