/* SPDX-License-Identifier: Apache-2.0
 * breaker.h - stop calling a target that keeps failing, and try it again with care (standard R4).
 *
 * closed -> open after `failures` consecutive failures. open -> half-open after a back-off that
 * begins at 5 s and doubles with each unsuccessful probing up to `open_ms` (the standard's 60 s as
 * a maximum, so that its "mean open time < 30 s" can hold). half-open lets `probes` calls through:
 * `close` successes among them close it, more than probes - close failures open it again. A pin
 * (quota exhausted, credential refused) opens it until a moment; the later of two moments wins. No
 * other step exists.
 *
 * Every admitted call is settled exactly once. A neutral probe returns its slot, so another may
 * try; a late settle of an earlier epoch returns its slot and moves nothing. Half-open cannot get
 * stuck: calls have a total deadline, so slots always come back, and a round that is not decided
 * has a slot to give. One breaker serves all loops: one mutex, nothing called under it, the clock
 * is the caller's.
 */
#ifndef AIRE_RESILIENCE_BREAKER_H
#define AIRE_RESILIENCE_BREAKER_H

#include "base/when.h"

#include <stdbool.h>

struct breaker;

struct breaker_options {
    uint32_t failures; /* 5 */
    uint32_t probes;   /* 3 */
    uint32_t close;    /* 2; 1 .. probes */
    uint32_t open_ms;  /* 60,000: the longest back-off */
};

#define BREAKER_BACKOFF_FIRST_MS 5000

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
enum breaker_outcome {
    BREAKER_SUCCESS,
    BREAKER_FAILURE,
    BREAKER_NEUTRAL /* the client's own fault, or cancelled: tells nothing about the target */
};

struct breaker_ticket {
    uint32_t epoch;
    bool probe;
};

/* What a settle or admit moved, for the caller to record; from == to when nothing moved. Where it
 * is an argument it may be NULL. */
struct breaker_move {
    enum breaker_state from;
    enum breaker_state to;
    uint64_t after_us;     /* time spent in `from` */
    uint32_t failures;     /* consecutive, when it opened */
    uint64_t outage_us;    /* when it closed: since the first failure that led here */
    uint64_t detection_us; /* when it opened from closed: first failure -> opening (MTTD) */
};

struct breaker *breaker_new(const struct breaker_options *options);
void breaker_free(struct breaker *breaker); /* NULL is fine */
/* Reload: the state stays, a probing under way starts afresh. */
void breaker_configure(struct breaker *breaker, const struct breaker_options *options);

bool breaker_admit(struct breaker *breaker, struct instant now, struct breaker_ticket *ticket,
                   struct breaker_move *move);
void breaker_settle(struct breaker *breaker, struct instant now, struct breaker_ticket ticket,
                    enum breaker_outcome outcome, struct breaker_move *move);
/* A moment that is past does nothing. */
void breaker_pin(struct breaker *breaker, struct instant now, struct instant until,
                 struct breaker_move *move);

struct breaker_view {
    enum breaker_state state;
    uint32_t failures;      /* consecutive so far */
    uint64_t retry_in_ms;   /* open: until the next probe is allowed */
    uint64_t openings;      /* closed -> open, since start (activations) */
    uint64_t open_us_total; /* time spent open or half-open */
    uint32_t calls_in_flight;
};
void breaker_look(struct breaker *breaker, struct instant now, struct breaker_view *view);
/* Would admit say yes? Takes nothing. */
bool breaker_would_admit(struct breaker *breaker, struct instant now);
const char *breaker_state_name(enum breaker_state state); /* "closed" "open" "half_open" */

#endif
