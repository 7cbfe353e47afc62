/* SPDX-License-Identifier: Apache-2.0
 * proof.h - what is known of an exchange from inside, and of what a provider received.
 */
#ifndef AIRE_TESTS_SIM_PROOF_H
#define AIRE_TESTS_SIM_PROOF_H

#include "telemetry/events.h"

#define WORLD_CHANNELS_MAX 32

struct channel {
    uint64_t key;
    uint64_t seen;    /* bytes that the judge has seen */
    uint64_t cleared; /* and let go */
};

/* What is known of one exchange from inside. */
struct proof {
    struct proof *next;
    int64_t number;
    bool durable; /* the route records before release */
    unsigned ends;
    bool judged; /* its deltas are held back */
    struct channel channels[WORLD_CHANNELS_MAX];
    size_t channel_count;
    struct str events[EVENT_CLASSES]; /* as they were at the end */
    struct str trace;                 /* from here on: of exchange_ended */
    struct str outcome;
    unsigned status;
    bool closed; /* there was such an event */
    bool stored; /* and it stands in the store */
};

/* What a provider received. */
struct delivery {
    struct delivery *next;
    struct str trace;
    unsigned target;
    struct str body;
};

struct channel *proof_channel(struct proof *proof, uint64_t key); /* NULL: too many */

#endif
