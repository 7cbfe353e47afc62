/* SPDX-License-Identifier: Apache-2.0
 * Truths about the built-in provider's dialects, as a raw client sees them on the wire.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/text.h"
#include "provider/wire.h"

#include <math.h>
#include <stdio.h>

#define USER(text) "\"messages\":[{\"role\":\"user\",\"content\":\"" text "\"}]"
#define CHAT(more) "{\"model\":\"gpt-big\"," USER("hello") more "}"
#define FUNCTION                                                                                   \
    ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"lookup_order\",\"parameters\":{"  \
    "\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":\"string\"}},\"required\":["       \
    "\"order_id\"]}}}]"

static struct rig rig;

static int plain_rig(void **state)
{
    (void)state;
    rig_start(&rig, "", "");
    return 0;
}

static int end_rig(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static struct str said(const struct events *events, const char *pointer)
{
    struct str joined = STR("");
    for (size_t i = 0; i < events->count; i++) {
        if (events->data[i].at[0] == '{') {
            joined = arena_printf(rig.arena, STR_FMT STR_FMT, STR_ARG(joined),
                                  STR_ARG(text_at(&rig, events->data[i], pointer)));
        }
    }
    return joined;
}

/* ---- chat ---- */

static void chat_answers_plain(void **state)
{
    (void)state;
    struct answered a = post(&rig, "/v1/chat/completions", CHAT(""));
    assert_int_equal(a.status, 200);
    assert_true(a.framed);
    assert_true(str_equal(wire_field(&a, "content-type"), STR("application/json")));
    assert_true(str_starts(wire_field(&a, "x-request-id"), STR("req_")));
    assert_at(&rig, a.body, "/object", "\"chat.completion\"");
    assert_at(&rig, a.body, "/model", "\"gpt-big\"");
    assert_at(&rig, a.body, "/choices/0/message/role", "\"assistant\"");
    assert_at(&rig, a.body, "/choices/0/message/content", "\"You said: hello\\nConfidence: 0.80\"");
    assert_at(&rig, a.body, "/choices/0/finish_reason", "\"stop\"");
    assert_at(&rig, a.body, "/usage/prompt_tokens_details/cached_tokens", "0");
    assert_true(str_starts(text_at(&rig, a.body, "/id"), STR("chatcmpl-")));
    assert_true(at(&rig, a.body, "/system_fingerprint").len > 2);
    assert_true(at(&rig, a.body, "/created").len > 2);
}

static void the_same_request_gets_the_same_bytes(void **state)
{
    (void)state;
    struct answered a = post(&rig, "/v1/chat/completions", CHAT(",\"stream\":true"));
    struct answered b = post(&rig, "/v1/chat/completions", CHAT(",\"stream\":true"));
    struct answered c = post(&rig, "/v1/chat/completions", CHAT(",\"stream\":true,\"user\":\"x\""));
    assert_true(str_equal(a.raw, b.raw));
    assert_false(str_equal(a.raw, c.raw));
}

static void chat_streams(void **state)
{
    (void)state;
    struct answered plain = post(&rig, "/v1/chat/completions", CHAT(""));
    struct answered a = post(&rig, "/v1/chat/completions", CHAT(",\"stream\":true"));
    struct events events = events_of(a.body);
    assert_true(a.framed);
    assert_true(str_starts(wire_field(&a, "content-type"), STR("text/event-stream")));
    assert_true(events.count > 4);
    assert_at(&rig, events.data[0], "/object", "\"chat.completion.chunk\"");
    assert_at(&rig, events.data[0], "/choices/0/delta/role", "\"assistant\"");
    assert_at(&rig, events.data[0], "/choices/0/finish_reason", "null");
    assert_at(&rig, events.data[events.count - 2], "/choices/0/finish_reason", "\"stop\"");
    assert_at(&rig, events.data[events.count - 2], "/choices/0/delta", "{}");
    assert_true(str_equal(events.data[events.count - 1], STR("[DONE]")));
    assert_true(str_equal(said(&events, "/choices/0/delta/content"),
                          text_at(&rig, plain.body, "/choices/0/message/content")));
    assert_true(at(&rig, events.data[1], "/usage").len == 0);
}

