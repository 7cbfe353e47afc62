/* SPDX-License-Identifier: Apache-2.0
 * log.c - one message, one line.
 *
 * Invariants: no byte below 0x20 nor 0x7F nor damaged UTF-8 reaches the sink but the final LF, so
 * no value can forge a second line or speak to a terminal; the sink gets a line in one call.
 */
#include "base/log.h"

#include "base/must.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 2048
#define AREA_MAX    64
#define ESCAPE_MAX  6 /* \u001f */
#define LINE_BYTES  (ESCAPE_MAX * (MESSAGE_MAX + AREA_MAX) + 256)

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* Grows within its fixed room: LINE_BYTES covers the worst case of both parts. */
struct line {
    size_t len;
    char text[LINE_BYTES];
};

static void add(struct line *line, struct str s)
{
    must(s.len <= sizeof line->text - line->len);
    memcpy(line->text + line->len, s.at, s.len);
    line->len += s.len;
}

/* C0 and C1 controls and DEL: the last move a terminal's cursor as well as the first. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

static void add_escaped(struct line *line, struct str s, enum log_form form)
{
    uint32_t code = 0;
    size_t bytes = 0;
    for (size_t at = 0; at < s.len; at += bytes) {
        bytes = utf8_step(s, at, &code);
        struct str piece = str_cut(s, at, at + bytes);
        char encoded[4];
        if (is_control(code)) {
            char escape[ESCAPE_MAX + 1];
            (void)snprintf(escape, sizeof escape, form == LOG_JSON ? "\\u%04x" : "\\x%02x",
                           (unsigned)code);
            add(line, str_of(escape));
        } else if (form == LOG_JSON && (code == '"' || code == '\\')) {
            add(line, STR("\\"));
            add(line, piece);
        } else {
            /* Encoding again gives the piece itself, or U+FFFD where it was damaged. */
            add(line, (struct str){encoded, utf8_encode(code, encoded)});
        }
    }
}

static void add_line(struct line *line, const struct log *log, enum log_level level,
                     const struct str parts[2])
{
    static const struct str frames[][5] = {
        [LOG_PLAIN] = {{"", 0}, {" ", 1}, {" ", 1}, {" ", 1}, {"\n", 1}},
        [LOG_JSON] = {{"{\"time\":\"", 9},
                      {"\",\"level\":\"", 11},
                      {"\",\"area\":\"", 10},
                      {"\",\"message\":\"", 13},
                      {"\"}\n", 3}},
    };
    const struct str *frame = frames[log->form];
    char time[WHEN_TEXT_BYTES];
    add(line, frame[0]);
    add(line, str_of(wall_show(log->now(log->object), time)));
    add(line, frame[1]);
    add(line, str_of(level_names[level]));
    add(line, frame[2]);
    add_escaped(line, parts[0], log->form);
    add(line, frame[3]);
    add_escaped(line, parts[1], log->form);
    add(line, frame[4]);
}

void log_say(const struct log *log, enum log_level level, const char *area, const char *format, ...)
{
    must((unsigned)level <= LOG_DEBUG);
    if (log == NULL || level > log->level) {
        return;
    }
    /* Four bytes more than are kept, so that the cut sees whether it splits a code point. */
    char text[MESSAGE_MAX + 4];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    must(length >= 0);
    struct str message = utf8_head(str_of(text), MESSAGE_MAX);
    struct line line;
    line.len = 0;
    add_line(&line, log, level, (struct str[]){str_cut(str_of(area), 0, AREA_MAX), message});
    log->sink(log->object, (struct str){line.text, line.len});
}
