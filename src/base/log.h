/* SPDX-License-Identifier: Apache-2.0
 * log.h - messages of the process itself to its operator (what happens in exchanges is an event).
 *
 * Formatting only: the sink writes. Callers never pass secrets, bodies or credentials; control
 * characters in values are escaped here, so a log line is always one line.
 */
#ifndef AIRE_BASE_LOG_H
#define AIRE_BASE_LOG_H

#include "base/err.h"
#include "base/str.h"
#include "base/when.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_form { LOG_PLAIN, LOG_JSON };

struct log {
    enum log_level level; /* messages above it are dropped */
    enum log_form form;
    struct wall (*now)(void *object);
    /* The line ends with LF; called from any thread that says something. */
    void (*sink)(void *object, struct str line);
    void *object;
};

/* LOG_PLAIN: 2026-11-25T02:29:38.000123Z warn store message. LOG_JSON: an object with the members
 * time, level, area, message. A NULL log is silent. `area` is the module ("store", "upstream"). At
 * most 2 KiB are kept of a message. */
void log_say(const struct log *log, enum log_level level, const char *area, const char *format, ...)
    PRINTF_LIKE(4, 5);

#endif
