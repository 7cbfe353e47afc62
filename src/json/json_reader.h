/* SPDX-License-Identifier: Apache-2.0
 * json_reader.h - incremental reader for JSON that arrives in pieces (tool arguments of a stream).
 *
 * Feeding any split of a text gives the same answer as feeding it whole, and the same answer as
 * json_valid. It keeps no bytes, only its state: 16 bytes of depth bits and a few more.
 */
#ifndef AIRE_JSON_JSON_READER_H
#define AIRE_JSON_JSON_READER_H

#include "base/err.h"
#include "base/str.h"
#include "json/json.h"

struct json_reader {
    uint64_t object_bits[JSON_DEPTH_MAX / 64]; /* which open containers are objects */
    uint64_t offset;                           /* bytes accepted so far */
    uint32_t depth;
    uint8_t state;
    uint8_t sub;      /* bytes still missing of a word, an escape or a code point */
    uint8_t utf8_low; /* what the next byte of a code point may be */
    uint8_t utf8_high;
    bool is_key;      /* the string being read is a key */
    enum err code;    /* why it failed, ... */
    const char *what; /* ... in words */
};

void json_reader_init(struct json_reader *reader);
/* SYNTAX or LIMIT: `offset` is the first byte not accepted, and the reader stays failed. */
enum err json_reader_feed(struct json_reader *reader, struct str piece) MUST_USE;
/* True when what was fed is one complete value (a bare number counts as complete at any digit). */
bool json_reader_complete(const struct json_reader *reader);

#endif
