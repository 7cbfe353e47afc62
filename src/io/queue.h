/* SPDX-License-Identifier: Apache-2.0
 * queue.h - output that waits for a peer: a chain of chunks, copied or borrowed. For conn.c only.
 */
#ifndef AIRE_IO_QUEUE_H
#define AIRE_IO_QUEUE_H

#include "base/cap.h"
#include "base/err.h"
#include "base/str.h"

struct chunk;

struct queue {
    struct chunk *first;
    struct chunk *last;
    size_t bytes;
};

/* All zero is an empty queue. `memory` counts copied bytes and may be NULL; always the same one. */
enum err queue_add(struct queue *queue, struct cap *memory, struct str bytes) MUST_USE;
void queue_lend(struct queue *queue, struct str bytes);
/* The next bytes to send as at most `room` slices; their number. */
size_t queue_slices(const struct queue *queue, struct str *slices, size_t room);
void queue_drop(struct queue *queue, struct cap *memory, size_t bytes); /* from the front */
void queue_own(struct queue *queue); /* copies what is borrowed */

#endif
