/* SPDX-License-Identifier: Apache-2.0
 * demo_wire.h - the refund agent's side of three APIs: requests written, answers read.
 *
 * A client of its own: nothing of the Governor's dialects is used, so that what it cannot read is
 * what another client could not read.
 */
#ifndef AIRE_CLI_DEMO_WIRE_H
#define AIRE_CLI_DEMO_WIRE_H

#include "base/arena.h"
#include "io/sse.h"
#include "json/json_writer.h"

#include <stdint.h>

#define DEMO_STEPS_MAX 4
#define DEMO_TEXT_MAX  ((size_t)64 * 1024)

/* A tool call that the model asked for, and what the tool said. */
struct demo_step {
    struct str id;
    struct str name;
    struct str arguments; /* JSON */
    struct str result;
};

/* A conversation so far. */
struct demo_talk {
    const char *model;
    bool stream;
    struct str asks;
    struct demo_step steps[DEMO_STEPS_MAX];
    size_t step_count;
};

/* What one answer amounted to. */
struct demo_answer {
    struct buf text;
    struct buf id; /* of the tool call */
    struct buf name;
    struct buf arguments;
    bool finished;    /* the dialect's mark of a whole answer was there */
    char problem[64]; /* an error, by its code; "" none */
};

void demo_answer_init(struct demo_answer *answer);
void demo_answer_end(struct demo_answer *answer);

enum demo_api { DEMO_CHAT, DEMO_MESSAGES, DEMO_RESPONSES };

const char *demo_api_name(enum demo_api api); /* "chat" */
const char *demo_api_path(enum demo_api api); /* "/v1/chat/completions" */
enum err demo_wire_write(enum demo_api api, const struct demo_talk *talk, struct buf *to) MUST_USE;
/* A plain body: an answer, or an error object. */
void demo_wire_read(enum demo_api api, struct str body, struct arena *arena,
                    struct demo_answer *answer);
void demo_wire_event(enum demo_api api, const struct sse_event *event, struct arena *arena,
                     struct demo_answer *answer);

/* Plays the tool; the result is JSON in the arena. */
struct str demo_tool_run(const struct demo_step *step, struct arena *arena);

#endif
