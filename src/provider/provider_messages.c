/* SPDX-License-Identifier: Apache-2.0
 * provider_messages.c - Anthropic messages, plain and streamed.
 *
 * Invariants: every event is named and its data repeats the name as `type`; usage in message_delta
 * is cumulative; input_tokens excludes what was read from the cache.
 */
#include "provider/provider_dialects.h"

#define THOUGHT "The user wants help with an order; I look for its number first."

struct messages {
    const struct ask *ask;
    const struct reply *reply;
    const struct script_do *act;
    struct answer *answer;
    struct str id;
    struct str model;
    uint64_t index;  /* of the content block */
    struct str type; /* of the event that is written */
};

static const char *stop_reason(enum finish finish)
{
    static const char *const reasons[] = {
        [FINISH_STOP] = "end_turn",   [FINISH_LENGTH] = "max_tokens",
        [FINISH_TOOLS] = "tool_use",  [FINISH_FILTER] = "refusal",
        [FINISH_REFUSAL] = "refusal", [FINISH_SEQUENCE] = "stop_sequence",
    };
    return reasons[finish];
}

static void put_sequence(struct json_writer *w, const struct reply *reply)
{
    json_key(w, "stop_sequence");
    if (reply->finish == FINISH_SEQUENCE) {
        json_put_str(w, reply->sequence);
    } else {
        json_put_null(w);
    }
}

static void put_input_usage(struct json_writer *w, const struct messages *m)
{
    json_member_u64(w, "input_tokens", m->ask->input_tokens - m->reply->cached_tokens);
    json_member_u64(w, "cache_creation_input_tokens", 0);
    json_member_u64(w, "cache_read_input_tokens", m->reply->cached_tokens);
}

static void put_message(struct json_writer *w, const struct messages *m)
{
    json_member_str(w, "model", m->model);
    json_member_str(w, "id", m->id);
    json_member_cstr(w, "type", "message");
    json_member_cstr(w, "role", "assistant");
}

static void put_usage(struct json_writer *w, const struct messages *m, uint64_t output)
{
    json_key(w, "usage");
    json_begin_object(w);
    put_input_usage(w, m);
    json_member_u64(w, "output_tokens", output);
    json_member_cstr(w, "service_tier", "standard");
    json_end_object(w);
}

/* A signature that only its own thought has: changing either is noticed by whoever compares. */
static struct str signature(const struct messages *m)
{
    return brain_id(m->ask->arena, "EqQBCkgIBRABGAIiQ", m->ask->hash, 77);
}

static void put_thinking(struct json_writer *w, const struct messages *m, bool empty)
{
    json_begin_object(w);
    json_member_cstr(w, "type", "thinking");
    json_member_cstr(w, "thinking", empty ? "" : THOUGHT);
    json_member_str(w, "signature", empty ? STR("") : signature(m));
    json_end_object(w);
}

static void put_tool_use(struct json_writer *w, const struct messages *m, size_t call, bool empty)
{
    const struct reply_call *made = &m->reply->calls[call];
    bool whole = !empty && json_valid(made->arguments, NULL);
    json_begin_object(w);
    json_member_cstr(w, "type", "tool_use");
    json_member_str(w, "id", brain_id(m->ask->arena, "toolu_", m->ask->hash, call));
    json_member_str(w, "name", made->name);
    provider_member_raw(w, "input", whole ? made->arguments : STR("{}"));
    json_end_object(w);
}

static void put_text(struct json_writer *w, struct str text)
{
    json_begin_object(w);
    json_member_cstr(w, "type", "text");
    json_member_str(w, "text", text);
    json_end_object(w);
}

static void answer_plain(struct messages *m)
{
    struct json_writer *w = answer_open(m->answer);
    json_begin_object(w);
    put_message(w, m);
    json_key(w, "content");
    json_begin_array(w);
    if (m->ask->thinking) {
        put_thinking(w, m, false);
    }
    for (size_t i = 0; i < m->reply->call_count; i++) {
        put_tool_use(w, m, i, false);
    }
    if (m->reply->call_count == 0 && m->reply->text.len > 0) {
        put_text(w, m->reply->text);
    }
    json_end_array(w);
    json_member_cstr(w, "stop_reason", stop_reason(m->reply->finish));
    put_sequence(w, m->reply);
    if ((m->act->omitted & OMIT_USAGE) == 0) {
        put_usage(w, m, m->reply->output_tokens);
    }
    json_end_object(w);
    answer_close(m->answer, STR(""), PART_OTHER);
}

