/* SPDX-License-Identifier: Apache-2.0
 * stream.h - events of an answer on their way to the client: released up to a mark, and edited.
 *
 * Events are kept in order; each carries texts of channels (choice, block or tool argument), which
 * are counted as they stand in the JSON strings. A stage that judges a channel holds it: the
 * channel's release mark is the minimum over its judges. An event leaves when all its texts end at
 * or below their marks and every event before it has left. Without judges everything leaves at
 * once, as the raw slices that came. Nothing leaves before the first releasable content; then all
 * that waits in front of it leaves too.
 *
 * A judge may replace a range of a channel's text that it has not cleared yet. The replacement
 * leaves with the event in which the range begins; nothing that left is ever sent again.
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
#define STREAM_TEXTS_MAX    16    /* of one event: DELTAS_MAX */
#define STREAM_EDITS_MAX    10000 /* waiting, of one stream */

/* A text in an event: a piece of a channel. */
struct stream_text {
    uint64_t key; /* of the channel */
    size_t at;    /* of its first byte in the event's raw bytes */
    size_t len;   /* as it stands there, escaped */
};

struct stream_channel;
struct stream_event;

struct stream {
    struct buf held;             /* raw bytes of the waiting events */
    struct buf edited;           /* what leaves, where it differs */
    struct stream_event *events; /* ring of `room` */
    size_t first;
    size_t count;
    size_t room;
    struct stream_channel *channels;
    size_t channel_count;
    size_t channel_room;
    size_t edits;      /* waiting */
    size_t edit_bytes; /* of their replacements, at most STREAM_HELD_MAX */
    uint32_t judges;
    bool open;   /* the first content has left */
    bool ripe;   /* something waits that may open it */
    bool locked; /* last events wait until stream_unlock */
};

void stream_init(struct stream *stream, uint32_t judges, bool lock_last);
void stream_end(struct stream *stream);

/* Appends an event with up to STREAM_TEXTS_MAX texts. LIMIT beyond the limits above. */
enum err stream_add(struct stream *stream, struct str raw, bool content, bool last,
                    const struct stream_text *texts, size_t count) MUST_USE;
/* Judge number `judge` is content with channel `key` up to `bytes` of its text. Marks only rise. */
void stream_clear(struct stream *stream, uint32_t judge, uint64_t key, uint64_t bytes);
/* [from, to) of the channel's text leaves as `with` (escaped, copied). Ranges come in rising order
 * and lie above the mark. LIMIT beyond STREAM_EDITS_MAX. */
enum err stream_edit(struct stream *stream, uint64_t key, uint64_t from, uint64_t to,
                     struct str with) MUST_USE;
void stream_unlock(struct stream *stream);
/* What may leave now, borrowed until the next call; "" with events 0 when nothing may. Where there
 * are events the caller sends it and then must call stream_sent: edits are used up. */
struct str stream_releasable(struct stream *stream, size_t *events);
void stream_sent(struct stream *stream, size_t events);
/* Memory that it holds. */
size_t stream_bytes(const struct stream *stream);
/* Forgets what waits (an attempt failed before anything left). */
void stream_drop(struct stream *stream);

#endif
