/* SPDX-License-Identifier: Apache-2.0
 * test_stage_screen.c - what reaches the client of an answer, for every cut of its stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/stream.h"
#include "stage_kit.h"
#include "json/json.h"
#include "json/json_path.h"
#include "json/json_writer.h"

static const char configuration[] = STAGE_PROVIDERS
    "  c: {provider: a}\n"
    "routes:\n  r: {path: [t], guardrails: strict}\n  b: {path: [t], guardrails: blocking}\n"
    "  e: {path: [t], guardrails: both}\n  o: {path: [t], guardrails: watching}\n  h: {path: [t], "
    "guardrails: hooked}\n"
    "  cr: {path: [c], guardrails: strict}\n"
    "guardrails:\n"
    "  strict:\n    input:\n      injection: {mode: off}\n"
    "      pii: {mode: enforce, action: redact, entities: [email]}\n"
    "    output:\n      pii: {mode: enforce, action: redact, entities: [email, ssn, card]}\n"
    "  blocking:\n    output:\n      pii: {mode: enforce, action: block, entities: [ssn]}\n"
    "      length: {mode: enforce, max: 1KiB}\n"
    "  watching:\n    output:\n      pii: {mode: observe, entities: [ssn]}\n"
    "  both:\n    output:\n"
    "      pii: {mode: enforce, action: redact, entities: [aba, ssn], each: {ssn: block}}\n"
    "  hooked:\n    output:\n"
    "      webhook: {mode: enforce, url: \"http://127.0.0.1:9001/judge\", timeout: 300ms}\n";

static int open_kit(void **state)
{
    static char text[sizeof configuration + 128];
    /* A second provider in the other dialect, in front of the targets. */
    const char *targets = strstr(configuration, "targets:");
    int head = (int)(targets - configuration);
    (void)snprintf(text, sizeof text,
                   "%.*s  a: {dialect: anthropic, base_url: " KIT_PROVIDER "}\n%s", head,
                   configuration, targets);
    return stage_open(state, text);
}

#define SAYS(model, text, rest)                                                                    \
    "{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"" text "\"}]" rest "}"
#define STREAMS ",\"stream\":true"

/* ---- making and reading streams ---- */

static void add_chunk(struct buf *to, struct str text)
{
    assert_int_equal(buf_add(to, STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"")),
                     ERR_OK);
    assert_int_equal(json_escape(to, text), ERR_OK);
    assert_int_equal(buf_add(to, STR("\"}}]}\n\n")), ERR_OK);
}

/* The text in pieces that end at `cuts`. */
static const char *stream_of(struct arena *arena, struct str text, const size_t *cuts, size_t count)
{
    struct buf to;
    buf_init(&to, 1 << 20);
    assert_int_equal(buf_add(&to, STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                      "Connection: close\r\n\r\n")),
                     ERR_OK);
    size_t at = 0;
    for (size_t i = 0; i <= count; i++) {
        size_t end = i < count ? cuts[i] : text.len;
        add_chunk(&to, str_cut(text, at, end));
        at = end;
    }
    assert_int_equal(buf_add(&to, STR("data: {\"choices\":[{\"index\":0,\"delta\":{},"
                                      "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")),
                     ERR_OK);
    const char *made = arena_cstr(arena, buf_str(&to));
    buf_end(&to);
    return made;
}

/* All content of the deltas of an answer, joined. */
static struct str content_of(struct arena *arena, struct str answer)
{
    struct buf to;
    buf_init(&to, 1 << 20);
    size_t at;
    while ((at = str_find(answer, STR("data: {"))) != SIZE_MAX) {
        answer = str_cut(answer, at + 6, answer.len);
        struct str line = str_cut(answer, 0, str_find_byte(answer, '\n'));
        struct json json;
        assert_int_equal(json_parse(&json, line, NULL, arena, NULL), ERR_OK);
        struct str text = json_string(&json, json_path(&json, STR("/choices/0/delta/content")),
                                      arena);
        assert_int_equal(buf_add(&to, text), ERR_OK);
    }
    struct str made = arena_str(arena, buf_str(&to));
    buf_end(&to);
    return made;
}

static void assert_says(void **state, const char *text, const size_t *cuts, size_t count,
                        struct str expected)
{
    struct arena *arena = arena_new(4096);
    gateway_kit_answers(*state, stream_of(arena, str_of(text), cuts, count));
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("r", "hi", STREAMS));
    struct str said = content_of(arena, answer);
    if (!str_equal(said, expected)) {
        fail_msg("'%s' cut at %zu, %zu became '" STR_FMT "'", text, count > 0 ? cuts[0] : 0,
                 count > 1 ? cuts[1] : 0, STR_ARG(said));
    }
    assert_has(answer, "data: [DONE]");
    arena_free(arena);
}

