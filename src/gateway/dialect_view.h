/* SPDX-License-Identifier: Apache-2.0
 * dialect_view.h - what a dialect tells about a request, an answer, an event of a stream; and what
 * it is told of an error. The same for every wire format.
 */
#ifndef AIRE_GATEWAY_DIALECT_VIEW_H
#define AIRE_GATEWAY_DIALECT_VIEW_H

#include "domain/usage.h"
#include "resilience/failure.h"
#include "json/json.h"

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
    struct str finish; /* the reason as the dialect names it; static text or arena */
    bool refused;      /* a content filter or the model declined */
    bool has_content;
    uint32_t tool_calls;
    uint64_t text_bytes;      /* of text and arguments as they stand in JSON, for estimates */
    uint32_t finished;        /* choices that have a finish reason */
    uint64_t finished_set[2]; /* which: a bit each, CHOICES_MAX of them */
    bool terminal;            /* the dialect's terminal marker was seen */
    bool done;                /* nothing can follow (chat: [DONE]) */
    uint64_t sequence;        /* responses: last sequence_number */
};

enum channel_kind { CHANNEL_TEXT, CHANNEL_REASONING, CHANNEL_TOOL };

struct delta {
    enum channel_kind kind;
    uint32_t index;  /* of the channel: choice, or block, or tool argument index */
    uint32_t group;  /* choice, block or item that ends as one */
    struct str text; /* inner JSON string, still escaped; "" for a tool's start */
    struct str name; /* of the tool that is called, as it stands; "" beyond its start */
};
#define DELTAS_MAX 16
#define GROUPS_ALL UINT32_MAX

struct stream_view {
    bool content;   /* text, reasoning or a tool call begins or goes on */
    bool reasoning; /* all of it is reasoning */
    bool ping;      /* keeps the connection warm, says nothing */
    bool hide;      /* exists because we asked, not the client */
    bool last;      /* held until the exchange is settled (terminal event and what follows) */
    bool whole;     /* says texts that are no deltas: repeats, citations, results */
    bool ends;      /* every channel of group `ended` is complete */
    uint32_t ended;
    enum failure failure;            /* an error event: NONE when it is not one */
    struct str message;              /* its words, decoded */
    struct delta deltas[DELTAS_MAX]; /* of the first DELTAS_MAX changes */
    size_t delta_count;
    bool delta_overflow; /* there were more */
};

struct error_text {
    unsigned status;
    const char *type;    /* dialect's type for the status, NULL: by status */
    const char *code;    /* NULL: none */
    struct str message;  /* for a person */
    struct str exchange; /* id to quote */
};

#endif
