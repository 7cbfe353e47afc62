/* SPDX-License-Identifier: Apache-2.0
 * openai_chat.c - /v1/chat/completions.
 *
 * A stream is over when every choice has a finish_reason; [DONE] alone ends nothing, and its
 * absence after that is none of the client's trouble. Usage comes in an extra chunk with no
 * choices. */
#include "gateway/dialect.h"

#include "json/json_path.h"
#include "json/json_writer.h"

/* We write into it, so it must be what it should be: two edits of one place cannot be made. */
static enum err read_stream_options(const struct json *json, struct request_view *view,
                                    struct fault *fault)
{
    uint32_t options = json_get(json, JSON_ROOT, STR("stream_options"));
    if (json_kind(json, options) == JSON_NULL) {
        return ERR_OK;
    }
    if (!json_is(json, options, JSON_OBJECT) || json_duplicate(json, options) != JSON_NONE) {
        return fault_set(fault, ERR_INVALID,
                         "'stream_options' must be an object that says nothing twice");
    }
    uint32_t usage = json_get(json, options, STR("include_usage"));
    enum json_kind kind = json_kind(json, usage);
    if (kind != JSON_NULL && kind != JSON_TRUE && kind != JSON_FALSE) {
        return fault_set(fault, ERR_INVALID,
                         "'stream_options.include_usage' must be true or false");
    }
    view->usage_asked = kind == JSON_TRUE;
    return ERR_OK;
}

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
    uint64_t count = 1;
    uint32_t n = json_get(json, JSON_ROOT, STR("n"));
    if (json_kind(json, n) != JSON_NULL &&
        (!json_u64(json, n, &count) || count < 1 || count > CHOICES_MAX)) {
        return fault_set(fault, ERR_INVALID, "'n' must be an integer from 1 to %d", CHOICES_MAX);
    }
    view->choices = (uint32_t)count;
    /* Which of the two a provider heeds is its own affair: the larger one bounds the cost. */
    uint64_t newer;
    uint64_t older;
    if ((code = read_stream_options(json, view, fault)) != ERR_OK ||
        (code = dialect_read_maximum(json, STR("max_completion_tokens"), &newer, fault)) !=
            ERR_OK ||
        (code = dialect_read_maximum(json, STR("max_tokens"), &older, fault)) != ERR_OK) {
        return code;
    }
    view->output_tokens_max = num_max(newer, older);
    uint32_t format = json_path(json, STR("/response_format/type"));
    view->structured = json_string_is(json, format, STR("json_schema")) ||
                       json_string_is(json, format, STR("json_object"));
    uint32_t choice = json_get(json, JSON_ROOT, STR("tool_choice"));
    view->tool_forced = json_is(json, choice, JSON_OBJECT) ||
                        json_string_is(json, choice, STR("required"));
    return ERR_OK;
}

static struct str last_message(const struct json *json, struct arena *arena)
{
    return dialect_last_user(json, json_get(json, JSON_ROOT, STR("messages")), arena);
}

static struct str tool_name(const struct json *json, uint32_t tool, struct arena *arena)
{
    uint32_t function = json_get(json, tool, STR("function"));
    return json_string(json, json_get(json, function, STR("name")), arena);
}

static enum err edit(const struct json *json, const struct request_view *view,
                     const struct target *target, struct json_edit *to)
{
    if (!view->streams || view->usage_asked || !target->inject_usage) {
        return ERR_OK;
    }
    uint32_t options = json_get(json, JSON_ROOT, STR("stream_options"));
    return json_is(json, options, JSON_OBJECT)
               ? json_edit_set(to, json, options, STR("include_usage"), STR("true"))
               : json_edit_set(to, json, JSON_ROOT, STR("stream_options"),
                               STR("{\"include_usage\":true}"));
}

