/* SPDX-License-Identifier: Apache-2.0
 * tool_answer.h - a tool's whole answer as bytes, as runs keep it: head in the form of HTTP/1.1
 * (RFC 9112), empty line, body.
 */
#ifndef AIRE_GATEWAY_TOOL_ANSWER_H
#define AIRE_GATEWAY_TOOL_ANSWER_H

#include "base/arena.h"
#include "base/buf.h"
#include "io/http1.h"

struct tool_answer {
    unsigned status;
    struct str content_type;
    struct http_field *fields; /* those that pass to the client, without that */
    size_t count;
    struct str body;
};

enum err tool_answer_write(const struct tool_answer *answer, struct buf *to) MUST_USE;
/* Bytes are borrowed, the list of fields lives in the arena. CORRUPT: it is none. */
enum err tool_answer_read(struct str bytes, struct arena *arena,
                          struct tool_answer *answer) MUST_USE;

#endif
