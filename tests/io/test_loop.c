/* SPDX-License-Identifier: Apache-2.0
 * test_loop.c - timers over a clock that the test turns, deferred calls, mailbox, forgetting.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "io/loop.h"
#include "sys/net.h"
#include "sys/thread.h"

#include <stdlib.h>

/* The real network with a clock of our own. */
struct world {
    struct env env;
    uint64_t ns;
    struct loop *loop;
};

static struct instant fake_instant(void *object)
{
    return (struct instant){((struct world *)object)->ns};
}

static struct wall fake_wall(void *object)
{
    return (struct wall){(int64_t)(((struct world *)object)->ns / 1000)};
}

static const struct clock_ops fake_clock = {fake_instant, fake_wall};

static void world_init(struct world *world, uint64_t ns)
{
    env_init_real(&world->env);
    world->env.clock = &fake_clock;
    world->env.object = world;
    world->ns = ns;
    world->loop = loop_new(&world->env);
}

static void world_end(struct world *world)
{
    loop_free(world->loop);
}

/* ---- timers ---- */

struct alarm {
    struct timer timer;
    struct world *world;
    uint64_t due_ns;
    int fired;
    bool early;
    struct alarm *disarms;
    uint64_t again_ms;
};

static void on_alarm(struct timer *timer)
{
    struct alarm *alarm = LIST_OBJECT(timer, struct alarm, timer);
    alarm->fired++;
    alarm->early = alarm->early || alarm->world->ns < alarm->due_ns;
    if (alarm->disarms != NULL) {
        timer_disarm(&alarm->disarms->timer);
    }
    if (alarm->again_ms > 0) {
        timer_arm(alarm->world->loop, timer, alarm->again_ms);
    }
}

static void alarm_arm(struct alarm *alarm, struct world *world, uint64_t ms)
{
    alarm->world = world;
    alarm->due_ns = loop_now(world->loop).ns + ms * NS_PER_MS;
    timer_init(&alarm->timer, on_alarm);
    timer_arm(world->loop, &alarm->timer, ms);
}

static void test_fires_at_its_tick_from_1_ms_to_weeks(void **state)
{
    static const uint64_t delays[] = {0,
                                      1,
                                      2,
                                      63,
                                      64,
                                      65,
                                      4095,
                                      4096,
                                      4097,
                                      60000,
                                      262143,
                                      262144,
                                      262145,
                                      16777215,
                                      16777216,
                                      86400000,
                                      259200000,
                                      UINT64_C(1209600000),
                                      UINT64_C(31536000000)};
    (void)state;
    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        struct world world;
        struct alarm alarm = {0};
        world_init(&world, 123456789123);
        alarm_arm(&alarm, &world, delays[i]);
        world.ns = alarm.due_ns > 1 ? alarm.due_ns - 1 : 0;
        (void)loop_turn(world.loop, false);
        assert_int_equal(alarm.fired, delays[i] == 0 && world.ns >= alarm.due_ns);
        /* At most one tick late. */
        world.ns = alarm.due_ns + NS_PER_MS;
        (void)loop_turn(world.loop, false);
        assert_int_equal(alarm.fired, 1);
        assert_false(alarm.early);
        assert_false(timer_armed(&alarm.timer));
        world_end(&world);
    }
}

static void test_many_timers_fire_once_each_and_never_early(void **state)
{
    enum { COUNT = 3000 };
    struct world world;
    struct rng rng;
    (void)state;
    rng_seed(&rng, 7);
    world_init(&world, 5 * NS_PER_S + 17);
    struct alarm *alarms = calloc(COUNT, sizeof *alarms);
    for (int i = 0; i < COUNT; i++) {
        alarm_arm(&alarms[i], &world, rng_below(&rng, UINT64_C(1) << rng_below(&rng, 33)));
    }
    struct instant due;
    struct instant before = {0};
    while (loop_next_timer(world.loop, &due)) {
        assert_true(due.ns >= before.ns);
        before = due;
        /* Sometimes in the middle of nowhere, sometimes several ticks too late. */
        world.ns = rng_below(&rng, 2) ? due.ns : due.ns + rng_below(&rng, 100 * NS_PER_MS);
        (void)loop_turn(world.loop, false);
        assert_true(!loop_next_timer(world.loop, &due) || due.ns > world.ns);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(alarms[i].fired, 1);
        assert_false(alarms[i].early);
    }
    free(alarms);
    world_end(&world);
}

