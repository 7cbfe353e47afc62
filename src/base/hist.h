/* SPDX-License-Identifier: Apache-2.0
 * hist.h - log-linear histogram of non-negative integers (latencies in us, bytes, tokens),
 * mergeable.
 *
 * 16 linear parts per power of two: the value of a quantile is at most 6.25 % above the true one.
 * Values above HIST_MAX are counted in the last bucket, whose quantile is the largest value seen.
 */
#ifndef AIRE_BASE_HIST_H
#define AIRE_BASE_HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_PARTS   16
#define HIST_POWERS  40
#define HIST_BUCKETS ((size_t)HIST_PARTS * (HIST_POWERS - 3))
#define HIST_MAX     ((UINT64_C(1) << HIST_POWERS) - 1)

struct hist {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint32_t *buckets; /* allocated at the first value */
};

void hist_init(struct hist *hist);
void hist_end(struct hist *hist);
void hist_add(struct hist *hist, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);
uint64_t hist_quantile(const struct hist *hist, double q); /* 0 when empty */

/* For cumulative buckets: the bucket of `value` counts whole, so values up to 6.25 % above it may
 * be included; never fewer than the true count, and all of them from the largest value on. */
uint64_t hist_count_at_most(const struct hist *hist, uint64_t value);

#endif
