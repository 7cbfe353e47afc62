/* SPDX-License-Identifier: Apache-2.0
 * interval.h - how sure a share is: Wilson's score interval (Wilson 1927), which stays within 0 and
 * 1 and is right for few observations and shares near the ends; and how sure a median is, whatever
 * the distribution (Conover 1999, 3.2: between order statistics).
 */
#ifndef AIRE_STATS_INTERVAL_H
#define AIRE_STATS_INTERVAL_H

#include <stddef.h>

struct interval {
    double low;
    double high;
};

#define INTERVAL_95 1.959963984540054 /* standard deviations */

/* Of no observations: anything is possible. */
struct interval interval_wilson(size_t hits, size_t of, double deviations);

/* Of `count` values in ascending order: covers the median with at least 95 %, where six or more
 * values allow that; of fewer it is from the least to the greatest. */
struct interval interval_median(const double *sorted, size_t count);

#endif
