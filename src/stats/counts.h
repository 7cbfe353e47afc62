/* SPDX-License-Identifier: Apache-2.0
 * counts.h - is a count of events more than the past leads to expect?
 */
#ifndef AIRE_STATS_COUNTS_H
#define AIRE_STATS_COUNTS_H

#include <stdint.h>

/* Probability of at least `count` events in `span` units of time, given that `past` events came in
 * `past_span` of them at a constant rate. The rate is not known but estimated: with Jeffreys' prior
 * the count is negative binomial with r = past + 1/2 and p = past_span / (past_span + span) (Gelman
 * et al., Bayesian Data Analysis, 3rd ed., section 2.6). Spans are positive. */
double counts_tail(uint64_t count, double span, uint64_t past, double past_span);

#endif
