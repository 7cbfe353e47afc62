/* SPDX-License-Identifier: Apache-2.0
 * stream.c - a queue of raw events, the marks that let them go, the edits that change them.
 *
 * Invariants: `held` is exactly the concatenation of the waiting events' raw bytes; the edits of a
 * channel are in rising order, do not overlap, and end behind what has left. */
#include "gateway/stream.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

struct edit {
    uint64_t from;
    uint64_t to;
    char *with;
    size_t len;
    bool begun; /* `with` has left */
};

struct stream_channel {
    uint64_t key;
    uint64_t came; /* bytes of its text in events that were added */
    uint64_t left; /* bytes of it in events that were sent */
    uint64_t cleared[STREAM_JUDGES_MAX];
    struct edit *edits;
    size_t edit_count;
    size_t edit_room;
};

struct piece {
    uint32_t channel;
    size_t at; /* in the event's raw bytes */
    size_t len;
    uint64_t end; /* of it in the channel's text */
};

struct stream_event {
    size_t bytes; /* of its raw form in `held` */
    bool content;
    bool last;
    uint8_t pieces;
    struct piece piece; /* the first; what an event rarely has more hangs on `others` */
    struct piece *others;
};

void stream_init(struct stream *stream, uint32_t judges, bool lock_last)
{
    must(judges <= STREAM_JUDGES_MAX);
    *stream = (struct stream){.judges = judges, .locked = lock_last};
    buf_init(&stream->held, STREAM_HELD_MAX);
    buf_init(&stream->edited, 2 * STREAM_HELD_MAX);
}

static struct stream_event *event_at(const struct stream *stream, size_t i)
{
    return &stream->events[(stream->first + i) % stream->room];
}

static void forget_edits(struct stream *stream, struct stream_channel *channel, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        stream->edit_bytes -= channel->edits[i].len;
        free(channel->edits[i].with);
    }
    stream->edits -= count;
    channel->edit_count -= count;
    if (channel->edit_count > 0) {
        memmove(channel->edits, channel->edits + count,
                channel->edit_count * sizeof *channel->edits);
    }
}

static void forget_events(struct stream *stream, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(event_at(stream, i)->others);
    }
    stream->first = stream->room > 0 ? (stream->first + count) % stream->room : 0;
    stream->count -= count;
}

static void forget_channels(struct stream *stream)
{
    for (size_t i = 0; i < stream->channel_count; i++) {
        forget_edits(stream, &stream->channels[i], stream->channels[i].edit_count);
        free(stream->channels[i].edits);
    }
    stream->channel_count = 0;
}

void stream_end(struct stream *stream)
{
    forget_events(stream, stream->count);
    forget_channels(stream);
    buf_end(&stream->held);
    buf_end(&stream->edited);
    free(stream->events);
    free(stream->channels);
    *stream = (struct stream){0};
}

static void grow_events(struct stream *stream)
{
    size_t room = stream->room == 0 ? 8 : stream->room * 2;
    struct stream_event *events = must_have(malloc(room * sizeof *events));
    for (size_t i = 0; i < stream->count; i++) {
        events[i] = *event_at(stream, i);
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
        stream->channels = must_have(realloc(stream->channels, room * sizeof *stream->channels));
        stream->channel_room = room;
    }
    found = &stream->channels[stream->channel_count++];
    *found = (struct stream_channel){.key = key};
    return found;
}

static struct piece *piece_of(struct stream_event *event, size_t i)
{
    return i == 0 ? &event->piece : &event->others[i - 1];
}

/* Texts stand in an event in the order of its bytes, whatever the order they were read in. */
static enum err add_pieces(struct stream *stream, struct stream_event *event,
                           const struct stream_text *texts, size_t count)
{
    must(count <= STREAM_TEXTS_MAX);
    if (count > 1) {
        event->others = must_have(malloc((count - 1) * sizeof *event->others));
    }
    for (size_t i = 0; i < count; i++) {
        struct stream_channel *channel = make_channel(stream, texts[i].key);
        if (channel == NULL) {
            free(event->others);
            return ERR_LIMIT;
        }
        channel->came += texts[i].len;
        size_t at = i;
        for (; at > 0 && piece_of(event, at - 1)->at > texts[i].at; at--) {
            *piece_of(event, at) = *piece_of(event, at - 1);
        }
        *piece_of(event, at) = (struct piece){(uint32_t)(channel - stream->channels), texts[i].at,
                                              texts[i].len, channel->came};
    }
    event->pieces = (uint8_t)count;
    return ERR_OK;
}

enum err stream_add(struct stream *stream, struct str raw, bool content, bool last,
                    const struct stream_text *texts, size_t count)
{
    struct stream_event event = {.bytes = raw.len, .content = content, .last = last};
    if (stream->held.len + raw.len > STREAM_HELD_MAX) {
        return ERR_LIMIT;
    }
    if (stream->judges > 0 && add_pieces(stream, &event, texts, count) != ERR_OK) {
        return ERR_LIMIT;
    }
    enum err code = buf_add(&stream->held, raw);
    must(code == ERR_OK);
    if (stream->count == stream->room) {
        grow_events(stream);
    }
    stream->count++;
    *event_at(stream, stream->count - 1) = event;
    stream->ripe = stream->ripe || content || last;
    return ERR_OK;
}

/* ---- marks ---- */

void stream_clear(struct stream *stream, uint32_t judge, uint64_t key, uint64_t bytes)
{
    must(judge < stream->judges);
    struct stream_channel *channel = find_channel(stream, key);
    if (channel != NULL && channel->cleared[judge] < bytes) {
        must(bytes <= channel->came);
        channel->cleared[judge] = bytes;
    }
}

