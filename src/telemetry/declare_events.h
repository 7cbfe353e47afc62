/* SPDX-License-Identifier: Apache-2.0
 * declare_events.h - struct event_NAME and event_type_NAME for each line of the fragment EVENTS.
 * Included once for each fragment, hence without a guard; see events.h for the form of a line.
 */
#include "telemetry/events.h"

#ifndef EVENTS
#error "say #define EVENTS \"owner/events.def\" first"
#endif

#define F(kind, field, privacy) _Alignas(8) event_##kind field;
#define EVENT(number, name, level, class, help, ...)                                               \
    struct event_##name {                                                                          \
        uint64_t event_begin_;                                                                     \
        __VA_ARGS__                                                                                \
    };                                                                                             \
    extern const struct event_type event_type_##name;
#include EVENTS
#undef EVENT
#undef F
#undef EVENTS
