/* SPDX-License-Identifier: Apache-2.0
 * sse.c - cuts a byte stream into events and an event into lines.
 *
 * Invariants: an event that lies whole in the input is never copied (several data lines excepted,
 * which have no contiguous form); `kept` begins with the first line of an event and holds no blank
 * line unless `given`.
 */
#include "io/sse.h"

#include <stdint.h>

#define WINDOW 512

void sse_reader_init(struct sse_reader *reader, size_t event_bytes_max)
{
    size_t max = event_bytes_max ? event_bytes_max : SSE_EVENT_BYTES_MAX;
    *reader = (struct sse_reader){.at_start = true};
    buf_init(&reader->kept, max);
    buf_init(&reader->joined, max);
}

void sse_reader_end(struct sse_reader *reader)
{
    buf_end(&reader->kept);
    buf_end(&reader->joined);
}

bool sse_unfinished(const struct sse_reader *reader)
{
    return reader->kept.len > 0 && !reader->given;
}

/* ---- events ---- */

/* Index of the first LF or CR at or behind `from`, or s.len. Looks for both in one window after the
 * other: a stream without any LF must not be searched to its end for every CR. */
static size_t line_end(struct str s, size_t from)
{
    while (from < s.len) {
        struct str window = str_cut(s, from, from + WINDOW);
        window = str_cut(window, 0, str_find_byte(window, '\n'));
        window = str_cut(window, 0, str_find_byte(window, '\r'));
        from += window.len;
        if (window.len < WINDOW) {
            return from;
        }
    }
    return s.len;
}

/* Behind the line end at `at`: CR LF counts as one. */
static size_t line_next(struct str s, size_t at)
{
    bool pair = s.at[at] == '\r' && at + 1 < s.len && s.at[at + 1] == '\n';
    return at + (pair ? 2 : 1);
}

/* Bytes of `input` up to and with the blank line, 0 when there is none. `kept` goes before it. */
static size_t event_end(struct str kept, struct str input)
{
    char last = '\n';
    if (kept.len > 0) {
        last = kept.at[kept.len - 1];
    }
    bool fresh = last == '\n' || last == '\r'; /* a line begins with the input */
    size_t at = last == '\r' && input.len > 0 && input.at[0] == '\n' ? 1 : 0;
    while (at < input.len) {
        size_t end = line_end(input, at);
        if (end == input.len) {
            return 0;
        }
        bool blank = fresh && end == at;
        at = line_next(input, end);
        if (blank) {
            return at;
        }
        fresh = true;
    }
    return 0;
}

/* Blank lines between events say nothing; so does the LF behind a CR that ended an event. */
static void skip_blank(struct str *input)
{
    size_t at = 0;
    while (at < input->len && (input->at[at] == '\n' || input->at[at] == '\r')) {
        at++;
    }
    *input = str_cut(*input, at, SIZE_MAX);
}

/* ---- lines ---- */

static enum err take_data(struct sse_reader *reader, struct sse_event *event, struct str value)
{
    if (event->comment) { /* the first data line: aliased */
        event->comment = false;
        event->data = value;
        return ERR_OK;
    }
    enum err err = ERR_OK;
    if (reader->joined.len == 0) {
        err = buf_add(&reader->joined, event->data);
    }
    if (err == ERR_OK) {
        err = buf_add_byte(&reader->joined, '\n');
    }
    if (err == ERR_OK) {
        err = buf_add(&reader->joined, value);
    }
    event->data = buf_str(&reader->joined);
    return err;
}

/* One line: "name: value", one space behind the colon is not part of the value. */
static enum err take_line(struct sse_reader *reader, struct sse_event *event, struct str line)
{
    size_t colon = str_find_byte(line, ':');
    struct str name = str_cut(line, 0, colon);
    struct str value = str_cut(line, name.len + 1, SIZE_MAX);
    if (value.len > 0 && value.at[0] == ' ') {
        value = str_cut(value, 1, SIZE_MAX);
    }
    if (str_equal(name, STR("data"))) {
        return take_data(reader, event, value);
    }
    if (str_equal(name, STR("event"))) {
        event->event = value;
        event->has_event = true;
    }
    return ERR_OK;
}

static enum err decode(struct sse_reader *reader, struct str raw, struct sse_event *event)
{
    if (reader->at_start && str_starts(raw, STR("\xEF\xBB\xBF"))) {
        raw = str_cut(raw, 3, SIZE_MAX);
    }
    reader->at_start = false;
    *event = (struct sse_event){.event = {"", 0}, .data = {"", 0}, .raw = raw, .comment = true};
    buf_clear(&reader->joined);
    size_t at = 0;
    while (at < raw.len) {
        size_t end = line_end(raw, at);
        enum err err = take_line(reader, event, str_cut(raw, at, end));
        if (err != ERR_OK) {
            return err;
        }
        at = line_next(raw, end);
    }
    return ERR_OK;
}

enum err sse_read(struct sse_reader *reader, struct str *input, struct sse_event *event)
{
    if (reader->given) {
        buf_clear(&reader->kept);
        reader->given = false;
    }
    if (reader->kept.len == 0) {
        skip_blank(input);
    }
    size_t end = event_end(buf_str(&reader->kept), *input);
    struct str part = str_cut(*input, 0, end > 0 ? end : SIZE_MAX);
    if (end > 0 && reader->kept.len == 0 && part.len <= reader->kept.limit) {
        *input = str_cut(*input, end, SIZE_MAX);
        return decode(reader, part, event);
    }
    enum err err = buf_add(&reader->kept, part);
    if (err != ERR_OK) {
        return err;
    }
    *input = str_cut(*input, part.len, SIZE_MAX);
    if (end == 0) {
        return ERR_AGAIN;
    }
    reader->given = true;
    return decode(reader, buf_str(&reader->kept), event);
}
