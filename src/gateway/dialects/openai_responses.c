/* SPDX-License-Identifier: Apache-2.0
 * openai_responses.c - /v1/responses.
 *
 * Every event is named twice (event: and "type") and carries a rising sequence_number;
 * response.completed or response.incomplete ends a stream, response.failed or error fails it; there
 * is no [DONE]. */
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
    uint32_t input = json_get(json, JSON_ROOT, STR("input"));
    view->messages = json_is(json, input, JSON_ARRAY) ? json_count(json, input) : 1;
    view->usage_asked = true;
    code = dialect_read_maximum(json, STR("max_output_tokens"), &view->output_tokens_max, fault);
    uint32_t format = json_path(json, STR("/text/format/type"));
    view->structured = json_string_is(json, format, STR("json_schema")) ||
                       json_string_is(json, format, STR("json_object"));
    uint32_t choice = json_get(json, JSON_ROOT, STR("tool_choice"));
    view->tool_forced = json_is(json, choice, JSON_OBJECT) ||
                        json_string_is(json, choice, STR("required"));
    return code;
}

static struct str last_message(const struct json *json, struct arena *arena)
{
    uint32_t input = json_get(json, JSON_ROOT, STR("input"));
    return json_is(json, input, JSON_STRING) ? json_string(json, input, arena)
                                             : dialect_last_user(json, input, arena);
}

static struct str tool_name(const struct json *json, uint32_t tool, struct arena *arena)
{
    return json_string(json, json_get(json, tool, STR("name")), arena);
}

/* Why the response is incomplete decides whether that was a refusal. */
static void read_end(const struct json *json, uint32_t response, struct answer_view *answer,
                     struct arena *arena)
{
    uint32_t details = json_get(json, response, STR("incomplete_details"));
    uint32_t reason = json_get(json, details, STR("reason"));
    answer->refused = answer->refused || json_string_is(json, reason, STR("content_filter"));
    uint32_t status = json_get(json, response, STR("status"));
    answer->finish = json_is(json, reason, JSON_STRING) ? json_string(json, reason, arena)
                                                        : json_string(json, status, arena);
    dialect_add_usage(json, json_get(json, response, STR("usage")), answer);
}

static struct str end_name(struct str name)
{
    static const struct str names[] = {STR_CONST("completed"), STR_CONST("max_output_tokens"),
                                       STR_CONST("content_filter")};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_equal(name, names[i])) {
            return names[i];
        }
    }
    return STR("other");
}

static enum failure read_answer(const struct json *json, struct answer_view *answer,
                                struct arena *arena)
{
    uint32_t error = json_get(json, JSON_ROOT, STR("error"));
    if (json_is(json, error, JSON_OBJECT)) {
        struct error_fields fields;
        dialect_error_fields(json, arena, &fields);
        return failure_of_error(fields.code, fields.type, fields.message);
    }
    uint32_t output = json_get(json, JSON_ROOT, STR("output"));
    if (!json_is(json, output, JSON_ARRAY)) {
        return FAILURE_malformed;
    }
    for (uint32_t item = json_first(json, output); item != JSON_NONE;
         item = json_after(json, output, item)) {
        answer->has_content = true;
        answer->text_bytes += json_raw(json, item).len;
        if (json_string_is(json, json_get(json, item, STR("type")), STR("function_call"))) {
            answer->tool_calls++;
        }
        uint32_t part = json_at(json, json_get(json, item, STR("content")), 0);
        if (json_string_is(json, json_get(json, part, STR("type")), STR("refusal"))) {
            answer->refused = true;
        }
    }
    read_end(json, JSON_ROOT, answer, arena);
    answer->terminal = true;
    return answer->refused ? FAILURE_refused : FAILURE_none;
}

enum response_event {
    EVENT_OTHER,
    EVENT_TEXT,
    EVENT_REFUSAL,
    EVENT_REASONING,
    EVENT_ARGUMENTS,
    EVENT_ITEM,
    EVENT_END,
    EVENT_FAILED
};

static const struct {
    struct str type;
    enum response_event kind;
} event_kinds[] = {
    {STR_CONST("response.output_text.delta"), EVENT_TEXT},
    {STR_CONST("response.refusal.delta"), EVENT_REFUSAL},
    {STR_CONST("response.reasoning_text.delta"), EVENT_REASONING},
    {STR_CONST("response.reasoning_summary_text.delta"), EVENT_REASONING},
    {STR_CONST("response.function_call_arguments.delta"), EVENT_ARGUMENTS},
    {STR_CONST("response.custom_tool_call_input.delta"), EVENT_ARGUMENTS},
    {STR_CONST("response.output_item.added"), EVENT_ITEM},
    {STR_CONST("response.completed"), EVENT_END},
    {STR_CONST("response.incomplete"), EVENT_END},
    {STR_CONST("response.failed"), EVENT_FAILED},
    {STR_CONST("error"), EVENT_FAILED},
};

