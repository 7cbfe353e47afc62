/* SPDX-License-Identifier: Apache-2.0
 * json.c - reads a JSON text to a tape in one pass, with or without keeping the tape.
 *
 * Invariants: while a container is open its `next` is the index of the container around it, so the
 * tape is its own stack and nothing recurses. Every scan_* function takes the place to read at and
 * returns the place behind what it read, or NULL after fail(). Without an arena nothing but the
 * open containers is kept, in an array of JSON_DEPTH_MAX nodes.
 *
 * Nothing is read at or behind `end`: the text need not end with a NUL. The reading place is handed
 * from function to function, which keeps it in a register; in `struct scan` it would cost a load
 * and a store a token.
 *
 * Cost: a chat body is mostly long strings, so the speed is that of json_plain_run() plus some 10
 * ns a token; bench/bench_json.c measures both kinds of body.
 */
#include "json/json.h"

#include "base/must.h"
#include "json/json_scan.h"

#include <string.h>

#define TEXT_MAX          (UINT32_C(1) << 30)
#define NODES_CEILING     ((UINT32_C(1) << 27) - 1) /* what `count` of a node can hold */
#define BYTES_PER_NODE    24                        /* first guess; chat bodies have 30 to 200 */
#define NODES_FIRST_MAX   4096
#define NODES_FIRST_EXTRA 16

struct scan {
    const uint8_t *start;
    const uint8_t *end;
    struct json_node *nodes; /* `count` of `room` are in use */
    uint32_t count;
    uint32_t room;
    uint32_t open; /* innermost open container; JSON_NONE outside of all */
    uint32_t depth;
    uint32_t depth_max;
    uint32_t nodes_max;
    struct arena *arena; /* NULL: check only */
    bool done;
    struct json_problem problem;
};

/* Returns NULL, which every caller hands up: "return fail(...)". */
static const uint8_t *fail(struct scan *s, const uint8_t *at, enum err code, const char *what)
{
    s->problem = (struct json_problem){code, (size_t)(at - s->start), what};
    return NULL;
}

/* Nearly all refusals are of this kind; limits use fail(). */
static const uint8_t *malformed(struct scan *s, const uint8_t *at, const char *what)
{
    return fail(s, at, ERR_SYNTAX, what);
}

/* The first test alone decides for dense texts. */
static inline const uint8_t *skip_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p <= ' ' && json_byte_is_space(*p)) {
        p++;
    }
    return p;
}

/* The old tape stays in the arena: doubling wastes at most as much again. */
static bool grow(struct scan *s)
{
    if (s->room >= s->nodes_max) {
        return false;
    }
    uint32_t room = s->room > s->nodes_max / 2 ? s->nodes_max : s->room * 2;
    struct json_node *nodes = arena_alloc(s->arena, sizeof *nodes * room);
    memcpy(nodes, s->nodes, sizeof *nodes * s->count);
    s->nodes = nodes;
    s->room = room;
    return true;
}

/* `at` is where reading stops when there is no room. */
static inline bool add_node(struct scan *s, const uint8_t *at, struct json_node node)
{
    if (s->count == s->room && !grow(s)) {
        (void)fail(s, at, ERR_LIMIT, JSON_SAYS_NODES);
        return false;
    }
    s->nodes[s->count++] = node;
    return true;
}

/* A value without children, or a key. Its `next` is known at once: it is a subtree of one node. */
static inline bool add_leaf(struct scan *s, const uint8_t *at, size_t len, unsigned kind)
{
    if (s->arena == NULL) {
        return true;
    }
    return add_node(s, at,
                    (struct json_node){.at = (uint32_t)(at - s->start),
                                       .len = (uint32_t)len,
                                       .next = s->count + 1,
                                       .kind = kind & 0xFU});
}

/* Called where a value begins, hence before its own node exists: `open` is still its parent. */
static inline void count_child(struct scan *s)
{
    if (s->open != JSON_NONE) {
        s->nodes[s->open].count++;
    }
}

/* Code points beyond ASCII, from `p` to the next ASCII byte. A wrong sequence is refused at the
 * first byte that cannot continue it. */
static const uint8_t *scan_utf8(struct scan *s, const uint8_t *p)
{
    while (p < s->end && *p >= 0x80) {
        uint8_t low;
        uint8_t high;
        unsigned more = json_utf8_lead(*p, &low, &high);
        if (more == 0) {
            return malformed(s, p, JSON_SAYS_UTF8);
        }
        p++;
        for (; more > 0; more--, p++) {
            if (p == s->end || *p < low || *p > high) {
                return malformed(s, p, JSON_SAYS_UTF8);
            }
            low = 0x80;
            high = 0xBF;
        }
    }
    return p;
}

/* `p` is at the backslash. Whether surrogates come in pairs is not a matter of the grammar (RFC
 * 8259, section 8.2). */
