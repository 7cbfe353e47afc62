/* SPDX-License-Identifier: Apache-2.0
 * work.c - a pool of threads over one bounded queue.
 *
 * Invariants: a job is in the queue, with a worker, or in its loop's mailbox, never in two of them;
 * each submitted job runs and is done exactly once, also while the pool is being freed.
 */
#include "io/work.h"

#include "base/must.h"
#include "sys/thread.h"

#include <stdlib.h>

#define THREADS_MAX 64

struct workers {
    struct mutex mutex;
    struct condition changed;
    struct job *first;
    struct job *last;
    unsigned queued;
    bool closing;
    unsigned threads;
    struct thread thread[];
};

static void on_done(struct message *message)
{
    struct job *job = LIST_OBJECT(message, struct job, message);
    job->done(job);
}

/* The next job, waiting for it; NULL when the pool closes and nothing is left. */
static struct job *take(struct workers *workers)
{
    mutex_lock(&workers->mutex);
    while (workers->first == NULL && !workers->closing) {
        (void)condition_wait(&workers->changed, &workers->mutex, UINT64_MAX);
    }
    struct job *job = workers->first;
    if (job != NULL) {
        workers->first = job->next;
        workers->last = job->next == NULL ? NULL : workers->last;
        workers->queued--;
    }
    mutex_unlock(&workers->mutex);
    return job;
}

static void work(void *object)
{
    struct job *job;
    while ((job = take(object)) != NULL) {
        job->run(job);
        loop_post(job->home, &job->message);
    }
}

struct workers *workers_new(unsigned threads)
{
    must(threads > 0 && threads <= THREADS_MAX);
    struct workers *workers = must_have(
        calloc(1, sizeof *workers + threads * sizeof(struct thread)));
    mutex_init(&workers->mutex);
    condition_init(&workers->changed);
    for (unsigned i = 0; i < threads; i++) {
        if (thread_start(&workers->thread[i], "aire-worker", work, workers) != ERR_OK) {
            break;
        }
        workers->threads++;
    }
    /* Fewer than asked for is slower; none would leave jobs waiting for ever. */
    must(workers->threads > 0);
    return workers;
}

void workers_free(struct workers *workers)
{
    if (workers == NULL) {
        return;
    }
    mutex_lock(&workers->mutex);
    workers->closing = true;
    condition_wake(&workers->changed);
    mutex_unlock(&workers->mutex);
    for (unsigned i = 0; i < workers->threads; i++) {
        thread_join(&workers->thread[i]);
    }
    condition_end(&workers->changed);
    mutex_end(&workers->mutex);
    free(workers);
}

enum err workers_submit(struct workers *workers, struct job *job)
{
    must(job->home != NULL && job->run != NULL && job->done != NULL);
    enum err err = ERR_OK;
    job->message.run = on_done;
    job->next = NULL;
    mutex_lock(&workers->mutex);
    if (workers->closing || workers->queued >= WORK_QUEUE_MAX) {
        err = ERR_LIMIT;
    } else {
        if (workers->last == NULL) {
            workers->first = job;
        } else {
            workers->last->next = job;
        }
        workers->last = job;
        workers->queued++;
        condition_wake(&workers->changed);
    }
    mutex_unlock(&workers->mutex);
    return err;
}
