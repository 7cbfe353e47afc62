/* SPDX-License-Identifier: Apache-2.0
 * provider_responses.c - OpenAI responses, plain and as a stream of named events.
 *
 * Invariants: `event:` and the data's `type` agree; sequence_number rises by one from 0; there is
 * no [DONE]; what the terminal event holds is what the events before it added up to.
 */
#include "provider/provider_dialects.h"

struct responses {
    const struct ask *ask;
    const struct reply *reply;
    const struct script_do *act;
    struct answer *answer;
    struct str id;
    struct str message_id;
    struct str model;
    uint64_t sequence;
    struct str type; /* of the event that is written */
};

static bool incomplete(const struct responses *r)
{
    return r->reply->finish == FINISH_LENGTH || r->reply->finish == FINISH_FILTER;
}

static struct str call_id(const struct responses *r, const char *prefix, size_t call)
{
    return brain_id(r->ask->arena, prefix, r->ask->hash, call);
}

/* ---- items ---- */

static void put_part(struct json_writer *w, const struct responses *r, struct str text)
{
    json_begin_object(w);
    if (r->reply->finish == FINISH_REFUSAL) {
        json_member_cstr(w, "type", "refusal");
        json_member_str(w, "refusal", text);
    } else {
        json_member_cstr(w, "type", "output_text");
        provider_member_raw(w, "annotations", STR("[]"));
        provider_member_raw(w, "logprobs", STR("[]"));
        json_member_str(w, "text", text);
    }
    json_end_object(w);
}

static void put_message(struct json_writer *w, const struct responses *r, bool whole)
{
    json_begin_object(w);
    json_member_str(w, "id", r->message_id);
    json_member_cstr(w, "type", "message");
    json_member_cstr(w, "status",
                     !whole ? "in_progress" : (incomplete(r) ? "incomplete" : "completed"));
    json_member_cstr(w, "role", "assistant");
    json_key(w, "content");
    json_begin_array(w);
    if (whole) {
        put_part(w, r, r->reply->text);
    }
    json_end_array(w);
    json_end_object(w);
}

static void put_call(struct json_writer *w, const struct responses *r, size_t call, bool whole)
{
    const struct reply_call *made = &r->reply->calls[call];
    json_begin_object(w);
    json_member_str(w, "id", call_id(r, "fc_", call));
    json_member_cstr(w, "type", "function_call");
    json_member_cstr(w, "status", whole ? "completed" : "in_progress");
    json_member_str(w, "arguments", whole ? made->arguments : STR(""));
    json_member_str(w, "call_id", call_id(r, "call_", call));
    json_member_str(w, "name", made->name);
    json_end_object(w);
}

static void put_output(struct json_writer *w, const struct responses *r, bool whole)
{
    json_key(w, "output");
    json_begin_array(w);
    for (size_t i = 0; whole && i < r->reply->call_count; i++) {
        put_call(w, r, i, true);
    }
    if (whole && r->reply->call_count == 0) {
        put_message(w, r, true);
    }
    json_end_array(w);
}

/* ---- the response object ---- */

static void put_echo(struct json_writer *w, const struct responses *r, const char *key,
                     struct str otherwise)
{
    uint32_t node = json_get(r->ask->json, JSON_ROOT, str_of(key));
    provider_member_raw(w, key, node == JSON_NONE ? otherwise : json_raw(r->ask->json, node));
}

static void put_echoes(struct json_writer *w, const struct responses *r)
{
    static const struct {
        const char *key;
        const char *otherwise;
    } echoes[] = {
        {"background", "false"},
        {"instructions", "null"},
        {"max_output_tokens", "null"},
        {"max_tool_calls", "null"},
        {"metadata", "{}"},
        {"parallel_tool_calls", "true"},
        {"previous_response_id", "null"},
        {"prompt_cache_key", "null"},
        {"reasoning", "{\"effort\":null,\"summary\":null}"},
        {"safety_identifier", "null"},
        {"store", "true"},
        {"temperature", "1.0"},
        {"text", "{\"format\":{\"type\":\"text\"},\"verbosity\":\"medium\"}"},
        {"tool_choice", "\"auto\""},
        {"tools", "[]"},
        {"top_logprobs", "0"},
        {"top_p", "1.0"},
        {"truncation", "\"disabled\""},
        {"user", "null"},
    };
    for (size_t i = 0; i < sizeof echoes / sizeof echoes[0]; i++) {
        put_echo(w, r, echoes[i].key, str_of(echoes[i].otherwise));
    }
}

static void put_usage(struct json_writer *w, const struct responses *r, bool whole)
{
    json_key(w, "usage");
    if (!whole || (r->act->omitted & OMIT_USAGE) != 0) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    json_member_u64(w, "input_tokens", r->ask->input_tokens);
    json_key(w, "input_tokens_details");
    json_begin_object(w);
    json_member_u64(w, "cached_tokens", r->reply->cached_tokens);
    json_end_object(w);
    json_member_u64(w, "output_tokens", r->reply->output_tokens);
    json_key(w, "output_tokens_details");
    json_begin_object(w);
    json_member_u64(w, "reasoning_tokens", 0);
    json_end_object(w);
    json_member_u64(w, "total_tokens", r->ask->input_tokens + r->reply->output_tokens);
    json_end_object(w);
}