static const uint8_t *scan_escape(struct scan *s, const uint8_t *p)
{
    p++;
    if (p == s->end) {
        return malformed(s, p, JSON_SAYS_UNENDED);
    }
    if (*p != 'u') {
        return json_byte_is_escape(*p) ? p + 1 : malformed(s, p, JSON_SAYS_ESCAPE);
    }
    p++;
    for (int i = 0; i < 4; i++, p++) {
        if (p == s->end || !json_byte_is_hex(*p)) {
            return malformed(s, p, JSON_SAYS_HEX);
        }
    }
    return p;
}

/* `p` is at the opening quote; adds the node and returns the place behind the closing one. Plain
 * runs take most of the bytes; the loop body is for what interrupts them. */
static const uint8_t *scan_string(struct scan *s, const uint8_t *p)
{
    const uint8_t *first = p + 1;
    bool escaped = false;
    p = json_plain_run(first, s->end);
    while (p < s->end && *p != '"') {
        if (*p == '\\') {
            escaped = true;
            p = scan_escape(s, p);
        } else if (*p >= 0x80) {
            p = scan_utf8(s, p);
        } else {
            return malformed(s, p, JSON_SAYS_CONTROL);
        }
        if (p == NULL) {
            return NULL;
        }
        p = json_plain_run(p, s->end);
    }
    if (p == s->end) {
        return malformed(s, p, JSON_SAYS_UNENDED);
    }
    if (!add_leaf(s, first, (size_t)(p - first), JSON_STRING)) {
        return NULL;
    }
    if (escaped && s->arena != NULL) {
        s->nodes[s->count - 1].escaped = 1;
    }
    return p + 1;
}

/* At least one. */
static const uint8_t *scan_digits(struct scan *s, const uint8_t *p)
{
    const uint8_t *first = p;
    while (p < s->end && json_byte_is_digit(*p)) {
        p++;
    }
    return p > first ? p : malformed(s, p, JSON_SAYS_DIGIT);
}

/* RFC 8259, section 6. What follows the number is not judged here: "1x" is refused by scan_next. */
static const uint8_t *scan_number(struct scan *s, const uint8_t *p)
{
    const uint8_t *first = p;
    if (*p == '-') {
        p++;
    }
    if (p < s->end && *p == '0') {
        p++;
        if (p < s->end && json_byte_is_digit(*p)) {
            return malformed(s, p, JSON_SAYS_ZERO);
        }
    } else {
        p = scan_digits(s, p);
    }
    if (p != NULL && p < s->end && *p == '.') {
        p = scan_digits(s, p + 1);
    }
    if (p != NULL && p < s->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < s->end && (*p == '+' || *p == '-')) {
            p++;
        }
        p = scan_digits(s, p);
    }
    bool kept = p != NULL && add_leaf(s, first, (size_t)(p - first), JSON_NUMBER);
    return kept ? p : NULL;
}

/* true, false, null. */
static const uint8_t *scan_word(struct scan *s, const uint8_t *p, const char *word, unsigned kind)
{
    const uint8_t *first = p;
    for (; *word != '\0'; word++, p++) {
        if (p == s->end || *p != (uint8_t)*word) {
            return malformed(s, p, JSON_SAYS_WORD);
        }
    }
    return add_leaf(s, first, (size_t)(p - first), kind) ? p : NULL;
}

/* A value that is no container; `p` is not at the end. */
static const uint8_t *scan_leaf(struct scan *s, const uint8_t *p)
{
    count_child(s);
    switch (*p) {
    case '"':
        return scan_string(s, p);
    case 't':
        return scan_word(s, p, "true", JSON_TRUE);
    case 'f':
        return scan_word(s, p, "false", JSON_FALSE);
    case 'n':
        return scan_word(s, p, "null", JSON_NULL);
    default:
        break;
    }
    if (*p == '-' || json_byte_is_digit(*p)) {
        return scan_number(s, p);
    }
    return malformed(s, p, JSON_SAYS_VALUE);
}

/* A key with its colon; a key is a node, but no child that counts. */
static inline const uint8_t *scan_key(struct scan *s, const uint8_t *p)
{
    if (p == s->end || *p != '"') {
        return malformed(s, p, JSON_SAYS_KEY);
    }
    p = scan_string(s, p);
    if (p == NULL) {
        return NULL;
    }
    p = skip_space(p, s->end);
    if (p == s->end || *p != ':') {
        return malformed(s, p, JSON_SAYS_COLON);
    }
    return p + 1;
}

/* `p` is at the bracket. The place where `next` will stand keeps the way back meanwhile. */
static const uint8_t *open_container(struct scan *s, const uint8_t *p, unsigned kind)
{
    if (s->depth == s->depth_max) {
        return fail(s, p, ERR_LIMIT, JSON_SAYS_DEPTH);
    }
    count_child(s);
    uint32_t index = s->count;
    if (!add_node(s, p,
                  (struct json_node){
                      .at = (uint32_t)(p - s->start), .next = s->open, .kind = kind & 0xFU})) {
        return NULL;
    }
    s->open = index;
    s->depth++;
    return p + 1;
}

