/* SPDX-License-Identifier: Apache-2.0
 * cost.c - exact integer arithmetic from tokens to micro-dollars.
 *
 * A token count comes from the provider and is not trusted: parts never exceed their whole, and
 * TOKENS_MAX keeps every sum of four products within 128 bits.
 */
#include "operations/cost.h"

#include "base/num.h"

#define TOKENS_MAX         (UINT64_C(1) << 48)
#define TOKENS_PER_PRICE   1000000u
#define BYTES_PER_TOKEN    4 /* usual, of text */
#define BYTES_PER_TOKEN_LO 2 /* densest */

__extension__ typedef unsigned __int128 wide;

static wide product(uint64_t tokens, int64_t price)
{
    return (wide)num_min(tokens, TOKENS_MAX) * (wide)(price < 0 ? 0 : price);
}

static int64_t micro_up(wide sum)
{
    wide micro = (sum + TOKENS_PER_PRICE - 1) / TOKENS_PER_PRICE;
    return micro > (wide)INT64_MAX ? INT64_MAX : (int64_t)micro;
}

static int64_t told_or(int64_t price, int64_t otherwise)
{
    return price < 0 ? otherwise : price;
}

int64_t cost_of(const struct price *price, const struct usage *usage)
{
    uint64_t cached = num_min(usage->input_cached, usage->input);
    uint64_t written = num_min(usage->input_cache_written, usage->input - cached);
    uint64_t plain = usage->input - cached - written;
    return micro_up(product(plain, price->input) +
                    product(cached, told_or(price->cached, price->input)) +
                    product(written, told_or(price->cache_write, price->input)) +
                    product(usage->output, price->output));
}

uint64_t cost_tokens_of_bytes(uint64_t text_bytes)
{
    return text_bytes / BYTES_PER_TOKEN + (text_bytes % BYTES_PER_TOKEN != 0);
}

int64_t cost_bound(const struct price *price, uint64_t body_bytes, uint64_t output_tokens_max)
{
    uint64_t input = body_bytes / BYTES_PER_TOKEN_LO + body_bytes % BYTES_PER_TOKEN_LO;
    int64_t dearest = price->input;
    dearest = price->cached > dearest ? price->cached : dearest;
    dearest = price->cache_write > dearest ? price->cache_write : dearest;
    return micro_up(product(input, dearest) + product(output_tokens_max, price->output));
}
