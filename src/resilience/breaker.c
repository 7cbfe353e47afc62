/* SPDX-License-Identifier: Apache-2.0
 * breaker.c - the circuit breaker's state machine.
 *
 * Invariants: probes_in_flight <= calls_in_flight; round.in_flight <= probes_in_flight; outside
 * half-open the round is empty; each change of state begins a new epoch, and only settles of the
 * current epoch are counted. Probe slots belong to all epochs together, so that a target never has
 * more than `probes` probes at once, while the tally belongs to one round.
 */
#include "resilience/breaker.h"

#include "base/must.h"
#include "base/num.h"
#include "sys/thread.h"

#include <stdlib.h>

/* One probing: what its probes have told so far, and how many are still out. */
struct round {
    uint32_t in_flight;
    uint32_t successes;
    uint32_t failures;
};

struct breaker {
    struct mutex mutex;
    struct breaker_options options;
    enum breaker_state state;
    uint32_t epoch;
    struct instant since; /* of the state; zero until the first call */
    struct instant until; /* open: no probe before this */
    struct instant first_failure;
    uint32_t failures; /* consecutive */
    uint32_t probings; /* unsuccessful ones in this outage: the back-off's exponent */
    uint32_t calls_in_flight;
    uint32_t probes_in_flight;
    struct round round;
    uint64_t openings;
    uint64_t open_us; /* of the states left behind */
};

static void check_options(const struct breaker_options *options)
{
    must(options->failures >= 1 && options->open_ms >= 1);
    must(options->close >= 1 && options->close <= options->probes);
}

struct breaker *breaker_new(const struct breaker_options *options)
{
    check_options(options);
    struct breaker *breaker = must_have(calloc(1, sizeof *breaker));
    mutex_init(&breaker->mutex);
    breaker->options = *options;
    return breaker;
}

void breaker_free(struct breaker *breaker)
{
    if (breaker != NULL) {
        mutex_end(&breaker->mutex);
        free(breaker);
    }
}

void breaker_configure(struct breaker *breaker, const struct breaker_options *options)
{
    check_options(options);
    mutex_lock(&breaker->mutex);
    breaker->options = *options;
    if (breaker->state == BREAKER_HALF_OPEN) {
        /* A tally under old numbers could be undecidable under new ones. */
        breaker->epoch++;
        breaker->round = (struct round){0};
    }
    mutex_unlock(&breaker->mutex);
}

/* The only place where the state changes. */
static void enter(struct breaker *b, struct instant now, enum breaker_state state,
                  struct breaker_move *move)
{
    if (b->since.ns == 0) {
        b->since = now;
    }
    *move = (struct breaker_move){.from = b->state,
                                  .to = state,
                                  .after_us = instant_since_us(now, b->since),
                                  .failures = b->failures};
    if (b->state != BREAKER_CLOSED) {
        b->open_us += move->after_us;
    }
    b->state = state;
    b->since = now;
    b->epoch++;
    b->round = (struct round){0};
}

static struct instant later(struct instant a, struct instant b)
{
    return a.ns > b.ns ? a : b;
}

/* 5, 10, 20, 40, 60 s with the standard numbers. */
static uint64_t backoff_ms(const struct breaker *b)
{
    uint64_t ms = BREAKER_BACKOFF_FIRST_MS;
    for (uint32_t i = 0; i < b->probings && ms < b->options.open_ms; i++) {
        ms *= 2;
    }
    return num_min(ms, b->options.open_ms);
}

/* From closed or half-open: no probe before `until`. */
static void open_it(struct breaker *b, struct instant now, struct instant until,
                    struct breaker_move *move)
{
    bool was_closed = b->state == BREAKER_CLOSED;
    if (was_closed && b->failures == 0) {
        b->first_failure = now; /* pinned out of the blue: the outage begins here */
    }
    enter(b, now, BREAKER_OPEN, move);
    if (was_closed) {
        b->openings++;
        move->detection_us = instant_since_us(now, b->first_failure);
    }
    b->until = until;
}

static void close_it(struct breaker *b, struct instant now, struct breaker_move *move)
{
    enter(b, now, BREAKER_CLOSED, move);
    move->outage_us = instant_since_us(now, b->first_failure);
    b->failures = 0;
    b->probings = 0;
}

/* Decided tallies leave half-open at once, so an undecided one always has room below `probes`. */
static bool may_probe(const struct breaker *b)
{
    const struct round *round = &b->round;
    return b->probes_in_flight < b->options.probes &&
           round->in_flight + round->successes + round->failures < b->options.probes;
}

static bool may_pass(const struct breaker *b, struct instant now)
{
    switch (b->state) {
    case BREAKER_CLOSED:
        return true;
    case BREAKER_OPEN:
        return now.ns >= b->until.ns && may_probe(b);
    case BREAKER_HALF_OPEN:
        return may_probe(b);
    }
    return false;
}

