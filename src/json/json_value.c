/* SPDX-License-Identifier: Apache-2.0
 * json_value.c - questions to a parsed tape: members, elements, decoded strings, numbers.
 *
 * Invariants: an index outside of the tape (JSON_NONE, or any after a failed parse) is answered
 * like a null; decoding is done in pieces, so that comparing and looking up need no memory.
 * The text has passed the grammar; decoding still checks every length, since json_unescape is given
 * bare spans.
 */
#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "base/utf8.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

#define PAIRWISE_MAX 16 /* keys compared each with each; more are sorted */

/* Every question goes through here or json_is(), so that no index can leave the tape. */
static const struct json_node *node_of(const struct json *json, uint32_t node)
{
    static const struct json_node none = {.kind = JSON_NULL};
    return node < json->count ? &json->nodes[node] : &none;
}

enum json_kind json_kind(const struct json *json, uint32_t node)
{
    return (enum json_kind)node_of(json, node)->kind;
}

bool json_is(const struct json *json, uint32_t node, enum json_kind kind)
{
    return node < json->count && json->nodes[node].kind == kind;
}

uint32_t json_count(const struct json *json, uint32_t node)
{
    return node_of(json, node)->count;
}

/* The first child stands right behind its container. */
uint32_t json_first(const struct json *json, uint32_t container)
{
    return json_count(json, container) > 0 ? container + 1 : JSON_NONE;
}

/* The child behind the last one would be the first node behind the container. */
uint32_t json_after(const struct json *json, uint32_t container, uint32_t child)
{
    if (container >= json->count || child >= json->count) {
        return JSON_NONE;
    }
    bool object = json->nodes[container].kind == JSON_OBJECT;
    uint32_t next = json->nodes[object ? child + 1 : child].next;
    return next < json->nodes[container].next ? next : JSON_NONE;
}

/* Elements without children stand side by side; otherwise each is stepped over as a whole. */
uint32_t json_at(const struct json *json, uint32_t array, uint32_t index)
{
    if (!json_is(json, array, JSON_ARRAY) || index >= json->nodes[array].count) {
        return JSON_NONE;
    }
    const struct json_node *node = &json->nodes[array];
    if (node->next == array + 1 + node->count) {
        return array + 1 + index;
    }
    uint32_t at = array + 1;
    for (; index > 0; index--) {
        at = json->nodes[at].next;
    }
    return at;
}

struct str json_inner(const struct json *json, uint32_t node)
{
    if (node >= json->count) {
        return (struct str){NULL, 0};
    }
    return (struct str){json->text.at + json->nodes[node].at, json->nodes[node].len};
}

/* Spans of strings are kept without quotes because nearly all readers want them so. */
struct str json_raw(const struct json *json, uint32_t node)
{
    struct str inner = json_inner(json, node);
    if (json_is(json, node, JSON_STRING)) {
        return (struct str){inner.at - 1, inner.len + 2};
    }
    return inner;
}

/* Four digits at `at`; UINT32_MAX, which utf8_encode replaces like a lone surrogate, when they are
 * not there. */
static uint32_t hex4(struct str s, size_t at)
{
    if (s.len < 4 || at > s.len - 4) {
        return UINT32_MAX;
    }
    uint32_t code = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = text_hex_digit(s.at[at + i]);
        if (digit < 0) {
            return UINT32_MAX;
        }
        code = code << 4 | (uint32_t)digit;
    }
    return code;
}

/* `s` begins with \u. A pair of surrogates is one code point (RFC 8259, section 7); one alone is
 * left for utf8_encode to replace. */
static size_t decode_unicode(struct str s, char to[4], size_t *len)
{
    uint32_t code = hex4(s, 2);
    size_t used = s.len < 6 ? s.len : 6;
    if (code >= 0xD800 && code <= 0xDBFF && s.len >= 12 && s.at[6] == '\\' && s.at[7] == 'u') {
        uint32_t low = hex4(s, 8);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            used = 12;
        }
    }
    *len = utf8_encode(code, to);
    return used;
}

