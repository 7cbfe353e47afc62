/* SPDX-License-Identifier: Apache-2.0
 * test_pipeline.c - what the runner promises a stage, with one of our own at its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/pipeline.h"
#include "stage_kit.h"

static const char configuration[] = STAGE_PROVIDERS
    "routes:\n  r: {path: [t], retries: {attempts: 1}}\n"
    "  twice: {path: [t], retries: {attempts: 2, backoff: 1ms}}\n";

/* What the stage saw; reset before each test. */
static struct {
    unsigned requests;
    unsigned attempts;
    unsigned deltas;
    unsigned responses;
    unsigned ends;
    struct timer timer;
    struct exchange *x;
    enum verdict verdict;
    enum channel_kind cleared; /* deltas of this kind are let go at once */
    uint64_t seen[3];
} saw;

static int open_kit(void **state)
{
    memset(&saw, 0, sizeof saw);
    return stage_open(state, configuration);
}

static int close_kit(void **state)
{
    (void)stage_close(state);
    pipeline_set_extra(NULL);
    return 0;
}

static struct str ask(void **state, const char *body)
{
    return gateway_kit_post(*state, PATH, "", body);
}

static void count_end(struct exchange *x, void *state)
{
    (void)x;
    (void)state;
    saw.ends++;
}

/* ---- requests ---- */

static enum flow count_request(struct exchange *x, void *state)
{
    const unsigned char *bytes = state;
    for (size_t i = 0; i < 64 && saw.requests == 0; i++) {
        assert_int_equal(bytes[i], 0); /* state begins as zeroes */
    }
    saw.requests++;
    exchange_raise(x, saw.verdict, "policy_word");
    return FLOW_NEXT;
}

static const struct stage counting = {
    .name = "counting", .state_size = 64, .on_request = count_request, .on_end = count_end};

static void test_a_stage_is_asked_and_ended_once(void **state)
{
    pipeline_set_extra(&counting);
    assert_int_equal(gateway_kit_status(ask(state, CHAT("r", ""))), 200);
    assert_true(saw.requests == 1 && saw.ends == 1);
}

static void test_what_an_earlier_stage_refused_is_ended_but_never_asked(void **state)
{
    pipeline_set_extra(&counting);
    assert_int_equal(gateway_kit_status(ask(state, "{}")), 400);
    assert_true(saw.requests == 0 && saw.ends == 1);
}

static void test_escalate_and_block_stop_before_any_attempt(void **state)
{
    static const enum verdict stops[] = {VERDICT_ESCALATE, VERDICT_BLOCK};
    pipeline_set_extra(&counting);
    for (size_t i = 0; i < 2; i++) {
        saw.verdict = stops[i];
        assert_refused(ask(state, CHAT("r", "")), 403, "policy_word");
    }
    assert_int_equal(gateway_kit_sent_count(*state), 0);
    saw.verdict = VERDICT_REDACT;
    assert_int_equal(gateway_kit_status(ask(state, CHAT("r", ""))), 200);
}

static void go_on(struct timer *timer)
{
    (void)timer;
    pipeline_resume(saw.x);
}

static enum flow wait_twice(struct exchange *x, void *state)
{
    (void)state;
    if (++saw.requests == 3) {
        return FLOW_NEXT;
    }
    saw.x = x;
    timer_init(&saw.timer, go_on);
    timer_arm(x->gateway->loop, &saw.timer, 50);
    return FLOW_WAIT;
}

static const struct stage waiting = {
    .name = "waiting", .on_request = wait_twice, .on_end = count_end};

static void test_a_stage_that_waits_is_asked_again_until_it_goes_on(void **state)
{
    pipeline_set_extra(&waiting);
    uint64_t before_ms = sim_env_ms(gateway_kit_sim(*state));
    assert_int_equal(gateway_kit_status(ask(state, CHAT("r", ""))), 200);
    assert_true(saw.requests == 3 && saw.ends == 1);
    assert_true(sim_env_ms(gateway_kit_sim(*state)) - before_ms >= 100);
}

/* ---- attempts ---- */

static void edit_user(struct exchange *x, void *state, struct json_edit *edit)
{
    (void)state;
    saw.attempts++;
    assert_int_equal(json_edit_set(edit, &x->json, JSON_ROOT, STR("user"), STR("\"e\"")), ERR_OK);
}

static const struct stage editing = {.name = "editing", .on_attempt = edit_user};

