/* SPDX-License-Identifier: Apache-2.0
 * retry.c - backoff with full jitter, Retry-After, and the retry budget.
 *
 * Invariant of the budget: retries of any second <= RETRY_FLOOR_PER_S + the tokens that the
 * requests of the last SLICES seconds deposited and no retry has taken yet. Oldest tokens are spent
 * first.
 */
#include "resilience/retry.h"

#include "base/must.h"
#include "base/num.h"
#include "sys/thread.h"

#include <stdlib.h>

uint64_t retry_delay_ms(uint32_t retry, uint64_t base_ms, uint64_t max_ms, uint64_t after_ms,
                        struct rng *rng)
{
    must(retry >= 1);
    uint64_t ceiling = num_min(base_ms, max_ms);
    for (uint32_t i = 1; i < retry && ceiling > 0 && ceiling < max_ms; i++) {
        ceiling = ceiling > max_ms / 2 ? max_ms : ceiling * 2;
    }
    uint64_t delay = ceiling == UINT64_MAX ? rng_next(rng) : rng_below(rng, ceiling + 1);
    return num_max(delay, after_ms);
}

/* Milliseconds in `value` units of `unit_ms`, rounded up, within 0 .. RETRY_AFTER_MAX_MS. */
static uint64_t ms_of(double value, double unit_ms)
{
    double ms = value * unit_ms;
    if (ms <= 0) {
        return 0;
    }
    if (ms >= (double)RETRY_AFTER_MAX_MS) {
        return RETRY_AFTER_MAX_MS;
    }
    uint64_t whole = (uint64_t)ms;
    return whole + (ms > (double)whole);
}

/* RFC 9110 section 10.2.3 gives delay-seconds as digits, leading zeros included; SDKs read
 * fractions. */
static bool number_of(struct str field, double *value)
{
    uint64_t whole = 0;
    if (num_u64(field, &whole) == ERR_OK) {
        *value = (double)whole;
        return true;
    }
    return num_double(field, value) == ERR_OK;
}

uint64_t retry_after_ms(struct str retry_after_ms_field, struct str retry_after_field,
                        struct wall now)
{
    double value = 0;
    if (number_of(str_trim(retry_after_ms_field), &value)) {
        return ms_of(value, 1);
    }
    struct str field = str_trim(retry_after_field);
    if (number_of(field, &value)) {
        return ms_of(value, 1000);
    }
    struct wall date;
    if (wall_parse_http(field, &date) == ERR_OK && date.us > now.us) {
        return ms_of((double)date.us - (double)now.us, 0.001);
    }
    return 0;
}

#define SLICES 10 /* of one second: how long a deposit lasts */
#define TOKEN  UINT64_C(1000000)

struct slice {
    uint64_t tokens; /* in millionths */
    uint64_t floor_used;
};

struct retry_budget {
    struct mutex mutex;
    uint64_t share; /* millionths of a token a request deposits */
    uint64_t second;
    struct slice slices[SLICES]; /* by second modulo SLICES */
};

static uint64_t share_of(double share)
{
    must(share >= 0 && share <= 1000);
    return (uint64_t)(share * (double)TOKEN + 0.5);
}

struct retry_budget *retry_budget_new(double share)
{
    struct retry_budget *budget = must_have(calloc(1, sizeof *budget));
    mutex_init(&budget->mutex);
    budget->share = share_of(share);
    return budget;
}

void retry_budget_free(struct retry_budget *budget)
{
    if (budget != NULL) {
        mutex_end(&budget->mutex);
        free(budget);
    }
}

void retry_budget_configure(struct retry_budget *budget, double share)
{
    mutex_lock(&budget->mutex);
    budget->share = share_of(share);
    mutex_unlock(&budget->mutex);
}

/* The slice of `now`; those that a newer second displaces are emptied. Another loop's clock may
 * have been read a moment earlier, so time here never goes back. */
static struct slice *slice_at(struct retry_budget *budget, struct instant now)
{
    uint64_t second = now.ns / NS_PER_S;
    if (second > budget->second) {
        uint64_t passed = num_min(second - budget->second, SLICES);
        for (uint64_t i = 0; i < passed; i++) {
            budget->slices[(second - i) % SLICES] = (struct slice){0};
        }
        budget->second = second;
    }
    return &budget->slices[budget->second % SLICES];
}

void retry_budget_deposit(struct retry_budget *budget, struct instant now)
{
    mutex_lock(&budget->mutex);
    slice_at(budget, now)->tokens += budget->share;
    mutex_unlock(&budget->mutex);
}

static bool take_token(struct retry_budget *budget)
{
    uint64_t held = 0;
    for (size_t i = 0; i < SLICES; i++) {
        held += budget->slices[i].tokens;
    }
    if (held < TOKEN) {
        return false;
    }
    uint64_t owed = TOKEN;
    for (uint64_t i = 1; i <= SLICES; i++) { /* second + 1 is, modulo SLICES, the oldest */
        struct slice *slice = &budget->slices[(budget->second + i) % SLICES];
        uint64_t part = num_min(owed, slice->tokens);
        slice->tokens -= part;
        owed -= part;
    }
    return true;
}

bool retry_budget_take(struct retry_budget *budget, struct instant now)
{
    mutex_lock(&budget->mutex);
    struct slice *slice = slice_at(budget, now);
    bool granted = slice->floor_used < RETRY_FLOOR_PER_S;
    if (granted) {
        slice->floor_used++;
    } else {
        granted = take_token(budget);
    }
    mutex_unlock(&budget->mutex);
    return granted;
}
