/* SPDX-License-Identifier: Apache-2.0
 * loop.c - the event loop.
 *
 * Invariants: what the poller is given as owner is a ticket {generation, slot}, never a pointer, so
 * an event that arrives after loop_forget finds its slot's generation changed and is dropped. The
 * waker is written only for a loop that sleeps or is about to (`asleep`), so a busy loop costs its
 * senders no system call. A message is on the stack before `asleep` is read, and the stack is read
 * after `asleep` was set: one of the two sides always sees the other.
 */
#include "io/loop.h"

#include "base/must.h"
#include "io/wheel.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX   256
#define DEFER_ROUNDS 8
#define SLOTS_FIRST  64
#define SLOTS_MAX    (UINT32_C(1) << 24)
#define TICKET_FREE  UINT32_MAX

struct ticket {
    struct watch *watch; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct loop {
    const struct env *env;
    void *poller;
    struct instant now;
    struct wall wall;
    struct wheel wheel;
    struct link due; /* timers of this turn that have not run yet */
    struct link deferred;
    struct link ends;
    struct ticket *tickets;
    uint32_t ticket_count;
    uint32_t ticket_free;
    _Atomic(struct message *) mail; /* newest first */
    atomic_bool asleep;
    atomic_bool stopped;
    char *scratch;
};

static void read_clock(struct loop *loop)
{
    loop->now = env_instant(loop->env);
    loop->wall = env_wall(loop->env);
}

struct loop *loop_new(const struct env *env)
{
    struct loop *loop = must_have(calloc(1, sizeof *loop));
    loop->env = env;
    loop->poller = env->net->poller_new(env->object);
    loop->ticket_free = TICKET_FREE;
    loop->scratch = must_have(malloc(LOOP_SCRATCH_BYTES));
    list_init(&loop->due);
    list_init(&loop->deferred);
    list_init(&loop->ends);
    read_clock(loop);
    wheel_init(&loop->wheel, loop->now.ns / NS_PER_MS);
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    struct link *link;
    while ((link = list_pop_front(&loop->ends)) != NULL) {
        struct loop_end *end = LIST_OBJECT(link, struct loop_end, link);
        end->run(end);
    }
    loop->env->net->poller_free(loop->env->object, loop->poller);
    free(loop->tickets);
    free(loop->scratch);
    free(loop);
}

void loop_on_end(struct loop *loop, struct loop_end *end)
{
    list_push_back(&loop->ends, &end->link);
}

const struct env *loop_env(const struct loop *loop)
{
    return loop->env;
}

struct instant loop_now(const struct loop *loop)
{
    return loop->now;
}

struct wall loop_wall(const struct loop *loop)
{
    return loop->wall;
}

void *loop_scratch(struct loop *loop)
{
    return loop->scratch;
}

/* ---- sockets ---- */

static void grow_tickets(struct loop *loop)
{
    uint32_t before = loop->ticket_count;
    uint32_t count = before == 0 ? SLOTS_FIRST : before * 2;
    must(count <= SLOTS_MAX);
    loop->tickets = must_have(realloc(loop->tickets, count * sizeof *loop->tickets));
    for (uint32_t i = count; i > before; i--) {
        loop->tickets[i - 1] = (struct ticket){NULL, 0, loop->ticket_free};
        loop->ticket_free = i - 1;
    }
    loop->ticket_count = count;
}

static void *ticket_of(const struct loop *loop, uint32_t slot)
{
    /* Slot plus one: NULL is the waker's. */
    return (void *)(uintptr_t)((uint64_t)loop->tickets[slot].generation << 32 | (slot + 1));
}

static struct watch *watch_of(const struct loop *loop, const void *ticket)
{
    uint64_t number = (uint64_t)(uintptr_t)ticket;
    uint32_t slot = (uint32_t)number - 1;
    must(slot < loop->ticket_count);
    return loop->tickets[slot].generation == number >> 32 ? loop->tickets[slot].watch : NULL;
}

static void return_ticket(struct loop *loop, uint32_t slot)
{
    struct ticket *ticket = &loop->tickets[slot];
    ticket->watch = NULL;
    ticket->generation++;
    ticket->next_free = loop->ticket_free;
    loop->ticket_free = slot;
}

enum err loop_watch(struct loop *loop, struct watch *watch)
{
    must(watch->run != NULL && watch->sock >= 0);
    if (!watch->live) {
        if (loop->ticket_free == TICKET_FREE) {
            grow_tickets(loop);
        }
        watch->slot = loop->ticket_free;
        loop->ticket_free = loop->tickets[watch->slot].next_free;
        loop->tickets[watch->slot].watch = watch;
        watch->live = true;
    }
    enum err err = loop->env->net->poller_add(loop->env->object, loop->poller, watch->sock,
                                              ticket_of(loop, watch->slot));
    if (err != ERR_OK) {
        loop_forget(loop, watch);
    }
    return err;
}

void loop_forget(struct loop *loop, struct watch *watch)
{
    if (watch->live) {
        must(loop->tickets[watch->slot].watch == watch);
        watch->live = false;
        return_ticket(loop, watch->slot);
    }
}

/* ---- timers ---- */

void timer_init(struct timer *timer, void (*run)(struct timer *timer))
{
    list_init(&timer->link);
    timer->due_tick = 0;
    timer->run = run;
}

void timer_arm(struct loop *loop, struct timer *timer, uint64_t delay_ms)
{
    must(timer->run != NULL);
    list_remove(&timer->link);
    /* Rounded up to whole ticks: never early. Cut to the wheel's span before it could overflow. */
    uint64_t now = (loop->now.ns + NS_PER_MS - 1) / NS_PER_MS;
    timer->due_tick = now + (delay_ms < WHEEL_SPAN ? delay_ms : WHEEL_SPAN);
    wheel_add(&loop->wheel, timer);
}

void timer_disarm(struct timer *timer)
{
    list_remove(&timer->link);
}

bool timer_armed(const struct timer *timer)
{
    return !list_empty(&timer->link);
}

bool loop_next_timer(const struct loop *loop, struct instant *due)
{
    uint64_t tick = 0;
    if (!wheel_next(&loop->wheel, &tick)) {
        return false;
    }
    *due = (struct instant){tick * NS_PER_MS};
    return true;
}

static bool run_timers(struct loop *loop)
{
    bool ran = false;
    bool more = true;
    while (more) {
        more = wheel_step(&loop->wheel, loop->now.ns / NS_PER_MS, &loop->due);
        struct link *link;
        while ((link = list_pop_front(&loop->due)) != NULL) {
            struct timer *timer = LIST_OBJECT(link, struct timer, link);
            timer->run(timer);
            ran = true;
        }
    }
    return ran;
}

/* ---- deferred calls ---- */

void deferred_init(struct deferred *deferred, void (*run)(struct deferred *deferred))
{
    list_init(&deferred->link);
    deferred->run = run;
}

void loop_defer(struct loop *loop, struct deferred *deferred)
{
    if (list_empty(&deferred->link)) {
        list_push_back(&loop->deferred, &deferred->link);
    }
}

void deferred_cancel(struct deferred *deferred)
{
    list_remove(&deferred->link);
}

static bool run_deferred(struct loop *loop)
{
    bool ran = false;
    for (int round = 0; round < DEFER_ROUNDS && !list_empty(&loop->deferred); round++) {
        struct link batch;
        list_init(&batch);
        list_splice_back(&batch, &loop->deferred);
        struct link *link;
        while ((link = list_pop_front(&batch)) != NULL) {
            struct deferred *deferred = LIST_OBJECT(link, struct deferred, link);
            deferred->run(deferred);
        }
        ran = true;
    }
    return ran;
}

/* ---- mailbox ---- */

static void wake(struct loop *loop)
{
    if (atomic_exchange(&loop->asleep, false)) {
        loop->env->net->poller_wake(loop->env->object, loop->poller);
    }
}

void loop_post(struct loop *loop, struct message *message)
{
    struct message *head = atomic_load(&loop->mail);
    do {
        message->next = head;
    } while (!atomic_compare_exchange_weak(&loop->mail, &head, message));
    wake(loop);
}

static bool run_messages(struct loop *loop)
{
    if (atomic_load_explicit(&loop->mail, memory_order_relaxed) == NULL) {
        return false;
    }
    struct message *newest = atomic_exchange(&loop->mail, NULL);
    struct message *oldest = NULL;
    while (newest != NULL) {
        struct message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct message *message = oldest;
        oldest = message->next;
        message->run(message);
    }
    return true;
}

/* ---- turns ---- */

/* How long the poller may sleep; 0 when something is to be done at once. */
static uint64_t patience_ns(struct loop *loop)
{
    uint64_t tick = 0;
    if (!list_empty(&loop->deferred)) {
        return 0;
    }
    if (!wheel_bound(&loop->wheel, &tick)) {
        return UINT64_MAX;
    }
    uint64_t due_ns = tick * NS_PER_MS;
    return due_ns > loop->now.ns ? due_ns - loop->now.ns : 0;
}

static size_t wait(struct loop *loop, bool may_wait, struct ready_event *events)
{
    const struct env *env = loop->env;
    uint64_t patience = may_wait ? patience_ns(loop) : 0;
    if (patience > 0) {
        atomic_store(&loop->asleep, true);
        if (atomic_load(&loop->mail) != NULL || atomic_load(&loop->stopped)) {
            patience = 0;
        }
    }
    size_t count = env->net->poller_wait(env->object, loop->poller, events, EVENTS_MAX, patience);
    atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    return count;
}

bool loop_turn(struct loop *loop, bool may_wait)
{
    struct ready_event events[EVENTS_MAX];
    bool ran = false;
    size_t count = wait(loop, may_wait, events);
    read_clock(loop);
    for (size_t i = 0; i < count; i++) {
        struct watch *watch = events[i].owner == NULL ? NULL : watch_of(loop, events[i].owner);
        if (watch != NULL) {
            watch->run(watch, events[i].ready);
            ran = true;
        }
    }
    /* Sockets before timers: an answer that arrived with its deadline counts as in time. */
    ran = run_timers(loop) || ran;
    ran = run_messages(loop) || ran;
    return run_deferred(loop) || ran;
}

void loop_run(struct loop *loop)
{
    read_clock(loop);
    while (!atomic_load(&loop->stopped)) {
        (void)loop_turn(loop, true);
    }
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopped, true);
    wake(loop);
}
