/* SPDX-License-Identifier: Apache-2.0
 * events_read.c - stored events back into views and JSON.
 *
 * Invariants: event_next has walked every field of a view and compared its wire with the type's
 * kind, so what reads a view cannot fail; no byte behind the encoded text is looked at.
 */
#include "base/must.h"
#include "telemetry/events.h"
#include "telemetry/events_wire.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES 80

struct value {
    enum wire wire;
    uint64_t word; /* as stored: zigzag and bits of a double untouched */
    struct str bytes;
};

static bool take_varint(struct str *rest, uint64_t *value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < rest->len && i < 10; i++) {
        unsigned char byte = (unsigned char)rest->at[i];
        if (i == 9 && byte > 1) {
            return false; /* over 64 bits */
        }
        sum |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            *value = sum;
            *rest = str_cut(*rest, i + 1, SIZE_MAX);
            return true;
        }
    }
    return false;
}

static bool take_word(struct str *rest, uint64_t *word)
{
    if (rest->len < 8) {
        return false;
    }
    *word = 0;
    for (size_t i = 0; i < 8; i++) {
        *word |= (uint64_t)(unsigned char)rest->at[i] << (8 * i);
    }
    *rest = str_cut(*rest, 8, SIZE_MAX);
    return true;
}

static bool take_value(struct str *rest, struct value *value)
{
    if (rest->len == 0 || (unsigned char)rest->at[0] >= WIRE_COUNT) {
        return false;
    }
    *value = (struct value){.wire = (enum wire)rest->at[0], .bytes = STR("")};
    *rest = str_cut(*rest, 1, SIZE_MAX);
    switch (value->wire) {
    case WIRE_ZERO:
    case WIRE_APART:
        return true;
    case WIRE_REAL:
        return take_word(rest, &value->word);
    case WIRE_BYTES:
        if (!take_varint(rest, &value->word) || value->word > rest->len) {
            return false;
        }
        value->bytes = str_cut(*rest, 0, value->word);
        *rest = str_cut(*rest, value->word, SIZE_MAX);
        return true;
    default:
        return take_varint(rest, &value->word);
    }
}

static int64_t signed_of(uint64_t word)
{
    return (int64_t)(word >> 1) ^ -(int64_t)(word & 1);
}

static double real_of(uint64_t word)
{
    double real;
    memcpy(&real, &word, sizeof real);
    return real;
}

static bool fits(const struct value *value, const struct event_field *field)
{
    return value->wire == WIRE_ZERO || value->wire == wire_of(field->kind) ||
           (value->wire == WIRE_APART && field->kind == FIELD_str && field->personal);
}

enum err event_next(const struct event_table *table, struct str *encoded, struct event_view *view)
{
    struct str rest = *encoded;
    uint64_t number = 0;
    uint64_t at_us = 0;
    uint64_t count = 0;
    if (!take_varint(&rest, &number) || number > UINT32_MAX || !take_word(&rest, &at_us) ||
        !take_varint(&rest, &count) || count > EVENT_FIELDS_MAX) {
        return ERR_CORRUPT;
    }
    const struct event_type *type = event_find(table, (uint32_t)number);
    struct str payload = rest;
    size_t apart = 0;
    for (size_t i = 0; i < count; i++) {
        struct value value;
        if (!take_value(&rest, &value)) {
            return ERR_CORRUPT;
        }
        apart += value.wire == WIRE_APART ? 1 : 0;
        if (type != NULL && i < type->count && !fits(&value, &type->fields[i])) {
            return ERR_CORRUPT;
        }
    }
    payload.len -= rest.len;
    *view = (struct event_view){type, (uint32_t)number, (int64_t)at_us, payload, count, apart};
    *encoded = rest;
    return ERR_OK;
}

/* The value of a named field; NULL when the type or this older event has no such field. */
static const struct event_field *find_value(const struct event_view *view, const char *name,
                                            struct value *value)
{
    struct str rest = view->payload;
    for (size_t i = 0; view->type != NULL && i < view->type->count && i < view->field_count; i++) {
        must(take_value(&rest, value));
        if (strcmp(view->type->fields[i].name, name) == 0) {
            return &view->type->fields[i];
        }
    }
    return NULL;
}

bool event_get_str(const struct event_view *view, const char *field, struct str *value)
{
    struct value found;
    const struct event_field *of = find_value(view, field, &found);
    if (of == NULL || of->kind != FIELD_str || found.wire == WIRE_APART) {
        return false;
    }
    *value = found.bytes;
    return true;
}

