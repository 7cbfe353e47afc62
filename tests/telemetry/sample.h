/* SPDX-License-Identifier: Apache-2.0
 * sample.h - declares and defines the events and metrics of the telemetry tests, a copy a program.
 */
#ifndef AIRE_TESTS_TELEMETRY_SAMPLE_H
#define AIRE_TESTS_TELEMETRY_SAMPLE_H

#include "telemetry/record.h"

#define EVENTS "../tests/data/sample_events.def"
#include "telemetry/declare_events.h"
#define METRICS "../tests/data/sample_metrics.def"
#include "telemetry/declare_metrics.h"

extern const struct event_table sample_events;
extern const struct metric_table sample_metrics;

#define EVENTS      "../tests/data/sample_events.def"
#define EVENT_TABLE sample_events
#include "telemetry/define_events.h"
#define METRICS      "../tests/data/sample_metrics.def"
#define METRIC_TABLE sample_metrics
#include "telemetry/define_metrics.h"

#endif