static void test_waits_until_a_distant_timer_is_due(void **state)
{
    struct world world;
    struct alarm alarm = {0};
    (void)state;
    world_init(&world, NS_PER_S);
    alarm_arm(&alarm, &world, 100000);
    struct instant due;
    assert_true(loop_next_timer(world.loop, &due));
    assert_true(due.ns >= alarm.due_ns && due.ns < alarm.due_ns + NS_PER_MS);
    world_end(&world);
}

static void test_a_timer_disarms_another_of_its_tick(void **state)
{
    struct world world;
    struct alarm first = {0};
    struct alarm second = {0};
    (void)state;
    world_init(&world, NS_PER_S);
    alarm_arm(&first, &world, 10);
    alarm_arm(&second, &world, 10);
    first.disarms = &second;
    world.ns += 10 * NS_PER_MS;
    (void)loop_turn(world.loop, false);
    assert_int_equal(first.fired, 1);
    assert_int_equal(second.fired, 0);
    assert_false(loop_next_timer(world.loop, &(struct instant){0}));
    world_end(&world);
}

static void test_rearming_in_the_callback_is_not_endless(void **state)
{
    struct world world;
    struct alarm alarm = {.again_ms = 3};
    (void)state;
    world_init(&world, NS_PER_S);
    alarm_arm(&alarm, &world, 3);
    world.ns += NS_PER_S;
    (void)loop_turn(world.loop, false);
    assert_int_equal(alarm.fired, 1); /* not 333 times: delays count from now */
    timer_arm(world.loop, &alarm.timer, 50);
    timer_arm(world.loop, &alarm.timer, 20); /* re-arming moves it */
    world.ns += 20 * NS_PER_MS;
    (void)loop_turn(world.loop, false);
    assert_int_equal(alarm.fired, 2);
    timer_disarm(&alarm.timer);
    timer_disarm(&alarm.timer);
    world_end(&world);
}

/* ---- deferred calls ---- */

struct chain {
    struct deferred deferred;
    struct loop *loop;
    int ran;
    int left;
};

static void on_chain(struct deferred *deferred)
{
    struct chain *chain = LIST_OBJECT(deferred, struct chain, deferred);
    chain->ran++;
    if (--chain->left > 0) {
        loop_defer(chain->loop, deferred);
    }
}

static void test_deferred_calls_run_once_and_in_the_same_turn(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 0);
    struct chain chain = {.loop = world.loop, .left = 5};
    struct chain cancelled = {.loop = world.loop, .left = 1};
    deferred_init(&chain.deferred, on_chain);
    deferred_init(&cancelled.deferred, on_chain);
    loop_defer(world.loop, &chain.deferred);
    loop_defer(world.loop, &chain.deferred);
    loop_defer(world.loop, &cancelled.deferred);
    deferred_cancel(&cancelled.deferred);
    assert_true(loop_turn(world.loop, true));
    assert_int_equal(chain.ran, 5);
    assert_int_equal(cancelled.ran, 0);
    assert_false(loop_turn(world.loop, false));
    world_end(&world);
}

static void test_endless_deferring_does_not_hold_the_turn(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 0);
    struct chain chain = {.loop = world.loop, .left = 1000};
    deferred_init(&chain.deferred, on_chain);
    loop_defer(world.loop, &chain.deferred);
    assert_true(loop_turn(world.loop, true));
    assert_true(chain.ran < 1000);
    while (loop_turn(world.loop, false)) {
    }
    assert_int_equal(chain.ran, 1000);
    world_end(&world);
}

/* ---- mailbox ---- */

enum { SENDERS = 4, LETTERS = 20000 };

struct post {
    struct message message;
    struct office *office;
    int sender;
    int number;
};

struct office {
    struct loop *loop;
    int next[SENDERS];
    int got;
    bool disorder;
};

struct sender {
    struct thread thread;
    struct post *posts;
};

static void on_post(struct message *message)
{
    struct post *post = LIST_OBJECT(message, struct post, message);
    struct office *office = post->office;
    office->disorder = office->disorder || office->next[post->sender] != post->number;
    office->next[post->sender]++;
    if (++office->got == SENDERS * LETTERS) {
        loop_stop(office->loop);
    }
}

static void send_all(void *object)
{
    struct sender *sender = object;
    for (int i = 0; i < LETTERS; i++) {
        loop_post(sender->posts[i].office->loop, &sender->posts[i].message);
    }
}