static void test_each_attempt_is_edited_from_the_original_and_recorded(void **state)
{
    pipeline_set_extra(&editing);
    gateway_kit_answers(*state, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(gateway_kit_status(ask(state, CHAT("twice", ""))), 502);
    assert_int_equal(saw.attempts, 2);
    assert_true(str_starts(gateway_kit_sent_body(*state), STR("{\"user\":\"e\",\"model\":")));
    assert_int_equal(gateway_kit_sent_count(*state), 2);
    assert_has(gateway_kit_events(*state), "\"edits\":\"1+0:\\\"user\\\":\\\"e\\\",\"");
}

/* ---- answers ---- */

static void judge(struct exchange *x, void *state, uint32_t number, uint64_t key,
                  const struct delta *delta)
{
    (void)state;
    saw.deltas++;
    saw.seen[delta->kind] += delta->text.len;
    if (delta->kind == saw.cleared) {
        stream_clear(&x->stream, number, key, saw.seen[delta->kind]);
    }
}

static enum flow count_response(struct exchange *x, void *state)
{
    (void)x;
    (void)state;
    saw.responses++;
    return FLOW_NEXT;
}

static const struct stage judging = {
    .name = "judging", .on_delta = judge, .on_response = count_response, .on_end = count_end};

#define CHUNK(deltas) "data: {\"choices\":[{\"index\":0,\"delta\":{" deltas "}}]}\n\n"
#define TYPE          "Content-Type: text/event-stream\r\n"
#define HEAD          "HTTP/1.1 200 OK\r\n" TYPE "Connection: close\r\n\r\n"
#define TOOL          "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"SECRET\"}}]"

static struct str judged(void **state, const char *answer)
{
    pipeline_set_extra(&judging);
    saw.cleared = CHANNEL_TEXT;
    gateway_kit_answers(*state, answer);
    return ask(state, CHAT("r", ",\"stream\":true"));
}

static void test_what_is_cleared_leaves(void **state)
{
    struct str answer = judged(state, STREAM);
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(answer, "yes");
    assert_has(answer, "[DONE]");
    assert_true(saw.deltas == 1 && saw.responses == 1 && saw.ends == 1);
}

static void test_what_is_not_cleared_stays_also_when_the_stream_breaks(void **state)
{
    struct str answer = judged(state, HEAD CHUNK("\"content\":\"shown\"") CHUNK(TOOL));
    assert_has(answer, "shown");
    assert_has_not(answer, "SECRET");
    assert_has(answer, "stream_truncated");
    assert_int_equal(saw.responses, 0);
}

static void test_every_delta_of_an_event_must_be_cleared(void **state)
{
    struct str answer = judged(state, HEAD CHUNK("\"content\":\"shown\"")
                                          CHUNK("\"content\":\"with\"," TOOL));
    assert_has(answer, "shown");
    assert_has_not(answer, "SECRET");
    assert_int_equal(saw.deltas, 3);
}

static void test_what_comes_behind_held_text_waits_too(void **state)
{
    struct str answer = judged(state, HEAD CHUNK("\"content\":\"shown\"") CHUNK(TOOL)
                                          CHUNK("\"content\":\"later\""));
    assert_has(answer, "shown");
    assert_has_not(answer, "later");
}

static void test_nothing_at_all_leaves_before_the_first_cleared_content(void **state)
{
    struct str answer = judged(state, HEAD CHUNK("\"role\":\"assistant\"") CHUNK(TOOL));
    assert_refused(answer, 502, "stream_truncated");
    assert_has_not(answer, "SECRET");
    assert_has_not(answer, "assistant");
}

static void test_a_plain_answer_is_shown_to_on_response_before_it_leaves(void **state)
{
    pipeline_set_extra(&judging);
    assert_int_equal(gateway_kit_status(ask(state, CHAT("r", ""))), 200);
    assert_true(saw.responses == 1 && saw.deltas == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_kit, close_kit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_stage_is_asked_and_ended_once),
        TEST(test_what_an_earlier_stage_refused_is_ended_but_never_asked),
        TEST(test_escalate_and_block_stop_before_any_attempt),
        TEST(test_a_stage_that_waits_is_asked_again_until_it_goes_on),
        TEST(test_each_attempt_is_edited_from_the_original_and_recorded),
        TEST(test_what_is_cleared_leaves),
        TEST(test_what_is_not_cleared_stays_also_when_the_stream_breaks),
        TEST(test_every_delta_of_an_event_must_be_cleared),
        TEST(test_what_comes_behind_held_text_waits_too),
        TEST(test_nothing_at_all_leaves_before_the_first_cleared_content),
        TEST(test_a_plain_answer_is_shown_to_on_response_before_it_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
