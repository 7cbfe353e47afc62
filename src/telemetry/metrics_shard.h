/* SPDX-License-Identifier: Apache-2.0
 * metrics_shard.h - the inside of a shard, shared by counting (metrics.c) and showing
 * (metrics_write.c).
 *
 * Metrics of one event with the same labels form a group: one lookup finds the cells of all of
 * them. A gauge is a group of its own. Shards of one table have the same groups at the same indices
 * and the same cell offsets, which is what makes merging a plain addition.
 */
#ifndef AIRE_TELEMETRY_METRICS_SHARD_H
#define AIRE_TELEMETRY_METRICS_SHARD_H

#include "base/arena.h"
#include "base/map.h"
#include "sys/thread.h"
#include "telemetry/metrics.h"

#define METRIC_KEY_BYTES_MAX (METRIC_LABELS_MAX * (1 + METRIC_LABEL_BYTES_MAX))
#define METRIC_NONE          SIZE_MAX

/* Upper bounds of a histogram in the unit that is shown, without +Inf. */
struct metric_buckets {
    const double *bounds;
    size_t count;
};

struct cell {
    double sum; /* in the event's unit: integers up to 2^53 are exact */
    uint64_t count;
    uint64_t buckets[]; /* of a histogram: one more than bounds, not cumulative */
};

struct family {
    const struct metric_type *type;
    const struct metric_buckets *buckets; /* NULL: no histogram */
    size_t member;                        /* of the field in the event, or METRIC_NONE for "one" */
    enum field_kind kind;
    double divisor; /* from the event's unit to the one that is shown */
    size_t group;
    size_t cell; /* bytes from the start of the series */
    size_t next; /* family of the same group, or METRIC_NONE */
};

struct series {
    struct str labels[METRIC_LABELS_MAX];
    /* cells follow */
};

struct group {
    const struct event_type *event; /* NULL: a gauge */
    size_t label_count;
    size_t labels[METRIC_LABELS_MAX]; /* members of the event */
    size_t families;                  /* first one */
    size_t next;                      /* group of the same event, or METRIC_NONE */
    size_t series_bytes;
    struct map *series;   /* by key: length and bytes of each label value */
    struct series *other; /* one of them, once there is one */
};

struct metrics {
    struct mutex mutex; /* guards series and cells; the rest never changes */
    struct arena *arena;
    const struct metric_table *table;
    const struct event_table *events;
    struct family *families; /* in the table's order */
    struct group *groups;
    size_t group_count;
    size_t *by_event; /* first group of an event number */
    size_t by_event_count;
};

static inline struct cell *metrics_cell(struct series *series, const struct family *family)
{
    return (struct cell *)(void *)((char *)series + family->cell);
}

/* The series of these label values, made when new; "other" when there are too many. */
struct series *metrics_series(struct metrics *metrics, struct group *group,
                              const struct str *labels);

#endif
