/* SPDX-License-Identifier: Apache-2.0
 * wheel.c - the timing wheel.
 *
 * Invariant: a timer on level n agrees with wheel->tick in all digits above n and is greater in
 * digit n. So the first occupied slot of the lowest occupied level is the earliest of all.
 */
#include "io/wheel.h"

#include "base/must.h"

static unsigned digit(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (WHEEL_BITS * level)) & (WHEEL_SLOTS - 1);
}

void wheel_init(struct wheel *wheel, uint64_t tick)
{
    wheel->tick = tick;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++) {
            list_init(&wheel->slots[level][slot]);
        }
    }
}

/* Puts a timer with due_tick > wheel->tick where it belongs. */
static void place(struct wheel *wheel, struct timer *timer)
{
    uint64_t differs = timer->due_tick ^ wheel->tick;
    unsigned level = (63U - (unsigned)__builtin_clzll(differs)) / WHEEL_BITS;
    must(level < WHEEL_LEVELS);
    unsigned slot = digit(timer->due_tick, level);
    wheel->occupied[level] |= UINT64_C(1) << slot;
    list_push_back(&wheel->slots[level][slot], &timer->link);
}

void wheel_add(struct wheel *wheel, struct timer *timer)
{
    /* The top of the present span: beyond it a timer would need an eighth level. */
    uint64_t last = wheel->tick | (WHEEL_SPAN - 1);
    if (timer->due_tick <= wheel->tick) {
        timer->due_tick = wheel->tick + 1;
    } else if (timer->due_tick > last) {
        timer->due_tick = last;
    }
    place(wheel, timer);
}

/* First tick of the earliest occupied slot and its place. */
static bool first_slot(struct wheel *wheel, uint64_t *tick, unsigned *level_out, unsigned *slot_out)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        while (wheel->occupied[level] != 0) {
            unsigned slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
            if (list_empty(&wheel->slots[level][slot])) {
                /* Its timers were disarmed, which does not reach the wheel. */
                wheel->occupied[level] &= ~(UINT64_C(1) << slot);
                continue;
            }
            unsigned shift = WHEEL_BITS * level;
            uint64_t above = wheel->tick >> shift >> WHEEL_BITS << WHEEL_BITS;
            *tick = (above | slot) << shift;
            *level_out = level;
            *slot_out = slot;
            return true;
        }
    }
    return false;
}

bool wheel_step(struct wheel *wheel, uint64_t until, struct link *due)
{
    uint64_t tick = 0;
    unsigned level = 0;
    unsigned slot = 0;
    if (!first_slot(wheel, &tick, &level, &slot) || tick > until) {
        wheel->tick = until > wheel->tick ? until : wheel->tick;
        return false;
    }
    must(tick > wheel->tick);
    wheel->tick = tick;
    wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    struct link moving;
    list_init(&moving);
    list_splice_back(&moving, &wheel->slots[level][slot]);
    struct link *link;
    while ((link = list_pop_front(&moving)) != NULL) {
        struct timer *timer = LIST_OBJECT(link, struct timer, link);
        if (timer->due_tick == tick) {
            list_push_back(due, link);
        } else {
            place(wheel, timer);
        }
    }
    return true;
}

bool wheel_bound(struct wheel *wheel, uint64_t *tick)
{
    unsigned level = 0;
    unsigned slot = 0;
    return first_slot(wheel, tick, &level, &slot);
}

/* The earliest timer of one slot; false when it is empty. */
static bool earliest(const struct link *head, uint64_t *tick)
{
    if (list_empty(head)) {
        return false;
    }
    *tick = UINT64_MAX;
    for (struct link *at = head->next; at != head; at = at->next) {
        uint64_t due = LIST_OBJECT(at, struct timer, link)->due_tick;
        *tick = due < *tick ? due : *tick;
    }
    return true;
}

bool wheel_next(const struct wheel *wheel, uint64_t *tick)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++) {
            if (earliest(&wheel->slots[level][slot], tick)) {
                return true;
            }
        }
    }
    return false;
}
