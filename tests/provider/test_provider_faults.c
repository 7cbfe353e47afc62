/* SPDX-License-Identifier: Apache-2.0
 * Truths about the scripted faults: each is on the wire as the script says, and only there.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/utf8.h"
#include "provider/wire.h"

#define USER(text)  "\"messages\":[{\"role\":\"user\",\"content\":\"" text "\"}]"
#define CHAT_PLAIN  "{\"model\":\"gpt-big\"," USER("hello") "}"
#define CHAT_STREAM "{\"model\":\"gpt-big\",\"stream\":true," USER("hello") "}"
#define CHAT_USAGE                                                                                 \
    "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," USER("hi") "}"
#define MESSAGE        "{\"model\":\"c\",\"max_tokens\":99," USER("hello") "}"
#define MESSAGE_STREAM "{\"model\":\"c\",\"max_tokens\":99,\"stream\":true," USER("hello") "}"
#define RESPONSE       "{\"model\":\"m\",\"input\":\"hello\",\"stream\":true}"

static struct rig rig;

/* One request under `act`; what came is in the answer. `quiet_ms` ends the wait for stalls. */
static struct answered fault_quiet(const char *act, const char *path, const char *body,
                                   uint64_t quiet_ms)
{
    struct arena *arena = arena_new(1024);
    rig_start(&rig, arena_printf(arena, "rules:\n  - do: {%s}\n", act).at, "");
    arena_free(arena);
    struct str line = arena_printf(rig.arena, "POST %s", path);
    return wire_ask(&rig, wire_request(&rig, line.at, "Connection: close\r\n", str_of(body)),
                    quiet_ms);
}

static struct answered fault(const char *act, const char *path, const char *body)
{
    return fault_quiet(act, path, body, 0);
}

#define CHAT      "/v1/chat/completions"
#define MESSAGES  "/v1/messages"
#define RESPONSES "/v1/responses"

/* ---- errors ---- */

static void errors_have_the_shape_of_their_dialect(void **state)
{
    (void)state;
    struct answered a = fault(
        "error: rate_limit, headers: {retry-after: '2', retry-after-ms: '1500', "
        "x-should-retry: 'false'}",
        CHAT, CHAT_PLAIN);
    assert_int_equal(a.status, 429);
    assert_at(&rig, a.body, "/error/code", "\"rate_limit_exceeded\"");
    assert_true(str_equal(wire_field(&a, "retry-after-ms"), STR("1500")));
    assert_true(str_equal(wire_field(&a, "x-should-retry"), STR("false")));
    rig_end(&rig);
    a = fault("error: overloaded", MESSAGES, MESSAGE);
    assert_int_equal(a.status, 529);
    assert_at(&rig, a.body, "/error/type", "\"overloaded_error\"");
    rig_end(&rig);
    a = fault("error: context_length, message: 'too long'", RESPONSES, RESPONSE);
    assert_int_equal(a.status, 400);
    assert_at(&rig, a.body, "/error/code", "\"context_length_exceeded\"");
    assert_at(&rig, a.body, "/error/message", "\"too long\"");
    rig_end(&rig);
    a = fault("status: 418", CHAT, CHAT_PLAIN);
    assert_int_equal(a.status, 418);
    rig_end(&rig);
    a = fault("error: content_filter", CHAT, CHAT_PLAIN);
    assert_int_equal(a.status, 400);
    assert_at(&rig, a.body, "/error/code", "\"content_filter\"");
    rig_end(&rig);
}

static void a_body_can_be_given(void **state)
{
    (void)state;
    struct answered a = fault("body: '<html>', content_type: text/html, status: 502", CHAT,
                              CHAT_PLAIN);
    assert_int_equal(a.status, 502);
    assert_true(str_equal(wire_field(&a, "content-type"), STR("text/html")));
    assert_true(str_equal(a.body, STR("<html>")));
    rig_end(&rig);
}

