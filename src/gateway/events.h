/* SPDX-License-Identifier: Apache-2.0
 * events.h - the gateway's own events and metrics as typed structs and descriptors. */
#ifndef AIRE_GATEWAY_EVENTS_H
#define AIRE_GATEWAY_EVENTS_H

#include "telemetry/record.h"

#define EVENTS "gateway/events.def"
#include "telemetry/declare_events.h"

#define METRICS "gateway/metrics.def"
#include "telemetry/declare_metrics.h"

/* All of them, for the tables that app joins. */
extern const struct event_table gateway_events;
extern const struct metric_table gateway_metrics;

#endif
