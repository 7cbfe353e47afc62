/* SPDX-License-Identifier: Apache-2.0
 * record.c - facts into the record, the metrics and the log.
 *
 * Invariant: a class's buffer holds whole events only; what found no room there is in `dropped`,
 * and was counted in the metrics all the same. Log lines never show personal fields.
 */
#include "telemetry/record.h"

#include "base/must.h"
#include "base/num.h"
#include "telemetry/events_wire.h"

#include <string.h>

#define LINE_BYTES_MAX 2048

void record_init(struct record *record, struct telemetry *telemetry)
{
    must(telemetry != NULL);
    *record = (struct record){.telemetry = telemetry};
    for (size_t i = 0; i < EVENT_CLASSES; i++) {
        buf_init(&record->classes[i], RECORD_BYTES_MAX);
        buf_init(&record->personal[i], RECORD_BYTES_MAX);
    }
}

void record_end(struct record *record)
{
    for (size_t i = 0; i < EVENT_CLASSES; i++) {
        buf_end(&record->classes[i]);
        buf_end(&record->personal[i]);
    }
}

/* Text that would be read as something else is put in quotes. */
static enum err put_text(struct buf *to, struct str text)
{
    bool plain = text.len > 0;
    for (size_t i = 0; plain && i < text.len; i++) {
        plain = text.at[i] > ' ' && text.at[i] != '"' && text.at[i] != '=';
    }
    if (plain) {
        return buf_add(to, text);
    }
    enum err err = buf_add_byte(to, '"');
    err = err != ERR_OK ? err : json_escape(to, text);
    return err != ERR_OK ? err : buf_add_byte(to, '"');
}

/* " name=value"; zero and empty values are left out. */
static enum err put_member(struct buf *to, const struct event_field *field, const void *member)
{
    static const char zero[sizeof(uint64_t)];
    const struct str *text = member;
    bool empty = field->kind == FIELD_str    ? text->len == 0
                 : field->kind == FIELD_flag ? false /* "stopped=false" says that it runs again */
                                             : memcmp(member, zero, sizeof zero) == 0;
    if (empty) {
        return ERR_OK;
    }
    enum err err = buf_printf(to, " %s=", field->name);
    if (err != ERR_OK) {
        return err;
    }
    switch (field->kind) {
    case FIELD_str:
        return put_text(to, *text);
    case FIELD_i64:
        return buf_printf(to, "%lld", (long long)*(const int64_t *)member);
    case FIELD_microusd: {
        char shown[32];
        return buf_printf(to, "%s",
                          num_show_microusd(*(const int64_t *)member, shown, sizeof shown));
    }
    case FIELD_us:
        return buf_printf(to, "%lluus", (unsigned long long)*(const uint64_t *)member);
    case FIELD_real:
        return buf_printf(to, "%.6g", *(const double *)member);
    case FIELD_flag:
        return buf_add(to, *(const bool *)member ? STR("true") : STR("false"));
    default:
        return buf_add_u64(to, *(const uint64_t *)member);
    }
}

static void say(const struct telemetry *telemetry, const struct event_type *type, const void *event)
{
    struct buf line;
    buf_init(&line, LINE_BYTES_MAX);
    enum err full = buf_add(&line, str_of(type->name));
    size_t at = WIRE_FIRST_MEMBER;
    for (size_t i = 0; i < type->count && full == ERR_OK; i++) {
        if (!type->fields[i].personal) {
            full = put_member(&line, &type->fields[i], (const char *)event + at);
        }
        at += wire_member_bytes(type->fields[i].kind);
    }
    log_say(telemetry->log, type->level, "event", STR_FMT, STR_ARG(buf_str(&line)));
    buf_end(&line);
}

void telemetry_emit(struct telemetry *telemetry, const struct event_type *type, const void *event)
{
    if (telemetry->metrics != NULL) {
        metrics_count(telemetry->metrics, type, event);
    }
    if (type->level <= telemetry->event_level && telemetry->log != NULL) {
        say(telemetry, type, event);
    }
}

void record_emit(struct record *record, struct wall at, const struct event_type *type,
                 const void *event)
{
    must((size_t)type->class < EVENT_CLASSES);
    struct buf *personal = event_classes[type->class].words ? NULL : &record->personal[type->class];
    if (!record->telemetry->unrecorded &&
        event_encode(type, event, at.us, &record->classes[type->class], personal) != ERR_OK) {
        record->dropped++;
    }
    telemetry_emit(record->telemetry, type, event);
}
