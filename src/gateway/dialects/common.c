/* SPDX-License-Identifier: Apache-2.0
 * common.c - what the dialects share: model and stream fields, usage, error bodies. */
#include "gateway/dialect.h"

#include "domain/principal.h"
#include "json/json_path.h"
#include "json/json_writer.h"

enum err dialect_read_common(const struct json *json, struct request_view *view,
                             struct fault *fault)
{
    *view = (struct request_view){.choices = 1};
    if (!json_is(json, JSON_ROOT, JSON_OBJECT)) {
        return fault_set(fault, ERR_INVALID, "the body must be a JSON object");
    }
    uint32_t twice = json_duplicate(json, JSON_ROOT);
    if (twice != JSON_NONE) {
        /* Two readers could see two requests: what we judge must be what the provider runs. */
        return fault_set(fault, ERR_INVALID, "the field '" STR_FMT "' occurs twice",
                         STR_ARG(str_cut(json_inner(json, twice), 0, 64)));
    }
    static const struct str keys[] = {STR_CONST("model"), STR_CONST("stream"), STR_CONST("tools")};
    uint32_t found[3];
    json_pick(json, JSON_ROOT, keys, 3, found);
    view->model = found[0];
    if (!json_is(json, view->model, JSON_STRING) || json_inner(json, view->model).len == 0 ||
        json_inner(json, view->model).len > (size_t)DOMAIN_NAME_MAX * 2) {
        return fault_set(fault, ERR_INVALID, "'model' must be a non-empty string");
    }
    uint32_t stream = found[1];
    if (stream != JSON_NONE && json_kind(json, stream) != JSON_TRUE &&
        json_kind(json, stream) != JSON_FALSE && json_kind(json, stream) != JSON_NULL) {
        return fault_set(fault, ERR_INVALID, "'stream' must be true or false");
    }
    view->streams = json_bool(json, stream, false);
    view->tools = json_count(json, found[2]);
    return ERR_OK;
}

enum err dialect_read_maximum(const struct json *json, struct str key, uint64_t *tokens,
                              struct fault *fault)
{
    uint32_t node = json_get(json, JSON_ROOT, key);
    *tokens = 0;
    if (json_kind(json, node) != JSON_NULL && !json_u64(json, node, tokens)) {
        return fault_set(fault, ERR_INVALID, "'" STR_FMT "' must be an integer", STR_ARG(key));
    }
    return ERR_OK;
}

static uint64_t token_count(const struct json *json, uint32_t node)
{
    uint64_t value = 0;
    /* A count beyond 2^40 is no count. */
    return json_u64(json, node, &value) && value <= (UINT64_C(1) << 40) ? value : 0;
}

enum usage_key {
    USAGE_PROMPT,
    USAGE_INPUT,
    USAGE_COMPLETION,
    USAGE_OUTPUT,
    USAGE_CACHE_READ,
    USAGE_CACHE_WRITTEN,
    USAGE_PROMPT_DETAILS,
    USAGE_INPUT_DETAILS,
    USAGE_COMPLETION_DETAILS,
    USAGE_OUTPUT_DETAILS,
    USAGE_KEYS
};
static const struct str usage_keys[USAGE_KEYS] = {
    STR_CONST("prompt_tokens"),
    STR_CONST("input_tokens"),
    STR_CONST("completion_tokens"),
    STR_CONST("output_tokens"),
    STR_CONST("cache_read_input_tokens"),
    STR_CONST("cache_creation_input_tokens"),
    STR_CONST("prompt_tokens_details"),
    STR_CONST("input_tokens_details"),
    STR_CONST("completion_tokens_details"),
    STR_CONST("output_tokens_details"),
};

/* OpenAI chat and responses, embeddings, and Anthropic name their fields differently; none overlap.
 * Later reports replace earlier ones where they say more (Anthropic's are cumulative). */