static void refusals_end_as_each_dialect_says(void **state)
{
    (void)state;
    struct answered a = fault("finish: content_filter", CHAT, CHAT_PLAIN);
    assert_at(&rig, a.body, "/choices/0/finish_reason", "\"content_filter\"");
    rig_end(&rig);
    a = fault("finish: refusal, text: 'I cannot.'", CHAT, CHAT_PLAIN);
    assert_at(&rig, a.body, "/choices/0/message/refusal", "\"I cannot.\"");
    assert_at(&rig, a.body, "/choices/0/message/content", "null");
    rig_end(&rig);
    a = fault("finish: refusal", MESSAGES, MESSAGE);
    assert_at(&rig, a.body, "/stop_reason", "\"refusal\"");
    rig_end(&rig);
    a = fault("finish: content_filter", RESPONSES, RESPONSE);
    struct events events = events_of(a.body);
    assert_true(str_equal(events.names[events.count - 1], STR("response.incomplete")));
    rig_end(&rig);
    a = fault("finish: refusal, text: 'No.'", RESPONSES, RESPONSE);
    events = events_of(a.body);
    assert_at(&rig, events.data[events.count - 1], "/response/output/0/content/0/refusal",
              "\"No.\"");
    rig_end(&rig);
}

static void answers_can_be_put_in(void **state)
{
    (void)state;
    struct answered a = fault("text: 'as told', model: other, cached_tokens: 4", CHAT, CHAT_PLAIN);
    assert_at(&rig, a.body, "/choices/0/message/content", "\"as told\"");
    assert_at(&rig, a.body, "/model", "\"other\"");
    assert_at(&rig, a.body, "/usage/prompt_tokens_details/cached_tokens", "4");
    rig_end(&rig);
    a = fault("tool: wipe, arguments: '{\"all\":true}'", MESSAGES, MESSAGE);
    assert_at(&rig, a.body, "/content/0/input/all", "true");
    rig_end(&rig);
}

/* ---- ends ---- */

static void a_tidy_end_is_well_framed_but_early(void **state)
{
    (void)state;
    struct answered a = fault("end: tidy, after: 3", CHAT, CHAT_STREAM);
    struct events events = events_of(a.body);
    assert_true(a.framed);
    assert_int_equal(events.count, 3);
    rig_end(&rig);
    a = fault("end: tidy", CHAT, CHAT_PLAIN);
    assert_true(a.framed);
    assert_int_equal(a.body.len, 0);
    rig_end(&rig);
    a = fault("end: tidy, after: 10", CHAT, CHAT_PLAIN);
    assert_true(a.framed);
    assert_int_equal(a.body.len, 10);
    rig_end(&rig);
}

static void a_cut_is_an_end_of_stream_in_the_middle(void **state)
{
    (void)state;
    struct answered a = fault("end: cut, after: 3", CHAT, CHAT_STREAM);
    assert_false(a.framed);
    assert_int_equal(a.error, 0);
    assert_int_equal(events_of(a.body).count, 3);
    rig_end(&rig);
    a = fault("end: cut, after: 10", CHAT, CHAT_PLAIN);
    assert_false(a.framed);
    assert_int_equal(a.body.len, 10);
    rig_end(&rig);
    a = fault("end: cut, headless: true", CHAT, CHAT_PLAIN);
    assert_int_equal(a.raw.len, 0);
    assert_int_equal(a.error, 0);
    assert_false(a.open);
    rig_end(&rig);
}

static void a_reset_is_a_reset(void **state)
{
    (void)state;
    struct answered a = fault("end: reset, after: 2", CHAT, CHAT_STREAM);
    assert_int_equal(a.error, ECONNRESET);
    assert_int_equal(events_of(a.body).count, 2);
    rig_end(&rig);
    a = fault("end: reset, headless: true", CHAT, CHAT_PLAIN);
    assert_int_equal(a.error, ECONNRESET);
    assert_int_equal(a.raw.len, 0);
    rig_end(&rig);
}

