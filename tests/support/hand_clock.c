/* SPDX-License-Identifier: Apache-2.0
 * hand_clock.c - one counter of milliseconds. */
#include "support/hand_clock.h"

uint64_t hand_clock_ms = 1000;

static struct instant read_instant(void *object)
{
    (void)object;
    return (struct instant){hand_clock_ms * NS_PER_MS};
}

static struct wall read_wall(void *object)
{
    (void)object;
    return (struct wall){INT64_C(1764038400000000)};
}

const struct clock_ops hand_clock = {read_instant, read_wall};
