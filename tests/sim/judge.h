/* SPDX-License-Identifier: Apache-2.0
 * judge.h - stages at the end of the pipeline: one that only notes what happens, one that also
 * delays, refuses, edits, and holds back text.
 */
#ifndef AIRE_TESTS_SIM_JUDGE_H
#define AIRE_TESTS_SIM_JUDGE_H

#include "gateway/stage.h"

extern const struct stage judge_watching;
extern const struct stage judge_judging;

#endif
