/* SPDX-License-Identifier: Apache-2.0
 * stream.c - a queue of raw events and the marks that let them go.
 *
 * Invariant: `held` is exactly the concatenation of the waiting events' raw bytes. */
#include "gateway/stream.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

void stream_init(struct stream *stream, uint32_t judges, bool lock_last)
{
    must(judges <= STREAM_JUDGES_MAX);
    *stream = (struct stream){.judges = judges, .locked = lock_last};
    buf_init(&stream->held, STREAM_HELD_MAX);
}

void stream_end(struct stream *stream)
{
    buf_end(&stream->held);
    free(stream->events);
    free(stream->channels);
    *stream = (struct stream){0};
}

static void grow_events(struct stream *stream)
{
    size_t room = stream->room == 0 ? 8 : stream->room * 2;
    struct stream_event *events = malloc(room * sizeof *events);
    if (events == NULL) {
        must_have_memory();
    }
    for (size_t i = 0; i < stream->count; i++) {
        events[i] = stream->events[(stream->first + i) % stream->room];
    }
    free(stream->events);
    stream->events = events;
    stream->first = 0;
    stream->room = room;
}

static struct stream_channel *find_channel(const struct stream *stream, uint64_t key)
{
    for (size_t i = 0; i < stream->channel_count; i++) {
        if (stream->channels[i].key == key) {
            return &stream->channels[i];
        }
    }
    return NULL;
}

static struct stream_channel *make_channel(struct stream *stream, uint64_t key)
{
    struct stream_channel *found = find_channel(stream, key);
    if (found != NULL || stream->channel_count == STREAM_CHANNELS_MAX) {
        return found;
    }
    if (stream->channel_count == stream->channel_room) {
        size_t room = stream->channel_room == 0 ? 2 : stream->channel_room * 2;
        struct stream_channel *channels = realloc(stream->channels, room * sizeof *channels);
        if (channels == NULL) {
            must_have_memory();
        }
        stream->channels = channels;
        stream->channel_room = room;
    }
    found = &stream->channels[stream->channel_count++];
    *found = (struct stream_channel){.key = key};
    return found;
}

enum err stream_add(struct stream *stream, struct str raw, bool content, bool last, uint64_t key,
                    uint64_t decoded)
{
    struct stream_event event = {.bytes = raw.len, .content = content, .last = last};
    if (stream->judges > 0 && decoded > 0) {
        struct stream_channel *channel = make_channel(stream, key);
        if (channel == NULL) {
            return ERR_LIMIT;
        }
        channel->decoded += decoded;
        event.channel = (uint32_t)(channel - stream->channels);
        event.decoded_end = channel->decoded;
    }
    enum err code = buf_add(&stream->held, raw);
    if (code != ERR_OK) {
        return code;
    }
    if (stream->count == stream->room) {
        grow_events(stream);
    }
    stream->events[(stream->first + stream->count) % stream->room] = event;
    stream->count++;
    stream->ripe = stream->ripe || content || last;
    return ERR_OK;
}

void stream_clear(struct stream *stream, uint32_t judge, uint64_t key, uint64_t decoded)
{
    must(judge < stream->judges);
    struct stream_channel *channel = find_channel(stream, key);
    if (channel != NULL && channel->cleared[judge] < decoded) {
        must(decoded <= channel->decoded);
        channel->cleared[judge] = decoded;
    }
}

static uint64_t mark_of(const struct stream *stream, const struct stream_channel *channel)
{
    uint64_t mark = channel->decoded;
    for (uint32_t i = 0; i < stream->judges; i++) {
        mark = channel->cleared[i] < mark ? channel->cleared[i] : mark;
    }
    return mark;
}

uint64_t stream_mark(const struct stream *stream, uint64_t key)
{
    const struct stream_channel *channel = find_channel(stream, key);
    return channel != NULL ? mark_of(stream, channel) : 0;
}

void stream_unlock(struct stream *stream)
{
    stream->locked = false;
}

struct str stream_releasable(const struct stream *stream, size_t *events)
{
    size_t bytes = 0;
    size_t count = 0;
    bool open = stream->open;
    if (!open && !stream->ripe) { /* pings alone: not looked through again for each */
        *events = 0;
        return STR("");
    }
    while (count < stream->count) {
        const struct stream_event *event = &stream->events[(stream->first + count) % stream->room];
        if ((event->last && stream->locked) ||
            (event->decoded_end > 0 &&
             event->decoded_end > mark_of(stream, &stream->channels[event->channel]))) {
            break;
        }
        /* A terminal event ends an answer without content: that, too, may leave. */
        open = open || event->content || event->last;
        bytes += event->bytes;
        count++;
    }
    *events = open ? count : 0;
    return open ? str_cut(buf_str(&stream->held), 0, bytes) : STR("");
}

void stream_sent(struct stream *stream, size_t bytes, size_t events)
{
    must(events <= stream->count && bytes <= stream->held.len);
    stream->open = stream->open || events > 0;
    stream->first = stream->room > 0 ? (stream->first + events) % stream->room : 0;
    stream->count -= events;
    if (bytes == stream->held.len) {
        buf_clear(&stream->held);
    } else {
        buf_drop_front(&stream->held, bytes);
    }
}

void stream_drop(struct stream *stream)
{
    must(!stream->open);
    buf_clear(&stream->held);
    stream->first = 0;
    stream->count = 0;
    stream->channel_count = 0;
    stream->ripe = false;
}
