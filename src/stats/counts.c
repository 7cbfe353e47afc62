/* SPDX-License-Identifier: Apache-2.0
 * counts.c - the sum of the terms below the count, each from the one before it. */
#include "stats/counts.h"

#include "base/must.h"

#include <math.h>

#define TERMS_MAX 1000000 /* beyond it the answer is 0 to every digit that matters, or 1 */

double counts_tail(uint64_t count, double span, uint64_t past, double past_span)
{
    must(span > 0 && past_span > 0);
    double r = (double)past + 0.5;
    double q = span / (past_span + span);
    double log_term = r * log1p(-q); /* P(0) */
    double below = 0;
    if (count > TERMS_MAX) {
        return (double)count > 2 * r * q / (1 - q) + 100 ? 0 : 1;
    }
    for (uint64_t k = 0; k < count; k++) {
        below += exp(log_term);
        log_term += log((r + (double)k) / (double)(k + 1)) + log(q);
    }
    return below < 1 ? 1 - below : 0;
}
