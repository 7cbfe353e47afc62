/* SPDX-License-Identifier: Apache-2.0
 * notify.h - signals in, as words; and what a crash may leave behind.
 */
#ifndef AIRE_SYS_NOTIFY_H
#define AIRE_SYS_NOTIFY_H

#include "base/err.h"

enum signal_word {
    SIGNAL_NONE,
    SIGNAL_STOP,  /* SIGTERM, SIGINT: drain and exit; the second one exits at once */
    SIGNAL_RELOAD /* SIGHUP */
};

/* Blocks the signals in this and all later threads, ignores SIGPIPE. Call before any thread starts.
 */
void notify_init(void);
/* Waits for the next signal at most timeout_ms; SIGNAL_NONE on timeout. Main thread only. */
enum signal_word notify_wait(unsigned timeout_ms);

/* No core dumps, no ptrace by others: provider keys live in this memory (PR_SET_DUMPABLE 0). */
void notify_protect_memory(void);

/* AIRE_CRASH_AT=POINT ends the process by SIGKILL at the named point, for crash tests. Points are
 * listed in crash_points.def; the variable is read once by crash_init, an unknown name is INVALID.
 */
#define CRASH_POINT(name) CRASH_##name
enum crash_point {
#define CRASH(name, help) CRASH_##name,
#include "sys/crash_points.def"
#undef CRASH
    CRASH_POINTS
};
enum err crash_init(void) MUST_USE;
void crash_at(enum crash_point point);
const char *crash_name(enum crash_point point);
const char *crash_help(enum crash_point point);

#endif