static void a_stall_never_goes_on_and_ends_with_its_client(void **state)
{
    (void)state;
    struct answered a = fault_quiet("end: stall, after: 2", CHAT, CHAT_STREAM, 30);
    assert_true(a.open);
    assert_int_equal(events_of(a.body).count, 2);
    assert_int_equal(post(&rig, "/sim/script", "").status, 200);
    struct answered b = get(&rig, "/sim/state", "");
    assert_at(&rig, b.body, "/aborted", "1");
    assert_at(&rig, b.body, "/in_flight", "0"); /* without this very request */
    rig_end(&rig);
    a = fault_quiet("end: stall, headless: true", CHAT, CHAT_PLAIN, 30);
    assert_true(a.open);
    assert_int_equal(a.raw.len, 0);
    rig_end(&rig);
}

static void connections_close_with_or_without_a_word(void **state)
{
    (void)state;
    rig_start(&rig,
              "rules:\n  - {match: {nth: 1}, do: {connection: drop}}\n"
              "  - {do: {connection: close}}\n",
              "");
    struct str request = wire_request(&rig, "POST " CHAT, "", STR(CHAT_PLAIN));
    struct answered a = wire_ask(&rig, request, 0);
    assert_false(a.open);
    assert_true(a.framed);
    assert_int_equal(wire_field(&a, "connection").len, 0);
    a = wire_ask(&rig, request, 0);
    assert_true(str_equal(wire_field(&a, "connection"), STR("close")));
    rig_end(&rig);
}

static void a_connection_is_kept_otherwise(void **state)
{
    (void)state;
    rig_start(&rig, "", "");
    struct answered a = wire_ask(&rig, wire_request(&rig, "POST " CHAT, "", STR(CHAT_STREAM)), 20);
    assert_true(a.open);
    assert_true(a.framed);
    rig_end(&rig);
}

/* ---- time ---- */

static void delays_are_kept(void **state)
{
    (void)state;
    rig_start(&rig, "rules:\n  - do: {delay: 20ms, first_token: 30ms, between: 5ms}\n", "");
    struct instant began = env_instant(&rig.env);
    struct answered a = post(&rig, CHAT, CHAT_STREAM);
    uint64_t ms = instant_since_us(env_instant(&rig.env), began) / 1000;
    assert_true(a.framed);
    assert_true(ms >= 20 + 30 + 3 * 5);
    rig_end(&rig);
}

static void a_plain_answer_waits_only_for_its_head(void **state)
{
    (void)state;
    rig_start(&rig, "rules:\n  - do: {first_token: 9s}\n", "");
    assert_int_equal(post(&rig, CHAT, CHAT_PLAIN).status, 200);
    rig_end(&rig);
}

/* ---- events ---- */

static void events_can_be_left_out(void **state)
{
    (void)state;
    struct answered a = fault("omit: [terminal]", CHAT, CHAT_STREAM);
    struct events events = events_of(a.body);
    assert_true(a.framed);
    assert_at(&rig, events.data[events.count - 1], "/choices/0/finish_reason", "\"stop\"");
    rig_end(&rig);
    a = fault("omit: [finish, terminal]", MESSAGES, MESSAGE_STREAM);
    events = events_of(a.body);
    assert_true(str_equal(events.names[events.count - 1], STR("content_block_stop")));
    rig_end(&rig);
    a = fault("omit: [event_lines]", MESSAGES, MESSAGE_STREAM);
    events = events_of(a.body);
    assert_int_equal(str_find(a.body, STR("event:")), SIZE_MAX);
    assert_at(&rig, events.data[events.count - 1], "/type", "\"message_stop\"");
    rig_end(&rig);
    a = fault("omit: [usage]", CHAT, CHAT_USAGE);
    assert_int_equal(str_find(a.body, STR("total_tokens")), SIZE_MAX);
    rig_end(&rig);
    a = fault("omit: [tokens]", CHAT, CHAT_STREAM);
    assert_int_equal(events_of(a.body).count, 3);
    rig_end(&rig);
}

