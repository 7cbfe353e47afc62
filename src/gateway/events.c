/* SPDX-License-Identifier: Apache-2.0
 * events.c - descriptors of the gateway's events and metrics. */
#include "gateway/events.h"

#define EVENTS "gateway/events.def"
#include "telemetry/define_events.h"

#define METRICS "gateway/metrics.def"
#include "telemetry/define_metrics.h"

static const struct event_type *const event_list[] = {
#define EVENT(number, name, level, class, help, ...) &event_type_##name,
#include "gateway/events.def"
#undef EVENT
};
const struct event_table gateway_events = {event_list, sizeof event_list / sizeof event_list[0]};

static const struct metric_type *const metric_list[] = {
#define METRIC(name, ...) &metric_type_##name,
#include "gateway/metrics.def"
#undef METRIC
};
const struct metric_table gateway_metrics = {metric_list,
                                             sizeof metric_list / sizeof metric_list[0]};
