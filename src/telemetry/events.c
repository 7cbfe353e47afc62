/* SPDX-License-Identifier: Apache-2.0
 * events.c - tables of event types, and the compact encoding of one event.
 *
 * Invariant: event_encode measures first and writes second, so the buffer is asked for room once
 * and holds a whole event or none of it.
 */
#include "telemetry/events.h"

#include "base/must.h"
#include "base/utf8.h"
#include "telemetry/events_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES_MAX (5 + 8 + 2) /* number, time, count */

const struct event_class_info event_classes[EVENT_CLASSES] = {
    [CLASS_INTERACTION] = {"interaction", 90, false},
    [CLASS_REASONING] = {"reasoning", 30, true},
    [CLASS_TOOL] = {"tool", 90, true},
    [CLASS_PRIVILEGED] = {"privileged", 365, false},
    [CLASS_SECURITY] = {"security", 365, false},
    [CLASS_HISTORY] = {"history", 0, false},
};

size_t event_member(const struct event_type *type, const char *field, enum field_kind *kind)
{
    size_t at = WIRE_FIRST_MEMBER;
    for (size_t i = 0; i < type->count; i++) {
        if (strcmp(type->fields[i].name, field) == 0) {
            *kind = type->fields[i].kind;
            return at;
        }
        at += wire_member_bytes(type->fields[i].kind);
    }
    return SIZE_MAX;
}

const struct event_type *event_find(const struct event_table *table, uint32_t number)
{
    size_t from = 0;
    size_t to = table->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (table->types[middle]->number < number) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    bool found = from < table->count && table->types[from]->number == number;
    return found ? table->types[from] : NULL;
}

static size_t varint_bytes(uint64_t value)
{
    return (size_t)(63 - __builtin_clzll(value | 1)) / 7 + 1;
}

static char *put_varint(char *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (char)(value | 0x80);
        value >>= 7;
    }
    *to++ = (char)value;
    return to;
}

static char *put_word(char *to, uint64_t word)
{
    for (size_t i = 0; i < 8; i++) {
        *to++ = (char)(word >> (8 * i));
    }
    return to;
}

static uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

/* The member as the number that is stored; a string's is its length. */
static uint64_t member_word(const char *member, enum field_kind kind)
{
    switch (kind) {
    case FIELD_str:
        return ((const struct str *)(const void *)member)->len;
    case FIELD_i64:
    case FIELD_microusd:
        return zigzag(*(const int64_t *)(const void *)member);
    case FIELD_flag:
        return *(const bool *)(const void *)member;
    default: { /* u64, us, and the bits of a double */
        uint64_t word;
        memcpy(&word, member, sizeof word);
        return word;
    }
    }
}

/* Bytes of all fields when strings are cut to `string_max`. */
static size_t measure(const struct event_type *type, const char *event, size_t string_max)
{
    const char *member = event + WIRE_FIRST_MEMBER;
    size_t bytes = type->count; /* the wire bytes */
    for (size_t i = 0; i < type->count; i++) {
        enum field_kind kind = type->fields[i].kind;
        uint64_t word = member_word(member, kind);
        member += wire_member_bytes(kind);
        if (word == 0) {
            continue;
        }
        if (kind == FIELD_str) {
            word = word < string_max ? word : string_max;
            bytes += word + varint_bytes(word);
        } else {
            bytes += kind == FIELD_real ? 8 : varint_bytes(word);
        }
    }
    return bytes;
}

/* The largest length to which strings must be cut so that the event fits: bisection over measure(),
 * which grows with it. Short strings stay whole. Rare: most events are far below the limit. */
