/* SPDX-License-Identifier: Apache-2.0
 * test_work.c - jobs on threads, their completions on the loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/work.h"
#include "sys/thread.h"

#include <stdatomic.h>
#include <stdlib.h>

struct task {
    struct job job;
    struct ground *ground;
};

struct ground {
    struct loop *loop;
    pthread_t home;
    atomic_int ran;
    int done;
    int expected;
    bool strayed;
    struct mutex gate;
};

static void on_run(struct job *job)
{
    struct ground *ground = LIST_OBJECT(job, struct task, job)->ground;
    mutex_lock(&ground->gate);
    mutex_unlock(&ground->gate);
    (void)atomic_fetch_add(&ground->ran, 1);
}

static void on_done(struct job *job)
{
    struct ground *ground = LIST_OBJECT(job, struct task, job)->ground;
    ground->strayed = ground->strayed || !pthread_equal(ground->home, pthread_self());
    if (++ground->done == ground->expected) {
        loop_stop(ground->loop);
    }
}

static struct env env;

static void ground_init(struct ground *ground)
{
    env_init_real(&env);
    *ground = (struct ground){.loop = loop_new(&env), .home = pthread_self()};
    mutex_init(&ground->gate);
}

static void ground_end(struct ground *ground)
{
    mutex_end(&ground->gate);
    loop_free(ground->loop);
}

static struct task *tasks_new(struct ground *ground, size_t count)
{
    struct task *tasks = calloc(count, sizeof *tasks);
    for (size_t i = 0; i < count; i++) {
        tasks[i].ground = ground;
        tasks[i].job = (struct job){.home = ground->loop, .run = on_run, .done = on_done};
    }
    return tasks;
}

static void test_each_job_runs_and_is_done_on_its_loop(void **state)
{
    struct ground ground;
    (void)state;
    ground_init(&ground);
    struct workers *workers = workers_new(3);
    struct task *tasks = tasks_new(&ground, 500);
    ground.expected = 500;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(workers_submit(workers, &tasks[i].job), ERR_OK);
    }
    loop_run(ground.loop);
    assert_int_equal(atomic_load(&ground.ran), 500);
    assert_false(ground.strayed);
    workers_free(workers);
    free(tasks);
    ground_end(&ground);
}

static void test_queue_is_bounded_and_freeing_finishes_it(void **state)
{
    struct ground ground;
    (void)state;
    ground_init(&ground);
    struct workers *workers = workers_new(1);
    struct task *tasks = tasks_new(&ground, WORK_QUEUE_MAX + 2);
    int accepted = 0;
    mutex_lock(&ground.gate); /* one job stands at the gate, the rest waits */
    while (accepted < WORK_QUEUE_MAX + 2 &&
           workers_submit(workers, &tasks[accepted].job) == ERR_OK) {
        accepted++;
    }
    assert_in_range(accepted, WORK_QUEUE_MAX, WORK_QUEUE_MAX + 1);
    mutex_unlock(&ground.gate);
    workers_free(workers);
    assert_int_equal(atomic_load(&ground.ran), accepted);
    (void)loop_turn(ground.loop, false);
    assert_int_equal(ground.done, accepted);
    free(tasks);
    ground_end(&ground);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_job_runs_and_is_done_on_its_loop),
        cmocka_unit_test(test_queue_is_bounded_and_freeing_finishes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
