/* SPDX-License-Identifier: Apache-2.0
 * http_line.h - the insides that http_client.c, http_line.c and http_fetch.c share. A line is one
 * connection to an origin: new, in use by one fetch, or idle in the origin's pool.
 *
 * Invariants: `line->fetch` and `fetch->line` point to each other or are NULL; an origin's `open`
 * counts its ready lines and the fetches that hold a slot to dial one.
 */
#ifndef AIRE_IO_HTTP_LINE_H
#define AIRE_IO_HTTP_LINE_H

#include "base/map.h"
#include "io/conn.h"
#include "io/http_client.h"

struct http_client {
    struct loop *loop;
    struct cap *memory;
    uint32_t idle_ms;
    uint32_t idle_max;
    uint32_t per_origin_max;
    struct dns *dns; /* made for the first name */
    struct map *by_key;
    struct arena_pool *arenas; /* of fetches */
    struct link origins;
    size_t connections;
    struct link closed; /* lines that are freed at the end of the turn */
    struct deferred reaper;
    struct buf head; /* of the request being built */
};

struct http_origin {
    struct link link;
    struct http_client *client;
    struct arena *arena;
    struct http_origin_options to; /* strings are the origin's own */
    struct str authority;          /* for Host: without the default port */
    struct str full_authority;     /* for CONNECT: always with a port */
    struct link idle;              /* last used first: the others can grow old and leave */
    size_t idle_count;
    struct link waiting; /* fetches without a slot, first come first served */
    size_t open;
};

struct http_line {
    struct link link; /* in `idle` */
    struct http_origin *origin;
    struct conn *conn; /* NULL: closed, freed at the end of the turn */
    struct http1_parser *parser;
    struct http_fetch *fetch;
    struct timer timer; /* idle */
    bool ready;         /* requests can be sent */
    bool tunnelled;     /* the proxy has connected us */
    bool secured;       /* TLS has been started */
    bool used;          /* has served a response before */
};

struct http_fetch {
    struct link link; /* in `waiting` */
    struct http_origin *origin;
    struct arena *arena; /* holds this struct too */
    const struct fetch_handler *handler;
    void *owner;
    enum fetch_phase phase;
    struct str head;
    const struct str *body;
    size_t body_count;
    struct http_line *line;
    struct instant sent; /* when it got the line */
    struct dns_query *query;
    struct address *addresses;
    size_t address_count;
    size_t address_next;
    struct timer timer; /* until it has a line */
    uint32_t connect_ms;
    struct deferred deferred;
    enum err outcome; /* for `deferred`: to be told; OK: go on */
    const char *why;
    unsigned interim; /* 1xx responses seen */
    bool bodyless;
    bool slot;
    bool answered; /* some byte of a response came */
    bool fresh;    /* takes no pooled line: replaces one that died, or must not be repeated */
    bool paused;
};

/* ---- http_line.c ---- */

/* Takes over a conn being dialled for `fetch`. */
enum err http_line_dial(struct http_fetch *fetch, const struct address *to) MUST_USE;
/* Sends the request on a ready line. */
void http_line_use(struct http_line *line, struct http_fetch *fetch);
void http_line_close(struct http_line *line);

/* ---- http_client.c ---- */

struct http_line *http_origin_idle(struct http_origin *origin); /* taken out of the pool, or NULL */
void http_origin_keep(struct http_origin *origin, struct http_line *line);
void http_origin_drop(struct http_origin *origin, struct http_line *line); /* closes an idle one */
bool http_origin_take_slot(struct http_origin *origin);
void http_origin_return_slot(struct http_origin *origin); /* the next waiting fetch gets it */

/* ---- http_fetch.c ---- */

void http_fetch_go_on(struct http_fetch *fetch); /* with a slot: dial; from a deferred call */
void http_fetch_try_next(struct http_fetch *fetch, enum err why); /* the next address, or the end */
void http_fetch_finish(struct http_fetch *fetch, enum err outcome);
/* A pooled line died under it: once more on a fresh one, or the end. */
void http_fetch_lost(struct http_fetch *fetch, enum err why);

#endif
