/* SPDX-License-Identifier: Apache-2.0
 * test_reply.c - which fields pass in either direction, and which are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/gateway_kit.h"

#include <string.h>

static const char configuration[] =
    "version: 1\n"
    "providers:\n"
    "  p: {dialect: openai, base_url: " KIT_PROVIDER "/v1, keys: [our-key]}\n"
    "  q: {dialect: anthropic, base_url: " KIT_PROVIDER ", keys: [ant-key]}\n"
    "  c: {dialect: openai, base_url: " KIT_PROVIDER "/c/v1, auth: client}\n"
    "targets:\n  t: {provider: p}\n  u: {provider: q}\n  v: {provider: c}\n"
    "  d: {provider: p, model: other}\n"
    "routes:\n  r: {path: [t]}\n  m: {path: [u]}\n  own: {path: [v]}\n"
    "  two: {path: [u, t]}\n"
    "  down: {path: [[t], rules], rules: x.yaml, retries: {attempts: 1}}\n";

#define CHAT(model)                                                                                \
    "{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define ANSWER                                                                                     \
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"yes\"},"         \
    "\"finish_reason\":\"stop\"}]}"

static int open_kit(void **state)
{
    *state = gateway_kit_new(configuration);
    gateway_kit_answers_json(*state, ANSWER);
    return 0;
}

/* `head` without the empty line, and a body with its length. */
static void answers(void **state, const char *head, const char *body)
{
    struct str text = arena_printf(gateway_kit_arena(*state),
                                   "%sContent-Type: application/json\r\n"
                                   "Content-Length: %zu\r\n\r\n%s",
                                   head, strlen(body), body);
    gateway_kit_answers(*state, text.at);
}

static int close_kit(void **state)
{
    gateway_kit_free(*state);
    return 0;
}

static void test_what_describes_the_connection_or_is_ours_stops_here(void **state)
{
    static const char fields[] = "Cookie: a=b\r\n"
                                 "Authorization: Bearer client-key\r\n"
                                 "x-api-key: client-key\r\n"
                                 "api-key: client-key\r\n"
                                 "x-aire-session: s1\r\n"
                                 "X-Forwarded-For: 10.0.0.1\r\n"
                                 "Forwarded: for=10.0.0.1\r\n"
                                 "Via: 1.1 x\r\n"
                                 "Proxy-Authorization: Basic eA==\r\n"
                                 "Keep-Alive: 5\r\n"
                                 "TE: trailers\r\n"
                                 "Accept-Encoding: gzip\r\n"
                                 "Origin: http://localhost:3000\r\n"
                                 "Referer: http://localhost:3000/\r\n"
                                 "under_score: x\r\n";
    static const char *const gone[] = {"cookie", "client-key", "x-aire",     "forwarded",
                                       "via",    "proxy-",     "keep-alive", "trailers",
                                       "gzip",   "origin",     "referer",    "under_score"};
    struct str answer = gateway_kit_post(*state, "/v1/chat/completions", fields, CHAT("r"));
    assert_int_equal(gateway_kit_status(answer), 200);
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        struct str head = gateway_kit_sent_head(*state);
        for (size_t at = 0; at < head.len; at++) {
            struct str part = str_cut(head, at, at + str_of(gone[i]).len);
            if (str_equal_ci(part, str_of(gone[i]))) {
                fail_msg("%s went to the provider:\n" STR_FMT, gone[i], STR_ARG(head));
            }
        }
    }
}

static void test_what_versions_and_unknown_fields_say_passes(void **state)
{
    (void)gateway_kit_post(
        *state, "/v1/chat/completions?beta=1",
        "OpenAI-Beta: assistants=v2\r\nx-stainless-lang: js\r\nUser-Agent: me\r\n"
        "Idempotency-Key: k1\r\nAccept: text/plain\r\n",
        CHAT("r"));
    struct str head = gateway_kit_sent_head(*state);
    assert_has(head, "POST /v1/chat/completions?beta=1\n");
    assert_has(head, "OpenAI-Beta: assistants=v2\n");
    assert_has(head, "x-stainless-lang: js\n");
    assert_has(head, "User-Agent: me\n");
    assert_has(head, "Idempotency-Key: k1\n");
    assert_has(head, "Accept: text/plain\n");
}

