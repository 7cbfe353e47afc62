/* SPDX-License-Identifier: Apache-2.0
 * notify.c - signals are taken by one waiting thread, never by handlers; crash points for tests.
 *
 * Invariant: the armed crash point, the only variable of this file, is written by crash_init alone,
 * before any other thread runs.
 */
#include "sys/notify.h"

#include "base/must.h"
#include "base/str.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static enum crash_point armed = CRASH_POINTS;

static sigset_t words(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    return set;
}

void notify_init(void)
{
    sigset_t set = words();
    must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    /* A peer that went away is an error of that write, not the end of the process. */
    must(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    /* So is a file that may not grow any more. */
    must(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
}

enum signal_word notify_wait(unsigned timeout_ms)
{
    sigset_t set = words();
    struct timespec timeout = {
        .tv_sec = timeout_ms / 1000,
        .tv_nsec = (long)(timeout_ms % 1000) * 1000000,
    };
    switch (sigtimedwait(&set, NULL, &timeout)) {
    case SIGTERM:
    case SIGINT:
        return SIGNAL_STOP;
    case SIGHUP:
        return SIGNAL_RELOAD;
    default:
        return SIGNAL_NONE;
    }
}

void notify_protect_memory(void)
{
    const struct rlimit none = {0, 0};
    must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
    must(setrlimit(RLIMIT_CORE, &none) == 0);
}

/* ---- crash points ---- */

static const struct {
    const char *name;
    const char *help;
} points[] = {
#define CRASH(name, help) {#name, help},
#include "sys/crash_points.def"
#undef CRASH
};

enum err crash_init(void)
{
    const char *name = getenv("AIRE_CRASH_AT");
    if (name == NULL || name[0] == '\0') {
        return ERR_OK;
    }
    for (int i = 0; i < CRASH_POINTS; i++) {
        if (str_equal(str_of(name), str_of(points[i].name))) {
            armed = (enum crash_point)i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

void crash_at(enum crash_point point)
{
    if (point == armed) {
        /* As a power cut or kill -9 would: no handler, no flush, no destructor. */
        (void)kill(getpid(), SIGKILL);
        (void)pause();
    }
}

const char *crash_name(enum crash_point point)
{
    must(point < CRASH_POINTS);
    return points[point].name;
}

const char *crash_help(enum crash_point point)
{
    must(point < CRASH_POINTS);
    return points[point].help;
}
