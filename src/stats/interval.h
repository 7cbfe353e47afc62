/* SPDX-License-Identifier: Apache-2.0
 * interval.h - how sure a share is: Wilson's score interval (Wilson 1927), which stays within 0 and
 * 1 and is right for few observations and shares near the ends.
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

#endif
