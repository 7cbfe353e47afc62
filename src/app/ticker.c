/* SPDX-License-Identifier: Apache-2.0
 * ticker.c - the lock is never held while a tick runs, so that whoever stops it is heard. */
#include "app/ticker.h"

static void run(void *object)
{
    struct ticker *ticker = object;
    mutex_lock(&ticker->lock);
    while (!ticker->stopping) {
        (void)condition_wait(&ticker->wake, &ticker->lock, ticker->period_ms);
        if (!ticker->stopping) {
            mutex_unlock(&ticker->lock);
            ticker->tick(ticker->object);
            mutex_lock(&ticker->lock);
        }
    }
    mutex_unlock(&ticker->lock);
}

enum err ticker_start(struct ticker *ticker, const char *name, uint32_t period_ms,
                      void (*tick)(void *object), void *object)
{
    *ticker = (struct ticker){.period_ms = period_ms, .tick = tick, .object = object};
    mutex_init(&ticker->lock);
    condition_init(&ticker->wake);
    return thread_start(&ticker->thread, name, run, ticker);
}

bool ticker_stopping(struct ticker *ticker)
{
    mutex_lock(&ticker->lock);
    bool stopping = ticker->stopping;
    mutex_unlock(&ticker->lock);
    return stopping;
}

void ticker_stop(struct ticker *ticker)
{
    mutex_lock(&ticker->lock);
    ticker->stopping = true;
    condition_wake(&ticker->wake);
    mutex_unlock(&ticker->lock);
    if (ticker->thread.running) {
        thread_join(&ticker->thread);
    }
    condition_end(&ticker->wake);
    mutex_end(&ticker->lock);
}
