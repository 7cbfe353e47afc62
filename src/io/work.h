/* SPDX-License-Identifier: Apache-2.0
 * work.h - threads for what blocks or takes long (name resolution is not among it: dns.h).
 */
#ifndef AIRE_IO_WORK_H
#define AIRE_IO_WORK_H

#include "io/loop.h"

struct workers;

struct job {
    struct message message; /* internal */
    struct job *next;
    struct loop *home;             /* `done` runs there */
    void (*run)(struct job *job);  /* on a worker */
    void (*done)(struct job *job); /* on `home` */
};

#define WORK_QUEUE_MAX 1024

struct workers *workers_new(unsigned threads);
void workers_free(struct workers *workers); /* finishes what is queued */
enum err workers_submit(struct workers *workers, struct job *job) MUST_USE; /* LIMIT when full */

#endif