/* ---- tests ---- */

static void test_a_plain_answer_is_redacted(void **state)
{
    gateway_kit_answers_json(
        *state, "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
                "\"Her SSN is 536-22-8726, \\u00e9.\"},\"finish_reason\":\"stop\"}]}");
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("r", "hi", ""));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has_not(answer, "536-22-8726");
    assert_has(answer, "\"Her SSN is [US_SSN], \\u00e9.\"");
}

static void test_what_is_observed_is_told_and_left(void **state)
{
    gateway_kit_answers_json(
        *state, "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
                "\"Her SSN is 536-22-8726.\"},\"finish_reason\":\"stop\"}]}");
    assert_has(gateway_kit_post(*state, PATH, "", SAYS("o", "hi", "")), "536-22-8726");
    assert_has(gateway_kit_events(*state), "\"direction\":\"output\"");
    assert_has(gateway_kit_events(*state), "\"would\":\"redact\"");
    assert_has_not(gateway_kit_events(*state), "536-22");
}

static void test_an_answer_that_is_blocked_is_a_polite_error(void **state)
{
    gateway_kit_answers_json(
        *state, "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
                "\"Her SSN is 536-22-8726.\"},\"finish_reason\":\"stop\"}]}");
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("b", "hi", ""));
    assert_int_equal(gateway_kit_status(answer), 403);
    assert_has(answer, "guardrail_blocked");
    assert_has_not(answer, "536-22");
    assert_has(gateway_kit_events(*state), "\"outcome\":\"refused\"");
}

/* Nine digits that are a routing number and a social security number: one is redacted, the other
 * blocks. */
static void test_the_stricter_of_two_actions_on_the_same_words_holds(void **state)
{
    gateway_kit_answers_json(
        *state, "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
                "\"ABA routing number or SSN: 011401533.\"},\"finish_reason\":\"stop\"}]}");
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("e", "hi", ""));
    assert_int_equal(gateway_kit_status(answer), 403);
    assert_has_not(answer, "011401533");
}

/* A provider that opens ever more blocks: those that are judged are bounded, watched or held. */
static void test_an_answer_has_so_many_channels_and_no_more(void **state)
{
    static const char *const models[] = {"o", "r"};
    for (size_t m = 0; m < 2; m++) {
        struct buf to;
        buf_init(&to, 4 << 20);
        assert_int_equal(buf_add(&to, STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                          "Connection: close\r\n\r\n")),
                         ERR_OK);
        for (unsigned i = 0; i < 2 * STREAM_CHANNELS_MAX; i++) {
            assert_int_equal(
                buf_printf(&to,
                           "data: {\"choices\":[{\"index\":%u,\"delta\":{\"tool_calls\":"
                           "[{\"index\":%u,\"function\":{\"arguments\":\"{\"}}]}}]}\n\n",
                           i % 100, i / 100),
                ERR_OK);
        }
        assert_int_equal(buf_add(&to, STR("data: [DONE]\n\n")), ERR_OK);
        gateway_kit_answers(*state, buf_cstr(&to));
        char body[160];
        (void)snprintf(body, sizeof body, SAYS("%s", "hi", STREAMS ",\"n\":100"), models[m]);
        struct str answer = gateway_kit_post(*state, PATH, "", body);
        assert_has(gateway_kit_events(*state), m == 0 ? "too_many" : "attempt_ended");
        assert_has_not(answer, m == 0 ? "guardrail_blocked" : "[DONE]");
        buf_end(&to);
    }
}

static void test_a_stream_that_is_blocked_ends_with_an_error(void **state)
{
    struct arena *arena = arena_new(4096);
    static const size_t cuts[] = {6, 14, 18};
    gateway_kit_answers(*state,
                        stream_of(arena, STR("Hello there, 536-22-8726 is hers, dear"), cuts, 3));
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("b", "hi", STREAMS));
    assert_has_not(answer, "536");
    assert_has(answer, "guardrail_blocked");
    assert_has_not(answer, "[DONE]");
    arena_free(arena);
}

static void test_the_users_own_address_comes_back(void **state)
{
    struct arena *arena = arena_new(4096);
    /* What placeholder will it be? The session is the exchange: ask what was sent, by an echo. */
    (void)gateway_kit_post(*state, PATH, "", SAYS("r", "mail ann@example.com", ""));
    assert_has(gateway_kit_sent_body(*state), "mail [[EMAIL_");
    assert_has_not(gateway_kit_sent_body(*state), "ann@");
    arena_free(arena);
}

