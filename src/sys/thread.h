/* SPDX-License-Identifier: Apache-2.0
 * thread.h - threads, one mutex, one condition. Everything that runs beside the loops starts here.
 */
#ifndef AIRE_SYS_THREAD_H
#define AIRE_SYS_THREAD_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct thread {
    pthread_t id;
    bool running;
};

/* `name` (<= 15 characters) shows in ps and debuggers. */
enum err thread_start(struct thread *thread, const char *name, void (*run)(void *),
                      void *object) MUST_USE;
void thread_join(struct thread *thread);
unsigned thread_cores(void); /* processors this process may use, >= 1 */

struct mutex {
    pthread_mutex_t raw;
};
void mutex_init(struct mutex *mutex);
void mutex_end(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

struct condition {
    pthread_cond_t raw;
};
void condition_init(struct condition *condition);
void condition_end(struct condition *condition);
void condition_wake(struct condition *condition);
/* Waits with `mutex` held; timeout_ms UINT64_MAX: for ever. False on timeout. */
bool condition_wait(struct condition *condition, struct mutex *mutex, uint64_t timeout_ms);

#endif
