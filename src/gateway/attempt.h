/* SPDX-License-Identifier: Apache-2.0
 * attempt.h - one try at one target: the request derived from the client's, its timers, its answer.
 *
 * Ends in exactly one of upstream_answered, upstream_failed, or attempt_abandon; its breaker ticket
 * is settled exactly once. While a stream runs it feeds x->stream and sends what may leave.
 */
#ifndef AIRE_GATEWAY_ATTEMPT_H
#define AIRE_GATEWAY_ATTEMPT_H

#include "gateway/exchange.h"

struct attempt {
    struct exchange *x;
    const struct target *target;
    struct breaker_ticket ticket;
    struct http_fetch *fetch; /* NULL once it is over */
    struct timer timer;       /* of the phase; connect is the client's own */
    enum failure timer_means;
    struct instant began;
    struct instant connected;
    struct instant head;
    struct instant first;
    struct instant content; /* last content */
    bool quiet;             /* pings or reasoning since the last content */
    bool settled;
    bool streaming; /* a 200 event stream is being read */
    bool paused;
    unsigned status;
    struct http_field *fields; /* of the response, for the client */
    size_t field_count;
    struct str content_type; /* of a tool's answer */
    uint64_t announced;      /* Content-Length of a tool's answer to HEAD, else its body's */
    struct str retry_after;
    struct str retry_after_ms;
    struct buf body; /* plain answer or error body */
    struct sse_reader sse;
    size_t counted; /* of buffered bytes: what the answer holds here */
    uint32_t key;   /* index of the provider's key that was used */
};

#define ERROR_BODY_MAX KIB(64)

/* Reads the bytes of an answer that was given before, as if they came from x->target. */
void attempt_replay(struct exchange *x, struct str bytes);
void attempt_start(struct exchange *x, const struct target *target, struct breaker_ticket ticket);
/* Cancels what is under way and settles; nothing is reported. */
void attempt_abandon(struct attempt *attempt, enum failure failure);
/* Ends it with a failure, or as an answer: upstream goes on. */
void attempt_fail(struct attempt *attempt, enum failure failure, struct str words);
void attempt_succeed(struct attempt *attempt);
/* Frees buffers; the attempt is settled. */
void attempt_end(struct attempt *attempt);
void attempt_resume(struct attempt *attempt); /* the client reads again */
/* Sends what x->stream lets go, the head first. False when the client's queue is full. */
bool attempt_send(struct attempt *attempt);

#endif