static uint64_t mark_of(const struct stream *stream, const struct stream_channel *channel)
{
    uint64_t mark = channel->came;
    for (uint32_t i = 0; i < stream->judges; i++) {
        mark = num_min(mark, channel->cleared[i]);
    }
    return mark;
}

void stream_unlock(struct stream *stream)
{
    stream->locked = false;
}

/* ---- edits ---- */

enum err stream_edit(struct stream *stream, uint64_t key, uint64_t from, uint64_t to,
                     struct str with)
{
    struct stream_channel *channel = find_channel(stream, key);
    must(channel != NULL && channel->left <= from && from < to && to <= channel->came);
    must(channel->edit_count == 0 || channel->edits[channel->edit_count - 1].to <= from);
    if (stream->edits == STREAM_EDITS_MAX || stream->edit_bytes + with.len > STREAM_HELD_MAX) {
        return ERR_LIMIT;
    }
    if (channel->edit_count == channel->edit_room) {
        size_t room = channel->edit_room == 0 ? 4 : channel->edit_room * 2;
        channel->edits = must_have(realloc(channel->edits, room * sizeof *channel->edits));
        channel->edit_room = room;
    }
    char *copy = must_have(malloc(with.len + 1));
    if (with.len > 0) {
        memcpy(copy, with.at, with.len);
    }
    channel->edits[channel->edit_count++] = (struct edit){from, to, copy, with.len, false};
    stream->edits++;
    stream->edit_bytes += with.len;
    return ERR_OK;
}

static void put(struct stream *stream, struct str bytes)
{
    enum err code = buf_add(&stream->edited, bytes);
    must(code == ERR_OK); /* what waits and what replaces it are limited */
}

/* The text of one piece as it leaves; edits that end in it are done with. */
static void write_piece(struct stream *stream, const struct piece *piece, struct str text)
{
    struct stream_channel *channel = &stream->channels[piece->channel];
    uint64_t begin = piece->end - piece->len;
    uint64_t at = begin;
    size_t done = 0;
    for (size_t i = 0; i < channel->edit_count && channel->edits[i].from < piece->end; i++) {
        struct edit *edit = &channel->edits[i];
        if (edit->from > at) {
            put(stream, str_cut(text, (size_t)(at - begin), (size_t)(edit->from - begin)));
        }
        if (!edit->begun) {
            put(stream, (struct str){edit->with, edit->len});
            edit->begun = true;
        }
        at = num_min(piece->end, num_max(at, edit->to));
        done += edit->to <= piece->end ? 1 : 0;
    }
    put(stream, str_cut(text, (size_t)(at - begin), text.len));
    forget_edits(stream, channel, done);
}

static void write_event(struct stream *stream, struct stream_event *event, struct str raw)
{
    size_t at = 0;
    for (size_t i = 0; i < event->pieces; i++) {
        const struct piece *piece = piece_of(event, i);
        put(stream, str_cut(raw, at, piece->at));
        at = piece->at + piece->len;
        write_piece(stream, piece, str_cut(raw, piece->at, at));
    }
    put(stream, str_cut(raw, at, raw.len));
}

/* ---- leaving ---- */

static bool may_leave(const struct stream *stream, struct stream_event *event)
{
    if (event->last && stream->locked) {
        return false;
    }
    for (size_t i = 0; i < event->pieces; i++) {
        const struct piece *piece = piece_of(event, i);
        if (piece->end > mark_of(stream, &stream->channels[piece->channel])) {
            return false;
        }
    }
    return true;
}

struct str stream_releasable(struct stream *stream, size_t *events)
{
    size_t bytes = 0;
    size_t count = 0;
    bool open = stream->open;
    *events = 0;
    if (!open && !stream->ripe) { /* pings alone: not looked through again for each */
        return STR("");
    }
    while (count < stream->count && may_leave(stream, event_at(stream, count))) {
        const struct stream_event *event = event_at(stream, count);
        /* A terminal event ends an answer without content: that, too, may leave. */
        open = open || event->content || event->last;
        bytes += event->bytes;
        count++;
    }
    if (!open) {
        return STR("");
    }
    *events = count;
    struct str raw = str_cut(buf_str(&stream->held), 0, bytes);
    if (stream->edits == 0) {
        return raw;
    }
    buf_clear(&stream->edited);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        struct stream_event *event = event_at(stream, i);
        write_event(stream, event, str_cut(raw, at, at + event->bytes));
        at += event->bytes;
    }
    return buf_str(&stream->edited);
}

void stream_sent(struct stream *stream, size_t events)
{
    must(events <= stream->count);
    size_t bytes = 0;
    for (size_t i = 0; i < events; i++) {
        struct stream_event *event = event_at(stream, i);
        bytes += event->bytes;
        for (size_t n = 0; n < event->pieces; n++) {
            const struct piece *piece = piece_of(event, n);
            stream->channels[piece->channel].left = piece->end;
        }
    }
    stream->open = stream->open || events > 0;
    forget_events(stream, events);
    if (bytes == stream->held.len) {
        buf_clear(&stream->held);
    } else {
        buf_drop_front(&stream->held, bytes);
    }
}

size_t stream_bytes(const struct stream *stream)
{
    return stream->held.cap + stream->edited.cap + stream->edit_bytes +
           stream->room * sizeof *stream->events + stream->edits * sizeof(struct edit);
}

void stream_drop(struct stream *stream)
{
    must(!stream->open);
    buf_clear(&stream->held);
    forget_events(stream, stream->count);
    forget_channels(stream);
    stream->first = 0;
    stream->ripe = false;
}
