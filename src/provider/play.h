/* SPDX-License-Identifier: Apache-2.0
 * play.h - puts one answer on the wire of one connection, in the time and the bytes that its act
 * wants.
 *
 * Invariant: the answer's bytes are final before the first one leaves; without faults that take
 * time everything is written in one go and play_start returns the outcome at once.
 */
#ifndef AIRE_PROVIDER_PLAY_H
#define AIRE_PROVIDER_PLAY_H

#include "io/conn.h"
#include "provider/answer.h"
#include "provider/script.h"

enum play_outcome {
    PLAY_RUNNING, /* `done` will be called */
    PLAY_KEEP,    /* the next request may come */
    PLAY_CLOSE,   /* all is queued; close after it has left */
    PLAY_RESET    /* all has left; close abortively now */
};

struct play {
    struct timer timer;
    struct conn *conn;
    struct script *script; /* held while the play lasts */
    const struct script_do *act;
    const struct answer *answer;
    struct buf *wire; /* the connection's */
    size_t sent;
    size_t step; /* 0: the head; 1 ...: the parts; then the end */
    uint64_t bytes;
    bool waited;
    bool tokens_begun;
    bool chunked;
    bool http10; /* the request's version */
    bool bodyless;
    bool keep;
    void (*done)(struct play *play, enum play_outcome outcome);
};

struct play_options {
    struct conn *conn;
    struct script *script;
    const struct script_do *act;
    const struct answer *answer;
    struct buf *wire;
    bool http10;
    bool bodyless;   /* the answer to HEAD */
    bool keep_alive; /* the client would go on */
    void (*done)(struct play *play, enum play_outcome outcome);
};

enum play_outcome play_start(struct play *play, const struct play_options *options);
void play_stop(struct play *play); /* the connection goes; harmless when nothing plays */

#endif
