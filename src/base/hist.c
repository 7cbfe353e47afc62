/* SPDX-License-Identifier: Apache-2.0
 * hist.c - log-linear buckets: the highest set bit chooses the power, the next four bits the part.
 *
 * Invariants: bucket b holds exactly the values floor_of(b) .. floor_of(b + 1) - 1, values below
 * HIST_PARTS have a bucket each; a bucket and the sum stop at their largest value, never wrap.
 */
#include "base/hist.h"

#include "base/must.h"

#include <math.h>
#include <stdlib.h>

#define PART_BITS 4 /* log2 of HIST_PARTS */

_Static_assert(HIST_PARTS == 1 << PART_BITS, "parts are selected by bits");

static size_t bucket_of(uint64_t value)
{
    if (value < HIST_PARTS) {
        return (size_t)value;
    }
    if (value > HIST_MAX) {
        return HIST_BUCKETS - 1;
    }
    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    unsigned above = power - PART_BITS; /* bits below the part: the bucket's width is 1 << above */
    return (size_t)(above + 1) * HIST_PARTS + (size_t)(value >> above & (HIST_PARTS - 1));
}

static uint64_t floor_of(size_t bucket)
{
    if (bucket < HIST_PARTS) {
        return bucket;
    }
    size_t above = bucket / HIST_PARTS - 1;
    return (uint64_t)(HIST_PARTS + bucket % HIST_PARTS) << above;
}

static uint32_t *buckets_of(struct hist *hist)
{
    if (hist->buckets == NULL) {
        hist->buckets = calloc(HIST_BUCKETS, sizeof *hist->buckets);
        if (hist->buckets == NULL) {
            must_have_memory();
        }
    }
    return hist->buckets;
}

static uint64_t add_capped(uint64_t a, uint64_t b)
{
    return a <= UINT64_MAX - b ? a + b : UINT64_MAX;
}

static uint32_t add_capped32(uint32_t a, uint32_t b)
{
    return a <= UINT32_MAX - b ? a + b : UINT32_MAX;
}

void hist_init(struct hist *hist)
{
    *hist = (struct hist){0};
}

void hist_end(struct hist *hist)
{
    free(hist->buckets);
    *hist = (struct hist){0};
}

void hist_add(struct hist *hist, uint64_t value)
{
    uint32_t *bucket = &buckets_of(hist)[bucket_of(value)];
    *bucket = add_capped32(*bucket, 1);
    hist->count++;
    hist->sum = add_capped(hist->sum, value);
    hist->max = value > hist->max ? value : hist->max;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    must(into != from);
    if (from->buckets == NULL) {
        return;
    }
    uint32_t *buckets = buckets_of(into);
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        buckets[i] = add_capped32(buckets[i], from->buckets[i]);
    }
    into->count += from->count;
    into->sum = add_capped(into->sum, from->sum);
    into->max = from->max > into->max ? from->max : into->max;
}

/* Nearest rank: the smallest value that at least a share `q` of all values does not exceed; the top
 * of its bucket is given, but never more than the largest value seen. */
uint64_t hist_quantile(const struct hist *hist, double q)
{
    must(q >= 0 && q <= 1);
    if (hist->count == 0) {
        return 0;
    }
    double rank = ceil(q * (double)hist->count);
    uint64_t wanted = rank >= 1 ? (uint64_t)rank : 1;
    uint64_t seen = 0;
    for (size_t i = 0; i < HIST_BUCKETS - 1; i++) {
        seen += hist->buckets[i];
        if (seen >= wanted) {
            uint64_t top = floor_of(i + 1) - 1;
            return top < hist->max ? top : hist->max;
        }
    }
    return hist->max;
}

uint64_t hist_count_at_most(const struct hist *hist, uint64_t value)
{
    if (value >= hist->max) {
        return hist->count;
    }
    uint64_t count = 0;
    for (size_t i = 0; i <= bucket_of(value); i++) {
        count += hist->buckets[i];
    }
    return count;
}
