/* SPDX-License-Identifier: Apache-2.0
 * waiting.c - a map from events to those who wait for them.
 *
 * Invariants: a place stands in the map while somebody waits there; `count` is the sum of all
 * places. */
#include "resilience/waiting.h"

#include "base/map.h"
#include "base/must.h"
#include "sys/thread.h"

#include <stdlib.h>
#include <string.h>

struct place {
    struct link waiters; /* the longest in front */
    size_t name_len;
    char name[];
};

struct waiting {
    struct mutex lock;
    struct map *places;
    size_t count;
};

struct waiting *waiting_new(const uint64_t seed[2])
{
    struct waiting *waiting = must_have(calloc(1, sizeof *waiting));
    mutex_init(&waiting->lock);
    waiting->places = map_new(seed, WAITING_MAX);
    return waiting;
}

void waiting_free(struct waiting *waiting)
{
    if (waiting == NULL) {
        return;
    }
    must(map_count(waiting->places) == 0);
    map_free(waiting->places);
    mutex_end(&waiting->lock);
    free(waiting);
}

static struct place *place_new(struct waiting *waiting, struct str event)
{
    struct place *place = must_have(malloc(sizeof *place + event.len));
    list_init(&place->waiters);
    place->name_len = event.len;
    memcpy(place->name, event.at, event.len);
    enum err code = map_put(waiting->places, event, place);
    must(code == ERR_OK); /* no more places than waiters */
    return place;
}

/* With the lock held. */
static void take_out(struct waiting *waiting, struct waiter *waiter)
{
    struct place *place = waiter->place;
    list_remove(&waiter->link);
    waiter->place = NULL;
    waiting->count--;
    if (list_empty(&place->waiters)) {
        void *was = map_remove(waiting->places, (struct str){place->name, place->name_len});
        must(was == place);
        free(place);
    }
}

enum err waiting_enter(struct waiting *waiting, struct str event, struct waiter *waiter)
{
    must(waiter->place == NULL && event.len > 0);
    mutex_lock(&waiting->lock);
    bool room = waiting->count < WAITING_MAX;
    if (room) {
        struct place *place = map_get(waiting->places, event);
        waiter->place = place != NULL ? place : place_new(waiting, event);
        list_push_back(&waiter->place->waiters, &waiter->link);
        waiting->count++;
    }
    mutex_unlock(&waiting->lock);
    return room ? ERR_OK : ERR_LIMIT;
}

bool waiting_leave(struct waiting *waiting, struct waiter *waiter)
{
    mutex_lock(&waiting->lock);
    bool there = waiter->place != NULL;
    if (there) {
        take_out(waiting, waiter);
    }
    mutex_unlock(&waiting->lock);
    return there;
}

/* With the lock held. False: nobody waits. */
static bool post_first(struct waiting *waiting, struct str event)
{
    struct place *place = map_get(waiting->places, event);
    if (place == NULL) {
        return false;
    }
    struct waiter *waiter = LIST_OBJECT(place->waiters.next, struct waiter, link);
    take_out(waiting, waiter);
    loop_post(waiter->home, &waiter->message);
    return true;
}

void waiting_wake(struct waiting *waiting, struct str event)
{
    if (waiting == NULL) {
        return;
    }
    mutex_lock(&waiting->lock);
    while (post_first(waiting, event)) {
    }
    mutex_unlock(&waiting->lock);
}

bool waiting_wake_one(struct waiting *waiting, struct str event)
{
    if (waiting == NULL) {
        return false;
    }
    mutex_lock(&waiting->lock);
    bool posted = post_first(waiting, event);
    mutex_unlock(&waiting->lock);
    return posted;
}

/* ---- names ---- */

struct str waiting_signal(int64_t run, struct str name, struct arena *arena)
{
    return arena_printf(arena, "signal %llx " STR_FMT, (unsigned long long)run, STR_ARG(name));
}

static struct str named(const char *what, struct str first, struct str second, struct arena *arena)
{
    const struct str parts[] = {str_of(what), first, STR("\n"), second};
    return arena_join(arena, parts, 4);
}

struct str waiting_end(struct str tenant, struct str run, struct arena *arena)
{
    return named("end ", tenant, run, arena);
}

struct str waiting_review(struct str id, struct arena *arena)
{
    return named("review ", id, STR(""), arena);
}

struct str waiting_queue(struct str tenant, struct str queue, struct arena *arena)
{
    return named("queue ", tenant, queue, arena);
}