bool event_get_number(const struct event_view *view, const char *field, double *value)
{
    struct value found;
    const struct event_field *of = find_value(view, field, &found);
    if (of == NULL || of->kind == FIELD_str) {
        return false;
    }
    switch (wire_of(of->kind)) {
    case WIRE_SIGNED:
        *value = (double)signed_of(found.word);
        return true;
    case WIRE_REAL:
        *value = real_of(found.word);
        return true;
    default:
        *value = (double)found.word;
        return true;
    }
}

static void put_value(struct json_writer *to, const struct event_field *field,
                      const struct value *value)
{
    static const char *const units[] = {
        [FIELD_us] = "_us", [FIELD_microusd] = "_microusd", [FIELD_flag] = NULL};
    char key[NAME_BYTES];
    bool is_lost = value->wire == WIRE_APART && value->bytes.at == NULL;
    (void)snprintf(key, sizeof key, "%s%s", field->name,
                   units[field->kind] ? units[field->kind] : "");
    json_key(to, key);
    switch (field->kind) {
    case FIELD_str:
        if (is_lost) {
            json_put_null(to);
        } else {
            json_put_str(to, value->bytes);
        }
        break;
    case FIELD_i64:
    case FIELD_microusd:
        json_put_i64(to, signed_of(value->word));
        break;
    case FIELD_real:
        json_put_double(to, real_of(value->word));
        break;
    case FIELD_flag:
        json_put_bool(to, value->word != 0);
        break;
    default:
        json_put_u64(to, value->word);
        break;
    }
}

static bool take_text(struct str *personal, struct str *text)
{
    uint64_t length;
    if (!take_varint(personal, &length) || length > personal->len) {
        return false;
    }
    *text = str_cut(*personal, 0, length);
    *personal = str_cut(*personal, length, SIZE_MAX);
    return true;
}

enum err event_skip_personal(const struct event_view *view, struct str *personal)
{
    struct str rest = *personal;
    struct str text;
    for (size_t i = 0; i < view->apart; i++) {
        if (!take_text(&rest, &text)) {
            return ERR_CORRUPT;
        }
    }
    *personal = rest;
    return ERR_OK;
}

bool event_get_apart(const struct event_view *view, struct str texts, const char *field,
                     struct str *value)
{
    struct str rest = view->payload;
    for (size_t i = 0; view->type != NULL && i < view->type->count && i < view->field_count; i++) {
        struct value found;
        must(take_value(&rest, &found));
        if (found.wire == WIRE_APART && !take_text(&texts, value)) {
            return false;
        }
        if (strcmp(view->type->fields[i].name, field) == 0) {
            return found.wire == WIRE_APART;
        }
    }
    return false;
}

enum err event_decode(const struct event_table *table, struct str *encoded, struct str *personal,
                      bool with_personal, struct json_writer *to)
{
    struct event_view view;
    struct str texts = personal != NULL ? *personal : STR("");
    enum err err = event_next(table, encoded, &view);
    if (err == ERR_OK && personal != NULL) {
        err = event_skip_personal(&view, personal); /* so all of them are there */
    }
    if (err != ERR_OK) {
        return err;
    }
    char at[WHEN_TEXT_BYTES];
    json_begin_object(to);
    json_key(to, "event");
    if (view.type == NULL) {
        /* Whether its fields are personal is not known either: they are counted, not shown. */
        json_put_u64(to, view.number);
        json_member_cstr(to, "at", wall_show((struct wall){view.at_us}, at));
        json_member_u64(to, "fields", view.field_count);
        json_end_object(to);
        return ERR_OK;
    }
    json_put_cstr(to, view.type->name);
    json_member_cstr(to, "at", wall_show((struct wall){view.at_us}, at));
    struct str rest = view.payload;
    for (size_t i = 0; i < view.type->count && i < view.field_count; i++) {
        struct value value;
        must(take_value(&rest, &value));
        if (value.wire == WIRE_APART && personal != NULL) {
            must(take_text(&texts, &value.bytes));
        } else if (value.wire == WIRE_APART) {
            value.bytes = (struct str){NULL, 0};
        }
        if (with_personal || !view.type->fields[i].personal) {
            put_value(to, &view.type->fields[i], &value);
        }
    }
    json_end_object(to);
    return ERR_OK;
}
