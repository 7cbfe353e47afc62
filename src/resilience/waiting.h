/* SPDX-License-Identifier: Apache-2.0
 * waiting.h - who waits for what, in this process: calls that are held until a signal, a decision,
 * an end, or work in a queue is durable.
 *
 * A hint, never the truth: whoever waits enters first, then looks at the store, and looks again
 * when posted. What another process makes durable is seen when the call's hold is over and the
 * client asks again. Any thread; under the mutex nothing is called but loop_post.
 */
#ifndef AIRE_RESILIENCE_WAITING_H
#define AIRE_RESILIENCE_WAITING_H

#include "base/arena.h"
#include "io/loop.h"

#define WAITING_MAX 10000 /* calls held at once; further ones are refused */

struct waiting;

/* Allocated by the caller, for as long as it is entered or posted. */
struct waiter {
    struct message message; /* its `run` gets the waiter on `home`: it is in the room no longer */
    struct loop *home;
    struct link link; /* internal, these two */
    struct place *place;
};

struct waiting *waiting_new(const uint64_t seed[2]);
void waiting_free(struct waiting *waiting); /* nobody waits; NULL is fine */

/* LIMIT: WAITING_MAX are held. The event is one of the names below; it is copied. */
enum err waiting_enter(struct waiting *waiting, struct str event, struct waiter *waiter) MUST_USE;
/* True: it will not be posted, the caller has it back. False: it was, or will be. */
bool waiting_leave(struct waiting *waiting, struct waiter *waiter);
/* Posts all who wait for the event. `waiting` NULL: nobody does. */
void waiting_wake(struct waiting *waiting, struct str event);
/* Posts the one that has waited longest; false: nobody does. */
bool waiting_wake_one(struct waiting *waiting, struct str event);

/* ---- the events; names in the arena ---- */

struct str waiting_signal(int64_t run, struct str name, struct arena *arena);
struct str waiting_end(struct str tenant, struct str run, struct arena *arena);
struct str waiting_review(struct str id, struct arena *arena);
struct str waiting_queue(struct str tenant, struct str queue, struct arena *arena);

#endif
