/* SPDX-License-Identifier: Apache-2.0
 * answer.h - one answer of the built-in provider before it is put on the wire: a head and parts.
 *
 * Invariant: a stream's parts are server-sent events in order; any other answer has exactly one
 * part, its body. Everything lives in `arena`.
 */
#ifndef AIRE_PROVIDER_ANSWER_H
#define AIRE_PROVIDER_ANSWER_H

#include "io/http1.h"
#include "json/json_writer.h"

enum part_kind {
    PART_OTHER,
    PART_TOKEN,   /* carries text or a fragment of tool arguments */
    PART_FINISH,  /* says why the answer ended */
    PART_USAGE,   /* carries usage alone */
    PART_TERMINAL /* the dialect's last event */
};

struct part {
    struct str event; /* "": no `event:` line */
    struct str data;
    enum part_kind kind;
};

/* How errors are shaped; `unnamed` streams have no event lines. */
enum shape { SHAPE_OPENAI, SHAPE_RESPONSES, SHAPE_ANTHROPIC };

#define ANSWER_FIELDS_MAX 16
#define ANSWER_BYTES_MAX  ((size_t)256 << 20)

struct answer {
    struct arena *arena;
    struct buf *scratch; /* shared by all answers of a provider; only used while one is built */
    struct json_writer writer;
    enum shape shape;
    unsigned status;
    bool stream;
    struct str content_type;
    struct http_field fields[ANSWER_FIELDS_MAX];
    size_t field_count;
    struct part *parts;
    size_t part_count;
    size_t part_room;
};

void answer_init(struct answer *answer, struct arena *arena, struct buf *scratch, enum shape shape);
void answer_field(struct answer *answer, struct str name, struct str value);
void answer_part(struct answer *answer, struct str event, struct str data, enum part_kind kind);

/* Write one JSON value between open and close; close makes it a part. */
struct json_writer *answer_open(struct answer *answer);
void answer_close(struct answer *answer, struct str event, enum part_kind kind);

/* An error by name ("rate_limit", "overloaded", ...) or, when the name is empty, by status. */
struct answer_problem {
    struct str error;
    unsigned status;    /* 0: the status that belongs to the name */
    struct str message; /* "": the usual words */
    struct str param;
};
/* Replaces whatever the answer was by that error as a plain body. */
void answer_error(struct answer *answer, const struct answer_problem *problem,
                  struct str request_id);
/* The event with which a running stream of this shape reports the error. */
struct part answer_error_event(struct answer *answer, const struct answer_problem *problem,
                               uint64_t sequence_number);
/* Is `name` one that answer_error knows? */
bool answer_error_known(struct str name);

#endif
