/* SPDX-License-Identifier: Apache-2.0
 * folder.h - folders that live as long as one command.
 */
#ifndef AIRE_SYS_FOLDER_H
#define AIRE_SYS_FOLDER_H

#include "base/err.h"

#include <stddef.h>

/* A new folder only we can read, below $TMPDIR or /tmp: "/tmp/PREFIX-x7Qa2b". */
enum err folder_make_temporary(const char *prefix, char *to, size_t room) MUST_USE;
/* Removes it with all it holds; links are removed, not followed. OK when absent. */
enum err folder_remove(const char *path) MUST_USE;

#endif
