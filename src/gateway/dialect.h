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

#include "domain/usage.h"
#include "gateway/generation.h"
#include "io/sse.h"
#include "resilience/failure.h"
#include "json/json.h"
#include "json/json_edit.h"

/* What a request says, read once. Node indexes refer to the request's tape. */
struct request_view {
    uint32_t model; /* node of the model name, a string */
    struct str model_name;
    bool streams;
    bool usage_asked;           /* the client wants usage in its stream */
    bool structured;            /* a JSON schema or JSON object is demanded of the answer */
    bool tool_forced;           /* the answer must be a tool call */
    uint32_t choices;           /* answers asked for, 1 .. CHOICES_MAX */
    uint64_t output_tokens_max; /* 0: not told */
    uint32_t messages;
    uint32_t tools;
};
#define CHOICES_MAX 128

/* What an answer or the events of a stream have told so far. */
struct answer_view {
    struct usage usage;
    struct str id;     /* of the provider, first seen; arena of the attempt */
    struct str finish; /* the reason as the dialect names it; static text or arena */
    bool refused;      /* a content filter or the model declined */
    bool has_content;
    uint32_t tool_calls;
    uint64_t text_bytes; /* decoded bytes of text and arguments, for estimates */
    uint32_t finished;   /* choices that have a finish reason */
    bool terminal;       /* the dialect's terminal marker was seen */
    bool done;           /* nothing can follow (chat: [DONE]) */
    uint64_t sequence;   /* responses: last sequence_number */
};

enum channel_kind { CHANNEL_TEXT, CHANNEL_REASONING, CHANNEL_TOOL };

struct delta {
    enum channel_kind kind;
    uint32_t index;  /* choice, or block, or tool argument index */
    struct str text; /* inner JSON string, still escaped; "" for a tool's start */
};
#define DELTAS_MAX 8

struct stream_view {
    bool content;         /* text, reasoning or a tool call begins or goes on */
    bool reasoning;       /* all of it is reasoning */
    bool ping;            /* keeps the connection warm, says nothing */
    bool hide;            /* exists because we asked, not the client */
    bool last;            /* held until the exchange is settled (terminal event and what follows) */
    enum failure failure; /* an error event: NONE when it is not one */
    struct str message;   /* its words, decoded */
    struct delta deltas[DELTAS_MAX]; /* of the first DELTAS_MAX changes */
    size_t delta_count;
};

struct error_text {
    unsigned status;
    const char *type;    /* dialect's type for the status, NULL: by status */
    const char *code;    /* NULL: none */
    struct str message;  /* for a person */
    struct str exchange; /* id to quote */
};

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
    /* Name of tool number `index`, decoded; "" beyond the last. */
    struct str (*tool_name)(const struct json *json, uint32_t index, struct arena *arena);
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
extern const struct dialect dialect_anthropic_messages;
extern const struct dialect dialect_anthropic_count_tokens;

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
void dialect_add_usage(const struct json *json, uint32_t usage, struct answer_view *answer);
/* Appends the text of a content value: a string, or the text parts of an array. */
void dialect_content_text(const struct json *json, uint32_t content, struct arena *arena,
                          struct buf *to);
/* Text of the last message with role "user" of a list, in the arena. */
struct str dialect_last_user(const struct json *json, uint32_t list, struct arena *arena);
enum err dialect_write_openai_error(struct buf *to, const struct error_text *error);
enum err dialect_write_anthropic_error(struct buf *to, const struct error_text *error);

#endif