static void usage_is_streamed_when_asked_for(void **state)
{
    (void)state;
    struct answered a = post(&rig, "/v1/chat/completions",
                             CHAT(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"));
    struct events events = events_of(a.body);
    assert_at(&rig, events.data[0], "/usage", "null");
    assert_at(&rig, events.data[events.count - 2], "/choices", "[]");
    assert_true(at(&rig, events.data[events.count - 2], "/usage/total_tokens").len > 0);
}

static void tool_calls_come_whole_or_in_fragments(void **state)
{
    (void)state;
    const char *body = "{\"model\":\"m\"," USER("where are order 1234 and order 5678?") FUNCTION
        "}";
    struct answered a = post(&rig, "/v1/chat/completions", body);
    assert_at(&rig, a.body, "/choices/0/finish_reason", "\"tool_calls\"");
    assert_at(&rig, a.body, "/choices/0/message/content", "null");
    assert_at(&rig, a.body, "/choices/0/message/tool_calls/1/function/arguments",
              "\"{\\\"order_id\\\":\\\"5678\\\"}\"");
    struct str id = text_at(&rig, a.body, "/choices/0/message/tool_calls/0/id");
    assert_true(str_starts(id, STR("call_")));
    body = "{\"model\":\"m\",\"stream\":true," USER("where is order 1234?") FUNCTION "}";
    a = post(&rig, "/v1/chat/completions", body);
    struct events events = events_of(a.body);
    assert_at(&rig, events.data[1], "/choices/0/delta/tool_calls/0/function/arguments", "\"\"");
    assert_at(&rig, events.data[1], "/choices/0/delta/tool_calls/0/function/name",
              "\"lookup_order\"");
    assert_at(&rig, events.data[2], "/choices/0/delta/tool_calls/0/index", "0");
    assert_at(&rig, events.data[2], "/choices/0/delta/tool_calls/0/id", "");
    assert_true(str_equal(said(&events, "/choices/0/delta/tool_calls/0/function/arguments"),
                          STR("{\"order_id\":\"1234\"}")));
}

static void several_choices_are_several(void **state)
{
    (void)state;
    struct answered a = post(&rig, "/v1/chat/completions", CHAT(",\"n\":2"));
    assert_at(&rig, a.body, "/choices/1/index", "1");
    assert_at(&rig, a.body, "/choices/2", "");
}

static void max_tokens_end_with_length(void **state)
{
    (void)state;
    struct answered a = post(&rig, "/v1/chat/completions", CHAT(",\"max_completion_tokens\":1"));
    assert_at(&rig, a.body, "/choices/0/finish_reason", "\"length\"");
    assert_at(&rig, a.body, "/usage/completion_tokens", "1");
    a = post(&rig, "/v1/messages", "{\"model\":\"c\",\"max_tokens\":1," USER("hi") "}");
    assert_at(&rig, a.body, "/stop_reason", "\"max_tokens\"");
    a = post(&rig, "/v1/responses", "{\"model\":\"m\",\"max_output_tokens\":1,\"input\":\"hi\"}");
    assert_at(&rig, a.body, "/status", "\"incomplete\"");
    assert_at(&rig, a.body, "/incomplete_details/reason", "\"max_output_tokens\"");
}

/* ---- responses ---- */

static void responses_answer_plain(void **state)
{
    (void)state;
    struct answered a = post(
        &rig, "/v1/responses",
        "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":"
        "\"input_text\",\"text\":\"hello\"},{\"type\":\"input_image\","
        "\"image_url\":\"data:,x\"}]}],\"metadata\":{\"k\":\"v\"}}");
    assert_int_equal(a.status, 200);
    assert_at(&rig, a.body, "/object", "\"response\"");
    assert_at(&rig, a.body, "/status", "\"completed\"");
    assert_at(&rig, a.body, "/metadata/k", "\"v\"");
    assert_at(&rig, a.body, "/output/0/content/0/text", "\"You said: hello\\nConfidence: 0.80\"");
    assert_true(at(&rig, a.body, "/usage/output_tokens_details/reasoning_tokens").len > 0);
}

static void responses_stream_numbered_events(void **state)
{
    (void)state;
    static const char *const order[] = {"response.created", "response.in_progress",
                                        "response.output_item.added", "response.content_part.added",
                                        "response.output_text.delta"};
    static const char *const ending[] = {"response.output_text.done", "response.content_part.done",
                                         "response.output_item.done", "response.completed"};
    struct answered a = post(&rig, "/v1/responses",
                             "{\"model\":\"m\",\"input\":\"hello\",\"stream\":true}");
    struct events events = events_of(a.body);
    for (size_t i = 0; i < 5; i++) {
        assert_true(str_equal(events.names[i], str_of(order[i])));
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(str_equal(events.names[events.count - 4 + i], str_of(ending[i])));
    }
    for (size_t i = 0; i < events.count; i++) {
        char number[32];
        assert_true(str_equal(text_at(&rig, events.data[i], "/type"), events.names[i]));
        (void)snprintf(number, sizeof number, "%zu", i);
        assert_at(&rig, events.data[i], "/sequence_number", number);
    }
    assert_true(str_equal(said(&events, "/delta"), text_at(&rig, events.data[events.count - 1],
                                                           "/response/output/0/content/0/text")));
}

static void responses_stream_function_calls(void **state)
{
    (void)state;
    struct answered a = post(
        &rig, "/v1/responses",
        "{\"model\":\"m\",\"stream\":true,\"input\":\"where is order 1234?\",\"tools\":[{\"type\":"
        "\"function\",\"name\":\"get_order\",\"parameters\":{\"type\":\"object\",\"properties\":{"
        "\"id\":{\"type\":\"integer\"}},\"required\":[\"id\"]}}]}");
    struct events events = events_of(a.body);
    assert_true(str_equal(said(&events, "/delta"), STR("{\"id\":1234}")));
    assert_at(&rig, events.data[events.count - 1], "/response/output/0/name", "\"get_order\"");
    assert_at(&rig, events.data[events.count - 1], "/response/output/0/arguments",
              "\"{\\\"id\\\":1234}\"");
}

static void responses_tell_what_a_tool_found(void **state)
{
    (void)state;
    struct answered a = post(
        &rig, "/v1/responses",
        "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"where is order 9?\"},{"
        "\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"get_order\",\"arguments\":"
        "\"{}\"},{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":"
        "\"{\\\"status\\\":\\\"shipped\\\"}\"}]}");
    assert_at(&rig, a.body, "/output/0/content/0/text",
              "\"Order 9: status shipped.\\nConfidence: 0.95\"");
}

/* ---- messages ---- */

static void messages_answer_plain(void **state)
{
    (void)state;
    struct answered a = post(&rig, "/v1/messages",
                             "{\"model\":\"claude-x\",\"max_tokens\":100," USER("hello") "}");
    assert_int_equal(a.status, 200);
    assert_true(str_starts(wire_field(&a, "request-id"), STR("req_")));
    assert_at(&rig, a.body, "/type", "\"message\"");
    assert_at(&rig, a.body, "/content/0/type", "\"text\"");
    assert_at(&rig, a.body, "/stop_reason", "\"end_turn\"");
    assert_at(&rig, a.body, "/stop_sequence", "null");
    assert_true(str_starts(text_at(&rig, a.body, "/id"), STR("msg_01")));
    assert_true(at(&rig, a.body, "/usage/input_tokens").len > 0);
}

static void messages_stream(void **state)
{
    (void)state;
    struct answered a = post(
        &rig, "/v1/messages",
        "{\"model\":\"claude-x\",\"max_tokens\":100,\"stream\":true," USER("hello") "}");
    struct events events = events_of(a.body);
    for (size_t i = 0; i < events.count; i++) {
        assert_true(str_equal(text_at(&rig, events.data[i], "/type"), events.names[i]));
    }
    assert_true(str_equal(events.names[0], STR("message_start")));
    assert_at(&rig, events.data[0], "/message/content", "[]");
    assert_at(&rig, events.data[0], "/message/usage/output_tokens", "1");
    assert_true(str_equal(events.names[1], STR("content_block_start")));
    assert_true(str_equal(events.names[2], STR("ping")));
    assert_true(str_equal(said(&events, "/delta/text"), STR("You said: hello\nConfidence: 0.80")));
    assert_true(str_equal(events.names[events.count - 2], STR("message_delta")));
    assert_at(&rig, events.data[events.count - 2], "/delta/stop_reason", "\"end_turn\"");
    assert_true(at(&rig, events.data[events.count - 2], "/usage/output_tokens").len > 0);
    assert_true(str_equal(events.names[events.count - 1], STR("message_stop")));
}

static void messages_use_tools_and_think(void **state)
{
    (void)state;
    struct answered a = post(
        &rig, "/v1/messages",
        "{\"model\":\"c\",\"max_tokens\":2000,\"stream\":true,\"thinking\":{\"type\":\"enabled\"}"
        "," USER("where is order 1234?") ",\"tools\":[{\"name\":\"lookup_order\",\"input_schema\":{"
                                         "\"type\":\"object\",\"properties\":{\"order_id\":{"
                                         "\"type\":\"string\"}},\"required\":["
                                         "\"order_id\"]}}]}");
    struct events events = events_of(a.body);
    assert_at(&rig, events.data[1], "/content_block/type", "\"thinking\"");
    assert_true(said(&events, "/delta/signature").len > 10);
    assert_true(str_equal(said(&events, "/delta/partial_json"), STR("{\"order_id\":\"1234\"}")));
    assert_at(&rig, events.data[events.count - 2], "/delta/stop_reason", "\"tool_use\"");
}

static void messages_take_tool_results_and_schemas(void **state)
{
    (void)state;
    struct answered a = post(
        &rig, "/v1/messages",
        "{\"model\":\"c\",\"max_tokens\":200,\"messages\":[{\"role\":\"user\",\"content\":\"order "
        "7?\""
        "},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"x\","
        "\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
        "\"t\",\"content\":[{\"type\":\"text\",\"text\":\"on its way\"}]}]}]}");
    assert_at(&rig, a.body, "/content/0/text", "\"Order 7: on its way.\\nConfidence: 0.95\"");
    a = post(&rig, "/v1/messages",
             "{\"model\":\"c\",\"max_tokens\":200," USER(
                 "hi") ",\"output_config\":{\"format\":{"
                       "\"type\":\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":{"
                       "\"ok\":{"
                       "\"type\":\"boolean\"}},\"required\":[\"ok\"]}}}}");
    assert_at(&rig, a.body, "/content/0/text", "\"{\\\"ok\\\":true}\"");
}

static void stop_sequences_are_named(void **state)
{
    (void)state;
    struct answered a = post(
        &rig, "/v1/messages",
        "{\"model\":\"c\",\"max_tokens\":200,\"stop_sequences\":[\"said\"]," USER("hi") "}");
    assert_at(&rig, a.body, "/stop_reason", "\"stop_sequence\"");
    assert_at(&rig, a.body, "/stop_sequence", "\"said\"");
}

static void tokens_are_counted_alike(void **state)
{
    (void)state;
    struct answered a = post(&rig, "/v1/messages/count_tokens",
                             "{\"model\":\"c\"," USER("hello") "}");
    struct answered b = post(&rig, "/v1/messages",
                             "{\"model\":\"c\",\"max_tokens\":5," USER("hello") "}");
    assert_true(
        str_equal(at(&rig, a.body, "/input_tokens"), at(&rig, b.body, "/usage/input_tokens")));
}

/* ---- embeddings, models ---- */

static void embeddings_have_two_encodings_of_one_vector(void **state)
{
    (void)state;
    struct answered f = post(&rig, "/v1/embeddings",
                             "{\"model\":\"e\",\"input\":\"hello world\",\"dimensions\":8}");
    struct answered b = post(&rig, "/v1/embeddings",
                             "{\"model\":\"e\",\"input\":[\"x\",\"hello world\"],\"dimensions\":8,"
                             "\"encoding_format\":\"base64\"}");
    struct buf bytes;
    buf_init(&bytes, 1000);
    assert_at(&rig, b.body, "/data/1/index", "1");
    assert_int_equal(text_unbase64(&bytes, text_at(&rig, b.body, "/data/1/embedding")), ERR_OK);
    assert_int_equal(bytes.len, 32);
    double length = 0;
    for (size_t i = 0; i < 8; i++) {
        char pointer[64];
        double number = 0;
        uint32_t bits = 0;
        float decoded = 0;
        for (size_t k = 0; k < 4; k++) {
            bits |= (uint32_t)(unsigned char)bytes.at[4 * i + k] << (8 * k);
        }
        memcpy(&decoded, &bits, sizeof decoded);
        (void)snprintf(pointer, sizeof pointer, "/data/0/embedding/%zu", i);
        assert_int_equal(num_double(at(&rig, f.body, pointer), &number), ERR_OK);
        assert_true((float)number == decoded);
        length += number * number;
    }
    assert_true(fabs(length - 1) < 1e-5);
    buf_end(&bytes);
}

static void embeddings_take_tokens_and_refuse_nonsense(void **state)
{
    (void)state;
    struct answered a = post(&rig, "/v1/embeddings",
                             "{\"model\":\"e\",\"input\":[[1,2],[3]],\"dimensions\":4}");
    assert_at(&rig, a.body, "/data/1/object", "\"embedding\"");
    assert_at(&rig, a.body, "/usage/prompt_tokens", "3");
    a = post(&rig, "/v1/embeddings", "{\"model\":\"e\",\"input\":[1,2],\"dimensions\":4}");
    assert_at(&rig, a.body, "/data/1", "");
    a = post(&rig, "/v1/embeddings", "{\"model\":\"e\",\"input\":[]}");
    assert_int_equal(a.status, 400);
    a = post(&rig, "/v1/embeddings", "{\"model\":\"e\",\"input\":\"x\",\"dimensions\":5000}");
    assert_int_equal(a.status, 400);
}

static void models_are_listed_in_both_shapes(void **state)
{
    (void)state;
    struct answered a = get(&rig, "/v1/models", "");
    assert_at(&rig, a.body, "/object", "\"list\"");
    assert_at(&rig, a.body, "/data/0/object", "\"model\"");
    a = get(&rig, "/v1/models", "anthropic-version: 2023-06-01\r\n");
    assert_at(&rig, a.body, "/data/0/type", "\"model\"");
    assert_at(&rig, a.body, "/has_more", "false");
    a = get(&rig, "/v1/models/gpt-x", "");
    assert_at(&rig, a.body, "/id", "\"gpt-x\"");
}

/* ---- refusals ---- */

static void refusals_have_the_dialects_shape(void **state)
{
    (void)state;
    struct answered a = post(&rig, "/v1/chat/completions", "{\"model\":");
    assert_int_equal(a.status, 400);
    assert_at(&rig, a.body, "/error/type", "\"invalid_request_error\"");
    a = post(&rig, "/v1/chat/completions", "{\"model\":\"m\"}");
    assert_at(&rig, a.body, "/error/param", "\"messages\"");
    a = post(&rig, "/v1/messages", "{\"model\":\"m\"," USER("x") "}");
    assert_int_equal(a.status, 400);
    assert_at(&rig, a.body, "/type", "\"error\"");
    assert_at(&rig, a.body, "/error/message", "\"max_tokens: Field required\"");
    assert_true(at(&rig, a.body, "/request_id").len > 4);
    a = post(&rig, "/v1/nothing", "{}");
    assert_int_equal(a.status, 404);
    assert_at(&rig, a.body, "/error/param", "null");
    a = get(&rig, "/v1/chat/completions", "");
    assert_int_equal(a.status, 405);
    a = wire_ask(&rig, STR("GET / HTTP/1.1\r\n\r\n"), 0);
    assert_int_equal(a.status, 400);
}

static void a_required_key_is_required(void **state)
{
    (void)state;
    rig_end(&rig);
    rig_start(&rig, "", "secret");
    struct answered a = get(&rig, "/v1/models", "");
    assert_int_equal(a.status, 401);
    assert_at(&rig, a.body, "/error/code", "\"invalid_api_key\"");
    a = get(&rig, "/v1/models", "anthropic-version: 2023-06-01\r\nx-api-key: wrong\r\n");
    assert_at(&rig, a.body, "/error/type", "\"authentication_error\"");
    a = get(&rig, "/v1/models", "Authorization: Bearer secret\r\n");
    assert_int_equal(a.status, 200);
    a = get(&rig, "/v1/models", "x-api-key: secret\r\n");
    assert_int_equal(a.status, 200);
}

static void any_prefix_is_served(void **state)
{
    (void)state;
    assert_int_equal(post(&rig, "/east/v1/chat/completions", CHAT("")).status, 200);
    assert_int_equal(post(&rig, "/chat/completions", CHAT("")).status, 404);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct str one = wire_request(&rig, "POST /v1/chat/completions", "", STR(CHAT("")));
    struct str two = wire_request(&rig, "POST /v1/messages/count_tokens", "Connection: close\r\n",
                                  STR("{\"model\":\"c\"," USER("x") "}"));
    struct str both = arena_printf(rig.arena, STR_FMT STR_FMT, STR_ARG(one), STR_ARG(two));
    struct answered a = wire_ask(&rig, both, 0);
    size_t chat = str_find(a.raw, STR("chat.completion"));
    size_t count = str_find(a.raw, STR("{\"input_tokens\""));
    assert_true(chat != SIZE_MAX && count != SIZE_MAX && chat < count);
}

static void a_client_may_wait_for_100_continue(void **state)
{
    (void)state;
    int sock = wire_open(&rig);
    wire_send(&rig, sock,
              STR("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                  "Connection: close\r\nContent-Length: 2\r\n\r\n"));
    struct answered a = wire_receive(&rig, sock, 20);
    assert_true(str_equal(a.raw, STR("HTTP/1.1 100 Continue\r\n\r\n")));
    wire_send(&rig, sock, STR("{}"));
    a = wire_receive(&rig, sock, 0);
    wire_read(&rig, &a);
    assert_int_equal(a.status, 400);
    close(sock);
}

static void http10_is_answered_without_chunks(void **state)
{
    (void)state;
    struct str body = STR(CHAT(",\"stream\":true"));
    struct str request = arena_printf(
        rig.arena, "POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %zu\r\n\r\n" STR_FMT,
        body.len, STR_ARG(body));
    struct answered a = wire_ask(&rig, request, 0);
    assert_false(a.chunked);
    assert_true(str_ends(a.body, STR("data: [DONE]\n\n")));
}

/* ---- control ---- */

static void the_state_tells_what_came(void **state)
{
    (void)state;
    (void)post(&rig, "/v1/chat/completions", CHAT(""));
    (void)post(&rig, "/v1/chat/completions", CHAT(",\"user\":\"u\""));
    struct answered a = get(&rig, "/sim/state", "");
    assert_at(&rig, a.body, "/requests", "2");
    assert_at(&rig, a.body, "/paths/~1v1~1chat~1completions", "2");
    assert_at(&rig, a.body, "/models/gpt-big", "2");
    assert_at(&rig, a.body, "/aborted", "0");
    assert_at(&rig, a.body, "/heads/1/method", "\"POST\"");
    assert_at(&rig, a.body, "/heads/1/headers/host", "\"sim\"");
    a = get(&rig, "/sim/last", "");
    assert_true(str_equal(a.body, STR(CHAT(",\"user\":\"u\""))));
}

static void scripts_can_be_changed_at_run_time(void **state)
{
    (void)state;
    struct answered a = post(&rig, "/sim/script", "rules:\n  - {do: {status: 503}}\n");
    assert_at(&rig, a.body, "/rules", "1");
    assert_int_equal(post(&rig, "/v1/chat/completions", CHAT("")).status, 503);
    a = get(&rig, "/sim/state", "");
    assert_at(&rig, a.body, "/rules/0/acted", "1");
    a = post(&rig, "/sim/script", "rules:\n  - {do: {statsu: 503}}\n");
    assert_int_equal(a.status, 400);
    assert_true(str_starts(text_at(&rig, a.body, "/error/message"), STR("line 2: ")));
    assert_int_equal(post(&rig, "/v1/chat/completions", CHAT("")).status, 503);
    (void)wire_ask(&rig, STR("DELETE /sim/script HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
                   0);
    assert_int_equal(post(&rig, "/v1/chat/completions", CHAT("")).status, 200);
}

static void names_beyond_the_table_count_as_other(void **state)
{
    (void)state;
    for (int i = 0; i < 70; i++) {
        (void)get(&rig, arena_printf(rig.arena, "/v1/x%d", i).at, "");
    }
    struct answered a = get(&rig, "/sim/state", "");
    assert_at(&rig, a.body, "/paths/(other)", "6");
    assert_at(&rig, a.body, "/heads/32", "");
    assert_at(&rig, a.body, "/heads/31/target", "\"/v1/x69\"");
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, plain_rig, end_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(chat_answers_plain),
        WITH_RIG(the_same_request_gets_the_same_bytes),
        WITH_RIG(chat_streams),
        WITH_RIG(usage_is_streamed_when_asked_for),
        WITH_RIG(tool_calls_come_whole_or_in_fragments),
        WITH_RIG(several_choices_are_several),
        WITH_RIG(max_tokens_end_with_length),
        WITH_RIG(responses_answer_plain),
        WITH_RIG(responses_stream_numbered_events),
        WITH_RIG(responses_stream_function_calls),
        WITH_RIG(responses_tell_what_a_tool_found),
        WITH_RIG(messages_answer_plain),
        WITH_RIG(messages_stream),
        WITH_RIG(messages_use_tools_and_think),
        WITH_RIG(messages_take_tool_results_and_schemas),
        WITH_RIG(stop_sequences_are_named),
        WITH_RIG(tokens_are_counted_alike),
        WITH_RIG(embeddings_have_two_encodings_of_one_vector),
        WITH_RIG(embeddings_take_tokens_and_refuse_nonsense),
        WITH_RIG(models_are_listed_in_both_shapes),
        WITH_RIG(refusals_have_the_dialects_shape),
        WITH_RIG(a_required_key_is_required),
        WITH_RIG(any_prefix_is_served),
        WITH_RIG(pipelined_requests_are_answered_in_order),
        WITH_RIG(a_client_may_wait_for_100_continue),
        WITH_RIG(http10_is_answered_without_chunks),
        WITH_RIG(the_state_tells_what_came),
        WITH_RIG(scripts_can_be_changed_at_run_time),
        WITH_RIG(names_beyond_the_table_count_as_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
