/* SPDX-License-Identifier: Apache-2.0
 * cost.h - what an attempt costs, in micro-dollars, from a price per million tokens (M tier 1, R7).
 */
#ifndef AIRE_OPERATIONS_COST_H
#define AIRE_OPERATIONS_COST_H

#include "base/str.h"
#include "domain/usage.h"

/* Micro-dollars per million tokens; -1: not told (cached then costs like input, writes like input).
 */
struct price {
    int64_t input;
    int64_t cached;
    int64_t cache_write;
    int64_t output;
};

#define PRICE_UNKNOWN ((struct price){-1, -1, -1, -1})

/* Rounded up to a whole micro-dollar once, at the end. 0 when the price is unknown. */
int64_t cost_of(const struct price *price, const struct usage *usage);

/* An estimate where nobody tells: about 4 bytes of text a token, never under 1 for non-empty text.
 */
uint64_t cost_tokens_of_bytes(uint64_t text_bytes);
/* Upper bound for a reservation: the whole body as input at the dearest input price (a token has at
 * least one byte, but 2 bytes a token is the densest seen in practice), plus the most the request
 * allows as output. */
int64_t cost_bound(const struct price *price, uint64_t body_bytes, uint64_t output_tokens_max);

#endif
