/* SPDX-License-Identifier: Apache-2.0
 * run_place.h - where a call of a durable run stands: /run/RUN/TRY in front of any endpoint's path.
 */
#ifndef AIRE_GATEWAY_RUN_PLACE_H
#define AIRE_GATEWAY_RUN_PLACE_H

#include "resilience/step.h"

struct run_place {
    struct str run;     /* "" for a call of no run */
    uint32_t attempt;   /* the try, 1 .. RUN_TRY_MAX */
    struct str rest;    /* the endpoint's path */
    struct str key;     /* x-aire-step; "" none */
    uint32_t rehearses; /* x-aire-rehearse: the step that is asked for again; 0: none */
};

/* OK with run "" and rest = path where the path is of no run; INVALID: below /run/, but no place.
 */
enum err run_place_of(struct str path, struct run_place *place) MUST_USE;

#endif
