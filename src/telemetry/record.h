/* SPDX-License-Identifier: Apache-2.0
 * record.h - the append-only list of an exchange's events, and its projections.
 *
 * record_emit is the only way a fact enters the system: it appends the event to the record, counts
 * it in the loop's metrics, and writes a log line when its level asks for one. At the end the
 * record is handed to the store as one packed row per retention class.
 */
#ifndef AIRE_TELEMETRY_RECORD_H
#define AIRE_TELEMETRY_RECORD_H

#include "telemetry/events.h"
#include "telemetry/metrics.h"

#define RECORD_BYTES_MAX 65536 /* per class; further events are counted, not kept */

/* What a loop emits into; outlives its records. */
struct telemetry {
    const struct event_table *events;
    struct metrics *metrics;
    const struct log *log;
    enum log_level event_level; /* events at or below it become log lines; default WARN */
    bool unrecorded;            /* events are counted and logged, not kept (for measurements) */
};

struct record {
    struct telemetry *telemetry;
    struct buf classes[EVENT_CLASSES];  /* encoded events by retention class */
    struct buf personal[EVENT_CLASSES]; /* what stands apart of them */
    uint32_t dropped;
};

void record_init(struct record *record, struct telemetry *telemetry);
void record_end(struct record *record);
void record_emit(struct record *record, struct wall at, const struct event_type *type,
                 const void *event);
/* An event outside any exchange: metrics and log only. */
void telemetry_emit(struct telemetry *telemetry, const struct event_type *type, const void *event);

/* RECORD(&x->record, now, attempt_ended, .target = name, .status = 500); an event without fields
 * keeps its comma: RECORD(&x->record, now, started, ); */
#define RECORD(record, at, name, ...)                                                              \
    record_emit((record), (at), &event_type_##name,                                                \
                &(const struct event_##name){.event_begin_ = 0, __VA_ARGS__})
#define EMIT(telemetry, name, ...)                                                                 \
    telemetry_emit((telemetry), &event_type_##name,                                                \
                   &(const struct event_##name){.event_begin_ = 0, __VA_ARGS__})

#endif
