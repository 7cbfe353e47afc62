/* SPDX-License-Identifier: Apache-2.0
 * hand_clock.h - a clock that the test moves; the wall stands still at 2025-11-25T02:40:00Z.
 */
#ifndef AIRE_TESTS_HAND_CLOCK_H
#define AIRE_TESTS_HAND_CLOCK_H

#include "sys/env.h"

extern uint64_t hand_clock_ms;
extern const struct clock_ops hand_clock;

#endif
