/* SPDX-License-Identifier: Apache-2.0
 * define_events.h - the descriptors of what declare_events.h declared; for one .c file of the
 * owner. With EVENT_TABLE defined also `const struct event_table EVENT_TABLE`, in the order of the
 * fragment.
 */
#include "telemetry/events.h"

#ifndef EVENTS
#error "say #define EVENTS \"owner/events.def\" first"
#endif

/* Readers walk the struct by kinds; this holds the compiler to the layout they expect. */
#define F(kind, field, privacy) +(sizeof(event_##kind) > 8 ? sizeof(event_##kind) : 8)
#define EVENT(number, name, level, class, help, ...)                                               \
    _Static_assert(sizeof(struct event_##name) == 8 __VA_ARGS__, "one word each, str two");
#include EVENTS
#undef EVENT
#undef F

#define PRIVACY_open            false
#define PRIVACY_personal        true
#define F(kind, field, privacy) {#field, FIELD_##kind, PRIVACY_##privacy},
#define EVENT(number, name, level, class, help, ...)                                               \
    static const struct event_field event_fields_##name[] = {                                      \
        __VA_ARGS__{NULL, FIELD_flag, false}};                                                     \
    _Static_assert(sizeof event_fields_##name <=                                                   \
                       (EVENT_FIELDS_MAX + 1) * sizeof(struct event_field),                        \
                   "too many fields");                                                             \
    const struct event_type event_type_##name = {                                                  \
        number,                                                                                    \
        #name,                                                                                     \
        LOG_##level,                                                                               \
        CLASS_##class,                                                                             \
        help,                                                                                      \
        event_fields_##name,                                                                       \
        sizeof event_fields_##name / sizeof event_fields_##name[0] - 1};
#include EVENTS
#undef EVENT
#undef F
#undef PRIVACY_open
#undef PRIVACY_personal

#ifdef EVENT_TABLE
#define EVENT(number, name, level, class, help, ...) &event_type_##name,
static const struct event_type *const event_table_rows[] = {
#include EVENTS
};
const struct event_table EVENT_TABLE = {event_table_rows,
                                        sizeof event_table_rows / sizeof event_table_rows[0]};
#undef EVENT
#undef EVENT_TABLE
#endif
#undef EVENTS