void dialect_add_usage(const struct json *json, uint32_t usage, struct answer_view *answer)
{
    if (!json_is(json, usage, JSON_OBJECT)) {
        return;
    }
    uint32_t at[USAGE_KEYS];
    json_pick(json, usage, usage_keys, USAGE_KEYS, at);
    uint64_t prompt = token_count(json, at[USAGE_PROMPT]);
    uint64_t input = token_count(json, at[USAGE_INPUT]);
    uint64_t output = num_max(token_count(json, at[USAGE_COMPLETION]),
                              token_count(json, at[USAGE_OUTPUT]));
    uint64_t cache_read = token_count(json, at[USAGE_CACHE_READ]);
    uint64_t cache_written = token_count(json, at[USAGE_CACHE_WRITTEN]);
    bool openai_names = at[USAGE_PROMPT_DETAILS] != JSON_NONE;
    uint32_t details = at[openai_names ? USAGE_PROMPT_DETAILS : USAGE_INPUT_DETAILS];
    openai_names = at[USAGE_COMPLETION_DETAILS] != JSON_NONE;
    uint32_t spent = at[openai_names ? USAGE_COMPLETION_DETAILS : USAGE_OUTPUT_DETAILS];
    uint64_t cached = token_count(json, json_get(json, details, STR("cached_tokens")));
    uint64_t reasoning = token_count(json, json_get(json, spent, STR("reasoning_tokens")));
    /* Anthropic's input_tokens leave out what the cache gave or took. */
    uint64_t whole = prompt > 0 ? prompt : input > 0 ? input + cache_read + cache_written : 0;

    struct usage *u = &answer->usage;
    u->known = true;
    u->input = num_max(u->input, whole);
    u->input_cached = num_max(u->input_cached, num_max(cached, cache_read));
    u->input_cache_written = num_max(u->input_cache_written, cache_written);
    u->output = num_max(u->output, output);
    u->output_reasoning = num_max(u->output_reasoning, reasoning);
}

void dialect_content_text(const struct json *json, uint32_t content, struct arena *arena,
                          struct buf *to)
{
    if (json_is(json, content, JSON_STRING)) {
        err_ignore(buf_add(to, json_string(json, content, arena))); /* as much as fits */
        return;
    }
    if (!json_is(json, content, JSON_ARRAY)) {
        return;
    }
    for (uint32_t part = json_first(json, content); part != JSON_NONE;
         part = json_after(json, content, part)) {
        uint32_t text = json_get(json, part, STR("text"));
        if (json_is(json, text, JSON_STRING)) {
            if (to->len > 0 && buf_add_byte(to, '\n') != ERR_OK) {
                return;
            }
            err_ignore(buf_add(to, json_string(json, text, arena)));
        }
    }
}

struct str dialect_last_user(const struct json *json, uint32_t list, struct arena *arena)
{
    uint32_t last = JSON_NONE;
    if (!json_is(json, list, JSON_ARRAY)) {
        return STR("");
    }
    for (uint32_t m = json_first(json, list); m != JSON_NONE; m = json_after(json, list, m)) {
        if (json_string_is(json, json_get(json, m, STR("role")), STR("user"))) {
            last = json_get(json, m, STR("content"));
        }
    }
    struct buf text;
    buf_init(&text, RULES_MESSAGE_MAX);
    dialect_content_text(json, last, arena, &text);
    struct str copy = arena_str(arena, buf_str(&text));
    buf_end(&text);
    return copy;
}

void dialect_add_delta(struct stream_view *out, struct answer_view *answer, struct delta delta)
{
    out->reasoning = delta.kind == CHANNEL_REASONING && (!out->content || out->reasoning);
    out->content = true;
    answer->has_content = true;
    answer->text_bytes += delta.text.len;
    if (out->delta_count == DELTAS_MAX) {
        out->delta_overflow = true;
        return;
    }
    out->deltas[out->delta_count++] = delta;
}

bool dialect_named_event(const struct sse_event *event, struct arena *arena, struct json *json,
                         struct str *type, struct stream_view *out)
{
    out->failure = FAILURE_malformed;
    if (json_parse(json, event->data, NULL, arena, NULL) != ERR_OK) {
        out->message = STR("an event of the stream is not JSON");
        return false;
    }
    *type = json_string(json, json_get(json, JSON_ROOT, STR("type")), arena);
    if (!event->has_event || !str_equal(event->event, *type)) {
        out->message = STR("an event of the stream lacks its event: line");
        return false;
    }
    out->failure = FAILURE_none;
    return true;
}

