/* SPDX-License-Identifier: Apache-2.0
 * incident.c - the route's part of an outage: from the first failure seen to the next answer.
 *
 * Invariant: at most one incident of a route is open; its failures in between neither begin another
 * nor move its beginning.
 */
#include "resilience/incident.h"

#include "base/must.h"
#include "base/num.h"
#include "sys/thread.h"

#include <stdlib.h>

struct incident {
    struct mutex mutex;
    bool open;
    struct instant detected;
    uint64_t begun;
    uint64_t ended;
    uint64_t mttr_us_total;
    uint64_t mttr_us_max;
};

struct incident *incident_new(void)
{
    struct incident *incident = must_have(calloc(1, sizeof *incident));
    mutex_init(&incident->mutex);
    return incident;
}

void incident_free(struct incident *incident)
{
    if (incident != NULL) {
        mutex_end(&incident->mutex);
        free(incident);
    }
}

void incident_failed(struct incident *incident, struct instant now)
{
    mutex_lock(&incident->mutex);
    if (!incident->open) {
        incident->open = true;
        incident->detected = now;
        incident->begun++;
    }
    mutex_unlock(&incident->mutex);
}

bool incident_answered(struct incident *incident, struct instant now, uint64_t *mttr_us)
{
    mutex_lock(&incident->mutex);
    bool ended = incident->open;
    if (ended) {
        *mttr_us = instant_since_us(now, incident->detected);
        incident->open = false;
        incident->ended++;
        incident->mttr_us_total += *mttr_us;
        incident->mttr_us_max = num_max(incident->mttr_us_max, *mttr_us);
    }
    mutex_unlock(&incident->mutex);
    return ended;
}

void incident_look(struct incident *incident, struct incident_view *view)
{
    mutex_lock(&incident->mutex);
    *view = (struct incident_view){
        .open = incident->open,
        .count = incident->begun,
        .mttr_us_mean = incident->ended > 0 ? incident->mttr_us_total / incident->ended : 0,
        .mttr_us_max = incident->mttr_us_max,
    };
    mutex_unlock(&incident->mutex);
}
