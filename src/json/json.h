/* SPDX-License-Identifier: Apache-2.0
 * json.h - strict RFC 8259 text parsed to a tape of spans over the original bytes; nothing is
 * copied.
 *
 * Invariants: node 0 is the root; a container's children follow it, `next` is the index behind its
 * whole subtree; an object's children are key, value, key, value. Spans of strings exclude the
 * quotes. The text must be one value with optional white space around it, valid UTF-8, without a
 * BOM.
 * `\u0000` and lone surrogate escapes are accepted by the grammar and kept raw; decoding turns a
 * lone surrogate into U+FFFD. The text must outlive the document.
 */
#ifndef AIRE_JSON_JSON_H
#define AIRE_JSON_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_node {
    uint32_t at;   /* first byte of the value (of a string: behind the quote) */
    uint32_t len;  /* bytes of the value (of a container: up to and with its bracket) */
    uint32_t next; /* index of the node behind this subtree */
    uint32_t kind : 4;
    uint32_t escaped : 1; /* a string that contains a backslash */
    uint32_t count : 27;  /* elements of an array, members of an object */
};

struct json {
    struct str text;
    const struct json_node *nodes;
    uint32_t count;
};

#define JSON_ROOT UINT32_C(0)
#define JSON_NONE UINT32_MAX /* "no such node": every query accepts it and answers nothing */

struct json_limits {
    uint32_t depth_max; /* nested containers; 0: JSON_DEPTH_MAX */
    uint32_t nodes_max; /* 0: JSON_NODES_MAX */
};

#define JSON_DEPTH_MAX 128
#define JSON_NODES_MAX (UINT32_C(1) << 22)

struct json_problem {
    enum err code;    /* SYNTAX, or LIMIT for depth, nodes, text over 1 GiB */
    size_t offset;    /* byte at which reading stopped */
    const char *what; /* "expected ',' or '}'" */
};

/* Nodes live in `arena`. `limits` and `problem` may be NULL. */
enum err json_parse(struct json *json, struct str text, const struct json_limits *limits,
                    struct arena *arena, struct json_problem *problem) MUST_USE;

/* The same without a tape: is this text valid? */
bool json_valid(struct str text, struct json_problem *problem);

enum json_kind json_kind(const struct json *json, uint32_t node); /* JSON_NONE: JSON_NULL */
bool json_is(const struct json *json, uint32_t node, enum json_kind kind);
uint32_t json_count(const struct json *json, uint32_t node);

/* Last member of that (decoded) name, as most readers have it; JSON_NONE if absent or no object. */
uint32_t json_get(const struct json *json, uint32_t object, struct str key);
/* Several members by one walk: found[i] is the value of keys[i], as json_get has it. */
void json_pick(const struct json *json, uint32_t object, const struct str *keys, size_t count,
               uint32_t *found);
uint32_t json_at(const struct json *json, uint32_t array, uint32_t index);

/* Children in order: for (n = json_first(j, c); n != JSON_NONE; n = json_after(j, c, n)). In an
 * object the walk stops at keys; the value of key k is k + 1. */
uint32_t json_first(const struct json *json, uint32_t container);
uint32_t json_after(const struct json *json, uint32_t container, uint32_t child);

/* A key that occurs twice in this object (decoded comparison), or JSON_NONE. */
uint32_t json_duplicate(const struct json *json, uint32_t object);

struct str json_raw(const struct json *json, uint32_t node);   /* with quotes and brackets */
struct str json_inner(const struct json *json, uint32_t node); /* of a string: between the quotes */
/* Decoded string: aliases the text when nothing is escaped, else a copy in `arena`; "" if no
 * string. */
struct str json_string(const struct json *json, uint32_t node, struct arena *arena);
bool json_string_is(const struct json *json, uint32_t node, struct str expected); /* decoded */
bool json_bool(const struct json *json, uint32_t node, bool otherwise);
/* Exact integer in range (1e2 and 1.0 are not); false otherwise. */
bool json_u64(const struct json *json, uint32_t node, uint64_t *value);
bool json_double(const struct json *json, uint32_t node, double *value);

/* Decodes the inside of a JSON string (between the quotes, already validated) and appends it. */
enum err json_unescape(struct buf *to, struct str inner) MUST_USE;
/* The one escape that `s` begins with, a pair of surrogates included (RFC 8259, section 7): its
 * bytes; `to` receives what it means, `len` bytes of UTF-8. */
size_t json_unescape_one(struct str s, char to[4], size_t *len);

#endif
