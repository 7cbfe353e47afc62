/* SPDX-License-Identifier: Apache-2.0
 * script_do.h - what a rule of a script does to one answer.
 *
 * Invariant: zero is "nothing" for every member but confidence (-1).
 */
#ifndef AIRE_PROVIDER_SCRIPT_DO_H
#define AIRE_PROVIDER_SCRIPT_DO_H

#include "config/settings.h"
#include "io/http1.h"

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

#endif