static void test_every_cut_of_a_stream_gives_the_same_text(void **state)
{
    static const struct {
        const char *said;
        const char *heard;
    } samples[] = {
        {"Write to bob@example.com or call.", "Write to [EMAIL] or call."},
        {"SSN 536-22-8726 and 536-22-8727x", NULL},
        {"4111 1111 1111 1111", "[CREDIT_CARD]"},
        {"no data at all, just words.", "no data at all, just words."},
        {"quote \" slash \\ caf\xc3\xa9 a@b.example.org \n", NULL},
    };
    for (size_t s = 0; s < sizeof samples / sizeof samples[0]; s++) {
        struct arena *arena = arena_new(4096);
        struct str text = str_of(samples[s].said);
        gateway_kit_answers(*state, stream_of(arena, text, NULL, 0));
        struct str whole = gateway_kit_post(*state, PATH, "", SAYS("r", "hi", STREAMS));
        struct str expected = content_of(arena, whole);
        if (samples[s].heard != NULL) {
            assert_string_equal(arena_cstr(arena, expected), samples[s].heard);
        }
        for (size_t a = 0; a <= text.len; a++) {
            size_t cuts[2] = {a, (a + text.len) / 2};
            bool whole_point = a == text.len || ((unsigned char)text.at[a] & 0xc0) != 0x80;
            if (!whole_point) {
                continue; /* a JSON string cannot hold half a character */
            }
            assert_says(state, samples[s].said, cuts, 1, expected);
        }
        arena_free(arena);
    }
}

static void test_tool_arguments_are_judged_whole(void **state)
{
    gateway_kit_answers(
        *state,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\","
        "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
        "\"function\":{\"arguments\":\"{\\\"to\\\":\\\"bob@exa\"}}]}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
        "\"function\":{\"arguments\":\"mple.com\\\"}\"}}]}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
        "data: [DONE]\n\n");
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("r", "hi", STREAMS));
    assert_has_not(answer, "bob@exa");
    assert_has_not(answer, "mple.com");
    assert_has(answer, "{\\\"to\\\":\\\"[EMAIL]");
    assert_has(answer, "[DONE]");
}

static void test_anthropics_blocks_close_one_by_one(void **state)
{
    gateway_kit_answers(
        *state,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        "event: message_start\ndata: "
        "{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":"
        "\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"c\",\"stop_reason\":null,"
        "\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n"
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
        "{\"type\":\"text_delta\",\"text\":\"to bob@\"}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
        "{\"type\":\"text_delta\",\"text\":\"example.com\"}}\n\n"
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
        "\"end_turn\"},\"usage\":{\"output_tokens\":5}}\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    struct str answer = gateway_kit_post(*state, "/v1/messages", "",
                                         SAYS("cr", "hi", STREAMS ",\"max_tokens\":9"));
    assert_has_not(answer, "bob@");
    assert_has_not(answer, "example.com");
    assert_has(answer, "\"text\":\"to [EMAIL]\"");
    assert_has(answer, "message_stop");
}

static void test_an_answer_that_is_too_long_is_stopped(void **state)
{
    struct arena *arena = arena_new(4096);
    static char text[3000];
    static const size_t cuts[] = {500, 900};
    memset(text, 'x', sizeof text - 1);
    gateway_kit_answers(*state, stream_of(arena, str_of(text), cuts, 2));
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("b", "hi", STREAMS));
    assert_has(answer, "guardrail_blocked");
    arena_free(arena);
}

static void test_an_external_judge_sees_the_whole_answer_first(void **state)
{
    struct arena *arena = arena_new(4096);
    static const size_t cuts[] = {2};
    gateway_kit_answers(*state, stream_of(arena, STR("some words"), cuts, 1));
    gateway_kit_answers_at(*state, "/judge",
                           "HTTP/1.1 200 OK\r\nContent-Length: 19\r\nConnection: close\r\n\r\n"
                           "{\"verdict\":\"block\"}");
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("h", "hi", STREAMS));
    assert_int_equal(gateway_kit_status(answer), 403);
    assert_has_not(answer, "some w");
    assert_has(gateway_kit_sent_body(*state), "\"text\":\"some words\"");
    arena_free(arena);
}

static void test_what_the_external_judge_allows_leaves(void **state)
{
    struct arena *arena = arena_new(4096);
    static const size_t cuts[] = {2};
    gateway_kit_answers(*state, stream_of(arena, STR("some words"), cuts, 1));
    gateway_kit_answers_at(*state, "/judge",
                           "HTTP/1.1 200 OK\r\nContent-Length: 19\r\nConnection: close\r\n\r\n"
                           "{\"verdict\":\"allow\"}");
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("h", "hi", STREAMS));
    assert_int_equal(gateway_kit_status(answer), 200);
    struct str said = content_of(arena, answer);
    assert_string_equal(arena_cstr(arena, said), "some words");
    arena_free(arena);
}

