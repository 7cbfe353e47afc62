/* SPDX-License-Identifier: Apache-2.0
 * retry.h - when to try the same target again: full-jitter backoff (Brooker, AWS, 2015),
 * Retry-After, and a budget that keeps retries a share of the traffic (Finagle's RetryBudget: 20 %
 * plus 10 a second).
 */
#ifndef AIRE_RESILIENCE_RETRY_H
#define AIRE_RESILIENCE_RETRY_H

#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/when.h"

/* Delay before retry number `retry` (1 ..): uniform in [0, min(max, base * 2^(retry-1))], but never
 * under `after_ms` when the provider asked for a wait. */
uint64_t retry_delay_ms(uint32_t retry, uint64_t base_ms, uint64_t max_ms, uint64_t after_ms,
                        struct rng *rng);

#define RETRY_AFTER_MAX_MS UINT64_C(86400000) /* a day */

/* `retry-after-ms`, then `retry-after` (seconds, fractions allowed, or an HTTP date); 0 when
 * absent, past or senseless; capped at RETRY_AFTER_MAX_MS. */
uint64_t retry_after_ms(struct str retry_after_ms_field, struct str retry_after_field,
                        struct wall now);

/* Process-wide token bucket per route: each request deposits `share` tokens, each retry takes one;
 * RETRY_FLOOR_PER_S retries of each second are free; deposits expire after 10 s. */
struct retry_budget;
#define RETRY_FLOOR_PER_S 10
struct retry_budget *retry_budget_new(double share);
void retry_budget_free(struct retry_budget *budget);
void retry_budget_configure(struct retry_budget *budget, double share);
void retry_budget_deposit(struct retry_budget *budget, struct instant now);
bool retry_budget_take(struct retry_budget *budget, struct instant now);

#endif
