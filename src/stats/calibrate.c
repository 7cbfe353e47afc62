/* SPDX-License-Identifier: Apache-2.0
 * calibrate.c - sums over sorted scores; a fixed number of Newton steps, so that results do not
 * depend on a tolerance.
 */
#include "stats/calibrate.h"

#include <math.h>
#include <stdlib.h>

#define STEPS 50

static int by_raw(const void *a, const void *b)
{
    const struct scored *x = a;
    const struct scored *y = b;
    int order = (x->raw > y->raw) - (x->raw < y->raw);
    return order != 0 ? order : (int)x->positive - (int)y->positive;
}

void calibrate_sort(struct scored *scored, size_t count)
{
    if (count > 0) {
        qsort(scored, count, sizeof *scored, by_raw);
    }
}

double calibrate_area(const struct scored *scored, size_t count)
{
    double below = 0;
    double positives = 0;
    double sum = 0;
    for (size_t i = 0; i < count;) {
        double positive = 0;
        double negative = 0;
        size_t end = i;
        for (; end < count && scored[end].raw <= scored[i].raw; end++) {
            positive += scored[end].positive;
            negative += !scored[end].positive;
        }
        sum += positive * (below + negative / 2);
        below += negative;
        positives += positive;
        i = end;
    }
    return positives > 0 && below > 0 ? sum / (positives * below) : 0;
}

double calibrate_threshold(const struct scored *scored, size_t count, double share)
{
    size_t negatives = 0;
    for (size_t i = 0; i < count; i++) {
        negatives += !scored[i].positive;
    }
    size_t may = (size_t)((double)negatives * share);
    size_t seen = 0;
    for (size_t i = count; i > 0; i--) {
        if (!scored[i - 1].positive && ++seen > may) {
            return scored[i - 1].raw;
        }
    }
    return 0;
}

double calibrate_slope(const struct scored *scored, size_t count, double centre, double offset)
{
    double slope = 1;
    for (int step = 0; step < STEPS; step++) {
        double gradient = 0;
        double curve = 1e-9;
        for (size_t i = 0; i < count; i++) {
            double x = scored[i].raw - centre;
            double p = 1 / (1 + exp(-(slope * x + offset)));
            gradient += (p - (scored[i].positive ? 1 : 0)) * x;
            curve += p * (1 - p) * x * x;
        }
        slope = fmin(fmax(slope - gradient / curve, CALIBRATE_SLOPE_LEAST), CALIBRATE_SLOPE_MOST);
    }
    return slope;
}
