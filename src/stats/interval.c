/* SPDX-License-Identifier: Apache-2.0
 * interval.c - Wilson's interval, in the form of Agresti and Coull (1998); medians by the
 * binomial distribution. */
#include "stats/interval.h"

#include "base/must.h"

#include <math.h>

struct interval interval_wilson(size_t hits, size_t of, double deviations)
{
    must(hits <= of && deviations > 0);
    if (of == 0) {
        return (struct interval){.low = 0, .high = 1};
    }
    double n = (double)of;
    double share = (double)hits / n;
    double square = deviations * deviations;
    double middle = (share + square / (2 * n)) / (1 + square / n);
    double reach = deviations / (1 + square / n) *
                   sqrt(share * (1 - share) / n + square / (4 * n * n));
    double low = middle - reach;
    double high = middle + reach;
    return (struct interval){.low = hits == 0 || low < 0 ? 0 : low,
                             .high = hits == of || high > 1 ? 1 : high};
}

struct interval interval_median(const double *sorted, size_t count)
{
    must(count > 0);
    size_t out = 0;                        /* values left out at each end */
    double term = pow(0.5, (double)count); /* that exactly `out` lie below the median */
    double outside = 2 * term;             /* that the median is not inside */
    for (size_t k = 1; k < count / 2; k++) {
        term *= (double)(count - k + 1) / (double)k;
        if (outside + 2 * term > 0.05) {
            break;
        }
        outside += 2 * term;
        out = k;
    }
    return (struct interval){.low = sorted[out], .high = sorted[count - 1 - out]};
}