static void the_usage_chunk_may_lack_choices(void **state)
{
    (void)state;
    struct answered a = fault("usage_choices: 'null'", CHAT, CHAT_USAGE);
    struct events events = events_of(a.body);
    assert_at(&rig, events.data[events.count - 2], "/choices", "null");
    rig_end(&rig);
    a = fault("usage_choices: absent", CHAT, CHAT_USAGE);
    events = events_of(a.body);
    assert_at(&rig, events.data[events.count - 2], "/choices", "");
    rig_end(&rig);
}

static void an_error_can_come_after_a_200(void **state)
{
    (void)state;
    struct answered a = fault("error_event: 3, error: rate_limit", CHAT, CHAT_STREAM);
    struct events events = events_of(a.body);
    assert_int_equal(a.status, 200);
    assert_int_equal(events.count, 3);
    assert_at(&rig, events.data[2], "/error/code", "\"rate_limit_exceeded\"");
    rig_end(&rig);
    a = fault("error_event: 2, error: overloaded", MESSAGES, MESSAGE_STREAM);
    events = events_of(a.body);
    assert_true(str_equal(events.names[1], STR("error")));
    assert_at(&rig, events.data[1], "/error/type", "\"overloaded_error\"");
    rig_end(&rig);
    a = fault("error_event: 4", RESPONSES, RESPONSE);
    events = events_of(a.body);
    assert_true(str_equal(events.names[3], STR("error")));
    assert_at(&rig, events.data[3], "/sequence_number", "3");
    rig_end(&rig);
}

static void an_event_can_be_malformed(void **state)
{
    (void)state;
    struct answered a = fault("bad_event: 2", CHAT, CHAT_STREAM);
    struct events events = events_of(a.body);
    assert_true(json_valid(events.data[0], NULL));
    assert_false(json_valid(events.data[1], NULL));
    assert_true(json_valid(events.data[2], NULL));
    rig_end(&rig);
    a = fault("bad_event: 1", CHAT, CHAT_PLAIN);
    assert_true(a.framed);
    assert_false(json_valid(a.body, NULL));
    rig_end(&rig);
}

static void unknown_events_and_members_come_in_between(void **state)
{
    (void)state;
    struct answered a = fault("extra_events: 2, extra_fields: true", MESSAGES, MESSAGE_STREAM);
    struct events events = events_of(a.body);
    assert_true(str_equal(events.names[1], STR("x_trace")));
    assert_at(&rig, events.data[0], "/x_unknown/big", "12345678901234567890");
    assert_at(&rig, events.data[0], "/type", "\"message_start\"");
    rig_end(&rig);
}

static void padding_makes_one_huge_event_or_body(void **state)
{
    (void)state;
    struct answered a = fault("pad: 2MiB", CHAT, CHAT_STREAM);
    struct events events = events_of(a.body);
    size_t longest = 0;
    for (size_t i = 0; i < events.count; i++) {
        longest = events.data[i].len > longest ? events.data[i].len : longest;
    }
    assert_true(a.framed);
    assert_true(longest > (size_t)2 << 20);
    rig_end(&rig);
    a = fault("pad: 2MiB", CHAT, CHAT_PLAIN);
    assert_true(a.framed);
    assert_true(json_valid(a.body, NULL));
    assert_true(a.body.len > (size_t)2 << 20);
    rig_end(&rig);
}

/* ---- bytes ---- */

static void lines_can_end_otherwise(void **state)
{
    (void)state;
    struct answered a = fault("line_end: crlf", MESSAGES, MESSAGE_STREAM);
    assert_true(str_starts(a.body, STR("event: message_start\r\ndata: {")));
    assert_true(str_ends(a.body, STR("}\r\n\r\n")));
    rig_end(&rig);
    a = fault("line_end: cr", CHAT, CHAT_STREAM);
    assert_int_equal(str_find_byte(a.body, '\n'), SIZE_MAX);
    assert_true(str_ends(a.body, STR("data: [DONE]\r\r")));
    rig_end(&rig);
}