/* `s` begins with a backslash; returns the bytes used. The parser has refused unknown escapes;
 * should one come all the same, it means the letter itself, and a last backslash means itself. */
size_t json_unescape_one(struct str s, char to[4], size_t *len)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    if (s.len >= 2 && s.at[1] == 'u') {
        return decode_unicode(s, to, len);
    }
    const char *letter = &s.at[s.len >= 2 ? 1 : 0];
    const char *found = memchr(letters, *letter, sizeof letters - 1);
    const char *meaning = found != NULL ? &meanings[found - letters] : letter;
    to[0] = *meaning;
    *len = 1;
    return s.len >= 2 ? 2 : 1;
}

/* Cuts the next decoded piece off `rest`: a run without escapes, or one escape decoded in `store`.
 */
static bool next_piece(struct str *rest, char store[4], struct str *piece)
{
    if (rest->len == 0) {
        return false;
    }
    size_t used;
    if (rest->at[0] == '\\') {
        piece->at = store;
        used = json_unescape_one(*rest, store, &piece->len);
    } else {
        const char *backslash = memchr(rest->at, '\\', rest->len);
        used = backslash != NULL ? (size_t)(backslash - rest->at) : rest->len;
        *piece = (struct str){rest->at, used};
    }
    *rest = (struct str){rest->at + used, rest->len - used};
    return true;
}

/* Piece by piece, so that a lookup by a name needs no memory. */
static bool decoded_is(struct str inner, struct str expected)
{
    char store[4];
    struct str piece;
    while (next_piece(&inner, store, &piece)) {
        if (!str_starts(expected, piece)) {
            return false;
        }
        expected = str_cut(expected, piece.len, expected.len);
    }
    return expected.len == 0;
}

/* Without a backslash the bytes are what they mean. */
bool json_string_is(const struct json *json, uint32_t node, struct str expected)
{
    if (!json_is(json, node, JSON_STRING)) {
        return false;
    }
    struct str inner = json_inner(json, node);
    if (json->nodes[node].escaped) {
        return decoded_is(inner, expected);
    }
    return inner.len == expected.len &&
           (inner.len == 0 || !memcmp(inner.at, expected.at, inner.len));
}

/* Most keys differ in length from what is looked for: no call for those. */
static bool key_is(const struct json *json, uint32_t node, struct str key)
{
    const struct json_node *n = &json->nodes[node];
    if (n->escaped != 0) {
        return decoded_is(json_inner(json, node), key);
    }
    return n->len == key.len && memcmp(json->text.at + n->at, key.at, key.len) == 0;
}

/* A walk over all keys, also behind a match: the last one counts. Objects in requests are small,
 * and a table would cost more than it saves. */
void json_pick(const struct json *json, uint32_t object, const struct str *keys, size_t count,
               uint32_t *found)
{
    for (size_t i = 0; i < count; i++) {
        found[i] = JSON_NONE;
    }
    if (!json_is(json, object, JSON_OBJECT)) {
        return;
    }
    uint64_t lengths = 0; /* that any key has, modulo 64: most members have none of them */
    for (size_t i = 0; i < count; i++) {
        lengths |= UINT64_C(1) << (keys[i].len & 63);
    }
    uint32_t end = json->nodes[object].next;
    for (uint32_t k = object + 1; k < end; k = json->nodes[k + 1].next) {
        bool may = json->nodes[k].escaped != 0 || (lengths >> (json->nodes[k].len & 63) & 1) != 0;
        for (size_t i = 0; may && i < count; i++) {
            if (key_is(json, k, keys[i])) {
                found[i] = k + 1;
                break;
            }
        }
    }
}

uint32_t json_get(const struct json *json, uint32_t object, struct str key)
{
    uint32_t found;
    json_pick(json, object, &key, 1, &found);
    return found;
}