/* Static, so that it outlives the event; what is not in the list is named "other". */
static struct str finish_name(const struct json *json, uint32_t reason)
{
    static const struct str names[] = {STR_CONST("stop"), STR_CONST("length"),
                                       STR_CONST("tool_calls"), STR_CONST("content_filter"),
                                       STR_CONST("function_call")};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (json_string_is(json, reason, names[i])) {
            return names[i];
        }
    }
    return STR("other");
}

/* A choice is finished once, however often it is said. */
static void finish_choice(const struct json *json, uint32_t reason, uint32_t choice,
                          struct answer_view *answer)
{
    if (!json_is(json, reason, JSON_STRING)) {
        return;
    }
    uint64_t bit = UINT64_C(1) << (choice % 64);
    uint64_t *set = &answer->finished_set[choice / 64 % 2];
    answer->finished += (*set & bit) == 0 ? 1 : 0;
    *set |= bit;
    answer->finish = finish_name(json, reason);
    answer->refused = answer->refused || str_equal(answer->finish, STR("content_filter"));
}

static enum failure read_answer(const struct json *json, struct answer_view *answer,
                                struct arena *arena)
{
    (void)arena;
    uint32_t choices = json_get(json, JSON_ROOT, STR("choices"));
    if (json_count(json, choices) == 0 || !json_is(json, choices, JSON_ARRAY)) {
        return FAILURE_malformed;
    }
    for (uint32_t c = json_first(json, choices); c != JSON_NONE; c = json_after(json, choices, c)) {
        uint32_t message = json_get(json, c, STR("message"));
        if (!json_is(json, message, JSON_OBJECT)) {
            return FAILURE_malformed;
        }
        uint32_t content = json_get(json, message, STR("content"));
        uint32_t refusal = json_get(json, message, STR("refusal"));
        uint32_t calls = json_get(json, message, STR("tool_calls"));
        answer->tool_calls += json_count(json, calls);
        answer->text_bytes += json_raw(json, message).len;
        answer->refused = answer->refused || json_is(json, refusal, JSON_STRING);
        answer->has_content = answer->has_content || json_is(json, content, JSON_STRING) ||
                              json_count(json, calls) > 0;
        finish_choice(json, json_get(json, c, STR("finish_reason")), answer->finished, answer);
    }
    dialect_add_usage(json, json_get(json, JSON_ROOT, STR("usage")), answer);
    answer->terminal = true;
    return answer->refused ? FAILURE_refused : FAILURE_none;
}

enum delta_key {
    DELTA_CONTENT,
    DELTA_THINKING,
    DELTA_REASONING,
    DELTA_REFUSAL,
    DELTA_TOOLS,
    DELTA_FUNCTION,
    DELTA_KEYS
};
static const struct str delta_keys[DELTA_KEYS] = {
    STR_CONST("content"), STR_CONST("reasoning_content"), STR_CONST("reasoning"),
    STR_CONST("refusal"), STR_CONST("tool_calls"),        STR_CONST("function_call")};

static void read_tools(const struct json *json, uint32_t calls, uint32_t choice,
                       struct stream_view *out, struct answer_view *answer)
{
    for (uint32_t c = json_first(json, calls); c != JSON_NONE; c = json_after(json, calls, c)) {
        uint32_t function = json_get(json, c, STR("function"));
        uint64_t number = 0;
        (void)json_u64(json, json_get(json, c, STR("index")), &number);
        answer->tool_calls += json_is(json, json_get(json, c, STR("id")), JSON_STRING) ? 1 : 0;
        struct str text = json_inner(json, json_get(json, function, STR("arguments")));
        uint32_t channel = choice * 256 + (uint32_t)(number % 256);
        struct str name = json_inner(json, json_get(json, function, STR("name")));
        dialect_add_delta(out, answer, (struct delta){CHANNEL_TOOL, channel, choice, text, name});
    }
}

