/* SPDX-License-Identifier: Apache-2.0
 * provider_chat.c - OpenAI chat completions, plain and streamed.
 *
 * Invariants: `id` and `name` of a call only come with its first fragment; `usage` is null in every
 * chunk but the usage chunk, and absent unless stream_options.include_usage asks for it.
 */
#include "provider/provider_dialects.h"

struct chat {
    const struct ask *ask;
    const struct reply *reply;
    const struct script_do *act;
    struct answer *answer;
    struct str id;
    struct str model;
    uint64_t index; /* of the choice */
};

static const char *finish_reason(enum finish finish)
{
    static const char *const reasons[] = {
        [FINISH_STOP] = "stop",        [FINISH_LENGTH] = "length",
        [FINISH_TOOLS] = "tool_calls", [FINISH_FILTER] = "content_filter",
        [FINISH_REFUSAL] = "stop",     [FINISH_SEQUENCE] = "stop",
    };
    return reasons[finish];
}

static void put_usage(struct json_writer *w, const struct ask *ask, const struct reply *reply)
{
    uint64_t output = reply->output_tokens * ask->choices;
    json_begin_object(w);
    json_member_u64(w, "prompt_tokens", ask->input_tokens);
    json_member_u64(w, "completion_tokens", output);
    json_member_u64(w, "total_tokens", ask->input_tokens + output);
    json_key(w, "prompt_tokens_details");
    json_begin_object(w);
    json_member_u64(w, "cached_tokens", reply->cached_tokens);
    json_end_object(w);
    provider_member_raw(w, "completion_tokens_details", STR("{\"reasoning_tokens\":0}"));
    json_end_object(w);
}

static void put_head(struct json_writer *w, const struct chat *c, const char *object)
{
    json_begin_object(w);
    json_member_str(w, "id", c->id);
    json_member_cstr(w, "object", object);
    json_member_u64(w, "created", PROVIDER_CREATED);
    json_member_str(w, "model", c->model);
}

static void put_tail(struct json_writer *w)
{
    json_member_cstr(w, "service_tier", "default");
    json_member_cstr(w, "system_fingerprint", "fp_a1e0000001");
}

static void put_call(struct json_writer *w, const struct chat *c, size_t call)
{
    const struct reply_call *made = &c->reply->calls[call];
    json_member_str(w, "id", brain_id(c->ask->arena, "call_", c->ask->hash, call + 16 * c->index));
    json_member_cstr(w, "type", "function");
    json_key(w, "function");
    json_begin_object(w);
    json_member_str(w, "name", made->name);
    json_member_str(w, "arguments", c->answer->stream ? STR("") : made->arguments);
    json_end_object(w);
}

static void put_text(struct json_writer *w, const char *key, bool there, struct str text)
{
    json_key(w, key);
    if (there) {
        json_put_str(w, text);
    } else {
        json_put_null(w);
    }
}

static void put_message(struct json_writer *w, const struct chat *c)
{
    bool refuses = c->reply->finish == FINISH_REFUSAL;
    json_begin_object(w);
    json_member_cstr(w, "role", "assistant");
    put_text(w, "content", !refuses && c->reply->call_count == 0, c->reply->text);
    put_text(w, "refusal", refuses, c->reply->text);
    provider_member_raw(w, "annotations", STR("[]"));
    if (c->reply->call_count > 0) {
        json_key(w, "tool_calls");
        json_begin_array(w);
        for (size_t i = 0; i < c->reply->call_count; i++) {
            json_begin_object(w);
            put_call(w, c, i);
            json_end_object(w);
        }
        json_end_array(w);
    }
    json_end_object(w);
}

static void answer_plain(struct chat *c)
{
    struct json_writer *w = answer_open(c->answer);
    put_head(w, c, "chat.completion");
    json_key(w, "choices");
    json_begin_array(w);
    for (c->index = 0; c->index < c->ask->choices; c->index++) {
        json_begin_object(w);
        json_member_u64(w, "index", c->index);
        json_key(w, "message");
        put_message(w, c);
        json_member_cstr(w, "logprobs", NULL);
        json_member_cstr(w, "finish_reason", finish_reason(c->reply->finish));
        json_end_object(w);
    }
    json_end_array(w);
    if ((c->act->omitted & OMIT_USAGE) == 0) {
        json_key(w, "usage");
        put_usage(w, c->ask, c->reply);
    }
    put_tail(w);
    json_end_object(w);
    answer_close(c->answer, STR(""), PART_OTHER);
}

