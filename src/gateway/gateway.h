/* SPDX-License-Identifier: Apache-2.0
 * gateway.h - the data path of one loop, and what all loops share.
 */
#ifndef AIRE_GATEWAY_GATEWAY_H
#define AIRE_GATEWAY_GATEWAY_H

#include "base/cap.h"
#include "gateway/generation.h"
#include "io/http_client.h"
#include "io/http_server.h"
#include "io/work.h"
#include "operations/stops.h"
#include "resilience/journal.h"
#include "resilience/waiting.h"
#include "security/identity.h"
#include "security/session.h"
#include "telemetry/record.h"

struct gateway;

/* Process-wide; outlives every gateway. */
struct commons {
    const struct env *env;
    struct store *store;
    struct identity *identity;
    struct limits *limits;
    struct stops *stops;
    struct keyring *keyring;   /* NULL: nothing that holds words is stored */
    struct sessions *sessions; /* likewise */
    struct alarms *alarms;     /* NULL: nobody is told */
    struct journal *journal;   /* NULL: no runs */
    struct waiting *waiting;   /* beside the journal */
    struct registry *registry;
    struct workers *workers; /* for what takes long; NULL: it is done on the loop */
    struct cap memory;       /* buffered bytes */
    struct cap connections;  /* of clients */
    struct mutex lock;       /* guards `current` */
    struct generation *current;
    _Atomic uint32_t generation_number; /* of `current`; loops compare it with theirs */
    _Atomic uint64_t next_exchange;
    _Atomic uint64_t in_flight;
    _Atomic bool loopback_only; /* every listener is on loopback */
    bool recording;             /* false: exchanges leave no record (measurements only) */
};

/* Makes `next` the current generation; loops follow at their next exchange. Takes the reference. */
void commons_swap(struct commons *commons, struct generation *next);
/* Key of the next record: milliseconds above 16 bits of order within one; unique and rising. */
int64_t commons_number(struct commons *commons, struct wall now);
/* So many in a row; the first of them. */
int64_t commons_numbers(struct commons *commons, struct wall now, uint32_t count);
struct generation *commons_current(struct commons *commons); /* a new reference */

struct gateway_options {
    struct loop *loop;
    struct commons *commons;
    struct telemetry telemetry; /* of this loop */
};

struct gateway *gateway_new(const struct gateway_options *options);
void gateway_free(struct gateway *gateway); /* exchanges are cancelled and recorded */
/* Calls that are held for something to happen are told to come again, now and from now on. */
void gateway_drain(struct gateway *gateway);

/* The handlers of http_server for paths under /v1; `owner` is the gateway. */
void gateway_on_head(struct gateway *gateway, struct http_call *call);
void gateway_on_request(struct gateway *gateway, struct http_call *call);
void gateway_on_writable(struct gateway *gateway, struct http_call *call);
void gateway_on_gone(struct gateway *gateway, struct http_call *call);
void gateway_on_refuse(struct gateway *gateway, struct str target, unsigned status,
                       const char *what, struct buf *body);
size_t gateway_in_flight(const struct gateway *gateway);

/* ---- for the files of this folder ---- */

struct gateway {
    struct loop *loop;
    struct commons *commons;
    struct telemetry telemetry;
    struct http_client *client;
    struct generation *generation; /* this loop's reference to the current one */
    struct http_origin **origins;  /* of its providers, found once */
    struct link exchanges;
    size_t count;
    bool draining;
    struct rng rng;
    struct arena *scratch; /* lasts for one event */
    struct packer *packer;
    struct subjects *subjects; /* NULL: nothing that is personal is stored */
};

/* The current generation, followed lazily: one atomic load an exchange. */
struct generation *gateway_generation(struct gateway *gateway);
/* Where a provider's connections go, pooled on this loop. */
struct http_origin *gateway_origin(struct gateway *gateway, const struct generation *generation,
                                   const struct provider *provider);

#endif
