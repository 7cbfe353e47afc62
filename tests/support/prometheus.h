/* SPDX-License-Identifier: Apache-2.0
 * prometheus.h - a strict reader of the text exposition format 0.0.4, for tests.
 *
 * Held to more than Prometheus itself asks: HELP, TYPE and samples of a family in one piece and in
 * that order, no series twice, buckets cumulative with rising bounds, +Inf equal to _count, an LF
 * at the end.
 */
#ifndef AIRE_TESTS_SUPPORT_PROMETHEUS_H
#define AIRE_TESTS_SUPPORT_PROMETHEUS_H

#include "base/str.h"

/* Fails the test with the line that breaks a rule. */
void prometheus_check(struct str text);
/* Sum of the samples of that exact name. */
double prometheus_sum(struct str text, const char *name);

#endif