/* The text itself whenever it can be; the arena pays for escapes only. */
struct str json_string(const struct json *json, uint32_t node, struct arena *arena)
{
    if (!json_is(json, node, JSON_STRING)) {
        return (struct str){"", 0};
    }
    struct str rest = json_inner(json, node);
    if (!json->nodes[node].escaped) {
        return rest;
    }
    char *to = arena_alloc(arena, rest.len); /* no escape is shorter than what it means */
    size_t len = 0;
    char store[4];
    struct str piece;
    while (next_piece(&rest, store, &piece)) {
        memcpy(to + len, piece.at, piece.len);
        len += piece.len;
    }
    return (struct str){to, len};
}

/* All or nothing: what does not fit leaves the buffer as it was. */
enum err json_unescape(struct buf *to, struct str inner)
{
    size_t before = to->len;
    char store[4];
    struct str piece;
    while (next_piece(&inner, store, &piece)) {
        enum err code = buf_add(to, piece);
        if (code != ERR_OK) {
            to->len = before;
            return code;
        }
    }
    return ERR_OK;
}

struct named {
    struct str key; /* decoded */
    uint32_t node;
};

/* By name, equal names in the order of the text: qsort is not stable. */
static int compare_named(const void *a, const void *b)
{
    const struct named *left = a;
    const struct named *right = b;
    int order = str_compare(left->key, right->key);
    return order != 0 ? order : left->node < right->node ? -1 : 1;
}

/* O(n log n): the first key in the text that has an equal before it. */
static uint32_t duplicate_sorted(const struct json *json, uint32_t object)
{
    struct arena *arena = arena_new(4096);
    uint32_t count = json_count(json, object);
    struct named *keys = arena_alloc(arena, sizeof *keys * count);
    uint32_t at = 0;
    for (uint32_t k = json_first(json, object); k != JSON_NONE; k = json_after(json, object, k)) {
        keys[at++] = (struct named){json_string(json, k, arena), k};
    }
    must(at == count);
    qsort(keys, count, sizeof *keys, compare_named);
    uint32_t found = JSON_NONE;
    for (uint32_t i = 1; i < count; i++) {
        if (keys[i].node < found && str_equal(keys[i].key, keys[i - 1].key)) {
            found = keys[i].node;
        }
    }
    arena_free(arena);
    return found;
}

/* Few plain keys, the common case, are compared each with each and need no memory; many, or escaped
 * ones, are decoded and sorted. Both answer the same key. */
uint32_t json_duplicate(const struct json *json, uint32_t object)
{
    if (!json_is(json, object, JSON_OBJECT)) {
        return JSON_NONE;
    }
    struct str seen[PAIRWISE_MAX];
    size_t count = 0;
    for (uint32_t k = json_first(json, object); k != JSON_NONE; k = json_after(json, object, k)) {
        if (count == PAIRWISE_MAX || json->nodes[k].escaped) {
            return duplicate_sorted(json, object);
        }
        seen[count] = json_inner(json, k);
        for (size_t i = 0; i < count; i++) {
            if (seen[i].len == seen[count].len && str_equal(seen[i], seen[count])) {
                return k;
            }
        }
        count++;
    }
    return JSON_NONE;
}

bool json_bool(const struct json *json, uint32_t node, bool otherwise)
{
    enum json_kind kind = json_kind(json, node);
    return kind == JSON_TRUE || (kind != JSON_FALSE && otherwise);
}

/* The grammar of num_u64 has no sign, point or exponent: what it takes is an exact integer. */
bool json_u64(const struct json *json, uint32_t node, uint64_t *value)
{
    return json_is(json, node, JSON_NUMBER) && num_u64(json_inner(json, node), value) == ERR_OK;
}

bool json_double(const struct json *json, uint32_t node, double *value)
{
    return json_is(json, node, JSON_NUMBER) && num_double(json_inner(json, node), value) == ERR_OK;
}
