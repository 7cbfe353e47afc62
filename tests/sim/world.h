/* SPDX-License-Identifier: Apache-2.0
 * world.h - one simulated run: Governors on two or three loops, a provider, clients, and what is
 * known of every exchange.
 *
 * Everything is decided by the seed. The judge (judge.h) sees each exchange from inside, a client
 * from outside, the provider's side is looked at after every step; checks.h compares the three.
 */
#ifndef AIRE_TESTS_SIM_WORLD_H
#define AIRE_TESTS_SIM_WORLD_H

#include "base/map.h"
#include "gateway/exchange.h"
#include "provider/provider.h"
#include "sim/plan.h"
#include "sim/proof.h"
#include "support/sim_env.h"

#define WORLD_STATIONS_MAX    2
#define WORLD_CLIENTS_MAX     8
#define WORLD_REQUESTS_MAX    4 /* of a client */
#define WORLD_GENERATIONS_MAX 4
#define WORLD_MS_MAX          600000

/* One loop with its server and gateway, as app/shard.h has it, without a thread. */
struct station {
    struct world *world;
    struct loop *loop;
    struct telemetry telemetry;
    struct gateway *gateway;
    struct http_server *server;
};

struct sim_client;

struct world {
    uint64_t seed;
    struct rng rng;      /* the world's choices; the network's come from its own */
    struct arena *arena; /* evidence; freed last */
    struct sim_env *sim;
    struct commons commons;
    struct keyring *keyring;                               /* of the sessions */
    struct generation *generations[WORLD_GENERATIONS_MAX]; /* a reference each */
    size_t generation_count;
    struct station stations[WORLD_STATIONS_MAX];
    size_t station_count;
    struct str configuration; /* the last one */
    struct str script;
    struct loop *provider_loop;
    struct provider *provider;
    uint64_t requests_seen; /* at the provider */
    struct loop *client_loop;
    struct sim_client *clients[WORLD_CLIENTS_MAX];
    size_t client_count;
    size_t clients_over;
    struct timer reload;
    struct timer stop;
    struct timer store_fails;
    char key[KEY_TEXT_BYTES]; /* "" when none is demanded */

    bool judging; /* the judge holds back text */
    bool faulty;  /* the network resets and refuses */
    bool abrupt;  /* the run ends in the middle */
    bool tight;   /* so little memory that connections may be cut for it */
    bool store_closed;
    uint64_t records_refused; /* one in so many cannot be written; 0: all can */

    uint64_t begun; /* exchanges */
    struct map *proofs;
    struct proof *first_proof;
    struct delivery *deliveries;
    uint64_t rows; /* exchange_ended in the store at the end */

    char broken[600]; /* the invariant that does not hold, "" */
};

/* Runs the seed; what broke, or "". The text lasts until the next run. `story`: all that happened
 * is printed. */
const char *world_run(uint64_t seed, bool story);
void world_story(const struct world *world);

/* The first violation counts. `invariant` is the name of a function in checks.c. */
void world_broken(struct world *world, const char *invariant, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The exchange of that number; made when it is not known yet. */
struct proof *world_proof(struct world *world, int64_t number);
struct proof *world_find(const struct world *world, int64_t number); /* or NULL */
struct proof *world_trace(const struct world *world, struct str trace);

static inline struct world *world_of(const struct exchange *x)
{
    return LIST_OBJECT(x->gateway->commons, struct world, commons);
}

#endif
