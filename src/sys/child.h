/* SPDX-License-Identifier: Apache-2.0
 * child.h - programs started by us, ended by us.
 */
#ifndef AIRE_SYS_CHILD_H
#define AIRE_SYS_CHILD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct child;

/* Starts `arguments[0]` (NULL-terminated list, absolute path). The child dies with us. Its standard
 * output can be read line by line when `capture` is set, else it is ours. */
enum err child_start(const char *const *arguments, bool capture, struct child **child) MUST_USE;
/* The same for a program that runs in our place: found along PATH, with these "NAME=value" in its
 * environment, our input and output its own. From here on signals wait for child_attend. */
enum err child_start_foreground(const char *const *arguments, const char *const *settings,
                                struct child **child) MUST_USE;
/* Waits for its end, frees it. What comes to us goes to it: SIGTERM, SIGINT, SIGHUP, SIGQUIT,
 * SIGUSR1, SIGUSR2; *stopped: one of the first two was among them. Its exit status, or 128 and the
 * signal that ended it. */
int child_attend(struct child *child, bool *stopped);
/* Next line of its output (blocking at most timeout_ms): CLOSED at the end, TIMEOUT. */
enum err child_line(struct child *child, char *to, size_t room, unsigned timeout_ms) MUST_USE;
/* Asks it to stop (SIGTERM), kills it after grace_ms, waits, frees; its exit status or -1. */
int child_stop(struct child *child, unsigned grace_ms);
/* Kills it at once (SIGKILL), waits, frees. */
void child_kill(struct child *child);

/* Path of the running program itself, for starting another of our commands. */
enum err child_self(char *to, size_t room) MUST_USE;

#endif
