/* SPDX-License-Identifier: Apache-2.0
 * metrics.h - metrics declared once in .def fragments, counted from events, shown in Prometheus
 * form.
 *
 *   METRIC(name, kind, tier, unit, "standard ID", "target", "help", event, field, L(label) ...)
 * kind: counter, histogram or gauge; tier: BUSINESS SYSTEM COMPONENT; unit: seconds bytes tokens
 * usd total; `event` is what counts it (`none` for a gauge), `field` the value added (or `one`);
 * L(x) labels are str fields of that event. Without labels the comma stays. Owners use
 * declare_metrics.h and define_metrics.h with METRICS and METRIC_TABLE as they do for events.
 *
 * us fields are shown in seconds, microusd in usd. A us field of 0 means "not measured" and is in
 * no histogram. A shard per loop: one uncontended lock an event; shards are merged when scraped.
 * Label sets are bounded: beyond SERIES_MAX a series whose labels are "other" takes the rest.
 */
#ifndef AIRE_TELEMETRY_METRICS_H
#define AIRE_TELEMETRY_METRICS_H

#include "telemetry/events.h"

enum metric_kind { METRIC_COUNTER, METRIC_HISTOGRAM, METRIC_GAUGE };
enum metric_tier { TIER_BUSINESS = 1, TIER_SYSTEM = 2, TIER_COMPONENT = 3 };

#define METRIC_LABELS_MAX      4
#define METRIC_LABEL_BYTES_MAX 128 /* longer values are cut on a code point */
#define METRIC_SERIES_MAX      512 /* per event and label names, "other" included */

struct metric_type {
    const char *name; /* without prefix: aire_ is put in front */
    enum metric_kind kind;
    enum metric_tier tier;
    const char *unit;
    const char *standard;
    const char *target;
    const char *help;
    const struct event_type *event;            /* NULL: a gauge, written by a collector */
    const char *field;                         /* "one" or a numeric field of the event */
    const char *labels[METRIC_LABELS_MAX + 1]; /* NULL behind the last */
    size_t label_count;
};

struct metric_table {
    const struct metric_type *const *types;
    size_t count;
};

struct metrics; /* one shard */
/* Both tables outlive the shard; a row that does not fit its event is must(). */
struct metrics *metrics_new(const struct metric_table *table, const struct event_table *events);
void metrics_free(struct metrics *metrics);
/* Counts whatever is declared for this event. */
void metrics_count(struct metrics *metrics, const struct event_type *type, const void *event);

/* Gauges at scrape time. One whose name ends with _total is shown as a counter. */
struct metric_sink;
void metric_gauge(struct metric_sink *sink, const char *name, const struct str *label_values,
                  double value); /* the type gives label names */
typedef void metric_collector(struct metric_sink *sink, void *object);

struct metrics_scrape {
    struct metrics *const *shards; /* of one table */
    size_t shard_count;
    metric_collector *collect; /* may be NULL */
    void *object;
};
/* text/plain; version=0.0.4, with HELP (standard ID and target in it), TYPE, and UNIT comments. */
enum err metrics_write(const struct metrics_scrape *scrape, struct buf *to) MUST_USE;
enum err metrics_document(const struct metric_table *table, struct buf *to) MUST_USE; /* Markdown */

#endif