static void test_probabilities_of_tokens_are_refused(void **state)
{
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("r", "hi", ",\"logprobs\":true"));
    assert_refused(answer, 400, "logprobs_unavailable");
    answer = gateway_kit_post(*state, PATH, "", SAYS("r", "hi", ",\"top_logprobs\":5"));
    assert_refused(answer, 400, "logprobs_unavailable");
    answer = gateway_kit_post(*state, PATH, "", SAYS("r", "hi", ",\"logprobs\":5"));
    assert_refused(answer, 400, "logprobs_unavailable");
    answer = gateway_kit_post(*state, PATH, "",
                              SAYS("r", "hi", ",\"include\":[\"message.output_text.logprobs\"]"));
    assert_refused(answer, 400, "logprobs_unavailable");
}

#define PROBABILITIES "\"logprobs\":{\"content\":[{\"token\":\"se\"},{\"token\":\"cret\"}]}"

static void test_probabilities_that_nobody_asked_for_do_not_leave(void **state)
{
    gateway_kit_answers_json(*state, "{\"choices\":[{\"index\":0," PROBABILITIES
                                     ",\"message\":{\"role\":\"assistant\",\"content\":\"yes\"},"
                                     "\"finish_reason\":\"stop\"}]}");
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("r", "hi", ""));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(answer, "\"logprobs\":null");
    assert_has_not(answer, "cret");
}

static void test_a_stream_loses_its_probabilities(void **state)
{
    gateway_kit_answers(*state, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                "Connection: close\r\n\r\n"
                                "data: {\"choices\":[{\"index\":0," PROBABILITIES
                                ",\"delta\":{\"content\":\"yes\"}}]}\n\n"
                                "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                                "\"stop\"}]}\n\ndata: [DONE]\n\n");
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("r", "hi", STREAMS));
    assert_has_not(answer, "cret");
    assert_has(answer, "\"logprobs\":null,\"delta\":{\"content\":\"yes\"}");
}

static void test_what_an_event_says_beside_its_text_is_judged(void **state)
{
    gateway_kit_answers(*state,
                        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        "Connection: close\r\n\r\n"
                        "data: {\"choices\":[{\"index\":0,\"delta\":{\"note\":\"a@example.com\",\n"
                        "data: \"content\":\"b@example.com \",\"audio\":{\"transcript\":"
                        "\"c@example.com\"}}}]}\n\n"
                        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                        "\"stop\"}]}\n\ndata: [DONE]\n\n");
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("r", "hi", STREAMS));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has_not(answer, "example.com");
    assert_has(answer, "{\"note\":\"[EMAIL]\", \"content\":\"[EMAIL] \",\"audio\":{\"transcript\":"
                       "\"[EMAIL]\"}}");
}

static void test_a_refusal_is_judged(void **state)
{
    gateway_kit_answers_json(*state,
                             "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                             "\"content\":null,\"refusal\":\"not for a@example.com\"},"
                             "\"finish_reason\":\"stop\"}]}");
    struct str answer = gateway_kit_post(*state, PATH, "", SAYS("r", "hi", ""));
    assert_has(answer, "not for [EMAIL]");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_kit, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_plain_answer_is_redacted),
        TEST(test_what_is_observed_is_told_and_left),
        TEST(test_an_answer_that_is_blocked_is_a_polite_error),
        TEST(test_the_stricter_of_two_actions_on_the_same_words_holds),
        TEST(test_an_answer_has_so_many_channels_and_no_more),
        TEST(test_a_stream_that_is_blocked_ends_with_an_error),
        TEST(test_the_users_own_address_comes_back),
        TEST(test_every_cut_of_a_stream_gives_the_same_text),
        TEST(test_tool_arguments_are_judged_whole),
        TEST(test_anthropics_blocks_close_one_by_one),
        TEST(test_an_answer_that_is_too_long_is_stopped),
        TEST(test_an_external_judge_sees_the_whole_answer_first),
        TEST(test_what_the_external_judge_allows_leaves),
        TEST(test_probabilities_of_tokens_are_refused),
        TEST(test_probabilities_that_nobody_asked_for_do_not_leave),
        TEST(test_a_stream_loses_its_probabilities),
        TEST(test_what_an_event_says_beside_its_text_is_judged),
        TEST(test_a_refusal_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
