/* SPDX-License-Identifier: Apache-2.0
 * client.h - a client with a plan: it splits its bytes, pipelines, stops reading, goes away.
 */
#ifndef AIRE_TESTS_SIM_CLIENT_H
#define AIRE_TESTS_SIM_CLIENT_H

#include "io/conn.h"
#include "sim/world.h"

/* One request and what came of it. */
struct sim_request {
    struct plan_request plan;
    bool answered; /* a head came */
    bool complete; /* and the whole answer, as its framing says */
    bool closing;  /* the server said that it closes behind it */
    bool streamed; /* the answer is an event stream */
    bool stand_in; /* it is of no model */
    unsigned status;
    int64_t number;  /* from x-aire-id; -1: none */
    struct buf body; /* of a plain answer */
    struct sse_reader sse;
    struct answer_view told;
    bool error_told; /* the stream ended with a typed error */
    struct channel channels[WORLD_CHANNELS_MAX];
    size_t channel_count;
};

struct sim_client {
    struct world *world;
    struct conn *conn;
    struct http1_parser *parser;
    struct arena *heads;
    struct sim_request requests[WORLD_REQUESTS_MAX];
    size_t count;
    size_t at;        /* the answer that is being read */
    size_t writing;   /* the request that is being written */
    size_t written;   /* bytes of it */
    bool pipelines;   /* does not wait for answers */
    size_t piece_max; /* bytes at once */
    uint64_t gap_ms;  /* between pieces */
    uint64_t got;
    uint64_t aborts_at; /* bytes got; UINT64_MAX: never */
    uint64_t aborts_ms; /* after the start; 0: never */
    uint64_t pauses_at;
    uint64_t pause_ms;
    struct timer writer;
    struct timer pause;
    struct timer abort;
    struct timer start;
    bool aborted;
    bool over;
    enum err why; /* OK: it had all its answers */
};

struct sim_client *client_new(struct world *world, uint64_t number);
void client_stop(struct sim_client *client); /* it goes away */
void client_free(struct sim_client *client);

#endif
