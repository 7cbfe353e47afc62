/* SPDX-License-Identifier: Apache-2.0
 * wheel.h - hierarchical timing wheel (Varghese and Lauck, 1987, scheme 7). For loop.c only.
 *
 * Seven levels of 64 slots; a slot of level n spans 64^n ticks. A timer sits on the level of the
 * highest 6-bit digit in which its tick differs from the wheel's, so that it moves at most six
 * times.
 */
#ifndef AIRE_IO_WHEEL_H
#define AIRE_IO_WHEEL_H

#include "io/loop.h"

#define WHEEL_BITS   6
#define WHEEL_SLOTS  64
#define WHEEL_LEVELS 7
#define WHEEL_SPAN   (UINT64_C(1) << (WHEEL_BITS * WHEEL_LEVELS)) /* 139 years of milliseconds */

struct wheel {
    uint64_t tick; /* all timers due up to here have been handed out */
    /* A bit may outlive its slot's last timer, never the reverse. */
    uint64_t occupied[WHEEL_LEVELS];
    struct link slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, uint64_t tick);
/* due_tick is set; what is due already fires with the next tick, what is too far is cut to the
 * span. */
void wheel_add(struct wheel *wheel, struct timer *timer);
/* Moves to the next tick, at most `until`, at which anything happens and puts what is due there
 * into `due`; false when nothing happens up to `until`, which is then reached. */
bool wheel_step(struct wheel *wheel, uint64_t until, struct link *due);
/* A tick before which no timer is due, cheaply; false when there is no timer. */
bool wheel_bound(struct wheel *wheel, uint64_t *tick);
/* The tick at which the next timer is due, exactly; false when there is none. */
bool wheel_next(const struct wheel *wheel, uint64_t *tick);

#endif
