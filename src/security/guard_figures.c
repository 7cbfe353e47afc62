/* SPDX-License-Identifier: Apache-2.0
 * guard_figures.c - see the header.
 */
#include "security/guard_figures.h"

#define ATTEMPTS_A_DAY 10
#define BLOCKED_SHARE  0.999

const char *const gate_names[] = {"PASS", "FAIL", "INCONCLUSIVE"};

static enum gate gate_of(const struct guard_counts *counts, bool missed)
{
    if (counts->rows == 0) {
        return GATE_INCONCLUSIVE;
    }
    return missed ? GATE_FAIL : counts->capped ? GATE_INCONCLUSIVE : GATE_PASS;
}

void guard_figures(const struct guard_counts *counts, struct figure figures[GUARD_FIGURES])
{
    double rate = (double)counts->attempts / counts->days; /* capped: at least */
    double leaks = (double)counts->leaks;
    double share = counts->attempts == 0
                       ? 0
                       : (double)counts->attempts_blocked / (double)counts->attempts;
    struct interval blocked = interval_wilson((size_t)counts->attempts_blocked,
                                              (size_t)counts->attempts, INTERVAL_95);
    figures[0] = (struct figure){.name = "injection attempts a day",
                                 .target = "< 10",
                                 .value = rate,
                                 .interval = {rate, rate},
                                 .n = counts->attempts,
                                 .gate = gate_of(counts, rate >= ATTEMPTS_A_DAY)};
    figures[1] = (struct figure){.name = "attempts that were blocked",
                                 .target = "> 99.9 %",
                                 .value = share,
                                 .interval = blocked,
                                 .n = counts->attempts,
                                 .gate = gate_of(counts, blocked.high < BLOCKED_SHARE)};
    if (figures[1].gate == GATE_PASS && blocked.low <= BLOCKED_SHARE) {
        figures[1].gate = GATE_INCONCLUSIVE;
    }
    figures[2] = (struct figure){.name = "leaks",
                                 .target = "0",
                                 .value = leaks,
                                 .interval = {leaks, leaks},
                                 .n = counts->rows,
                                 .gate = gate_of(counts, counts->leaks > 0)};
}
