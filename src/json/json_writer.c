/* SPDX-License-Identifier: Apache-2.0
 * json_writer.c - writes JSON: commas, escapes, numbers.
 *
 * Invariants: bit d of has_items and in_object belongs to the container opened at depth d;
 * after_key is set from a key to its value; after the first error nothing more is written.
 * Wrong nesting is a bug and ends the process; running into the limit of the buffer is an error
 * that the end reports, so that callers write straight down and look once.
 */
#include "json/json_writer.h"

#include "base/must.h"
#include "base/utf8.h"
#include "json/json_scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The buffer may hold something already: the text is appended. */
void json_writer_init(struct json_writer *w, struct buf *to)
{
    *w = (struct json_writer){.to = to, .code = ERR_OK};
}

enum err json_writer_end(struct json_writer *w)
{
    must(w->depth == 0 && !w->after_key);
    return w->code;
}

/* The only way to the buffer but for numbers and escapes; each checks for an earlier error. */
static void put(struct json_writer *w, struct str bytes)
{
    if (w->code == ERR_OK) {
        w->code = buf_add(w->to, bytes);
    }
}

/* Of the innermost container; there must be one. */
static uint64_t bit(const struct json_writer *w)
{
    return UINT64_C(1) << (w->depth - 1);
}

/* In front of every item but the first. */
static void comma(struct json_writer *w)
{
    if (w->has_items & bit(w)) {
        put(w, STR(","));
    }
    w->has_items |= bit(w);
}

/* In front of every value. A text has one root; an object has no value without its key. */
static void before_value(struct json_writer *w)
{
    if (w->depth == 0) {
        must(!w->has_root);
        w->has_root = true;
    } else if (w->in_object & bit(w)) {
        must(w->after_key);
        w->after_key = false;
    } else {
        comma(w);
    }
}

/* Both bits are written, because an earlier container of this depth may have left them. */
static void begin(struct json_writer *w, bool object)
{
    before_value(w);
    must(w->depth < JSON_WRITER_DEPTH_MAX);
    w->depth++;
    w->has_items &= ~bit(w);
    w->in_object = object ? w->in_object | bit(w) : w->in_object & ~bit(w);
    put(w, object ? STR("{") : STR("["));
}

/* Ending the wrong kind, or behind a key without a value, is a bug of the caller. */
static void end(struct json_writer *w, bool object)
{
    must(w->depth > 0 && !w->after_key);
    must(object == ((w->in_object & bit(w)) != 0));
    put(w, object ? STR("}") : STR("]"));
    w->depth--;
}

void json_begin_object(struct json_writer *w)
{
    begin(w, true);
}

void json_end_object(struct json_writer *w)
{
    end(w, true);
}

void json_begin_array(struct json_writer *w)
{
    begin(w, false);
}

void json_end_array(struct json_writer *w)
{
    end(w, false);
}

/* Keys and strings alike. */
static void put_quoted(struct json_writer *w, struct str value)
{
    put(w, STR("\""));
    if (w->code == ERR_OK) {
        w->code = json_escape(w->to, value);
    }
    put(w, STR("\""));
}

/* A key takes the comma of its member; before_value() then finds after_key and adds none. */
void json_key_str(struct json_writer *w, struct str key)
{
    must(w->depth > 0 && (w->in_object & bit(w)) && !w->after_key);
    comma(w);
    put_quoted(w, key);
    put(w, STR(":"));
    w->after_key = true;
}

void json_key(struct json_writer *w, const char *key)
{
    json_key_str(w, str_of(key));
}

/* Also the way of numbers and words, which need no escaping. */
void json_put_raw(struct json_writer *w, struct str json_text)
{
    must(json_text.len > 0);
    before_value(w);
    put(w, json_text);
}

void json_put_str(struct json_writer *w, struct str value)
{
    before_value(w);
    put_quoted(w, value);
}

/* NULL stands for "not known", hence null. */
void json_put_cstr(struct json_writer *w, const char *value)
{
    if (value == NULL) {
        json_put_null(w);
    } else {
        json_put_str(w, str_of(value));
    }
}

/* Exact to the last digit, although many readers keep only 53 bits. */
void json_put_u64(struct json_writer *w, uint64_t value)
{
    before_value(w);
    if (w->code == ERR_OK) {
        w->code = buf_add_u64(w->to, value);
    }
}

/* The size is taken in unsigned arithmetic: INT64_MIN has no positive counterpart. */
void json_put_i64(struct json_writer *w, int64_t value)
{
    before_value(w);
    uint64_t size = (uint64_t)value;
    if (value < 0) {
        put(w, STR("-"));
        size = 0 - size;
    }
    if (w->code == ERR_OK) {
        w->code = buf_add_u64(w->to, size);
    }
}

/* 17 digits always read back (IEEE 754 binary64); most values need only 15. The process stays in
 * the C locale, hence the point. JSON has no infinity and no NaN (RFC 8259, section 6). */
void json_put_double(struct json_writer *w, double value)
{
    if (!isfinite(value)) {
        json_put_null(w);
        return;
    }
    char text[32];
    int len = 0;
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, sizeof text, "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (back >= value && back <= value) {
            break;
        }
    }
    json_put_raw(w, (struct str){text, (size_t)len});
}

void json_put_bool(struct json_writer *w, bool value)
{
    json_put_raw(w, value ? STR("true") : STR("false"));
}

void json_put_null(struct json_writer *w)
{
    json_put_raw(w, STR("null"));
}

void json_member_str(struct json_writer *w, const char *key, struct str value)
{
    json_key(w, key);
    json_put_str(w, value);
}

void json_member_cstr(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_put_cstr(w, value);
}

void json_member_u64(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, key);
    json_put_u64(w, value);
}

void json_member_i64(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_put_i64(w, value);
}

void json_member_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, key);
    json_put_bool(w, value);
}

void json_member_double(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    json_put_double(w, value);
}

/* One code point that is not plain ASCII; U+2028 and U+2029 end a line in older JavaScript. */
static enum err escape_one(struct buf *to, uint32_t code)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    if (code == '"' || code == '\\') {
        return buf_add(to, (struct str){(char[]){'\\', (char)code}, 2});
    }
    for (size_t i = 0; i < sizeof letters - 1; i++) {
        if (code == (uint32_t)meanings[i]) {
            return buf_add(to, (struct str){(char[]){'\\', letters[i]}, 2});
        }
    }
    if (code < 0x20 || code == 0x2028 || code == 0x2029) {
        return buf_printf(to, "\\u%04x", (unsigned)code);
    }
    char bytes[4];
    size_t len = utf8_encode(code, bytes);
    return buf_add(to, (struct str){bytes, len});
}

/* All or nothing, like json_unescape. Bytes that are not UTF-8 come back from utf8_step as U+FFFD,
 * so the output is valid whatever the input was. */
enum err json_escape(struct buf *to, struct str value)
{
    if (value.len == 0) {
        return ERR_OK;
    }
    size_t before = to->len;
    const uint8_t *first = (const uint8_t *)value.at;
    enum err code = ERR_OK;
    for (size_t at = 0; at < value.len && code == ERR_OK;) {
        size_t stop = (size_t)(json_plain_run(first + at, first + value.len) - first);
        if (stop > at) {
            code = buf_add(to, str_cut(value, at, stop));
            at = stop;
        } else {
            uint32_t point;
            at += utf8_step(value, at, &point);
            code = escape_one(to, point);
        }
    }
    if (code != ERR_OK) {
        to->len = before;
    }
    return code;
}