static void test_a_field_named_by_connection_stops_here(void **state)
{
    struct str answer = gateway_kit_post(*state, "/v1/chat/completions",
                                         "X-Hop: 1\r\nX-Other: 2\r\nConnection: x-hop\r\n",
                                         CHAT("r"));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has_not(gateway_kit_sent_head(*state), "X-Hop");
    assert_has(gateway_kit_sent_head(*state), "X-Other: 2");
}

static void test_each_family_gets_our_credential_its_way(void **state)
{
    (void)gateway_kit_post(*state, "/v1/chat/completions", "", CHAT("r"));
    assert_has(gateway_kit_sent_head(*state), "authorization: Bearer our-key\n");
    gateway_kit_answers_json(*state, "{\"content\":[{\"type\":\"text\",\"text\":\"x\"}],"
                                     "\"stop_reason\":\"end_turn\"}");
    (void)gateway_kit_post(*state, "/v1/messages", "anthropic-version: 2023-06-01\r\n", CHAT("m"));
    assert_has(gateway_kit_sent_head(*state), "x-api-key: ant-key\n");
    assert_has(gateway_kit_sent_head(*state), "anthropic-version: 2023-06-01\n");
    assert_has_not(gateway_kit_sent_head(*state), "uthorization");
}

static void test_the_clients_own_credential_passes_where_the_provider_wants_it(void **state)
{
    (void)gateway_kit_post(*state, "/v1/chat/completions", "Authorization: Bearer mine\r\n",
                           CHAT("own"));
    assert_has(gateway_kit_sent_head(*state), "POST /c/v1/chat/completions\n");
    assert_has(gateway_kit_sent_head(*state), "Authorization: Bearer mine\n");
    assert_has_not(gateway_kit_sent_head(*state), "our-key");
}

static void test_a_trace_is_continued_or_begun(void **state)
{
    (void)gateway_kit_post(
        *state, "/v1/chat/completions",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", CHAT("r"));
    assert_has(gateway_kit_sent_head(*state), "traceparent: 00-0af7651916cd43dd8448eb211c80319c-");
    assert_has_not(gateway_kit_sent_head(*state), "b7ad6b7169203331");
    assert_has(gateway_kit_events(*state), "\"trace\":\"0af7651916cd43dd8448eb211c80319c\"");
    (void)gateway_kit_post(*state, "/v1/chat/completions", "traceparent: nonsense\r\n", CHAT("r"));
    assert_has(gateway_kit_sent_head(*state), "traceparent: 00-");
    assert_has_not(gateway_kit_sent_head(*state), "nonsense");
}

static void test_the_providers_fields_pass_but_for_its_own_connection_and_cookies(void **state)
{
    answers(state,
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nServer: theirs\r\nAlt-Svc: h3\r\n"
            "x-aire-id: forged\r\nX-Request-Id: r1\r\nopenai-processing-ms: 7\r\n"
            "x-ratelimit-remaining: 3\r\nx-should-retry: true\r\nX-Hop: 1\r\n"
            "Connection: close, x-hop\r\nStrict-Transport-Security: max-age=1\r\n"
            "Access-Control-Allow-Origin: *\r\n",
            ANSWER);
    struct str answer = gateway_kit_post(*state, "/v1/chat/completions", "", CHAT("r"));
    static const char *const gone[] = {"Set-Cookie", "theirs",  "Alt-Svc",      "forged",
                                       "X-Hop",      "max-age", "Allow-Origin", "x-should-retry"};
    assert_int_equal(gateway_kit_status(answer), 200);
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        assert_has_not(answer, gone[i]);
    }
    assert_has(answer, "X-Request-Id: r1\r\n");
    assert_has(answer, "openai-processing-ms: 7\r\n");
    assert_has(answer, "x-ratelimit-remaining: 3\r\n");
    assert_has(answer, "content-type: application/json\r\n");
    assert_has(answer, ANSWER);
}

