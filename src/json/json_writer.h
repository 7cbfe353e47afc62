/* SPDX-License-Identifier: Apache-2.0
 * json_writer.h - writes new JSON into a buf; commas and escapes are its business, nesting is
 * checked by must(). The first limit error of the buf sticks and is returned by json_writer_end.
 *
 * Output is plain UTF-8; invalid input bytes become U+FFFD; control characters, quote, backslash
 * and U+2028/9 are escaped.
 */
#ifndef AIRE_JSON_JSON_WRITER_H
#define AIRE_JSON_JSON_WRITER_H

#include "base/buf.h"

#include <stdint.h>

#define JSON_WRITER_DEPTH_MAX 64

struct json_writer {
    struct buf *to;
    enum err code;
    uint32_t depth;
    uint64_t has_items; /* bit per depth */
    uint64_t in_object;
    bool after_key;
    bool has_root;
};

void json_writer_init(struct json_writer *w, struct buf *to);
enum err json_writer_end(struct json_writer *w) MUST_USE; /* depth must be 0 */

void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_str(struct json_writer *w, struct str key);

void json_put_str(struct json_writer *w, struct str value);
void json_put_cstr(struct json_writer *w, const char *value); /* NULL writes null */
void json_put_u64(struct json_writer *w, uint64_t value);
void json_put_i64(struct json_writer *w, int64_t value);
void json_put_double(struct json_writer *w,
                     double value); /* shortest that reads back; non-finite: null */
void json_put_bool(struct json_writer *w, bool value);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, struct str json_text); /* trusted to be one JSON value */

/* key and value in one call, for the common case */
void json_member_str(struct json_writer *w, const char *key, struct str value);
void json_member_cstr(struct json_writer *w, const char *key, const char *value);
void json_member_u64(struct json_writer *w, const char *key, uint64_t value);
void json_member_i64(struct json_writer *w, const char *key, int64_t value);
void json_member_bool(struct json_writer *w, const char *key, bool value);
void json_member_double(struct json_writer *w, const char *key, double value);

/* The inside of a JSON string for `value`, without quotes. */
enum err json_escape(struct buf *to, struct str value) MUST_USE;

#endif
