/* SPDX-License-Identifier: Apache-2.0
 * state.h - what the built-in provider remembers of its requests, for tests and demos to look at.
 *
 * Invariant: memory is bounded: names beyond STATE_NAMES_MAX count as "(other)", heads are a ring.
 */
#ifndef AIRE_PROVIDER_STATE_H
#define AIRE_PROVIDER_STATE_H

#include "io/http1.h"
#include "provider/script.h"
#include "json/json_writer.h"

#define STATE_NAMES_MAX  64
#define STATE_NAME_BYTES 96
#define STATE_HEADS_MAX  32
#define STATE_HEAD_BYTES 2048

struct tally {
    char name[STATE_NAME_BYTES];
    size_t len;
    uint64_t count;
};

struct noted_head {
    uint64_t at_ms;
    uint64_t body_bytes;
    size_t len;
    char text[STATE_HEAD_BYTES]; /* "METHOD\ntarget\nname: value\n..." */
};

struct state {
    uint64_t requests;
    uint64_t connections_opened;
    uint64_t connections_open;
    uint64_t in_flight;
    uint64_t in_flight_max;
    uint64_t aborted; /* the client went before its answer had ended */
    uint64_t bytes_in;
    uint64_t bytes_out;
    struct tally paths[STATE_NAMES_MAX + 1];
    struct tally models[STATE_NAMES_MAX + 1];
    struct noted_head heads[STATE_HEADS_MAX];
    uint64_t heads_noted;
    struct buf last;    /* body of the last request */
    uint64_t last_hash; /* hash of path and body; ids derive from it */
};

struct state_request {
    const struct http_head *head;
    struct str path;
    struct str model;
    struct str body;
    uint64_t hash;
    uint64_t at_ms;
};

void state_init(struct state *state, size_t body_bytes_max);
void state_end(struct state *state);
void state_note(struct state *state, const struct state_request *request);
/* Members of the open object of `w`. */
void state_write(const struct state *state, const struct script *script, uint64_t age_ms,
                 struct json_writer *w);

#endif
