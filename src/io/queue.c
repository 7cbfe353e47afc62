/* SPDX-License-Identifier: Apache-2.0
 * queue.c - the chain of output chunks.
 *
 * Invariants: `bytes` is the sum of all `len`; no chunk is empty. Small pieces share one chunk
 * whose size stays within malloc's thread cache: writing a short answer costs no lock and no
 * gather.
 */
#include "io/queue.h"

#include "base/must.h"
#include "base/wipe.h"

#include <stdlib.h>
#include <string.h>

/* With the header below 1,032 bytes, the largest block that glibc caches per thread. */
#define ROOM_SMALL 984

struct chunk {
    struct chunk *next;
    const char *at; /* what is left to send */
    size_t len;
    size_t room;    /* of own; 0: borrowed */
    size_t counted; /* taken from the cap */
    char own[];
};

static struct chunk *chunk_new(size_t room)
{
    struct chunk *chunk = must_have(malloc(sizeof *chunk + room));
    *chunk = (struct chunk){.at = chunk->own, .room = room};
    return chunk;
}

static void chunk_free(struct chunk *chunk)
{
    if (chunk->room > 0) {
        wipe(chunk->own, (size_t)(chunk->at - chunk->own) + chunk->len);
    }
    free(chunk);
}

static void append(struct queue *queue, struct chunk *chunk)
{
    if (queue->last == NULL) {
        queue->first = chunk;
    } else {
        queue->last->next = chunk;
    }
    queue->last = chunk;
}

/* Where more bytes fit behind the last chunk, or NULL. */
static char *tail(const struct queue *queue, size_t bytes)
{
    struct chunk *last = queue->last;
    if (last == NULL || last->room == 0) {
        return NULL;
    }
    size_t used = (size_t)(last->at - last->own) + last->len;
    return last->room - used >= bytes ? last->own + used : NULL;
}

enum err queue_add(struct queue *queue, struct cap *memory, struct str bytes)
{
    if (bytes.len == 0) {
        return ERR_OK;
    }
    char *to = tail(queue, bytes.len);
    if (to == NULL) {
        size_t room = bytes.len > ROOM_SMALL ? bytes.len : ROOM_SMALL;
        if (memory != NULL && !cap_take(memory, room)) {
            return ERR_LIMIT;
        }
        struct chunk *chunk = chunk_new(room);
        chunk->counted = memory != NULL ? room : 0;
        append(queue, chunk);
        to = chunk->own;
    }
    memcpy(to, bytes.at, bytes.len);
    queue->last->len += bytes.len;
    queue->bytes += bytes.len;
    return ERR_OK;
}

void queue_lend(struct queue *queue, struct str bytes)
{
    if (bytes.len == 0) {
        return;
    }
    struct chunk *chunk = chunk_new(0);
    chunk->at = bytes.at;
    chunk->len = bytes.len;
    append(queue, chunk);
    queue->bytes += bytes.len;
}

size_t queue_slices(const struct queue *queue, struct str *slices, size_t room)
{
    size_t count = 0;
    for (const struct chunk *at = queue->first; at != NULL && count < room; at = at->next) {
        slices[count++] = (struct str){at->at, at->len};
    }
    return count;
}

void queue_drop(struct queue *queue, struct cap *memory, size_t bytes)
{
    must(bytes <= queue->bytes);
    queue->bytes -= bytes;
    while (bytes > 0) {
        struct chunk *chunk = queue->first;
        if (bytes < chunk->len) {
            chunk->at += bytes;
            chunk->len -= bytes;
            return;
        }
        bytes -= chunk->len;
        queue->first = chunk->next;
        if (memory != NULL && chunk->counted > 0) {
            cap_return(memory, chunk->counted);
        }
        chunk_free(chunk);
    }
    if (queue->first == NULL) {
        queue->last = NULL;
    }
}

void queue_own(struct queue *queue)
{
    struct chunk **link = &queue->first;
    while (*link != NULL) {
        struct chunk *chunk = *link;
        if (chunk->room == 0) {
            struct chunk *copy = chunk_new(chunk->len);
            memcpy(copy->own, chunk->at, chunk->len);
            copy->len = chunk->len;
            copy->next = chunk->next;
            *link = copy;
            queue->last = queue->last == chunk ? copy : queue->last;
            chunk_free(chunk);
        }
        link = &(*link)->next;
    }
}
