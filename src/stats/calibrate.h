/* SPDX-License-Identifier: Apache-2.0
 * calibrate.h - what the scores of a detector are worth.
 */
#ifndef AIRE_STATS_CALIBRATE_H
#define AIRE_STATS_CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>

struct scored {
    double raw;
    bool positive;
};

void calibrate_sort(struct scored *scored, size_t count); /* rising; what follows wants that */

/* The chance that a positive scores above a negative, ties as halves (area under the ROC curve;
 * Hanley and McNeil 1982); 0 when one of them is missing. */
double calibrate_area(const struct scored *scored, size_t count);

/* The score above which at most `share` of the negatives lies. */
double calibrate_threshold(const struct scored *scored, size_t count, double share);

/* Platt scaling (1999) with a fixed point: the slope for which logistic(slope * (raw - centre) +
 * offset) fits the labels best, within [least, most]. */
double calibrate_slope(const struct scored *scored, size_t count, double centre, double offset);
#define CALIBRATE_SLOPE_LEAST 0.05
#define CALIBRATE_SLOPE_MOST  20.0

#endif