/* ---- stream ---- */

static struct json_writer *event_open(struct messages *m, const char *type)
{
    struct json_writer *w = answer_open(m->answer);
    json_begin_object(w);
    json_member_cstr(w, "type", type);
    m->type = str_of(type);
    return w;
}

static void event_close(struct messages *m, enum part_kind kind)
{
    json_end_object(&m->answer->writer);
    answer_close(m->answer, m->type, kind);
}

static struct json_writer *block_start(struct messages *m)
{
    struct json_writer *w = event_open(m, "content_block_start");
    json_member_u64(w, "index", m->index);
    json_key(w, "content_block");
    return w;
}

static void block_started(struct messages *m)
{
    event_close(m, PART_OTHER);
}

static void block_delta(struct messages *m, const char *type, const char *key, struct str piece)
{
    struct json_writer *w = event_open(m, "content_block_delta");
    json_member_u64(w, "index", m->index);
    json_key(w, "delta");
    json_begin_object(w);
    json_member_cstr(w, "type", type);
    json_member_str(w, key, piece);
    json_end_object(w);
    event_close(m, PART_TOKEN);
}

static void block_stop(struct messages *m)
{
    struct json_writer *w = event_open(m, "content_block_stop");
    json_member_u64(w, "index", m->index);
    event_close(m, PART_OTHER);
    m->index++;
}

static void stream_start(struct messages *m)
{
    struct json_writer *w = event_open(m, "message_start");
    json_key(w, "message");
    json_begin_object(w);
    put_message(w, m);
    provider_member_raw(w, "content", STR("[]"));
    json_member_cstr(w, "stop_reason", NULL);
    json_member_cstr(w, "stop_sequence", NULL);
    put_usage(w, m, 1);
    json_end_object(w);
    event_close(m, PART_OTHER);
}

static void stream_thinking(struct messages *m)
{
    put_thinking(block_start(m), m, true);
    block_started(m);
    struct str rest = STR(THOUGHT);
    struct str piece = STR("");
    while (brain_token(&rest, &piece)) {
        block_delta(m, "thinking_delta", "thinking", piece);
    }
    block_delta(m, "signature_delta", "signature", signature(m));
    block_stop(m);
}

static void stream_text(struct messages *m)
{
    put_text(block_start(m), STR(""));
    block_started(m);
    (void)event_open(m, "ping");
    event_close(m, PART_OTHER);
    struct str rest = m->reply->text;
    struct str piece = STR("");
    while (provider_next_text(m->reply, &rest, &piece)) {
        block_delta(m, "text_delta", "text", piece);
    }
    block_stop(m);
}

static void stream_call(struct messages *m, size_t call)
{
    put_tool_use(block_start(m), m, call, true);
    block_started(m);
    block_delta(m, "input_json_delta", "partial_json", STR(""));
    struct str rest = m->reply->calls[call].arguments;
    struct str piece = STR("");
    while (brain_fragment(&rest, &piece)) {
        block_delta(m, "input_json_delta", "partial_json", piece);
    }
    block_stop(m);
}

static void stream_end(struct messages *m)
{
    struct json_writer *w = event_open(m, "message_delta");
    json_key(w, "delta");
    json_begin_object(w);
    json_member_cstr(w, "stop_reason", stop_reason(m->reply->finish));
    put_sequence(w, m->reply);
    json_end_object(w);
    if ((m->act->omitted & OMIT_USAGE) == 0) {
        json_key(w, "usage");
        json_begin_object(w);
        put_input_usage(w, m);
        json_member_u64(w, "output_tokens", m->reply->output_tokens);
        json_end_object(w);
    }
    event_close(m, PART_FINISH);
    (void)event_open(m, "message_stop");
    event_close(m, PART_TERMINAL);
}

void provider_messages_answer(const struct ask *ask, const struct reply *reply,
                              const struct script_do *act, struct answer *answer)
{
    struct messages m = {.ask = ask,
                         .reply = reply,
                         .act = act,
                         .answer = answer,
                         .id = brain_id(ask->arena, "msg_01", ask->hash, 2),
                         .model = act->model.len > 0 ? act->model : ask->model};
    answer->stream = ask->stream;
    if (!ask->stream) {
        answer_plain(&m);
        return;
    }
    stream_start(&m);
    if (ask->thinking) {
        stream_thinking(&m);
    }
    for (size_t i = 0; i < reply->call_count; i++) {
        stream_call(&m, i);
    }
    if (reply->call_count == 0) {
        stream_text(&m);
    }
    stream_end(&m);
}