static enum response_event kind_of(struct str type)
{
    for (size_t i = 0; i < sizeof event_kinds / sizeof event_kinds[0]; i++) {
        if (str_equal(event_kinds[i].type, type)) {
            return event_kinds[i].kind;
        }
    }
    return EVENT_OTHER;
}

static void add_delta(const struct json *json, enum channel_kind kind, struct answer_view *answer,
                      struct stream_view *out)
{
    uint64_t item = 0;
    uint64_t part = 0;
    (void)json_u64(json, json_get(json, JSON_ROOT, STR("output_index")), &item);
    (void)json_u64(json, json_get(json, JSON_ROOT, STR("content_index")), &part);
    struct str text = json_inner(json, json_get(json, JSON_ROOT, STR("delta")));
    uint32_t called = json_get(json, json_get(json, JSON_ROOT, STR("item")), STR("name"));
    struct str name = kind == CHANNEL_TOOL ? json_inner(json, called) : STR("");
    uint32_t channel = (uint32_t)(item % 65536 * 256 + part % 256);
    dialect_add_delta(out, answer,
                      (struct delta){kind, channel, (uint32_t)(item % 65536), text, name});
}

static void read_kind(const struct json *json, enum response_event kind, struct answer_view *answer,
                      struct arena *arena, struct stream_view *out)
{
    struct error_fields fields;
    uint32_t item = json_get(json, JSON_ROOT, STR("item"));
    switch (kind) {
    case EVENT_TEXT:
        add_delta(json, CHANNEL_TEXT, answer, out);
        break;
    case EVENT_REFUSAL:
        answer->refused = true;
        add_delta(json, CHANNEL_TEXT, answer, out);
        break;
    case EVENT_REASONING:
        add_delta(json, CHANNEL_REASONING, answer, out);
        break;
    case EVENT_ARGUMENTS:
        add_delta(json, CHANNEL_TOOL, answer, out);
        break;
    case EVENT_ITEM:
        out->whole = true;
        if (json_string_is(json, json_get(json, item, STR("type")), STR("function_call"))) {
            answer->tool_calls++;
            add_delta(json, CHANNEL_TOOL, answer, out);
        }
        break;
    case EVENT_END:
        read_end(json, json_get(json, JSON_ROOT, STR("response")), answer, arena);
        /* The event's memory ends with it. */
        answer->finish = answer->refused ? STR("content_filter") : end_name(answer->finish);
        answer->terminal = true;
        answer->done = true;
        out->last = true;
        out->whole = true;
        break;
    case EVENT_FAILED:
        dialect_error_fields(json, arena, &fields);
        out->failure = failure_of_error(fields.code, fields.type, fields.message);
        out->message = fields.message;
        break;
    case EVENT_OTHER: /* repeats what deltas said, or says what has none */
        out->whole = true;
        break;
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
    read_kind(&json, kind_of(type), answer, arena, out);
    uint64_t item = 0;
    if (str_ends(type, STR(".done")) &&
        json_u64(&json, json_get(&json, JSON_ROOT, STR("output_index")), &item)) {
        out->ends = true;
        out->ended = (uint32_t)(item % 65536);
    }
    uint64_t sequence = 0;
    if (out->failure == FAILURE_none &&
        json_u64(&json, json_get(&json, JSON_ROOT, STR("sequence_number")), &sequence)) {
        answer->sequence = sequence; /* of what is forwarded: our own error goes on from it */
    }
}

static enum err write_stream_error(struct buf *to, const struct error_text *error,
                                   const struct answer_view *answer)
{
    struct json_writer w;
    enum err code = buf_add(to, STR("event: error\ndata: "));
    json_writer_init(&w, to);
    json_begin_object(&w);
    json_member_cstr(&w, "type", "error");
    json_member_cstr(&w, "code", error->code != NULL ? error->code : "server_error");
    json_member_str(&w, "message", error->message);
    json_member_cstr(&w, "param", NULL);
    json_member_u64(&w, "sequence_number", answer->sequence + 1);
    json_end_object(&w);
    code = code == ERR_OK ? json_writer_end(&w) : code;
    return code == ERR_OK ? buf_add(to, STR("\n\n")) : code;
}

/* ---- an answer that no model gave ---- */

struct answer_parts {
    const struct request_view *view;
    struct str id;
    struct str text;
    int64_t created_s;
};

static void put_part(struct json_writer *w, struct str text)
{
    json_begin_object(w);
    json_member_cstr(w, "type", "output_text");
    json_member_str(w, "text", text);
    json_key(w, "annotations");
    json_begin_array(w);
    json_end_array(w);
    json_end_object(w);
}

static void put_item(struct json_writer *w, const struct answer_parts *parts, bool complete)
{
    json_begin_object(w);
    json_member_cstr(w, "type", "message");
    json_member_str(w, "id", parts->id);
    json_member_cstr(w, "status", complete ? "completed" : "in_progress");
    json_member_cstr(w, "role", "assistant");
    json_key(w, "content");
    json_begin_array(w);
    if (complete) {
        put_part(w, parts->text);
    }
    json_end_array(w);
    json_end_object(w);
}

static void put_response(struct json_writer *w, const struct answer_parts *parts, bool complete)
{
    json_begin_object(w);
    json_member_str(w, "id", parts->id);
    json_member_cstr(w, "object", "response");
    json_member_i64(w, "created_at", parts->created_s);
    json_member_cstr(w, "status", complete ? "completed" : "in_progress");
    json_member_cstr(w, "error", NULL);
    json_member_cstr(w, "incomplete_details", NULL);
    json_member_str(w, "model", parts->view->model_name);
    json_key(w, "output");
    json_begin_array(w);
    if (complete) {
        put_item(w, parts, true);
    }
    json_end_array(w);
    json_member_bool(w, "parallel_tool_calls", true);
    json_member_cstr(w, "tool_choice", "auto");
    json_key(w, "tools");
    json_begin_array(w);
    json_end_array(w);
    json_key(w, "usage");
    json_put_raw(w, STR("{\"input_tokens\":0,\"output_tokens\":0,\"total_tokens\":0}"));
    json_end_object(w);
}

/* The events of a one-part answer, in order; `what` says which object each carries. */
static const struct {
    const char *type;
    enum {
        PART_RESPONSE,
        PART_RESPONSE_DONE,
        PART_ITEM,
        PART_ITEM_DONE,
        PART_CONTENT,
        PART_CONTENT_DONE,
        PART_DELTA,
        PART_TEXT
    } what;
} answer_events[] = {
    {"response.created", PART_RESPONSE},
    {"response.in_progress", PART_RESPONSE},
    {"response.output_item.added", PART_ITEM},
    {"response.content_part.added", PART_CONTENT},
    {"response.output_text.delta", PART_DELTA},
    {"response.output_text.done", PART_TEXT},
    {"response.content_part.done", PART_CONTENT_DONE},
    {"response.output_item.done", PART_ITEM_DONE},
    {"response.completed", PART_RESPONSE_DONE},
};

static void put_event(struct json_writer *w, size_t number, const struct answer_parts *parts)
{
    int what = (int)answer_events[number].what;
    json_begin_object(w);
    json_member_cstr(w, "type", answer_events[number].type);
    json_member_u64(w, "sequence_number", number);
    if (what == PART_RESPONSE || what == PART_RESPONSE_DONE) {
        json_key(w, "response");
        put_response(w, parts, what == PART_RESPONSE_DONE);
    } else {
        json_member_u64(w, "output_index", 0);
    }
    if (what == PART_ITEM || what == PART_ITEM_DONE) {
        json_key(w, "item");
        put_item(w, parts, what == PART_ITEM_DONE);
    } else if (what != PART_RESPONSE && what != PART_RESPONSE_DONE) {
        json_member_str(w, "item_id", parts->id);
        json_member_u64(w, "content_index", 0);
    }
    if (what == PART_CONTENT || what == PART_CONTENT_DONE) {
        json_key(w, "part");
        put_part(w, what == PART_CONTENT_DONE ? parts->text : STR(""));
    } else if (what == PART_DELTA || what == PART_TEXT) {
        json_member_str(w, what == PART_DELTA ? "delta" : "text", parts->text);
    }
    json_end_object(w);
}

static enum err write_answer(struct buf *to, const struct request_view *view, struct str id,
                             struct str text, int64_t created_s)
{
    const struct answer_parts parts = {view, id, text, created_s};
    struct json_writer w;
    if (!view->streams) {
        json_writer_init(&w, to);
        put_response(&w, &parts, true);
        return json_writer_end(&w);
    }
    for (size_t i = 0; i < sizeof answer_events / sizeof answer_events[0]; i++) {
        enum err code = buf_printf(to, "event: %s\ndata: ", answer_events[i].type);
        json_writer_init(&w, to);
        put_event(&w, i, &parts);
        code = code == ERR_OK ? json_writer_end(&w) : code;
        code = code == ERR_OK ? buf_add(to, STR("\n\n")) : code;
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

const struct dialect dialect_openai_responses = {
    .name = "openai-responses",
    .provider = PROVIDER_OPENAI,
    .path = STR_CONST("/responses"),
    .generates = true,
    .streams = true,
    .read_request = read_request,
    .last_message = last_message,
    .tool_name = tool_name,
    .read_answer = read_answer,
    .read_event = read_event,
    .write_error = dialect_write_openai_error,
    .write_stream_error = write_stream_error,
    .write_answer = write_answer,
};
