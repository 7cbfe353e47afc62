/* SPDX-License-Identifier: Apache-2.0
 * anthropic_messages.c - /v1/messages and /v1/messages/count_tokens.
 *
 * Events are named (event: equals "type"); message_stop ends a stream; usage in message_delta is
 * cumulative; unknown events and pings pass. Clients skip events without an event: line, so such a
 * stream is a failure. */
#include "gateway/dialect.h"

#include "json/json_path.h"
#include "json/json_writer.h"

static enum err read_request(const struct json *json, struct request_view *view,
                             struct fault *fault)
{
    enum err code = dialect_read_common(json, view, fault);
    if (code != ERR_OK) {
        return code;
    }
    uint32_t messages = json_get(json, JSON_ROOT, STR("messages"));
    if (!json_is(json, messages, JSON_ARRAY)) {
        return fault_set(fault, ERR_INVALID, "'messages' must be an array");
    }
    view->messages = json_count(json, messages);
    view->usage_asked = true;
    code = dialect_read_maximum(json, STR("max_tokens"), &view->output_tokens_max, fault);
    uint32_t format = json_path(json, STR("/output_config/format/type"));
    view->structured = json_string_is(json, format, STR("json_schema"));
    uint32_t choice = json_path(json, STR("/tool_choice/type"));
    view->tool_forced = json_string_is(json, choice, STR("any")) ||
                        json_string_is(json, choice, STR("tool"));
    return code;
}

static struct str last_message(const struct json *json, struct arena *arena)
{
    return dialect_last_user(json, json_get(json, JSON_ROOT, STR("messages")), arena);
}

static struct str tool_name(const struct json *json, uint32_t tool, struct arena *arena)
{
    return json_string(json, json_get(json, tool, STR("name")), arena);
}

static void stop_reason(const struct json *json, uint32_t object, struct answer_view *answer)
{
    uint32_t reason = json_get(json, object, STR("stop_reason"));
    if (!json_is(json, reason, JSON_STRING)) {
        return;
    }
    bool refused = json_string_is(json, reason, STR("refusal"));
    answer->refused = answer->refused || refused;
    answer->finished = 1;
    answer->finish = refused                                           ? STR("refusal")
                     : json_string_is(json, reason, STR("tool_use"))   ? STR("tool_use")
                     : json_string_is(json, reason, STR("max_tokens")) ? STR("max_tokens")
                                                                       : STR("end_turn");
}

static enum failure read_answer(const struct json *json, struct answer_view *answer,
                                struct arena *arena)
{
    (void)arena;
    uint32_t content = json_get(json, JSON_ROOT, STR("content"));
    if (!json_is(json, content, JSON_ARRAY)) {
        return FAILURE_malformed;
    }
    for (uint32_t block = json_first(json, content); block != JSON_NONE;
         block = json_after(json, content, block)) {
        answer->has_content = true;
        answer->text_bytes += json_raw(json, block).len;
        if (json_string_is(json, json_get(json, block, STR("type")), STR("tool_use"))) {
            answer->tool_calls++;
        }
    }
    stop_reason(json, JSON_ROOT, answer);
    dialect_add_usage(json, json_get(json, JSON_ROOT, STR("usage")), answer);
    answer->terminal = true;
    return answer->refused ? FAILURE_refused : FAILURE_none;
}

static void add_delta(struct stream_view *out, struct answer_view *answer, enum channel_kind kind,
                      uint64_t block, struct str text)
{
    uint32_t index = (uint32_t)(block % 65536);
    dialect_add_delta(out, answer, (struct delta){kind, index, index, text, STR("")});
}