static void comments_and_marks_come_in_between(void **state)
{
    (void)state;
    struct answered a = fault("comments: 1, bom: true", CHAT, CHAT_STREAM);
    assert_true(str_starts(a.body, STR("\xEF\xBB\xBF: PROCESSING\n\ndata: {")));
    rig_end(&rig);
    a = fault("bom: true", CHAT, CHAT_PLAIN);
    assert_true(a.framed);
    assert_true(str_starts(a.body, STR("\xEF\xBB\xBF{")));
    rig_end(&rig);
}

static void data_lines_join_to_the_same_json(void **state)
{
    (void)state;
    struct answered a = fault("data_lines: 3", CHAT, CHAT_STREAM);
    size_t end = str_find(a.body, STR("\n\n"));
    struct str rest = str_cut(a.body, 0, end);
    struct str line;
    struct str joined = STR("");
    size_t lines = 0;
    while (str_split(&rest, '\n', &line)) {
        assert_true(str_starts(line, STR("data: ")));
        joined = arena_printf(rig.arena, STR_FMT "\n" STR_FMT, STR_ARG(joined),
                              STR_ARG(str_cut(line, 6, line.len)));
        lines++;
    }
    assert_int_equal(lines, 3);
    assert_true(json_valid(joined, NULL));
    rig_end(&rig);
}

static void framing_can_lie(void **state)
{
    (void)state;
    struct answered a = fault("framing: both", CHAT, CHAT_PLAIN);
    assert_true(wire_field(&a, "content-length").len > 0 && a.chunked);
    rig_end(&rig);
    a = fault("framing: short", CHAT, CHAT_PLAIN);
    uint64_t length = 0;
    assert_int_equal(num_u64(wire_field(&a, "content-length"), &length), ERR_OK);
    assert_true(length < a.body.len);
    rig_end(&rig);
    a = fault("framing: long", CHAT, CHAT_PLAIN);
    assert_false(a.framed);
    rig_end(&rig);
    a = fault("framing: http10", CHAT, CHAT_STREAM);
    assert_true(str_starts(a.raw, STR("HTTP/1.0 200 ")));
    assert_false(a.chunked);
    assert_true(str_ends(a.body, STR("[DONE]\n\n")));
    rig_end(&rig);
    a = fault("framing: close", CHAT, CHAT_PLAIN);
    assert_int_equal(wire_field(&a, "content-length").len, 0);
    assert_true(json_valid(a.body, NULL));
    rig_end(&rig);
    a = fault("bad_chunk: 2", CHAT, CHAT_STREAM);
    assert_false(a.framed);
    assert_int_equal(events_of(a.body).count, 1);
    rig_end(&rig);
}

static void chunks_and_writes_cut_anywhere(void **state)
{
    (void)state;
    struct answered a = fault("chunk: 3, text: 'Gr\xC3\xBC\xC3\x9F"
                              "e'",
                              CHAT, CHAT_STREAM);
    assert_true(a.framed);
    assert_true(str_find(a.raw, STR("\r\n3\r\n")) != SIZE_MAX);
    assert_true(utf8_valid(a.body));
    rig_end(&rig);
    a = fault("write: 100", CHAT, CHAT_STREAM);
    assert_true(a.framed);
    assert_true(str_ends(a.body, STR("[DONE]\n\n")));
    rig_end(&rig);
}

