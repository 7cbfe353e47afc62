/* SPDX-License-Identifier: Apache-2.0
 * stream.h - events of an answer on their way to the client, released up to a mark.
 *
 * Events are kept in order; each belongs to at most one channel (choice, block or tool argument)
 * and ends at a number of bytes of its text (counted as they stand in the JSON strings). A stage
 * that judges a channel holds it: the channel's release mark is the minimum over its judges. An
 * event leaves when its end is at or below the mark and every event before it has left. Without
 * judges everything leaves at once, as the raw slices that came. Nothing leaves before the first
 * releasable content; then all that waits in front of it leaves too.
 */
#ifndef AIRE_GATEWAY_STREAM_H
#define AIRE_GATEWAY_STREAM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/num.h"

#include <stdint.h>

#define STREAM_HELD_MAX     MIB(1) /* raw bytes waiting; beyond it the attempt fails */
#define STREAM_CHANNELS_MAX 256
#define STREAM_JUDGES_MAX   8

struct stream_channel {
    uint64_t key; /* kind and index */
    uint64_t decoded;
    uint64_t cleared[STREAM_JUDGES_MAX];
};

struct stream_event {
    size_t bytes; /* of its raw form in `held` */
    uint32_t channel;
    uint64_t decoded_end; /* 0: belongs to no channel */
    bool content;
    bool last;
};

struct stream {
    struct buf held;
    struct stream_event *events; /* ring of `room` */
    size_t first;
    size_t count;
    size_t room;
    struct stream_channel *channels;
    size_t channel_count;
    size_t channel_room;
    uint32_t judges;
    bool open;   /* the first content has left */
    bool ripe;   /* something waits that may open it */
    bool locked; /* last events wait until stream_unlock */
};

void stream_init(struct stream *stream, uint32_t judges, bool lock_last);
void stream_end(struct stream *stream);

/* Appends an event of `decoded` more bytes in channel `key`. LIMIT beyond the limits above. */
enum err stream_add(struct stream *stream, struct str raw, bool content, bool last, uint64_t key,
                    uint64_t decoded) MUST_USE;
/* Judge number `judge` is content with channel `key` up to `decoded` bytes. Marks only rise. */
void stream_clear(struct stream *stream, uint32_t judge, uint64_t key, uint64_t decoded);
uint64_t stream_mark(const struct stream *stream, uint64_t key);
void stream_unlock(struct stream *stream);
/* What may leave now, borrowed until the next stream_add; empty when nothing may. The caller sends
 * it, then calls stream_sent. */
struct str stream_releasable(const struct stream *stream, size_t *events);
void stream_sent(struct stream *stream, size_t bytes, size_t events);
/* Forgets what waits (an attempt failed before anything left). */
void stream_drop(struct stream *stream);

#endif
