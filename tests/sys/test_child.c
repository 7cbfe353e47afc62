/* SPDX-License-Identifier: Apache-2.0
 * test_child.c - children, signals as words, crash points, threads, clock and entropy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/child.h"
#include "sys/env.h"
#include "sys/notify.h"
#include "sys/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_MS 20000

static struct child *shell(const char *script, bool capture)
{
    const char *const arguments[] = {"/bin/sh", "-c", script, NULL};
    struct child *child = NULL;
    assert_int_equal(child_start(arguments, capture, &child), ERR_OK);
    return child;
}

/* ---- children ---- */

static void test_output_comes_line_by_line(void **state)
{
    char line[32];
    (void)state;
    struct child *child = shell("echo one; echo; printf two", true);
    assert_int_equal(child_line(child, line, sizeof line, LONG_MS), ERR_OK);
    assert_string_equal(line, "one");
    assert_int_equal(child_line(child, line, sizeof line, LONG_MS), ERR_OK);
    assert_string_equal(line, "");
    assert_int_equal(child_line(child, line, sizeof line, LONG_MS), ERR_OK);
    assert_string_equal(line, "two");
    assert_int_equal(child_line(child, line, sizeof line, LONG_MS), ERR_CLOSED);
    (void)child_stop(child, LONG_MS);
}

static void test_a_silent_child_times_out(void **state)
{
    char line[8];
    (void)state;
    struct child *child = shell("echo 123456789; exec sleep 1000", true);
    assert_int_equal(child_line(child, line, sizeof line, LONG_MS), ERR_LIMIT);
    assert_int_equal(child_line(child, line, sizeof line, 1), ERR_TIMEOUT);
    child_kill(child);
}

static void test_stop_asks_and_tells_the_exit_status(void **state)
{
    char line[8];
    (void)state;
    struct child *child = shell("trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done", true);
    assert_int_equal(child_line(child, line, sizeof line, LONG_MS), ERR_OK);
    assert_int_equal(child_stop(child, LONG_MS), 7);
}

static void test_a_deaf_child_is_killed(void **state)
{
    char line[8];
    (void)state;
    struct child *child = shell("trap '' TERM; echo up; exec sleep 1000", true);
    assert_int_equal(child_line(child, line, sizeof line, LONG_MS), ERR_OK);
    assert_int_equal(child_stop(child, 10), -1);
}

static void test_a_program_that_is_not_there_is_told_by_start(void **state)
{
    const char *const arguments[] = {"/nowhere/program", NULL};
    struct child *child = NULL;
    (void)state;
    assert_int_equal(child_start(arguments, true, &child), ERR_NOT_FOUND);
    assert_null(child);
}

static void test_a_program_knows_its_own_path(void **state)
{
    char path[4096];
    char small[2];
    (void)state;
    assert_int_equal(child_self(path, sizeof path), ERR_OK);
    assert_int_equal(access(path, X_OK), 0);
    assert_int_equal(child_self(small, sizeof small), ERR_LIMIT);
}

/* ---- signals ---- */

static void test_signals_are_words(void **state)
{
    (void)state;
    assert_int_equal(notify_wait(0), SIGNAL_NONE);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    assert_int_equal(notify_wait(LONG_MS), SIGNAL_RELOAD);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(notify_wait(LONG_MS), SIGNAL_STOP);
    assert_int_equal(kill(getpid(), SIGINT), 0);
    assert_int_equal(notify_wait(LONG_MS), SIGNAL_STOP);
}

/* ---- crash points ---- */

/* Wait status of a fork that arms `name` and passes all points. */
static int fate(const char *name)
{
    pid_t id = fork();
    if (id == 0) {
        (void)setenv("AIRE_CRASH_AT", name, 1);
        if (crash_init() != ERR_OK) {
            _exit(3);
        }
        for (int i = 0; i < CRASH_POINTS; i++) {
            crash_at((enum crash_point)i);
        }
        _exit(4);
    }
    int status = 0;
    assert_int_equal(waitpid(id, &status, 0), id);
    return status;
}

static void test_crash_points_kill_when_named(void **state)
{
    (void)state;
    for (int i = 0; i < CRASH_POINTS; i++) {
        int status = fate(crash_name((enum crash_point)i));
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_true(strlen(crash_help((enum crash_point)i)) > 10);
    }
    int unknown = fate("no_such_point");
    assert_true(WIFEXITED(unknown) && WEXITSTATUS(unknown) == 3);
    int none = fate("");
    assert_true(WIFEXITED(none) && WEXITSTATUS(none) == 4);
}

static void test_protected_memory_leaves_no_core(void **state)
{
    (void)state;
    pid_t id = fork();
    if (id == 0) {
        struct rlimit limit = {1, 1};
        notify_protect_memory();
        (void)getrlimit(RLIMIT_CORE, &limit);
        _exit(limit.rlim_max == 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(id, &status, 0), id);
    assert_int_equal(status, 0);
}

/* ---- threads, clock, entropy ---- */

struct handover {
    struct mutex mutex;
    struct condition changed;
    int value;
};

static void give(void *object)
{
    struct handover *handover = object;
    mutex_lock(&handover->mutex);
    handover->value = 1;
    condition_wake(&handover->changed);
    mutex_unlock(&handover->mutex);
}

static void test_a_condition_wakes_or_times_out(void **state)
{
    struct handover handover = {.value = 0};
    struct thread thread;
    (void)state;
    mutex_init(&handover.mutex);
    condition_init(&handover.changed);
    mutex_lock(&handover.mutex);
    assert_false(condition_wait(&handover.changed, &handover.mutex, 1));
    assert_int_equal(thread_start(&thread, "a very long name of a thread", give, &handover),
                     ERR_OK);
    while (handover.value == 0) {
        (void)condition_wait(&handover.changed, &handover.mutex, UINT64_MAX);
    }
    mutex_unlock(&handover.mutex);
    thread_join(&thread);
    thread_join(&thread); /* harmless */
    condition_end(&handover.changed);
    mutex_end(&handover.mutex);
    assert_true(thread_cores() >= 1);
}

static void test_clock_moves_and_entropy_differs(void **state)
{
    struct env env;
    unsigned char a[32];
    unsigned char b[32];
    (void)state;
    env_init_real(&env);
    struct instant before = env_instant(&env);
    env_entropy(&env, a, sizeof a);
    env_entropy(&env, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_true(env_instant(&env).ns >= before.ns);
    assert_true(env_wall(&env).us > INT64_C(1700000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_comes_line_by_line),
        cmocka_unit_test(test_a_silent_child_times_out),
        cmocka_unit_test(test_stop_asks_and_tells_the_exit_status),
        cmocka_unit_test(test_a_deaf_child_is_killed),
        cmocka_unit_test(test_a_program_that_is_not_there_is_told_by_start),
        cmocka_unit_test(test_a_program_knows_its_own_path),
        cmocka_unit_test(test_signals_are_words),
        cmocka_unit_test(test_crash_points_kill_when_named),
        cmocka_unit_test(test_protected_memory_leaves_no_core),
        cmocka_unit_test(test_a_condition_wakes_or_times_out),
        cmocka_unit_test(test_clock_moves_and_entropy_differs),
    };
    notify_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
