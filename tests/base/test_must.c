/* SPDX-License-Identifier: Apache-2.0
 * test_must.c - what a broken assertion does: it ends the process and says where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/must.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `body` in a child; returns its wait status and what it wrote to stderr. */
static int in_child(void (*body)(void), char *said, size_t room)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    (void)close(ends[1]);
    size_t len = 0;
    ssize_t got = 0;
    while ((got = read(ends[0], said + len, room - 1 - len)) > 0) {
        len += (size_t)got;
    }
    said[len] = '\0';
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void break_one(void)
{
    must(1 + 1 == 3);
}

static void keep_one(void)
{
    must(1 + 1 == 2);
}

static void exhaust(void)
{
    must_have_memory();
}

static void a_broken_must_aborts_and_names_condition_and_place(void **state)
{
    (void)state;
    char said[512];
    int status = in_child(break_one, said, sizeof said);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(said, "must(1 + 1 == 3)"));
    assert_non_null(strstr(said, "test_must.c:"));
    assert_non_null(strstr(said, "break_one"));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void a_kept_must_does_nothing(void **state)
{
    (void)state;
    char said[512];
    int status = in_child(keep_one, said, sizeof said);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(said, "");
}

static void exhausted_memory_aborts(void **state)
{
    (void)state;
    char said[512];
    int status = in_child(exhaust, said, sizeof said);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_string_equal(said, "out of memory\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_must_aborts_and_names_condition_and_place),
        cmocka_unit_test(a_kept_must_does_nothing),
        cmocka_unit_test(exhausted_memory_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