static void test_an_answer_says_where_it_comes_from(void **state)
{
    struct str answer = gateway_kit_post(*state, "/v1/chat/completions", "", CHAT("r"));
    assert_has(answer, "x-aire-id: ex");
    assert_has(answer, "x-aire-target: t\r\n");
    assert_has(answer, "x-aire-tier: t\r\n");
    assert_has(answer, "x-aire-attempts: 1\r\n");
    assert_has_not(answer, "x-aire-degraded");
    assert_has_not(answer, "x-aire-confidence");
}

static void test_an_answer_from_below_the_first_tier_is_degraded(void **state)
{
    struct str answer = gateway_kit_post(*state, "/v1/chat/completions",
                                         "x-aire-confidence: 0.5\r\n", CHAT("two"));
    assert_has(answer, "x-aire-tier: t\r\n");
    assert_has(answer, "x-aire-degraded: t\r\n");
    assert_has(answer, "x-aire-confidence: 0.40\r\n");
}

static void test_rules_are_no_target(void **state)
{
    gateway_kit_answers(*state, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    struct str answer = gateway_kit_post(*state, "/v1/chat/completions", "", CHAT("down"));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(answer, "x-aire-tier: rules\r\n");
    assert_has(answer, "x-aire-degraded: rules\r\n");
    assert_has(answer, "x-aire-attempts: 1\r\n");
    assert_has_not(answer, "x-aire-target");
    assert_has(answer, "from the rules");
}

static void test_an_error_forbids_retries_and_says_when_to_come_back(void **state)
{
    answers(state, "HTTP/1.1 429 Slow\r\nRetry-After: 30\r\n",
            "{\"error\":{\"message\":\"their words\",\"type\":\"tokens\",\"code\":1}}");
    struct str answer = gateway_kit_post(*state, "/v1/chat/completions", "", CHAT("r"));
    assert_int_equal(gateway_kit_status(answer), 429);
    assert_has(answer, "x-should-retry: false\r\n");
    assert_has(answer, "retry-after: 30\r\n");
    assert_has(answer, "\"code\":\"rate_limit_exceeded\"");
    assert_has_not(answer, "their words");
}

static void test_the_clients_own_fault_is_told_in_the_providers_words(void **state)
{
    static const char body[] = "{\"error\":{\"message\":\"no such field\",\"type\":"
                               "\"invalid_request_error\",\"code\":null}}";
    answers(state, "HTTP/1.1 422 No\r\n", body);
    struct str answer = gateway_kit_post(*state, "/v1/chat/completions", "", CHAT("r"));
    assert_int_equal(gateway_kit_status(answer), 422);
    assert_has(answer, body);
    assert_has(answer, "x-should-retry: false\r\n");
    assert_int_equal(gateway_kit_sent_count(*state), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_kit, close_kit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_describes_the_connection_or_is_ours_stops_here),
        TEST(test_what_versions_and_unknown_fields_say_passes),
        TEST(test_a_field_named_by_connection_stops_here),
        TEST(test_each_family_gets_our_credential_its_way),
        TEST(test_the_clients_own_credential_passes_where_the_provider_wants_it),
        TEST(test_a_trace_is_continued_or_begun),
        TEST(test_the_providers_fields_pass_but_for_its_own_connection_and_cookies),
        TEST(test_an_answer_says_where_it_comes_from),
        TEST(test_an_answer_from_below_the_first_tier_is_degraded),
        TEST(test_rules_are_no_target),
        TEST(test_an_error_forbids_retries_and_says_when_to_come_back),
        TEST(test_the_clients_own_fault_is_told_in_the_providers_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
