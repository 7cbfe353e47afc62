/* SPDX-License-Identifier: Apache-2.0
 * declare_metrics.h - metric_type_NAME for each line of the fragment METRICS.
 * Included once for each fragment, hence without a guard; see metrics.h for the form of a line.
 */
#include "telemetry/metrics.h"

#ifndef METRICS
#error "say #define METRICS \"owner/metrics.def\" first"
#endif

#define METRIC(name, kind, tier, unit, standard, target, help, event, field, ...)                  \
    extern const struct metric_type metric_type_##name;
#include METRICS
#undef METRIC
#undef METRICS
