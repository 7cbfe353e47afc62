/* SPDX-License-Identifier: Apache-2.0
 * test_store_crash.c - killed at each crash point: what was acknowledged is there after a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/store_kit.h"
#include "sys/notify.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BEFORE = 20, LAST = BEFORE }; /* units acknowledged before the fatal one, whose id is LAST */

/* The child's life: acknowledged ids go into the pipe at once, then the point is armed. */
static void live_and_die(const char *folder, enum crash_point point, int to_parent)
{
    struct store *store = NULL;
    struct fault why = {0};
    if (kit_try_open(folder, &store, &why) != ERR_OK) {
        _exit(3);
    }
    for (int i = 0; i <= LAST; i++) {
        struct kit_unit unit;
        kit_unit_init(&unit, NULL, i);
        kit_unit_also(&unit, &kit_grow, i);
        if (i == LAST &&
            (setenv("AIRE_CRASH_AT", crash_name(point), 1) != 0 || crash_init() != ERR_OK)) {
            _exit(4);
        }
        if (store_write_now(store, &unit.unit) == ERR_OK &&
            write(to_parent, &i, sizeof i) != (ssize_t)sizeof i) {
            _exit(5);
        }
    }
    _exit(6); /* the point was not reached */
}

/* Runs the child; how many were acknowledged. */
static int acknowledged_until_killed(const char *folder, enum crash_point point)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        live_and_die(folder, point, ends[1]);
    }
    close(ends[1]);
    int count = 0;
    int id = 0;
    while (read(ends[0], &id, sizeof id) == (ssize_t)sizeof id) {
        assert_int_equal(id, count);
        count++;
    }
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    return count;
}

static void killed_at(void **state, enum crash_point point, int64_t last_is_there)
{
    kit_on_sqlite();
    if (strcmp(*state, "postgres") == 0 && !kit_on_postgres()) {
        skip();
    }
    static const struct statement size = {"SELECT size FROM things WHERE id = ?1", 1};
    char folder[KIT_PATH];
    kit_folder(folder);
    int count = acknowledged_until_killed(folder, point);
    assert_int_equal(count, BEFORE);
    struct store *store = kit_open(folder);
    for (int i = 0; i < count; i++) {
        assert_int_equal(kit_number(store, &kit_has, i), 1);
        assert_int_equal(kit_number(store, &size, i), 1); /* both steps */
    }
    assert_int_equal(kit_number(store, &kit_has, LAST), last_is_there);
    store_close(store);
    kit_remove(folder);
}

static void killed_before_commit_the_unit_never_was(void **state)
{
    killed_at(state, CRASH_POINT(store_before_commit), 0);
}

static void killed_after_commit_the_unit_is_there_untold(void **state)
{
    killed_at(state, CRASH_POINT(store_after_commit), 1);
}

#define BOTH(test) KIT_BOTH(test, NULL, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(killed_before_commit_the_unit_never_was),
        BOTH(killed_after_commit_the_unit_is_there_untold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