static size_t fitting_string_max(const struct event_type *type, const char *event, size_t room)
{
    size_t fits = 0;
    size_t too_long = EVENT_BYTES_MAX;
    while (too_long - fits > 1) {
        size_t middle = fits + (too_long - fits) / 2;
        if (measure(type, event, middle) <= room) {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    return fits;
}

static char *put_string(char *to, struct str text, size_t string_max)
{
    static const char ellipsis[] = "\xE2\x80\xA6"; /* U+2026 */
    const size_t mark = sizeof ellipsis - 1;
    bool cut = text.len > string_max;
    struct str head = text;
    if (cut) {
        head = utf8_head(text, string_max > mark ? string_max - mark : 0);
    }
    to = put_varint(to, head.len + (cut ? mark : 0));
    memcpy(to, head.at, head.len);
    to += head.len;
    if (cut) {
        memcpy(to, ellipsis, mark);
        to += mark;
    }
    return to;
}

/* `personal` NULL: nothing stands apart. Room was made. */
static char *put_fields(char *to, const struct event_type *type, const char *event,
                        size_t string_max, char **personal)
{
    const char *member = event + WIRE_FIRST_MEMBER;
    for (size_t i = 0; i < type->count; i++) {
        enum field_kind kind = type->fields[i].kind;
        uint64_t word = member_word(member, kind);
        bool apart = personal != NULL && word != 0 && type->fields[i].personal;
        *to++ = (char)(word == 0 ? WIRE_ZERO : apart ? WIRE_APART : wire_of(kind));
        if (word == 0) {
            /* nothing follows */
        } else if (apart) {
            must(kind == FIELD_str);
            *personal = put_string(*personal, *(const struct str *)(const void *)member,
                                   string_max);
        } else if (kind == FIELD_str) {
            to = put_string(to, *(const struct str *)(const void *)member, string_max);
        } else if (kind == FIELD_real) {
            to = put_word(to, word);
        } else {
            to = put_varint(to, word);
        }
        member += wire_member_bytes(kind);
    }
    return to;
}

/* Room for both parts at once: each is at most the whole. */
static enum err reserve(struct buf *to, struct buf *personal, size_t bytes)
{
    enum err err = buf_reserve(to, bytes);
    return err == ERR_OK && personal != NULL ? buf_reserve(personal, bytes) : err;
}

enum err event_encode(const struct event_type *type, const void *event, int64_t at_us,
                      struct buf *to, struct buf *personal)
{
    must(event != NULL && type->count <= EVENT_FIELDS_MAX);
    size_t string_max = SIZE_MAX;
    size_t bytes = HEAD_BYTES_MAX + measure(type, event, string_max);
    if (bytes > EVENT_BYTES_MAX) {
        string_max = fitting_string_max(type, event, EVENT_BYTES_MAX - HEAD_BYTES_MAX);
        bytes = EVENT_BYTES_MAX;
    }
    enum err err = reserve(to, personal, bytes);
    if (err != ERR_OK) {
        return err;
    }
    char *at = to->at + to->len;
    char *apart = personal != NULL ? personal->at + personal->len : NULL;
    at = put_varint(at, type->number);
    at = put_word(at, (uint64_t)at_us);
    at = put_varint(at, type->count);
    at = put_fields(at, type, event, string_max, personal != NULL ? &apart : NULL);
    must((size_t)(at - to->at) <= to->len + bytes);
    to->len = (size_t)(at - to->at);
    if (personal != NULL) {
        must((size_t)(apart - personal->at) <= personal->len + bytes);
        personal->len = (size_t)(apart - personal->at);
    }
    return ERR_OK;
}

static enum err document_event(const struct event_type *type, struct buf *to)
{
    static const char *const kinds[] = {[FIELD_str] = "text",
                                        [FIELD_u64] = "number",
                                        [FIELD_i64] = "signed number",
                                        [FIELD_us] = "microseconds",
                                        [FIELD_microusd] = "micro-dollars",
                                        [FIELD_real] = "real",
                                        [FIELD_flag] = "flag"};
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const struct event_class_info *class = &event_classes[type->class];
    char kept[32] = "as long as the history";
    if (class->retention_days > 0) {
        (void)snprintf(kept, sizeof kept, "%u days", class->retention_days);
    }
    enum err err = buf_printf(to,
                              "## `%s` (%u)\n\n%s. Level %s; class %s, kept %s.\n\n"
                              "| Field | Kind | Personal |\n|---|---|---|\n",
                              type->name, (unsigned)type->number, type->help, levels[type->level],
                              class->name, kept);
    for (size_t i = 0; i < type->count && err == ERR_OK; i++) {
        const struct event_field *field = &type->fields[i];
        err = buf_printf(to, "| `%s` | %s | %s |\n", field->name, kinds[field->kind],
                         field->personal ? "yes" : "");
    }
    return err != ERR_OK ? err : buf_add_byte(to, '\n');
}

enum err event_document(const struct event_table *table, struct buf *to)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < table->count && err == ERR_OK; i++) {
        err = document_event(table->types[i], to);
    }
    return err;
}