void dialect_error_fields(const struct json *json, struct arena *arena, struct error_fields *fields)
{
    *fields = (struct error_fields){0};
    uint32_t error = json_get(json, JSON_ROOT, STR("error"));
    error = error != JSON_NONE ? error : json_path(json, STR("/response/error"));
    if (json_is(json, error, JSON_STRING)) {
        fields->message = json_string(json, error, arena);
        return;
    }
    if (error == JSON_NONE) {
        error = JSON_ROOT;
    }
    fields->code = json_string(json, json_get(json, error, STR("code")), arena);
    fields->type = json_string(json, json_get(json, error, STR("type")), arena);
    fields->message = json_string(json, json_get(json, error, STR("message")), arena);
    uint32_t inner = json_path(json, STR("/error/innererror/code"));
    if (json_is(json, inner, JSON_STRING)) {
        fields->code = json_string(json, inner, arena); /* Azure hides its filter here */
    }
}

static const char *openai_type(unsigned status)
{
    return status == 401   ? "authentication_error"
           : status == 403 ? "permission_error"
           : status == 429 ? "rate_limit_error"
           : status < 500  ? "invalid_request_error"
                           : "server_error";
}

enum err dialect_write_openai_error(struct buf *to, const struct error_text *error)
{
    struct json_writer w;
    json_writer_init(&w, to);
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    json_member_str(&w, "message", error->message);
    json_member_cstr(&w, "type", error->type != NULL ? error->type : openai_type(error->status));
    json_member_cstr(&w, "param", NULL);
    json_member_cstr(&w, "code", error->code);
    if (error->exchange.len > 0) {
        json_member_str(&w, "aire_id", error->exchange);
    }
    json_end_object(&w);
    json_end_object(&w);
    return json_writer_end(&w);
}

/* {"error": {type, code, message, id}} (docs/tools.md). */
static enum err write_tool_error(struct buf *to, const struct error_text *error)
{
    struct json_writer w;
    json_writer_init(&w, to);
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    json_member_cstr(&w, "type", error->type != NULL ? error->type : openai_type(error->status));
    json_member_cstr(&w, "code", error->code);
    json_member_str(&w, "message", error->message);
    if (error->exchange.len > 0) {
        json_member_str(&w, "id", error->exchange);
    }
    json_end_object(&w);
    json_end_object(&w);
    return json_writer_end(&w);
}

const struct dialect dialect_tool = {
    .name = "tool", .provider = PROVIDER_TOOL, .write_error = write_tool_error};

static const char *anthropic_type(unsigned status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 413:
        return "request_too_large";
    case 429:
        return "rate_limit_error";
    case 504:
        return "timeout_error";
    case 529:
        return "overloaded_error";
    default:
        return status < 500 ? "invalid_request_error" : "api_error";
    }
}

enum err dialect_write_anthropic_error(struct buf *to, const struct error_text *error)
{
    struct json_writer w;
    json_writer_init(&w, to);
    json_begin_object(&w);
    json_member_cstr(&w, "type", "error");
    json_key(&w, "error");
    json_begin_object(&w);
    json_member_cstr(&w, "type", error->type != NULL ? error->type : anthropic_type(error->status));
    json_member_str(&w, "message", error->message);
    json_end_object(&w);
    if (error->exchange.len > 0) {
        json_member_str(&w, "request_id", error->exchange);
    }
    json_end_object(&w);
    return json_writer_end(&w);
}

enum err dialect_write_error(enum provider_kind family, struct buf *to,
                             const struct error_text *error)
{
    return family == PROVIDER_TOOL        ? write_tool_error(to, error)
           : family == PROVIDER_ANTHROPIC ? dialect_write_anthropic_error(to, error)
                                          : dialect_write_openai_error(to, error);
}