static void read_block(const struct json *json, struct answer_view *answer, struct stream_view *out)
{
    uint64_t index = 0;
    (void)json_u64(json, json_get(json, JSON_ROOT, STR("index")), &index);
    uint32_t block = json_get(json, JSON_ROOT, STR("content_block"));
    uint32_t delta = json_get(json, JSON_ROOT, STR("delta"));
    uint32_t type = json_get(json, block != JSON_NONE ? block : delta, STR("type"));
    if (json_string_is(json, type, STR("tool_use")) ||
        json_string_is(json, type, STR("server_tool_use"))) {
        answer->tool_calls++;
        uint32_t group = (uint32_t)(index % 65536);
        struct str name = json_inner(json, json_get(json, block, STR("name")));
        dialect_add_delta(out, answer, (struct delta){CHANNEL_TOOL, group, group, STR(""), name});
    } else if (block != JSON_NONE) {
        /* A block that begins with text already: its words are judged like a delta's. */
        bool thinks = json_string_is(json, type, STR("thinking"));
        uint32_t text = json_get(json, block, thinks ? STR("thinking") : STR("text"));
        if (json_is(json, text, JSON_STRING) && json_inner(json, text).len > 0) {
            add_delta(out, answer, thinks ? CHANNEL_REASONING : CHANNEL_TEXT, index,
                      json_inner(json, text));
        }
        out->whole = out->delta_count == 0; /* results of the provider's own tools */
    } else if (json_string_is(json, type, STR("text_delta"))) {
        struct str text = json_inner(json, json_get(json, delta, STR("text")));
        if (text.len > 0) {
            add_delta(out, answer, CHANNEL_TEXT, index, text);
        }
    } else if (json_string_is(json, type, STR("thinking_delta"))) {
        add_delta(out, answer, CHANNEL_REASONING, index,
                  json_inner(json, json_get(json, delta, STR("thinking"))));
    } else if (json_string_is(json, type, STR("input_json_delta"))) {
        add_delta(out, answer, CHANNEL_TOOL, index,
                  json_inner(json, json_get(json, delta, STR("partial_json"))));
    } else if (!json_string_is(json, type, STR("signature_delta"))) {
        out->whole = true; /* citations, and what is yet to be invented */
    }
}

static void read_named(const struct json *json, struct str type, struct answer_view *answer,
                       struct arena *arena, struct stream_view *out)
{
    if (str_equal(type, STR("content_block_delta")) ||
        str_equal(type, STR("content_block_start"))) {
        read_block(json, answer, out);
    } else if (str_equal(type, STR("content_block_stop"))) {
        uint64_t index = 0;
        (void)json_u64(json, json_get(json, JSON_ROOT, STR("index")), &index);
        out->ends = true;
        out->ended = (uint32_t)(index % 65536);
    } else if (str_equal(type, STR("message_start"))) {
        uint32_t message = json_get(json, JSON_ROOT, STR("message"));
        dialect_add_usage(json, json_get(json, message, STR("usage")), answer);
    } else if (str_equal(type, STR("message_delta"))) {
        stop_reason(json, json_get(json, JSON_ROOT, STR("delta")), answer);
        dialect_add_usage(json, json_get(json, JSON_ROOT, STR("usage")), answer);
    } else if (str_equal(type, STR("message_stop"))) {
        answer->terminal = true;
        answer->done = true;
        out->last = true;
    } else if (str_equal(type, STR("ping"))) {
        out->ping = true;
    } else if (str_equal(type, STR("error"))) {
        struct error_fields fields;
        dialect_error_fields(json, arena, &fields);
        out->failure = failure_of_error(fields.code, fields.type, fields.message);
        out->message = fields.message;
    }
}

static void read_event(const struct request_view *view, const struct sse_event *event,
                       struct answer_view *answer, struct arena *arena, struct stream_view *out)
{
    (void)view;
    struct json json;
    struct str type;
    if (!dialect_named_event(event, arena, &json, &type, out)) {
        return;
    }
    read_named(&json, type, answer, arena, out);
}

static enum err write_stream_error(struct buf *to, const struct error_text *error,
                                   const struct answer_view *answer)
{
    (void)answer;
    enum err code = buf_add(to, STR("event: error\ndata: "));
    code = code == ERR_OK ? dialect_write_anthropic_error(to, error) : code;
    return code == ERR_OK ? buf_add(to, STR("\n\n")) : code;
}