/* Small reads see small writes, since each write has its own moment. */
static void utf8_is_split_across_chunks_and_writes(void **state)
{
    (void)state;
    rig_start(&rig, "rules:\n  - do: {split_utf8: true, text: '\xC3\xBC\xE4\xB8\xAD'}\n", "");
    int sock = wire_open(&rig);
    wire_send(&rig, sock,
              wire_request(&rig, "POST " CHAT, "Connection: close\r\n", STR(CHAT_STREAM)));
    size_t broken = 0;
    struct buf all;
    buf_init(&all, 1 << 20);
    char bytes[4096];
    for (ssize_t got = 1; got != 0;) {
        (void)loop_turn(rig.loop, false);
        got = recv(sock, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got > 0) {
            broken += !utf8_valid((struct str){bytes, (size_t)got});
            assert_int_equal(buf_add(&all, (struct str){bytes, (size_t)got}), ERR_OK);
        }
    }
    close(sock);
    assert_true(broken >= 2);
    assert_true(str_find(buf_str(&all), STR("\xC3\r\n")) != SIZE_MAX);
    buf_end(&all);
    rig_end(&rig);
}

static void heads_can_be_absurd(void **state)
{
    (void)state;
    struct answered a = fault("headers: ['set-cookie: a=1', 'set-cookie: b=2', "
                              "'content-encoding: gzip'], header_pad: 9KiB",
                              CHAT, CHAT_PLAIN);
    assert_true(str_find(a.head, STR("set-cookie: b=2")) != SIZE_MAX);
    assert_true(str_equal(wire_field(&a, "content-encoding"), STR("gzip")));
    assert_int_equal(wire_field(&a, "x-pad").len, 9 * 1024);
    assert_true(a.framed);
    rig_end(&rig);
}

static void interim_answers_come_first(void **state)
{
    (void)state;
    struct answered a = fault("interim: 103", CHAT, CHAT_PLAIN);
    assert_true(str_starts(a.raw, STR("HTTP/1.1 103 ")));
    assert_int_equal(a.status, 200);
    rig_end(&rig);
    a = fault("interim: 100", CHAT, CHAT_PLAIN);
    assert_true(str_starts(a.raw, STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")));
    rig_end(&rig);
}

static void a_slow_stream_is_seen_to_be_abandoned(void **state)
{
    (void)state;
    struct answered a = fault_quiet("between: 60s", CHAT, CHAT_STREAM, 20);
    assert_true(a.open);
    struct answered b = get(&rig, "/sim/state", "");
    assert_at(&rig, b.body, "/aborted", "1");
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_the_shape_of_their_dialect),
        cmocka_unit_test(a_body_can_be_given),
        cmocka_unit_test(refusals_end_as_each_dialect_says),
        cmocka_unit_test(answers_can_be_put_in),
        cmocka_unit_test(a_tidy_end_is_well_framed_but_early),
        cmocka_unit_test(a_cut_is_an_end_of_stream_in_the_middle),
        cmocka_unit_test(a_reset_is_a_reset),
        cmocka_unit_test(a_stall_never_goes_on_and_ends_with_its_client),
        cmocka_unit_test(connections_close_with_or_without_a_word),
        cmocka_unit_test(a_connection_is_kept_otherwise),
        cmocka_unit_test(delays_are_kept),
        cmocka_unit_test(a_plain_answer_waits_only_for_its_head),
        cmocka_unit_test(events_can_be_left_out),
        cmocka_unit_test(the_usage_chunk_may_lack_choices),
        cmocka_unit_test(an_error_can_come_after_a_200),
        cmocka_unit_test(an_event_can_be_malformed),
        cmocka_unit_test(unknown_events_and_members_come_in_between),
        cmocka_unit_test(padding_makes_one_huge_event_or_body),
        cmocka_unit_test(lines_can_end_otherwise),
        cmocka_unit_test(comments_and_marks_come_in_between),
        cmocka_unit_test(data_lines_join_to_the_same_json),
        cmocka_unit_test(framing_can_lie),
        cmocka_unit_test(chunks_and_writes_cut_anywhere),
        cmocka_unit_test(utf8_is_split_across_chunks_and_writes),
        cmocka_unit_test(heads_can_be_absurd),
        cmocka_unit_test(interim_answers_come_first),
        cmocka_unit_test(a_slow_stream_is_seen_to_be_abandoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
