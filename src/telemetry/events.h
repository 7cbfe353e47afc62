/* SPDX-License-Identifier: Apache-2.0
 * events.h - events declared once, by their owner, in a .def fragment; emitted as typed structs.
 *
 * A fragment holds lines
 *   EVENT(number, name, level, class, "what happened", F(kind, field, privacy) ...)
 * number: stable for ever (stored), rising in the file; fields are only ever added at the end;
 * kind: str u64 i64 us microusd real flag; privacy: open or personal. Without fields the comma
 * stays: "...", ). The owner's header says  #define EVENTS "gateway/events.def"  and includes
 * telemetry/declare_events.h: this gives struct event_NAME and extern const struct event_type
 * event_type_NAME; its .c file says the same, with  #define EVENT_TABLE gateway_events  if it wants
 * the table too, and includes telemetry/define_events.h.
 */
#ifndef AIRE_TELEMETRY_EVENTS_H
#define AIRE_TELEMETRY_EVENTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "json/json_writer.h"

#include <stddef.h>
#include <stdint.h>

/* Retention by class, days (standard S2). 0: as long as the history, of which it tells. */
enum event_class {
    CLASS_INTERACTION,
    CLASS_REASONING,
    CLASS_TOOL,
    CLASS_PRIVILEGED,
    CLASS_SECURITY,
    CLASS_HISTORY,
};
#define EVENT_CLASSES 6
extern const struct event_class_info {
    const char *name;
    unsigned retention_days;
    bool words; /* its events hold words of people: sealed as a whole where they are stored */
} event_classes[EVENT_CLASSES];

enum field_kind {
    FIELD_str,
    FIELD_u64,
    FIELD_i64,
    FIELD_us,
    FIELD_microusd,
    FIELD_real,
    FIELD_flag
};

/* In struct event_NAME each member has its own 8-byte words (str two), behind one word that makes
 * an event without fields a struct: so the list of kinds alone says where a member lies. */
typedef struct str event_str;
typedef uint64_t event_u64;
typedef int64_t event_i64;
typedef uint64_t event_us;
typedef int64_t event_microusd;
typedef double event_real;
typedef bool event_flag;

struct event_field {
    const char *name;
    enum field_kind kind;
    bool personal;
};

struct event_type {
    uint32_t number;
    const char *name;
    enum log_level level;
    enum event_class class;
    const char *help;
    const struct event_field *fields;
    size_t count;
};

#define EVENT_FIELDS_MAX 64
#define EVENT_BYTES_MAX  8192 /* encoded; longer strings are cut on a code point, U+2026 behind */

/* Where the member of a field lies in its struct; SIZE_MAX for an unknown name. */
size_t event_member(const struct event_type *type, const char *field, enum field_kind *kind);

/* Compact form: number, time, field count, each field; old readers skip fields they do not know.
 * Texts that are personal go to `personal` and leave a mark; NULL: they stand where they are. */
enum err event_encode(const struct event_type *type, const void *event, int64_t at_us,
                      struct buf *to, struct buf *personal) MUST_USE;

/* All events of the program, by number. */
struct event_table {
    const struct event_type *const *types;
    size_t count;
};
const struct event_type *event_find(const struct event_table *table, uint32_t number);
/* Takes the next event out of *encoded, and what stands apart out of *personal (NULL: it could not
 * be opened, its texts become null), and writes it as one JSON object: "event", "at", then its
 * fields, us and microusd ones with that unit in the key ("total_us"). An unknown number is written
 * as such with its count of fields, never an error. CORRUPT when the bytes make no sense. */
enum err event_decode(const struct event_table *table, struct str *encoded, struct str *personal,
                      bool with_personal, struct json_writer *to) MUST_USE;
/* For code that sums up: the next event's type (NULL: unknown) and one value by field name. */
struct event_view {
    const struct event_type *type;
    uint32_t number;
    int64_t at_us;
    struct str payload;
    size_t field_count;
    size_t apart; /* texts that stand in the personal part */
};
enum err event_next(const struct event_table *table, struct str *encoded,
                    struct event_view *view) MUST_USE;
/* Takes the event's texts out of the personal part. CORRUPT: they are not there. */
enum err event_skip_personal(const struct event_view *view, struct str *personal) MUST_USE;
/* False also of a text that stands apart; event_get_apart takes that out of the event's texts. */
bool event_get_str(const struct event_view *view, const char *field, struct str *value);
bool event_get_apart(const struct event_view *view, struct str texts, const char *field,
                     struct str *value);
bool event_get_number(const struct event_view *view, const char *field, double *value);

enum err event_document(const struct event_table *table, struct buf *to) MUST_USE; /* Markdown */

#endif
