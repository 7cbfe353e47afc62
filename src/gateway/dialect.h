/* SPDX-License-Identifier: Apache-2.0
 * dialect.h - a provider's wire format for one endpoint: how to find what matters in a request, an
 * answer and a stream event, and how to write errors and answers that its clients understand.
 *
 * A dialect is a const struct of pure functions over JSON tapes; it knows nothing of connections,
 * targets or policy. Sources: OpenAI API reference (chat, responses, embeddings), Anthropic API
 * reference (messages).
 */
#ifndef AIRE_GATEWAY_DIALECT_H
#define AIRE_GATEWAY_DIALECT_H

#include "gateway/dialect_view.h"
#include "gateway/route.h"
#include "io/sse.h"
#include "json/json_edit.h"

struct dialect {
    const char *name; /* "openai-chat" */
    enum provider_kind provider;
    struct str path; /* behind the provider's base path */
    bool generates;  /* rules and people can stand in for the model */
    bool streams;

    /* INVALID with words when a field that we need has the wrong type. */
    enum err (*read_request)(const struct json *json, struct request_view *view,
                             struct fault *fault);
    /* Text of the last user message (all its text parts, joined by LF), decoded, in the arena. */
    struct str (*last_message)(const struct json *json, struct arena *arena);
    /* Name, decoded, of an element of the root's "tools". */
    struct str (*tool_name)(const struct json *json, uint32_t tool, struct arena *arena);
    /* Edits for a target beyond the model name (may be NULL). */
    enum err (*edit)(const struct json *json, const struct request_view *view,
                     const struct target *target, struct json_edit *edit);

    /* A whole 200 answer: NONE, refused, or malformed. */
    enum failure (*read_answer)(const struct json *json, struct answer_view *answer,
                                struct arena *arena);
    /* One event of a stream (not a comment). `arena` lasts for the event only. */
    void (*read_event)(const struct request_view *view, const struct sse_event *event,
                       struct answer_view *answer, struct arena *arena, struct stream_view *out);

    enum err (*write_error)(struct buf *to, const struct error_text *error);
    /* As an event of a stream that has begun. */
    enum err (*write_stream_error)(struct buf *to, const struct error_text *error,
                                   const struct answer_view *answer);
    /* An answer that no model gave, whole or as a complete event stream. */
    enum err (*write_answer)(struct buf *to, const struct request_view *view, struct str id,
                             struct str text, int64_t created_s);
    /* What ends a stream whose provider left after the terminal marker (chat: [DONE]); may be NULL.
     */
    struct str stream_tail;
};

extern const struct dialect dialect_openai_chat;
extern const struct dialect dialect_openai_responses;
extern const struct dialect dialect_openai_embeddings;
extern const struct dialect dialect_openai_models;
extern const struct dialect dialect_anthropic_models;
extern const struct dialect dialect_anthropic_messages;
extern const struct dialect dialect_anthropic_count_tokens;
extern const struct dialect dialect_tool; /* any body; only errors have a form */

/* Error fields of a provider's error body of either family. */
struct error_fields {
    struct str code;
    struct str type;
    struct str message;
};
void dialect_error_fields(const struct json *json, struct arena *arena,
                          struct error_fields *fields);

/* ---- shared by the dialects ---- */

enum err dialect_read_common(const struct json *json, struct request_view *view,
                             struct fault *fault);
/* A maximum of output tokens: absent, null or an integer; what bounds the cost must be readable. */
enum err dialect_read_maximum(const struct json *json, struct str key, uint64_t *tokens,
                              struct fault *fault);
void dialect_add_usage(const struct json *json, uint32_t usage, struct answer_view *answer);
/* Appends the text of a content value: a string, or the text parts of an array. */
void dialect_content_text(const struct json *json, uint32_t content, struct arena *arena,
                          struct buf *to);
/* Text of the last message with role "user" of a list, in the arena. */
struct str dialect_last_user(const struct json *json, uint32_t list, struct arena *arena);
/* One more change of a channel in this event; beyond DELTAS_MAX only that there were more. */
void dialect_add_delta(struct stream_view *out, struct answer_view *answer, struct delta delta);
/* Parses an event that is named twice, by its event: line and by "type"; false: out->failure is
 * set. */
bool dialect_named_event(const struct sse_event *event, struct arena *arena, struct json *json,
                         struct str *type, struct stream_view *out);
enum err dialect_write_error(enum provider_kind family, struct buf *to,
                             const struct error_text *error);
enum err dialect_write_openai_error(struct buf *to, const struct error_text *error);
enum err dialect_write_anthropic_error(struct buf *to, const struct error_text *error);

#endif