/* `p` is behind the closing bracket. A check takes the node off again: its array is a stack. */
static inline void close_container(struct scan *s, const uint8_t *p)
{
    uint32_t index = s->open;
    struct json_node *node = &s->nodes[index];
    s->open = node->next;
    s->depth--;
    node->len = (uint32_t)(p - s->start) - node->at;
    if (s->arena == NULL) {
        s->count = index;
    }
    node->next = s->count;
}

/* Reads on until a leaf is complete or an empty container is open. */
static const uint8_t *scan_value(struct scan *s, const uint8_t *p)
{
    while (p != NULL) {
        p = skip_space(p, s->end);
        if (p == s->end) {
            return malformed(s, p, JSON_SAYS_VALUE);
        }
        bool object = *p == '{';
        if (!object && *p != '[') {
            return scan_leaf(s, p);
        }
        p = open_container(s, p, object ? JSON_OBJECT : JSON_ARRAY);
        if (p == NULL) {
            return NULL;
        }
        p = skip_space(p, s->end);
        if (p < s->end && *p == (object ? '}' : ']')) {
            return p;
        }
        if (object) {
            p = scan_key(s, p);
        }
    }
    return NULL;
}

/* Behind a value: closes what ends here and goes to the next value, or notes that all is done. */
static const uint8_t *scan_next(struct scan *s, const uint8_t *p)
{
    for (p = skip_space(p, s->end); s->open != JSON_NONE; p = skip_space(p, s->end)) {
        bool object = s->nodes[s->open].kind == JSON_OBJECT;
        if (p < s->end && *p == ',') {
            p = skip_space(p + 1, s->end);
            return object ? scan_key(s, p) : p;
        }
        if (p == s->end || *p != (object ? '}' : ']')) {
            return malformed(s, p, object ? JSON_SAYS_IN_OBJECT : JSON_SAYS_IN_ARRAY);
        }
        p++;
        close_container(s, p);
    }
    if (p < s->end) {
        return malformed(s, p, JSON_SAYS_AFTER);
    }
    s->done = true;
    return p;
}

/* The whole text: values and what follows them take turns until the root is complete. */
static enum err scan_text(struct scan *s, struct str text, struct json_problem *problem)
{
    s->start = (const uint8_t *)(text.len > 0 ? text.at : "");
    s->end = s->start + text.len;
    s->open = JSON_NONE;
    if (text.len > TEXT_MAX) {
        (void)fail(s, s->start, ERR_LIMIT, JSON_SAYS_LONG);
    } else {
        const uint8_t *p = s->start;
        while (p != NULL && !s->done) {
            p = scan_value(s, p);
            if (p != NULL) {
                p = scan_next(s, p);
            }
        }
    }
    if (problem != NULL) {
        *problem = s->problem;
    }
    return s->problem.code;
}

/* Enough for most chat bodies without growing, and bounded, whatever length a client announces. */
static uint32_t first_room(size_t text_len, uint32_t nodes_max)
{
    size_t guess = text_len / BYTES_PER_NODE + NODES_FIRST_EXTRA;
    guess = guess < NODES_FIRST_MAX ? guess : NODES_FIRST_MAX;
    return guess < nodes_max ? (uint32_t)guess : nodes_max;
}

/* After an error the document is empty, so that every question to it is answered with nothing. */
enum err json_parse(struct json *json, struct str text, const struct json_limits *limits,
                    struct arena *arena, struct json_problem *problem)
{
    must(json != NULL && arena != NULL);
    struct scan s = {.arena = arena, .depth_max = JSON_DEPTH_MAX, .nodes_max = JSON_NODES_MAX};
    if (limits != NULL && limits->depth_max > 0) {
        s.depth_max = limits->depth_max;
    }
    if (limits != NULL && limits->nodes_max > 0) {
        s.nodes_max = limits->nodes_max < NODES_CEILING ? limits->nodes_max : NODES_CEILING;
    }
    s.room = first_room(text.len, s.nodes_max);
    s.nodes = arena_alloc(arena, sizeof *s.nodes * s.room);
    enum err code = scan_text(&s, text, problem);
    *json = (struct json){.text = text};
    if (code == ERR_OK) {
        json->nodes = s.nodes;
        json->count = s.count;
    }
    return code;
}

/* Only open containers take a node here, so the depth limit is also the limit of the array. */
bool json_valid(struct str text, struct json_problem *problem)
{
    struct json_node open[JSON_DEPTH_MAX];
    struct scan s = {.nodes = open,
                     .room = JSON_DEPTH_MAX,
                     .depth_max = JSON_DEPTH_MAX,
                     .nodes_max = JSON_DEPTH_MAX};
    return scan_text(&s, text, problem) == ERR_OK;
}