static void put_message(struct json_writer *w, const struct request_view *view, struct str id,
                        const struct str *text)
{
    json_begin_object(w);
    json_member_str(w, "id", id);
    json_member_cstr(w, "type", "message");
    json_member_cstr(w, "role", "assistant");
    json_member_str(w, "model", view->model_name);
    json_key(w, "content");
    json_begin_array(w);
    if (text != NULL) {
        json_begin_object(w);
        json_member_cstr(w, "type", "text");
        json_member_str(w, "text", *text);
        json_end_object(w);
    }
    json_end_array(w);
    json_member_cstr(w, "stop_reason", text != NULL ? "end_turn" : NULL);
    json_member_cstr(w, "stop_sequence", NULL);
    json_key(w, "usage");
    json_put_raw(w, STR("{\"input_tokens\":0,\"output_tokens\":0}"));
    json_end_object(w);
}

static enum err write_stream(struct buf *to, const struct request_view *view, struct str id,
                             struct str text)
{
    struct json_writer w;
    enum err code = buf_add(to, STR("event: message_start\ndata: "));
    json_writer_init(&w, to);
    json_begin_object(&w);
    json_member_cstr(&w, "type", "message_start");
    json_key(&w, "message");
    put_message(&w, view, id, NULL);
    json_end_object(&w);
    code = code == ERR_OK ? json_writer_end(&w) : code;
    if (code == ERR_OK) {
        code = buf_add(to, STR("\n\nevent: content_block_start\ndata: {\"type\":\"content_block_"
                               "start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":"
                               "\"\"}}\n\nevent: content_block_delta\ndata: "));
    }
    json_writer_init(&w, to);
    json_begin_object(&w);
    json_member_cstr(&w, "type", "content_block_delta");
    json_member_u64(&w, "index", 0);
    json_key(&w, "delta");
    json_begin_object(&w);
    json_member_cstr(&w, "type", "text_delta");
    json_member_str(&w, "text", text);
    json_end_object(&w);
    json_end_object(&w);
    code = code == ERR_OK ? json_writer_end(&w) : code;
    if (code != ERR_OK) {
        return code;
    }
    return buf_add(to,
                   STR("\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\","
                       "\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\","
                       "\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
                       "\"usage\":{\"output_tokens\":0}}\n\nevent: message_stop\ndata: "
                       "{\"type\":\"message_stop\"}\n\n"));
}

static enum err write_answer(struct buf *to, const struct request_view *view, struct str id,
                             struct str text, int64_t created_s)
{
    (void)created_s;
    if (view->streams) {
        return write_stream(to, view, id, text);
    }
    struct json_writer w;
    json_writer_init(&w, to);
    put_message(&w, view, id, &text);
    return json_writer_end(&w);
}

const struct dialect dialect_anthropic_messages = {
    .name = "anthropic-messages",
    .provider = PROVIDER_ANTHROPIC,
    .path = STR_CONST("/v1/messages"),
    .generates = true,
    .streams = true,
    .read_request = read_request,
    .last_message = last_message,
    .tool_name = tool_name,
    .read_answer = read_answer,
    .read_event = read_event,
    .write_error = dialect_write_anthropic_error,
    .write_stream_error = write_stream_error,
    .write_answer = write_answer,
};

static enum err read_count_request(const struct json *json, struct request_view *view,
                                   struct fault *fault)
{
    enum err code = read_request(json, view, fault);
    view->streams = false;
    view->output_tokens_max = 0;
    return code;
}

static enum failure read_count(const struct json *json, struct answer_view *answer,
                               struct arena *arena)
{
    (void)arena;
    uint64_t tokens;
    if (!json_u64(json, json_get(json, JSON_ROOT, STR("input_tokens")), &tokens)) {
        return FAILURE_malformed;
    }
    answer->usage.known = true; /* counting is free: no tokens are spent */
    answer->has_content = true;
    answer->terminal = true;
    return FAILURE_none;
}

const struct dialect dialect_anthropic_count_tokens = {
    .name = "anthropic-count-tokens",
    .provider = PROVIDER_ANTHROPIC,
    .path = STR_CONST("/v1/messages/count_tokens"),
    .read_request = read_count_request,
    .read_answer = read_count,
    .write_error = dialect_write_anthropic_error,
};
