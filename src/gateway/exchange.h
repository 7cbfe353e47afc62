/* SPDX-License-Identifier: Apache-2.0
 * exchange.h - the one object that travels: a request to a model or a tool and its answer, with all
 * that was decided. Begun at the head of a request, it passes the request stages, tries targets
 * along its path, is released, and ends exactly once. It never leaves its loop.
 */
#ifndef AIRE_GATEWAY_EXCHANGE_H
#define AIRE_GATEWAY_EXCHANGE_H

#include "gateway/endpoint.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/outcome.h"
#include "gateway/run_place.h"
#include "gateway/stream.h"
#include "io/http_client.h"
#include "io/http_server.h"
#include "telemetry/trace.h"

#define EXCHANGE_MAGIC 0x45584348u

struct exchange {
    uint32_t magic;
    enum exchange_state state;
    struct gateway *gateway;
    struct http_call *call;
    struct arena *arena; /* the call's */
    struct generation *generation;
    const struct endpoint *endpoint;
    const struct dialect *dialect;
    struct str path;        /* of the endpoint */
    struct run_place place; /* of a call of a durable run; run "": of none */
    struct link in_gateway;

    int64_t number; /* rises per process; the record's key */
    char id[EXCHANGE_ID_BYTES];
    struct instant began;
    struct wall began_at;
    struct trace trace;

    struct principal principal;
    struct str user; /* "" when nobody vouched */
    struct str session;
    const struct agent *agent;
    const struct route *route;
    struct tool_call tool;
    double confidence; /* declared by the client; negative: not told */
    struct json json;
    struct request_view view;
    enum verdict verdict;    /* on the request */
    struct guarded *guarded; /* guarded.h; NULL: no guardrails on this route */
    struct limit_claim claims[LIMIT_CLAIMS_MAX];
    struct limit_reservation reservation;

    /* the path */
    size_t tier;
    uint64_t tried; /* bit per target of the tier */
    const struct target *target;
    uint32_t tries;    /* at this target */
    uint32_t attempts; /* really made, over all targets */
    uint32_t keys_tried;
    struct failed failed;    /* of the last attempt or tier */
    struct attempt *attempt; /* the one under way, or the one that won */
    struct timer total;
    struct timer retry;
    struct deferred next; /* goes on with the path, never from inside a callback of the attempt */

    /* the answer */
    struct answer_view answer;
    struct stream stream;
    struct judgement judgement;
    struct buf stand_in; /* an answer that no model gave */
    struct buf *heard;   /* whoever wants the answer as it came: NULL for nobody */
    struct buf captured; /* the answer as it left, on routes with capture: full */
    struct str tier_name;
    struct str review;
    bool degraded;
    double answer_confidence;
    unsigned status;
    enum outcome outcome;
    const char *reason; /* why refused or failed, a word for metrics */
    uint64_t response_bytes;
    uint64_t upstream_us;    /* time in which a provider was waited for */
    struct instant received; /* the whole request was there */
    struct instant first_content;
    int64_t cost_microusd; /* of all attempts */
    uint64_t tokens_spent; /* likewise */
    bool replayed;         /* the journal answers, nobody was called */
    bool outlives;         /* the call goes on without its client */
    bool gone;             /* the client has left */
    bool complete;         /* the whole request is there */
    bool recorded;
    size_t charged;            /* of the process's buffered bytes */
    struct pending *pending;   /* ledger.h */
    struct run_call *run_call; /* of a call of a durable run (run_call.h) */
    struct record record;
    size_t stage;          /* where the pipeline waits */
    unsigned char *states; /* of all stages */
};

/* Takes over the call; the answer follows when it is there. */
void exchange_begin(struct gateway *gateway, struct http_call *call,
                    const struct endpoint *endpoint, const struct run_place *place);
void exchange_client_gone(struct exchange *x);
void exchange_writable(struct exchange *x);

/* Raises the verdict on the request, or on the answer under way; `reason` names the guardrail. */
void exchange_raise(struct exchange *x, enum verdict verdict, const char *reason);
/* Refuses before any attempt, in the client's dialect, and ends; `reason` is a word. */
void exchange_refuse(struct exchange *x, unsigned status, const char *reason, const char *format,
                     ...) PRINTF_LIKE(4, 5);
/* Has a kill switch been thrown for its agent or route? */
bool exchange_stopped(const struct exchange *x);
/* Counts memory that the exchange holds until its end; false: the process holds too much. */
bool exchange_charge(struct exchange *x, size_t bytes) MUST_USE;
/* Bytes of the answer leave: counted, and kept where the route captures content. */
void exchange_leaves(struct exchange *x, struct str bytes);
/* The answer has been handed to the server (or can no longer be); ends the exchange. */
void exchange_finish(struct exchange *x, enum outcome outcome);

#endif
