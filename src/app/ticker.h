/* SPDX-License-Identifier: Apache-2.0
 * ticker.h - a thread that does something every so many milliseconds until it is stopped.
 *
 * Embedded in its owner. The first tick comes one period after the start. What a tick touches is
 * its thread's alone; a tick that may take long asks ticker_stopping between its parts.
 */
#ifndef AIRE_APP_TICKER_H
#define AIRE_APP_TICKER_H

#include "base/err.h"
#include "sys/thread.h"

struct ticker {
    struct thread thread;
    struct mutex lock; /* guards `stopping` */
    struct condition wake;
    bool stopping;
    uint32_t period_ms;
    void (*tick)(void *object);
    void *object;
};

/* What thread_start says; ticker_stop is due in any case. */
enum err ticker_start(struct ticker *ticker, const char *name, uint32_t period_ms,
                      void (*tick)(void *object), void *object) MUST_USE;
bool ticker_stopping(struct ticker *ticker);
/* Waits for the tick under way. */
void ticker_stop(struct ticker *ticker);

#endif
