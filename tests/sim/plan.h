/* SPDX-License-Identifier: Apache-2.0
 * plan.h - what a seed decides before a run begins: configurations, the provider's faults,
 * requests.
 *
 * Targets t0 to t3 stand at providers p0 to p3, whose paths begin with /t0 to /t3: so what arrives
 * at the provider tells for which target it was meant.
 */
#ifndef AIRE_TESTS_SIM_PLAN_H
#define AIRE_TESTS_SIM_PLAN_H

#include "base/arena.h"
#include "base/rng.h"
#include "gateway/endpoint.h"

#define PLAN_PROVIDER "127.0.0.1:9001"
#define PLAN_GATEWAY  "127.0.0.1:8080"
#define PLAN_ROUTES   5
#define PLAN_AGENTS   2
#define PLAN_USERS    2
#define PLAN_TARGETS  4

extern const char plan_rules[]; /* the file of the rules tier */

/* A configuration; each call makes other routes of the same names. */
struct str plan_configuration(struct rng *rng, struct arena *arena);
/* A script of faults for the built-in provider. */
struct str plan_script(struct rng *rng, struct arena *arena);

/* One request as a client sends it. */
struct plan_request {
    struct str bytes;                /* head and body as they go out */
    struct str body;                 /* without chunk framing */
    bool closes;                     /* the client wants no answer behind this one */
    char trace[33];                  /* names the request in heads and records */
    const struct endpoint *endpoint; /* NULL: there is none */
    struct request_view view;        /* what the dialect reads in it */
};
void plan_request(struct rng *rng, struct arena *arena, uint64_t number, struct str key,
                  struct plan_request *request);

/* true with that probability */
bool plan_chance(struct rng *rng, unsigned permille);

#endif
