/* SPDX-License-Identifier: Apache-2.0
 * incident.h - outages of a route, measured: MTTD and MTTR (standard R6).
 *
 * An incident of a route begins with the first failure of a target that counts against its breaker,
 * which is also when it is detected, and is over for the users with the first healthy answer
 * through the path. How long a breaker takes to open, and a target to come back, the breaker tells
 * (breaker_move).
 */
#ifndef AIRE_RESILIENCE_INCIDENT_H
#define AIRE_RESILIENCE_INCIDENT_H

#include "base/when.h"

#include <stdbool.h>

struct incident; /* one per route, process-wide, one mutex */
struct incident *incident_new(void);
void incident_free(struct incident *incident);

/* A target of the route was found failing (its breaker opened, or an exchange met a failure). */
void incident_failed(struct incident *incident, struct instant now);
/* The route answered. True when that ended an incident: *mttr_us is detection -> this answer. */
bool incident_answered(struct incident *incident, struct instant now, uint64_t *mttr_us);

struct incident_view {
    bool open;
    uint64_t count;
    uint64_t mttr_us_mean;
    uint64_t mttr_us_max;
};
void incident_look(struct incident *incident, struct incident_view *view);

#endif