static void test_messages_of_many_threads_arrive_in_order(void **state)
{
    struct env env;
    (void)state;
    env_init_real(&env);
    struct office office = {.loop = loop_new(&env)};
    struct sender senders[SENDERS];
    for (int i = 0; i < SENDERS; i++) {
        senders[i].posts = calloc(LETTERS, sizeof *senders[i].posts);
        for (int j = 0; j < LETTERS; j++) {
            senders[i].posts[j] = (struct post){{NULL, on_post}, &office, i, j};
        }
        assert_int_equal(thread_start(&senders[i].thread, "sender", send_all, &senders[i]), ERR_OK);
    }
    loop_run(office.loop);
    for (int i = 0; i < SENDERS; i++) {
        thread_join(&senders[i].thread);
        free(senders[i].posts);
        assert_int_equal(office.next[i], LETTERS);
    }
    assert_false(office.disorder);
    loop_free(office.loop);
}

static void stop_soon(void *object)
{
    loop_stop(object);
}

static void test_stop_wakes_a_sleeping_loop(void **state)
{
    struct env env;
    struct thread thread;
    (void)state;
    env_init_real(&env);
    struct loop *loop = loop_new(&env);
    assert_int_equal(thread_start(&thread, "stopper", stop_soon, loop), ERR_OK);
    loop_run(loop); /* no timer, no socket: only the wake-up ends it */
    thread_join(&thread);
    loop_free(loop);
}

/* ---- forgetting ---- */

struct end {
    struct watch watch;
    struct pair *pair;
};

struct pair {
    struct world world;
    struct end *ends[2];
    int ran;
};

static void kill_end(struct pair *pair, int i)
{
    struct env *env = &pair->world.env;
    loop_forget(pair->world.loop, &pair->ends[i]->watch);
    env->net->close(env->object, pair->ends[i]->watch.sock);
    free(pair->ends[i]);
    pair->ends[i] = NULL;
}

static void on_end_ready(struct watch *watch, unsigned ready)
{
    struct end *end = LIST_OBJECT(watch, struct end, watch);
    struct pair *pair = end->pair;
    (void)ready;
    pair->ran++;
    kill_end(pair, pair->ends[0] == end ? 1 : 0); /* the other one, whose event is in this batch */
}

static void test_an_object_freed_in_a_batch_gets_no_event(void **state)
{
    struct pair pair = {.ran = 0};
    struct address at;
    struct address peer;
    int listener = -1;
    int socks[2] = {-1, -1};
    (void)state;
    world_init(&pair.world, 0);
    const struct net_ops *net = pair.world.env.net;
    assert_int_equal(address_parse(STR("127.0.0.1:0"), &at), ERR_OK);
    assert_int_equal(net->listen(NULL, &at, false, &listener), ERR_OK);
    assert_int_equal(net->local(NULL, listener, &at), ERR_OK);
    assert_int_equal(net->connect(NULL, &at, &socks[0]), ERR_OK);
    assert_int_equal(net->accept(NULL, listener, &socks[1], &peer), ERR_OK);
    for (int i = 0; i < 2; i++) {
        pair.ends[i] = calloc(1, sizeof *pair.ends[i]);
        pair.ends[i]->pair = &pair;
        pair.ends[i]->watch = (struct watch){.run = on_end_ready, .sock = socks[i]};
        assert_int_equal(loop_watch(pair.world.loop, &pair.ends[i]->watch), ERR_OK);
    }
    assert_true(loop_turn(pair.world.loop, false)); /* both are writable: one batch, two events */
    assert_int_equal(pair.ran, 1);
    kill_end(&pair, pair.ends[0] != NULL ? 0 : 1);
    net->close(NULL, listener);
    world_end(&pair.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fires_at_its_tick_from_1_ms_to_weeks),
        cmocka_unit_test(test_many_timers_fire_once_each_and_never_early),
        cmocka_unit_test(test_waits_until_a_distant_timer_is_due),
        cmocka_unit_test(test_a_timer_disarms_another_of_its_tick),
        cmocka_unit_test(test_rearming_in_the_callback_is_not_endless),
        cmocka_unit_test(test_deferred_calls_run_once_and_in_the_same_turn),
        cmocka_unit_test(test_endless_deferring_does_not_hold_the_turn),
        cmocka_unit_test(test_messages_of_many_threads_arrive_in_order),
        cmocka_unit_test(test_stop_wakes_a_sleeping_loop),
        cmocka_unit_test(test_an_object_freed_in_a_batch_gets_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