static void put_response(struct json_writer *w, const struct responses *r, bool whole)
{
    const char *status = incomplete(r) ? "incomplete" : "completed";
    json_begin_object(w);
    json_member_str(w, "id", r->id);
    json_member_cstr(w, "object", "response");
    json_member_u64(w, "created_at", PROVIDER_CREATED);
    json_member_cstr(w, "status", whole ? status : "in_progress");
    json_member_cstr(w, "error", NULL);
    json_key(w, "incomplete_details");
    if (whole && incomplete(r)) {
        json_begin_object(w);
        json_member_cstr(w, "reason",
                         r->reply->finish == FINISH_LENGTH ? "max_output_tokens"
                                                           : "content_filter");
        json_end_object(w);
    } else {
        json_put_null(w);
    }
    json_member_str(w, "model", r->model);
    put_output(w, r, whole);
    put_echoes(w, r);
    json_member_cstr(w, "service_tier", "default");
    put_usage(w, r, whole);
    json_end_object(w);
}

/* ---- events ---- */

static struct json_writer *event_open(struct responses *r, const char *type)
{
    struct json_writer *w = answer_open(r->answer);
    json_begin_object(w);
    json_member_cstr(w, "type", type);
    json_member_u64(w, "sequence_number", r->sequence++);
    r->type = str_of(type);
    return w;
}

static void event_close(struct responses *r, enum part_kind kind)
{
    json_end_object(&r->answer->writer);
    answer_close(r->answer, r->type, kind);
}

static void stream_state(struct responses *r, const char *type, bool whole, enum part_kind kind)
{
    struct json_writer *w = event_open(r, type);
    json_key(w, "response");
    put_response(w, r, whole);
    event_close(r, kind);
}

static void put_place(struct json_writer *w, struct str item, size_t output_index)
{
    json_member_str(w, "item_id", item);
    json_member_u64(w, "output_index", output_index);
}

static void stream_part(struct responses *r, const char *type, struct str text)
{
    struct json_writer *w = event_open(r, type);
    put_place(w, r->message_id, 0);
    json_member_u64(w, "content_index", 0);
    json_key(w, "part");
    put_part(w, r, text);
    event_close(r, PART_OTHER);
}

static void stream_piece(struct responses *r, const char *type, const char *key, struct str piece)
{
    struct json_writer *w = event_open(r, type);
    bool delta = str_equal(str_of(key), STR("delta"));
    put_place(w, r->message_id, 0);
    json_member_u64(w, "content_index", 0);
    json_member_str(w, key, piece);
    if (r->reply->finish != FINISH_REFUSAL) {
        provider_member_raw(w, "logprobs", STR("[]"));
    }
    event_close(r, delta ? PART_TOKEN : PART_OTHER);
}

static void stream_item(struct responses *r, const char *type, size_t index, bool whole)
{
    struct json_writer *w = event_open(r, type);
    json_member_u64(w, "output_index", index);
    json_key(w, "item");
    if (r->reply->call_count > 0) {
        put_call(w, r, index, whole);
    } else {
        put_message(w, r, whole);
    }
    event_close(r, PART_OTHER);
}

static void stream_message(struct responses *r)
{
    bool refuses = r->reply->finish == FINISH_REFUSAL;
    stream_item(r, "response.output_item.added", 0, false);
    stream_part(r, "response.content_part.added", STR(""));
    struct str rest = r->reply->text;
    struct str piece = STR("");
    while (provider_next_text(r->reply, &rest, &piece)) {
        stream_piece(r, refuses ? "response.refusal.delta" : "response.output_text.delta", "delta",
                     piece);
    }
    stream_piece(r, refuses ? "response.refusal.done" : "response.output_text.done",
                 refuses ? "refusal" : "text", r->reply->text);
    stream_part(r, "response.content_part.done", r->reply->text);
    stream_item(r, "response.output_item.done", 0, true);
}

static void stream_call(struct responses *r, size_t call)
{
    struct str rest = r->reply->calls[call].arguments;
    struct str piece = STR("");
    stream_item(r, "response.output_item.added", call, false);
    while (brain_fragment(&rest, &piece)) {
        struct json_writer *w = event_open(r, "response.function_call_arguments.delta");
        put_place(w, call_id(r, "fc_", call), call);
        json_member_str(w, "delta", piece);
        event_close(r, PART_TOKEN);
    }
    struct json_writer *w = event_open(r, "response.function_call_arguments.done");
    put_place(w, call_id(r, "fc_", call), call);
    json_member_str(w, "name", r->reply->calls[call].name);
    json_member_str(w, "arguments", r->reply->calls[call].arguments);
    event_close(r, PART_OTHER);
    stream_item(r, "response.output_item.done", call, true);
}

void provider_responses_answer(const struct ask *ask, const struct reply *reply,
                               const struct script_do *act, struct answer *answer)
{
    struct responses r = {.ask = ask,
                          .reply = reply,
                          .act = act,
                          .answer = answer,
                          .id = brain_id(ask->arena, "resp_", ask->hash, 3),
                          .message_id = brain_id(ask->arena, "msg_", ask->hash, 4),
                          .model = act->model.len > 0 ? act->model : ask->model};
    answer->stream = ask->stream;
    if (!ask->stream) {
        put_response(answer_open(answer), &r, true);
        answer_close(answer, STR(""), PART_OTHER);
        return;
    }
    stream_state(&r, "response.created", false, PART_OTHER);
    stream_state(&r, "response.in_progress", false, PART_OTHER);
    for (size_t i = 0; i < reply->call_count; i++) {
        stream_call(&r, i);
    }
    if (reply->call_count == 0) {
        stream_message(&r);
    }
    stream_state(&r, incomplete(&r) ? "response.incomplete" : "response.completed", true,
                 PART_TERMINAL);
}
