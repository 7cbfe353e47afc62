/* SPDX-License-Identifier: Apache-2.0
 * test_waiting.c - who is posted when, and how many may wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resilience/waiting.h"
#include "support/sim_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
    struct sim_env *sim;
    struct loop *loop;
    struct waiting *room;
};

struct one {
    struct waiter waiter;
    int order; /* when it was posted: 1, 2, ...; 0: not */
};

static int posted;

static void on_post(struct message *message)
{
    LIST_OBJECT(message, struct one, waiter.message)->order = ++posted;
}

static int open_room(void **state)
{
    static const uint64_t seed[2] = {1, 2};
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->sim = sim_env_new(1);
    w->loop = loop_new(sim_env_env(w->sim));
    w->room = waiting_new(seed);
    posted = 0;
    *state = w;
    return 0;
}

static int close_room(void **state)
{
    struct world *w = *state;
    waiting_free(w->room);
    loop_free(w->loop);
    sim_env_free(w->sim);
    free(w);
    return 0;
}

static enum err enter(struct world *w, const char *event, struct one *one)
{
    one->waiter.message.run = on_post;
    one->waiter.home = w->loop;
    list_init(&one->waiter.link);
    return waiting_enter(w->room, str_of(event), &one->waiter);
}

static void turn(struct world *w)
{
    while (loop_turn(w->loop, false)) {
    }
}

static void all_who_wait_for_it_are_posted_and_nobody_else(void **state)
{
    struct world *w = *state;
    struct one a = {0};
    struct one b = {0};
    struct one other = {0};
    assert_int_equal(enter(w, "x", &a), ERR_OK);
    assert_int_equal(enter(w, "x", &b), ERR_OK);
    assert_int_equal(enter(w, "y", &other), ERR_OK);
    waiting_wake(w->room, STR("x"));
    turn(w);
    assert_int_equal(a.order, 1);
    assert_int_equal(b.order, 2);
    assert_int_equal(other.order, 0);
    assert_true(waiting_leave(w->room, &other.waiter));
}

static void one_is_posted_the_longest_first(void **state)
{
    struct world *w = *state;
    struct one a = {0};
    struct one b = {0};
    assert_false(waiting_wake_one(w->room, STR("x")));
    assert_int_equal(enter(w, "x", &a), ERR_OK);
    assert_int_equal(enter(w, "x", &b), ERR_OK);
    assert_true(waiting_wake_one(w->room, STR("x")));
    turn(w);
    assert_int_equal(a.order, 1);
    assert_int_equal(b.order, 0);
    assert_true(waiting_leave(w->room, &b.waiter));
}

static void who_left_is_not_posted_and_who_was_posted_cannot_leave(void **state)
{
    struct world *w = *state;
    struct one a = {0};
    struct one b = {0};
    assert_int_equal(enter(w, "x", &a), ERR_OK);
    assert_int_equal(enter(w, "x", &b), ERR_OK);
    assert_true(waiting_leave(w->room, &a.waiter));
    waiting_wake(w->room, STR("x"));
    assert_false(waiting_leave(w->room, &b.waiter));
    assert_false(waiting_leave(w->room, &a.waiter));
    turn(w);
    assert_int_equal(a.order, 0);
    assert_int_equal(b.order, 1);
}

static void a_waker_before_anybody_waits_is_forgotten(void **state)
{
    struct world *w = *state;
    struct one a = {0};
    waiting_wake(w->room, STR("x"));
    assert_int_equal(enter(w, "x", &a), ERR_OK);
    turn(w);
    assert_int_equal(a.order, 0);
    assert_true(waiting_leave(w->room, &a.waiter));
}

static void no_more_than_may_wait(void **state)
{
    struct world *w = *state;
    struct one *all = calloc(WAITING_MAX + 1, sizeof *all);
    assert_non_null(all);
    char name[32];
    for (int i = 0; i < WAITING_MAX; i++) {
        (void)snprintf(name, sizeof name, "event %d", i);
        assert_int_equal(enter(w, name, &all[i]), ERR_OK);
    }
    assert_int_equal(enter(w, "x", &all[WAITING_MAX]), ERR_LIMIT);
    assert_true(waiting_leave(w->room, &all[0].waiter));
    assert_int_equal(enter(w, "x", &all[WAITING_MAX]), ERR_OK);
    for (int i = 1; i <= WAITING_MAX; i++) {
        assert_true(waiting_leave(w->room, &all[i].waiter));
    }
    free(all);
}

static void events_of_different_things_have_different_names(void **state)
{
    struct arena *arena = arena_new(1024);
    (void)state;
    const struct str names[] = {
        waiting_signal(1, STR("a"), arena),       waiting_signal(2, STR("a"), arena),
        waiting_signal(1, STR("b"), arena),       waiting_end(STR("a"), STR("b"), arena),
        waiting_end(STR("ab"), STR(""), arena),   waiting_review(STR("a"), arena),
        waiting_queue(STR("a"), STR("b"), arena), waiting_queue(STR("b"), STR("a"), arena)};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_false(str_equal(names[i], names[j]));
        }
    }
    arena_free(arena);
}

int main(void)
{
#define ROOM(test) cmocka_unit_test_setup_teardown(test, open_room, close_room)
    const struct CMUnitTest tests[] = {
        ROOM(all_who_wait_for_it_are_posted_and_nobody_else),
        ROOM(one_is_posted_the_longest_first),
        ROOM(who_left_is_not_posted_and_who_was_posted_cannot_leave),
        ROOM(a_waker_before_anybody_waits_is_forgotten),
        ROOM(no_more_than_may_wait),
        cmocka_unit_test(events_of_different_things_have_different_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