/* Opens a chunk up to its delta object; chunk_close goes on behind that object. */
static struct json_writer *chunk_open(struct chat *c)
{
    struct json_writer *w = answer_open(c->answer);
    put_head(w, c, "chat.completion.chunk");
    put_tail(w);
    json_key(w, "choices");
    json_begin_array(w);
    json_begin_object(w);
    json_member_u64(w, "index", c->index);
    json_key(w, "delta");
    json_begin_object(w);
    return w;
}

static void chunk_close(struct chat *c, const char *reason, enum part_kind kind)
{
    struct json_writer *w = &c->answer->writer;
    json_end_object(w);
    json_member_cstr(w, "logprobs", NULL);
    json_member_cstr(w, "finish_reason", reason);
    json_end_object(w);
    json_end_array(w);
    if (c->ask->include_usage) {
        json_member_cstr(w, "usage", NULL);
    }
    json_end_object(w);
    answer_close(c->answer, STR(""), kind);
}

static void stream_call(struct chat *c, size_t call)
{
    struct str rest = c->reply->calls[call].arguments;
    struct str fragment = STR("");
    for (bool first = true; first || brain_fragment(&rest, &fragment); first = false) {
        struct json_writer *w = chunk_open(c);
        json_key(w, "tool_calls");
        json_begin_array(w);
        json_begin_object(w);
        json_member_u64(w, "index", call);
        if (first) {
            put_call(w, c, call);
        } else {
            json_key(w, "function");
            json_begin_object(w);
            json_member_str(w, "arguments", fragment);
            json_end_object(w);
        }
        json_end_object(w);
        json_end_array(w);
        chunk_close(c, NULL, PART_TOKEN);
    }
}

static void stream_choice(struct chat *c)
{
    struct json_writer *w = chunk_open(c);
    bool refuses = c->reply->finish == FINISH_REFUSAL;
    bool calls = c->reply->call_count > 0;
    json_member_cstr(w, "role", "assistant");
    json_member_cstr(w, "content", calls || refuses ? NULL : "");
    json_member_cstr(w, "refusal", refuses ? "" : NULL);
    chunk_close(c, NULL, PART_OTHER);
    for (size_t i = 0; i < c->reply->call_count; i++) {
        stream_call(c, i);
    }
    struct str rest = calls ? STR("") : c->reply->text;
    struct str piece = STR("");
    while (provider_next_text(c->reply, &rest, &piece)) {
        w = chunk_open(c);
        json_member_str(w, refuses ? "refusal" : "content", piece);
        chunk_close(c, NULL, PART_TOKEN);
    }
    (void)chunk_open(c);
    chunk_close(c, finish_reason(c->reply->finish), PART_FINISH);
}

static void stream_usage(struct chat *c)
{
    struct json_writer *w = answer_open(c->answer);
    put_head(w, c, "chat.completion.chunk");
    put_tail(w);
    if (c->act->usage_choices == CHOICES_NULL) {
        json_member_cstr(w, "choices", NULL);
    } else if (c->act->usage_choices == CHOICES_EMPTY) {
        provider_member_raw(w, "choices", STR("[]"));
    }
    json_key(w, "usage");
    put_usage(w, c->ask, c->reply);
    json_end_object(w);
    answer_close(c->answer, STR(""), PART_USAGE);
}

void provider_chat_answer(const struct ask *ask, const struct reply *reply,
                          const struct script_do *act, struct answer *answer)
{
    struct chat c = {ask,
                     reply,
                     act,
                     answer,
                     brain_id(ask->arena, "chatcmpl-", ask->hash, 1),
                     act->model.len > 0 ? act->model : ask->model,
                     0};
    answer->stream = ask->stream;
    if (!ask->stream) {
        answer_plain(&c);
        return;
    }
    for (c.index = 0; c.index < ask->choices; c.index++) {
        stream_choice(&c);
    }
    if (ask->include_usage) {
        stream_usage(&c);
    }
    answer_part(answer, STR(""), STR("[DONE]"), PART_TERMINAL);
}
