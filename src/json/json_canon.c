/* SPDX-License-Identifier: Apache-2.0
 * json_canon.c - a walk over the tape with a frame for each open container; masks that may still
 * match travel along as bits. */
#include "json/json_canon.h"

#include "base/num.h"
#include "base/text.h"
#include "json/json_writer.h"

#include <stdlib.h>
#include <string.h>

/* ---- masks ---- */

static bool unescape_token(struct str raw, struct arena *arena, struct str *token)
{
    char *to = arena_alloc(arena, raw.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char byte = raw.at[i];
        if (byte == '~') {
            i++;
            if (i == raw.len || (raw.at[i] != '0' && raw.at[i] != '1')) {
                return false;
            }
            if (raw.at[i] == '1') {
                byte = '/';
            }
        }
        to[len++] = byte;
    }
    *token = (struct str){to, len};
    return true;
}

enum err json_masks_add(struct json_masks *masks, struct str pointer, struct arena *arena)
{
    if (pointer.len == 0 || pointer.at[0] != '/') {
        return ERR_INVALID;
    }
    if (masks->count == JSON_MASKS_MAX) {
        return ERR_LIMIT;
    }
    struct json_mask *mask = &masks->masks[masks->count];
    *mask = (struct json_mask){.count = 0};
    for (size_t at = 0; at < pointer.len;) {
        size_t len = str_find_byte(str_cut(pointer, at + 1, pointer.len), '/');
        size_t end = len == SIZE_MAX ? pointer.len : at + 1 + len;
        if (mask->count == JSON_MASK_TOKENS_MAX) {
            return ERR_LIMIT;
        }
        if (!unescape_token(str_cut(pointer, at + 1, end), arena, &mask->tokens[mask->count++])) {
            return ERR_INVALID;
        }
        at = end;
    }
    masks->count++;
    return ERR_OK;
}

/* ---- the walk ---- */

/* A member or an element; `key` only of members. */
struct child {
    struct str name;
    uint32_t key;
    uint32_t value;
};

/* An open container. */
struct frame {
    uint32_t node;
    uint32_t alive;        /* masks that may still match below */
    uint64_t index;        /* of the next child */
    uint32_t next;         /* of an array: that child, or JSON_NONE */
    struct child *members; /* of an object: in order */
    bool some;             /* a child has been put */
};

struct walk {
    const struct json_canon *how;
    const struct json *json;
    struct buf *to;
    size_t depth;
    struct frame frames[JSON_DEPTH_MAX];
};

/* Of the masks `alive` at this depth, those that go on below `name`; *hidden: one ends there. */
static uint32_t step_masks(const struct walk *walk, uint32_t alive, size_t depth, struct str name,
                           bool *hidden)
{
    uint32_t on = 0;
    const struct json_masks *masks = walk->how->masks;
    for (uint32_t bits = alive; bits != 0; bits &= bits - 1) {
        unsigned i = (unsigned)__builtin_ctz(bits);
        const struct json_mask *mask = &masks->masks[i];
        struct str token = mask->tokens[depth];
        if (!str_equal(token, name) && !str_equal(token, STR("*"))) {
            continue;
        }
        if (depth + 1 == mask->count) {
            *hidden = true;
        } else {
            on |= UINT32_C(1) << i;
        }
    }
    return on;
}

static enum err put_text(struct buf *to, struct str text)
{
    enum err code = buf_add_byte(to, '"');
    code = code == ERR_OK ? json_escape(to, text) : code;
    return code == ERR_OK ? buf_add_byte(to, '"') : code;
}

/* The code unit of an escape \uXXXX at `at`; 0: there is none. */
static uint32_t unit_at(struct str inner, size_t at)
{
    uint32_t unit = 0;
    if (at + 6 > inner.len || inner.at[at] != '\\' || inner.at[at + 1] != 'u') {
        return 0;
    }
    for (size_t i = at + 2; i < at + 6; i++) {
        unit = unit << 4 | (uint32_t)text_hex_digit(inner.at[i]);
    }
    return unit;
}

