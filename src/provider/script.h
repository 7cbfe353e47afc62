/* SPDX-License-Identifier: Apache-2.0
 * script.h - the faults that the built-in provider plays, as rules of a YAML file
 * (docs/sim-script.md).
 *
 * Invariant: a script is immutable but for its counters; whoever plays one of its acts holds it, so
 * that a new script can come at any time.
 */
#ifndef AIRE_PROVIDER_SCRIPT_H
#define AIRE_PROVIDER_SCRIPT_H

#include "config/settings.h"
#include "io/http1.h"

#define SCRIPT_BYTES_MAX ((size_t)4 << 20)
#define SCRIPT_RULES_MAX 1024

enum script_end { END_NORMAL, END_TIDY, END_CUT, END_RESET, END_STALL };
enum script_line { LINE_LF, LINE_CRLF, LINE_CR };
enum script_framing {
    FRAMING_NORMAL,
    FRAMING_CLOSE,  /* no length: the body ends with the connection */
    FRAMING_HTTP10, /* the same from an HTTP/1.0 server */
    FRAMING_BOTH,   /* Content-Length and chunked at once */
    FRAMING_SHORT,  /* Content-Length smaller than the body */
    FRAMING_LONG    /* Content-Length larger than the body */
};
enum script_connection { CONNECTION_KEEP, CONNECTION_CLOSE, CONNECTION_DROP };
enum script_choices { CHOICES_EMPTY, CHOICES_NULL, CHOICES_ABSENT };
enum script_finish {
    ACT_FINISH_NORMAL,
    ACT_FINISH_STOP,
    ACT_FINISH_LENGTH,
    ACT_FINISH_FILTER,
    ACT_FINISH_REFUSAL
};

enum script_omit {
    OMIT_TERMINAL = 1,
    OMIT_FINISH = 2,
    OMIT_USAGE = 4,
    OMIT_EVENT_LINES = 8,
    OMIT_TOKENS = 16
};

/* What is done to one answer. Zero is "nothing" for every member but confidence (-1). */
struct script_do {
    /* another answer */
    uint64_t status;
    struct str error;
    struct str message;
    struct str body;
    struct str content_type;
    struct str text;
    struct str tool;
    struct str arguments;
    struct str model;
    double confidence;
    uint64_t finish;
    uint64_t cached_tokens;
    uint64_t pad_bytes;
    /* its head */
    const struct yaml *headers_tree;
    struct http_field *headers;
    size_t header_count;
    uint64_t header_pad_bytes;
    uint64_t interim;
    /* time */
    uint64_t delay_ms;
    uint64_t first_token_ms;
    uint64_t between_ms;
    /* its end */
    uint64_t end;
    uint64_t after;
    uint64_t connection;
    /* its events */
    uint64_t error_event;
    uint64_t bad_event;
    struct settings_texts omit;
    uint64_t usage_choices;
    uint64_t extra_events;
    /* its bytes */
    uint64_t line_end;
    uint64_t comments;
    uint64_t data_lines;
    uint64_t framing;
    uint64_t bad_chunk;
    uint64_t chunk_bytes;
    uint64_t write_bytes;
    uint64_t write_gap_ms;
    /* switches of the above */
    unsigned omitted; /* bits of enum script_omit */
    bool headless;
    bool extra_fields;
    bool bom;
    bool split_utf8;
};

extern const struct script_do script_do_nothing;

struct script;

/* Parses; `text` may be "" (no rules). The caller holds the result. */
enum err script_new(struct str text, struct script **script, struct fault *fault) MUST_USE;
void script_hold(struct script *script);
void script_drop(struct script *script); /* NULL is fine */
size_t script_count(const struct script *script);

struct script_facts {
    struct str path;
    struct str endpoint; /* "chat", "responses", "messages", ... */
    struct str family;   /* "openai", "anthropic" or "" */
    struct str model;
    bool stream;
    struct str body;
    const struct http_head *head;
    uint64_t age_ms; /* since the script was set */
};

/* The act of the first rule that holds, or script_do_nothing. Counts the request in all rules. */
const struct script_do *script_match(struct script *script, const struct script_facts *facts);

struct script_count {
    unsigned line;
    uint64_t seen;  /* requests that met the rule's conditions on the request itself */
    uint64_t acted; /* times it answered */
};
struct script_count script_counters(const struct script *script, size_t rule);

/* Reference of both sections in Markdown, for docs/sim-script.md. */
enum err script_document(struct buf *to) MUST_USE;

#endif