static void read_delta(const struct json *json, uint32_t delta, uint32_t choice,
                       struct stream_view *out, struct answer_view *answer)
{
    uint32_t at[DELTA_KEYS];
    json_pick(json, delta, delta_keys, DELTA_KEYS, at);
    for (int i = DELTA_CONTENT; i <= DELTA_REFUSAL; i++) {
        struct str text = json_is(json, at[i], JSON_STRING) ? json_inner(json, at[i]) : STR("");
        if (text.len > 0) {
            bool thinks = i == DELTA_THINKING || i == DELTA_REASONING;
            answer->refused = answer->refused || i == DELTA_REFUSAL;
            enum channel_kind kind = thinks ? CHANNEL_REASONING : CHANNEL_TEXT;
            dialect_add_delta(out, answer, (struct delta){kind, choice, choice, text, STR("")});
        }
    }
    read_tools(json, at[DELTA_TOOLS], choice, out, answer);
    if (json_is(json, at[DELTA_FUNCTION], JSON_OBJECT)) { /* the form before tool_calls */
        struct str text = json_inner(json, json_get(json, at[DELTA_FUNCTION], STR("arguments")));
        struct str name = json_inner(json, json_get(json, at[DELTA_FUNCTION], STR("name")));
        dialect_add_delta(out, answer,
                          (struct delta){CHANNEL_TOOL, choice * 256, choice, text, name});
    }
}

static void read_choice(const struct json *json, uint32_t node, struct stream_view *out,
                        struct answer_view *answer)
{
    static const struct str keys[] = {STR_CONST("index"), STR_CONST("delta"),
                                      STR_CONST("finish_reason")};
    uint32_t at[3];
    uint64_t index = 0;
    json_pick(json, node, keys, 3, at);
    (void)json_u64(json, at[0], &index);
    uint32_t choice = (uint32_t)(index % CHOICES_MAX);
    read_delta(json, at[1], choice, out, answer);
    finish_choice(json, at[2], choice, answer);
    if (json_is(json, at[2], JSON_STRING)) {
        out->ended = out->ends ? GROUPS_ALL : choice;
        out->ends = true;
    }
}

static void read_event(const struct request_view *view, const struct sse_event *event,
                       struct answer_view *answer, struct arena *arena, struct stream_view *out)
{
    if (str_equal(str_trim(event->data), STR("[DONE]"))) {
        if (answer->finished < view->choices) {
            /* Clients stop reading here: an error behind it would never be seen. */
            out->failure = FAILURE_truncated;
            out->message = STR("[DONE] without a finish_reason");
        }
        answer->done = true;
        out->last = true;
        return;
    }
    struct json json;
    if (json_parse(&json, event->data, NULL, arena, NULL) != ERR_OK ||
        !json_is(&json, JSON_ROOT, JSON_OBJECT)) {
        out->failure = FAILURE_malformed;
        out->message = STR("an event of the stream is not JSON");
        return;
    }
    static const struct str keys[] = {STR_CONST("error"), STR_CONST("choices"), STR_CONST("usage")};
    uint32_t at[3];
    json_pick(&json, JSON_ROOT, keys, 3, at);
    if (at[0] != JSON_NONE && json_kind(&json, at[0]) != JSON_NULL) {
        struct error_fields fields;
        dialect_error_fields(&json, arena, &fields);
        out->failure = failure_of_error(fields.code, fields.type, fields.message);
        out->message = fields.message;
        return;
    }
    for (uint32_t c = json_first(&json, at[1]); c != JSON_NONE; c = json_after(&json, at[1], c)) {
        read_choice(&json, c, out, answer);
    }
    dialect_add_usage(&json, at[2], answer);
    out->hide = json_count(&json, at[1]) == 0 && json_is(&json, at[2], JSON_OBJECT) &&
                !view->usage_asked;
    answer->terminal = answer->finished >= view->choices;
    out->last = answer->terminal;
}

static enum err write_stream_error(struct buf *to, const struct error_text *error,
                                   const struct answer_view *answer)
{
    (void)answer;
    enum err code = buf_add(to, STR("data: "));
    if (code == ERR_OK) {
        code = dialect_write_openai_error(to, error);
    }
    return code == ERR_OK ? buf_add(to, STR("\n\n")) : code;
}

