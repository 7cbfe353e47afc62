/* SPDX-License-Identifier: Apache-2.0
 * loop.h - one thread's event loop: sockets, timers, deferred calls, messages from other threads.
 *
 * Rules: everything a loop owns is touched by its thread only; loop_post alone may be called from
 * elsewhere. The clock is read once a turn (loop_now). Callbacks never run inside the call that
 * armed them: timers fire from the wheel, completions are deferred. Objects watched by the loop may
 * be freed inside any callback once loop_forget was called; pending events for them are dropped.
 */
#ifndef AIRE_IO_LOOP_H
#define AIRE_IO_LOOP_H

#include "base/list.h"
#include "sys/env.h"

struct loop;

struct loop *loop_new(const struct env *env);
void loop_free(struct loop *loop);

const struct env *loop_env(const struct loop *loop);
struct instant loop_now(const struct loop *loop);
struct wall loop_wall(const struct loop *loop);

/* One turn: waits for the next event or timer (not at all unless `may_wait`), runs what is due,
 * then deferred calls until none is left. True if anything ran. */
bool loop_turn(struct loop *loop, bool may_wait);
/* Turns until loop_stop was called. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop); /* from any thread, for good */
/* When the next timer is due; false when none is armed. For simulators. */
bool loop_next_timer(const struct loop *loop, struct instant *due);

/* ---- sockets ---- */

struct watch {
    void (*run)(struct watch *watch, unsigned ready); /* bits of enum ready */
    int sock;
    bool live;
    uint32_t slot; /* internal */
};
/* sock and run are set. Watching a live watch again announces once more what is ready. */
enum err loop_watch(struct loop *loop, struct watch *watch) MUST_USE;
void loop_forget(struct loop *loop, struct watch *watch); /* before the socket is closed */

/* ---- timers: hierarchical wheel, 1 ms ticks, constant-time arm and disarm ---- */

struct timer {
    struct link link;
    uint64_t due_tick;
    void (*run)(struct timer *timer);
};
void timer_init(struct timer *timer, void (*run)(struct timer *timer));
/* Arms or re-arms; fires at or after `delay_ms` from loop_now, never early. */
void timer_arm(struct loop *loop, struct timer *timer, uint64_t delay_ms);
void timer_disarm(struct timer *timer); /* harmless when not armed */
bool timer_armed(const struct timer *timer);

/* ---- deferred calls: at the end of this turn; after 8 rounds of calls that defer each other the
 * sockets are looked at before the next round ---- */

struct deferred {
    struct link link;
    void (*run)(struct deferred *deferred);
};
void deferred_init(struct deferred *deferred, void (*run)(struct deferred *deferred));
/* Once, however often it is called. */
void loop_defer(struct loop *loop, struct deferred *deferred);
void deferred_cancel(struct deferred *deferred);

/* ---- mailbox: from any thread, run on this loop's thread in order of posting ---- */

struct message {
    struct message *next;
    void (*run)(struct message *message);
};
/* Bounded by design: a message is part of what it completes - a job, a unit, a query - and those
 * have limits of their own. */
void loop_post(struct loop *loop, struct message *message);

/* What has no owner but the loop (a connection that lingers) ends in loop_free at the latest. */
struct loop_end {
    struct link link; /* list_remove takes it back */
    void (*run)(struct loop_end *end);
};
void loop_on_end(struct loop *loop, struct loop_end *end);

/* Scratch for one read, shared by all connections of the loop and valid within one callback. */
#define LOOP_SCRATCH_BYTES ((size_t)65536)
void *loop_scratch(struct loop *loop);

#endif
