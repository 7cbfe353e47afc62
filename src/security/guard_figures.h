/* SPDX-License-Identifier: Apache-2.0
 * guard_figures.h - the standard's security figures (S8) from what a record says, each with its n,
 * interval, target and gate.
 *
 * Of no rows nothing can be said. Of rows that are not all (`capped`: the newest only) a target can
 * be missed, but not met. Else a figure passes or fails when its interval lies on one side of the
 * target.
 */
#ifndef AIRE_SECURITY_GUARD_FIGURES_H
#define AIRE_SECURITY_GUARD_FIGURES_H

#include "stats/interval.h"

#include <stdbool.h>
#include <stdint.h>

struct guard_counts {
    uint64_t rows; /* exchanges that were read */
    bool capped;   /* there are more, older ones */
    double days;   /* that were asked for */
    uint64_t attempts;
    uint64_t attempts_blocked;
    uint64_t leaks;
};

enum gate { GATE_PASS, GATE_FAIL, GATE_INCONCLUSIVE };
extern const char *const gate_names[];

struct figure {
    const char *name;
    const char *target;
    double value;
    struct interval interval;
    uint64_t n;
    enum gate gate;
};

#define GUARD_FIGURES 3 /* attempts a day, share of them that was blocked, leaks */
void guard_figures(const struct guard_counts *counts, struct figure figures[GUARD_FIGURES]);

#endif
