/* SPDX-License-Identifier: Apache-2.0
 * thread.c - pthreads with the project's habits: named threads, timeouts on the monotonic clock.
 */
#include "sys/thread.h"

#include "base/must.h"
#include "sys/os.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NAME_BYTES 16

struct start {
    void (*run)(void *object);
    void *object;
    char name[NAME_BYTES];
};

static void *begin(void *raw)
{
    struct start start = *(struct start *)raw;
    free(raw);
    (void)pthread_setname_np(pthread_self(), start.name);
    start.run(start.object);
    return NULL;
}

enum err thread_start(struct thread *thread, const char *name, void (*run)(void *), void *object)
{
    struct start *start = must_have(malloc(sizeof *start));
    start->run = run;
    start->object = object;
    (void)snprintf(start->name, sizeof start->name, "%s", name);
    int number = pthread_create(&thread->id, NULL, begin, start);
    thread->running = number == 0;
    if (number != 0) {
        free(start);
        return number == EAGAIN ? ERR_LIMIT : os_err(number);
    }
    return ERR_OK;
}

void thread_join(struct thread *thread)
{
    if (!thread->running) {
        return;
    }
    thread->running = false;
    must(pthread_join(thread->id, NULL) == 0);
}

/* A container's share of processors (cgroup v2 cpu.max: "QUOTA PERIOD" or "max PERIOD"), rounded
 * up; 0: no share is set. */
static unsigned quota_cores(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (file == NULL) {
        return 0;
    }
    char line[64];
    unsigned cores = 0;
    if (fgets(line, sizeof line, file) != NULL) {
        char *rest = NULL;
        unsigned long long quota = strtoull(line, &rest, 10);
        unsigned long long period = strtoull(rest, NULL, 10);
        if (rest != line && quota > 0 && period > 0) {
            cores = (unsigned)((quota + period - 1) / period);
        }
    }
    (void)fclose(file);
    return cores;
}

unsigned thread_cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    unsigned cores = count > 0 ? (unsigned)count : 1;
    unsigned quota = quota_cores();
    return quota > 0 && quota < cores ? quota : cores;
}

void mutex_init(struct mutex *mutex)
{
    must(pthread_mutex_init(&mutex->raw, NULL) == 0);
}

void mutex_end(struct mutex *mutex)
{
    must(pthread_mutex_destroy(&mutex->raw) == 0);
}

void mutex_lock(struct mutex *mutex)
{
    must(pthread_mutex_lock(&mutex->raw) == 0);
}

void mutex_unlock(struct mutex *mutex)
{
    must(pthread_mutex_unlock(&mutex->raw) == 0);
}

void condition_init(struct condition *condition)
{
    pthread_condattr_t attributes;
    must(pthread_condattr_init(&attributes) == 0);
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&condition->raw, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
}

void condition_end(struct condition *condition)
{
    must(pthread_cond_destroy(&condition->raw) == 0);
}

void condition_wake(struct condition *condition)
{
    must(pthread_cond_broadcast(&condition->raw) == 0);
}

bool condition_wait(struct condition *condition, struct mutex *mutex, uint64_t timeout_ms)
{
    if (timeout_ms == UINT64_MAX) {
        must(pthread_cond_wait(&condition->raw, &mutex->raw) == 0);
        return true;
    }
    struct timespec until;
    must(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    int number = pthread_cond_timedwait(&condition->raw, &mutex->raw, &until);
    must(number == 0 || number == ETIMEDOUT);
    return number == 0;
}