static struct breaker_move still(const struct breaker *b)
{
    return (struct breaker_move){.from = b->state, .to = b->state};
}

static void tell(struct breaker_move *move, const struct breaker_move *what)
{
    if (move != NULL) {
        *move = *what;
    }
}

bool breaker_admit(struct breaker *breaker, struct instant now, struct breaker_ticket *ticket,
                   struct breaker_move *move)
{
    mutex_lock(&breaker->mutex);
    struct breaker_move moved = still(breaker);
    if (breaker->since.ns == 0) {
        breaker->since = now;
    }
    bool passes = may_pass(breaker, now);
    if (passes) {
        if (breaker->state == BREAKER_OPEN) {
            enter(breaker, now, BREAKER_HALF_OPEN, &moved);
        }
        bool probe = breaker->state == BREAKER_HALF_OPEN;
        *ticket = (struct breaker_ticket){.epoch = breaker->epoch, .probe = probe};
        breaker->calls_in_flight++;
        breaker->probes_in_flight += probe;
        breaker->round.in_flight += probe;
    }
    mutex_unlock(&breaker->mutex);
    tell(move, &moved);
    return passes;
}

static void count_failure(struct breaker *b, struct instant now)
{
    if (b->failures == 0) {
        b->first_failure = now;
    }
    if (b->failures < UINT32_MAX) {
        b->failures++;
    }
}

/* Consecutive means: no success in between. Neutral outcomes neither add nor break the row. */
static void settle_closed(struct breaker *b, struct instant now, enum breaker_outcome outcome,
                          struct breaker_move *moved)
{
    if (outcome == BREAKER_SUCCESS) {
        b->failures = 0;
    } else if (outcome == BREAKER_FAILURE) {
        count_failure(b, now);
        if (b->failures >= b->options.failures) {
            open_it(b, now, instant_after_ms(now, backoff_ms(b)), moved);
        }
    }
}

/* A neutral probe only gives its slot back. */
static void settle_probe(struct breaker *b, struct instant now, enum breaker_outcome outcome,
                         struct breaker_move *moved)
{
    b->round.in_flight--;
    if (outcome == BREAKER_SUCCESS) {
        b->round.successes++;
        if (b->round.successes >= b->options.close) {
            close_it(b, now, moved);
        }
    } else if (outcome == BREAKER_FAILURE) {
        b->round.failures++;
        b->failures += b->failures < UINT32_MAX;
        if (b->round.failures > b->options.probes - b->options.close) {
            b->probings++;
            open_it(b, now, instant_after_ms(now, backoff_ms(b)), moved);
        }
    }
}

void breaker_settle(struct breaker *breaker, struct instant now, struct breaker_ticket ticket,
                    enum breaker_outcome outcome, struct breaker_move *move)
{
    mutex_lock(&breaker->mutex);
    struct breaker_move moved = still(breaker);
    must(breaker->calls_in_flight > 0);
    must(!ticket.probe || breaker->probes_in_flight > 0);
    breaker->calls_in_flight--;
    breaker->probes_in_flight -= ticket.probe;
    if (ticket.epoch == breaker->epoch) {
        if (ticket.probe) {
            settle_probe(breaker, now, outcome, &moved);
        } else {
            settle_closed(breaker, now, outcome, &moved);
        }
    }
    mutex_unlock(&breaker->mutex);
    tell(move, &moved);
}

void breaker_pin(struct breaker *breaker, struct instant now, struct instant until,
                 struct breaker_move *move)
{
    mutex_lock(&breaker->mutex);
    struct breaker_move moved = still(breaker);
    if (until.ns > now.ns) {
        if (breaker->state == BREAKER_OPEN) {
            breaker->until = later(breaker->until, until);
        } else {
            open_it(breaker, now, until, &moved);
        }
    }
    mutex_unlock(&breaker->mutex);
    tell(move, &moved);
}

void breaker_look(struct breaker *breaker, struct instant now, struct breaker_view *view)
{
    mutex_lock(&breaker->mutex);
    bool open = breaker->state == BREAKER_OPEN;
    bool closed = breaker->state == BREAKER_CLOSED;
    *view = (struct breaker_view){
        .state = breaker->state,
        .failures = breaker->failures,
        .retry_in_ms = open ? (instant_since_us(breaker->until, now) + 999) / 1000 : 0,
        .openings = breaker->openings,
        .open_us_total = breaker->open_us + (closed ? 0 : instant_since_us(now, breaker->since)),
        .calls_in_flight = breaker->calls_in_flight,
    };
    mutex_unlock(&breaker->mutex);
}

bool breaker_would_admit(struct breaker *breaker, struct instant now)
{
    mutex_lock(&breaker->mutex);
    bool passes = may_pass(breaker, now);
    mutex_unlock(&breaker->mutex);
    return passes;
}

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const names[] = {"closed", "open", "half_open"};
    must((unsigned)state < sizeof names / sizeof names[0]);
    return names[state];
}