static bool is_high(uint32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(uint32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static enum err put_decoded(struct buf *to, struct str inner)
{
    struct buf text;
    buf_init(&text, inner.len);
    enum err code = json_unescape(&text, inner);
    code = code == ERR_OK ? json_escape(to, buf_str(&text)) : code;
    buf_end(&text);
    return code;
}

/* A surrogate alone decodes to U+FFFD as any other does; it stays an escape here. */
static enum err put_lone(struct buf *to, struct str inner)
{
    enum err code = buf_add_byte(to, '"');
    size_t from = 0;
    for (size_t i = 0; i < inner.len && code == ERR_OK;) {
        uint32_t unit = unit_at(inner, i);
        if (is_high(unit) && is_low(unit_at(inner, i + 6))) {
            i += 12;
        } else if (is_high(unit) || is_low(unit)) {
            code = put_decoded(to, str_cut(inner, from, i));
            code = code == ERR_OK ? buf_printf(to, "\\u%04x", unit) : code;
            from = i += 6;
        } else {
            i += inner.at[i] == '\\' ? 2 : 1;
        }
    }
    code = code == ERR_OK ? put_decoded(to, str_cut(inner, from, inner.len)) : code;
    return code == ERR_OK ? buf_add_byte(to, '"') : code;
}

/* A string or a name whose decoded form is `text`. */
static enum err put_exact(const struct walk *walk, uint32_t node, struct str text)
{
    struct str inner = json_inner(walk->json, node);
    bool is_escaped = text.at != inner.at;
    if (is_escaped && str_find(text, STR("\xef\xbf\xbd")) != SIZE_MAX) {
        return put_lone(walk->to, inner);
    }
    return put_text(walk->to, text);
}

static enum err put_string(const struct walk *walk, uint32_t node)
{
    const struct json_canon *how = walk->how;
    struct str text = json_string(walk->json, node, how->arena);
    if (how->fold != NULL) {
        return put_text(walk->to, how->fold(text, how->arena));
    }
    return put_exact(walk, node, text);
}

/* Of a text like e-12: false where it is beyond EXPONENT_MAX. */
static bool read_exponent(struct str raw, int64_t *exponent)
{
    uint64_t given = 0;
    bool down = raw.len > 1 && raw.at[1] == '-';
    size_t digits = raw.len > 1 && (down || raw.at[1] == '+') ? 2 : 1;
    if (raw.len > 0 && (num_u64(str_cut(raw, digits, raw.len), &given) != ERR_OK ||
                        given > JSON_CANON_EXPONENT_MAX)) {
        return false;
    }
    *exponent = down ? -(int64_t)given : (int64_t)given;
    return true;
}

/* The digits of a number that is not 0, without zeros at either end; *exponent is raised by what
 * that leaves out and lowered by what stood behind the point. */
static enum err put_digits(struct buf *to, struct str digits, int64_t *exponent)
{
    enum err code = ERR_OK;
    size_t first = to->len;
    size_t kept = to->len; /* behind the last digit that is not 0 */
    bool behind_point = false;
    for (size_t i = 0; i < digits.len && code == ERR_OK; i++) {
        char byte = digits.at[i];
        if (byte == '.') {
            behind_point = true;
            continue;
        }
        *exponent -= behind_point ? 1 : 0;
        if (byte != '0' || to->len > first) {
            code = buf_add_byte(to, byte);
            kept = byte != '0' ? to->len : kept;
        }
    }
    if (code == ERR_OK) {
        *exponent += (int64_t)(to->len - kept);
        to->len = kept;
    }
    return code;
}

static bool is_zero(struct str digits)
{
    bool zero = true;
    for (size_t i = 0; i < digits.len && zero; i++) {
        zero = digits.at[i] == '0' || digits.at[i] == '.';
    }
    return zero;
}

static enum err put_number(struct buf *to, struct str raw)
{
    bool negative = raw.at[0] == '-';
    struct str number = str_cut(raw, negative ? 1 : 0, raw.len);
    size_t mark = 0;
    while (mark < number.len && (number.at[mark] | 0x20) != 'e') {
        mark++;
    }
    int64_t exponent = 0;
    struct str digits = str_cut(number, 0, mark);
    if (is_zero(digits)) {
        return buf_add_byte(to, '0');
    }
    if (!read_exponent(str_cut(number, mark, number.len), &exponent)) {
        return buf_add(to, raw);
    }
    enum err code = negative ? buf_add_byte(to, '-') : ERR_OK;
    code = code == ERR_OK ? put_digits(to, digits, &exponent) : code;
    return code == ERR_OK ? buf_printf(to, "e%lld", (long long)exponent) : code;
}

/* ---- containers ---- */

static int by_name(const void *a, const void *b)
{
    const struct child *m = a;
    const struct child *n = b;
    int order = str_compare(m->name, n->name);
    return order != 0 ? order : (m->key > n->key) - (m->key < n->key);
}

static struct child *sorted(const struct walk *walk, uint32_t node)
{
    const struct json *json = walk->json;
    struct arena *arena = walk->how->arena;
    struct child *members = arena_array_of(arena, struct child, json_count(json, node) + 1);
    bool in_order = true;
    size_t count = 0;
    for (uint32_t k = json_first(json, node); k != JSON_NONE; k = json_after(json, node, k)) {
        members[count] = (struct child){json_string(json, k, arena), k, k + 1};
        in_order = in_order && (count == 0 || by_name(&members[count - 1], &members[count]) < 0);
        count++;
    }
    if (!in_order) {
        qsort(members, count, sizeof *members, by_name);
    }
    return members;
}

static enum err open_container(struct walk *walk, uint32_t node, uint32_t alive)
{
    if (walk->depth == JSON_DEPTH_MAX) {
        return ERR_LIMIT;
    }
    struct frame *frame = &walk->frames[walk->depth++];
    bool is_object = json_is(walk->json, node, JSON_OBJECT);
    *frame = (struct frame){.node = node, .alive = alive, .next = JSON_NONE};
    if (is_object) {
        frame->members = sorted(walk, node);
    } else {
        frame->next = json_first(walk->json, node);
    }
    return buf_add_byte(walk->to, is_object ? '{' : '[');
}

/* False: there are no more. An element's name is for masks alone. */
static bool next_child(const struct walk *walk, struct frame *frame, struct child *child)
{
    uint64_t index = frame->index++;
    if (frame->members != NULL) {
        *child = frame->members[index];
        return index < json_count(walk->json, frame->node);
    }
    *child = (struct child){.value = frame->next};
    if (frame->alive != 0) {
        child->name = arena_u64(walk->how->arena, index);
    }
    frame->next = json_after(walk->json, frame->node, frame->next);
    return child->value != JSON_NONE;
}

static enum err put_node(struct walk *walk, uint32_t node, uint32_t alive)
{
    switch (json_kind(walk->json, node)) {
    case JSON_STRING:
        return put_string(walk, node);
    case JSON_NUMBER:
        return put_number(walk->to, json_raw(walk->json, node));
    case JSON_ARRAY:
    case JSON_OBJECT:
        return open_container(walk, node, alive);
    default:
        return buf_add(walk->to, json_raw(walk->json, node));
    }
}

/* The next child of the innermost container, or its end. */
static enum err step(struct walk *walk)
{
    struct frame *frame = &walk->frames[walk->depth - 1];
    struct child child;
    if (!next_child(walk, frame, &child)) {
        walk->depth--;
        return buf_add_byte(walk->to, frame->members != NULL ? '}' : ']');
    }
    bool hidden = false;
    uint32_t alive = step_masks(walk, frame->alive, walk->depth - 1, child.name, &hidden);
    if (hidden) {
        return ERR_OK;
    }
    enum err code = frame->some ? buf_add_byte(walk->to, ',') : ERR_OK;
    if (code == ERR_OK && frame->members != NULL) {
        code = put_exact(walk, child.key, child.name);
        code = code == ERR_OK ? buf_add_byte(walk->to, ':') : code;
    }
    frame->some = true;
    return code == ERR_OK ? put_node(walk, child.value, alive) : code;
}

enum err json_canon(const struct json_canon *how, const struct json *json, uint32_t node,
                    struct buf *to)
{
    size_t count = how->masks != NULL ? how->masks->count : 0;
    uint32_t all = count == JSON_MASKS_MAX ? UINT32_MAX : (UINT32_C(1) << count) - 1;
    struct walk *walk = arena_alloc(how->arena, sizeof *walk);
    walk->how = how;
    walk->json = json;
    walk->to = to;
    walk->depth = 0;
    enum err code = put_node(walk, node, all);
    while (code == ERR_OK && walk->depth > 0) {
        code = step(walk);
    }
    return code;
}
