/* SPDX-License-Identifier: Apache-2.0
 * define_metrics.h - the descriptors of what declare_metrics.h declared; for one .c file of the
 * owner, where the events that count are declared. With METRIC_TABLE defined also the table of that
 * name.
 */
#include "telemetry/metrics.h"

#ifndef METRICS
#error "say #define METRICS \"owner/metrics.def\" first"
#endif

#define METRIC_KIND_counter            METRIC_COUNTER
#define METRIC_KIND_histogram          METRIC_HISTOGRAM
#define METRIC_KIND_gauge              METRIC_GAUGE
#define METRIC_SOURCE_counter(event)   &event_type_##event
#define METRIC_SOURCE_histogram(event) &event_type_##event
#define METRIC_SOURCE_gauge(event)     NULL
#define L(label)                       #label,
#define METRIC(name, kind, tier, unit, standard, target, help, event, field, ...)                  \
    const struct metric_type metric_type_##name = {                                                \
        #name,                                                                                     \
        METRIC_KIND_##kind,                                                                        \
        TIER_##tier,                                                                               \
        #unit,                                                                                     \
        standard,                                                                                  \
        target,                                                                                    \
        help,                                                                                      \
        METRIC_SOURCE_##kind(event),                                                               \
        #field,                                                                                    \
        {__VA_ARGS__ NULL},                                                                        \
        sizeof((const char *const[]){__VA_ARGS__ NULL}) / sizeof(const char *) - 1};
#include METRICS
#undef METRIC
#undef L
#undef METRIC_KIND_counter
#undef METRIC_KIND_histogram
#undef METRIC_KIND_gauge
#undef METRIC_SOURCE_counter
#undef METRIC_SOURCE_histogram
#undef METRIC_SOURCE_gauge

#ifdef METRIC_TABLE
#define METRIC(name, kind, tier, unit, standard, target, help, event, field, ...)                  \
    &metric_type_##name,
static const struct metric_type *const metric_table_rows[] = {
#include METRICS
};
const struct metric_table METRIC_TABLE = {metric_table_rows,
                                          sizeof metric_table_rows / sizeof metric_table_rows[0]};
#undef METRIC
#undef METRIC_TABLE
#endif
#undef METRICS