static void begin_object(struct json_writer *w, const struct request_view *view, struct str id,
                         int64_t created_s, const char *object)
{
    json_begin_object(w);
    json_member_str(w, "id", id);
    json_member_cstr(w, "object", object);
    json_member_i64(w, "created", created_s);
    json_member_str(w, "model", view->model_name);
    json_key(w, "choices");
    json_begin_array(w);
}

static enum err write_chunk(struct buf *to, const struct request_view *view, struct str id,
                            const struct str *text, int64_t created_s)
{
    struct json_writer w;
    enum err code = buf_add(to, STR("data: "));
    json_writer_init(&w, to);
    begin_object(&w, view, id, created_s, "chat.completion.chunk");
    for (uint32_t i = 0; i < view->choices; i++) {
        json_begin_object(&w);
        json_member_u64(&w, "index", i);
        json_key(&w, "delta");
        json_begin_object(&w);
        if (text != NULL) {
            json_member_cstr(&w, "role", "assistant");
            json_member_str(&w, "content", *text);
        }
        json_end_object(&w);
        json_member_cstr(&w, "finish_reason", text != NULL ? NULL : "stop");
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    code = code == ERR_OK ? json_writer_end(&w) : code;
    return code == ERR_OK ? buf_add(to, STR("\n\n")) : code;
}

static enum err write_usage_chunk(struct buf *to, const struct request_view *view, struct str id,
                                  int64_t created_s)
{
    struct json_writer w;
    enum err code = buf_add(to, STR("data: "));
    json_writer_init(&w, to);
    begin_object(&w, view, id, created_s, "chat.completion.chunk");
    json_end_array(&w);
    json_key(&w, "usage");
    json_put_raw(&w, STR("{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}"));
    json_end_object(&w);
    code = code == ERR_OK ? json_writer_end(&w) : code;
    return code == ERR_OK ? buf_add(to, STR("\n\n")) : code;
}

static void put_choice(struct json_writer *w, uint32_t index, struct str text)
{
    json_begin_object(w);
    json_member_u64(w, "index", index);
    json_key(w, "message");
    json_begin_object(w);
    json_member_cstr(w, "role", "assistant");
    json_member_str(w, "content", text);
    json_member_cstr(w, "refusal", NULL);
    json_end_object(w);
    json_member_cstr(w, "logprobs", NULL);
    json_member_cstr(w, "finish_reason", "stop");
    json_end_object(w);
}

/* As many choices as were asked for, all alike: the rules have one answer. */
static enum err write_answer(struct buf *to, const struct request_view *view, struct str id,
                             struct str text, int64_t created_s)
{
    if (view->streams) {
        enum err code = write_chunk(to, view, id, &text, created_s);
        code = code == ERR_OK ? write_chunk(to, view, id, NULL, created_s) : code;
        if (code == ERR_OK && view->usage_asked) {
            code = write_usage_chunk(to, view, id, created_s);
        }
        return code == ERR_OK ? buf_add(to, STR("data: [DONE]\n\n")) : code;
    }
    struct json_writer w;
    json_writer_init(&w, to);
    begin_object(&w, view, id, created_s, "chat.completion");
    for (uint32_t i = 0; i < view->choices; i++) {
        put_choice(&w, i, text);
    }
    json_end_array(&w);
    json_key(&w, "usage");
    json_put_raw(&w, STR("{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}"));
    json_end_object(&w);
    return json_writer_end(&w);
}

const struct dialect dialect_openai_chat = {
    .name = "openai-chat",
    .provider = PROVIDER_OPENAI,
    .path = STR_CONST("/chat/completions"),
    .generates = true,
    .streams = true,
    .read_request = read_request,
    .last_message = last_message,
    .tool_name = tool_name,
    .edit = edit,
    .read_answer = read_answer,
    .read_event = read_event,
    .write_error = dialect_write_openai_error,
    .write_stream_error = write_stream_error,
    .write_answer = write_answer,
    .stream_tail = STR_CONST("data: [DONE]\n\n"),
};
