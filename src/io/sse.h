/* SPDX-License-Identifier: Apache-2.0
 * sse.h - event streams (WHATWG HTML, section 9.2), read incrementally.
 *
 * Accepts LF, CRLF, CR, comments, a leading BOM, several data lines, any split. Besides the decoded
 * event it gives the raw bytes from the first line to the blank line, so that an untouched event
 * can be forwarded as it came (without the BOM, and without the LF of a final CRLF that was cut in
 * two: an event is not held back for it). A comment block is an event of its own with `comment`
 * set; blank lines alone are nothing.
 */
#ifndef AIRE_IO_SSE_H
#define AIRE_IO_SSE_H

#include "base/buf.h"

struct sse_event {
    struct str event; /* "" when there was no event line */
    struct str data;  /* data lines joined by LF */
    struct str raw;   /* exact bytes, terminating blank line included */
    bool comment;     /* no data line at all (comments, id or retry only) */
    bool has_event;   /* an `event:` line was present */
};

#define SSE_EVENT_BYTES_MAX ((size_t)4 * 1024 * 1024)

struct sse_reader {
    struct buf kept;   /* an unfinished event; its limit is the event limit */
    struct buf joined; /* data lines when there are several */
    bool given;        /* `kept` is whole and was returned */
    bool at_start;     /* a BOM may come */
};

void sse_reader_init(struct sse_reader *reader, size_t event_bytes_max); /* 0: the default */
void sse_reader_end(struct sse_reader *reader);

/* Takes the next complete event out of *input. OK: *event is valid until the next call; AGAIN: all
 * input was used; LIMIT: the event is too large. Allocates nothing while events arrive whole. */
enum err sse_read(struct sse_reader *reader, struct str *input, struct sse_event *event) MUST_USE;
/* True if bytes of an unfinished event are kept (a cut stream). */
bool sse_unfinished(const struct sse_reader *reader);

#endif
