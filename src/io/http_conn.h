/* SPDX-License-Identifier: Apache-2.0
 * http_conn.h - the insides that http_server.c, http_conn.c and http_call.c share.
 *
 * Invariants: a connection has a call from the first byte of a request until that request is read
 * and its response is queued; `call->at` and `conn->call` point to each other or the call is alone.
 * A parser is lent only while a request is read: an idle connection holds this struct and a conn.
 */
#ifndef AIRE_IO_HTTP_CONN_H
#define AIRE_IO_HTTP_CONN_H

#include "base/list.h"
#include "io/conn.h"
#include "io/http_server.h"

/* RFC 9110, section 15.6.4: what can be said without any memory. */
#define HTTP_BUSY_ANSWER                                                                           \
    "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n"                  \
    "connection: close\r\n\r\n"
#define HTTP_PARSERS_SPARE 32
#define HTTP_LENT_MAX      2 /* bodies that a connection borrows to the kernel at a time */

struct http_server {
    struct loop *loop;
    const struct http_handler *handler;
    void *owner;
    struct http_server_limits limits;
    struct cap *connections;
    struct cap *memory;
    struct cap own_connections;
    struct link conns;
    size_t count;
    struct link closed; /* freed at the end of the turn, when nobody runs in them any more */
    struct deferred reaper;
    struct link listeners;
    struct timer accept_again; /* after running out of descriptors */
    struct http1_parser *spare[HTTP_PARSERS_SPARE];
    size_t spares;
    struct arena_pool *arenas;
    struct buf head; /* of the response being written */
    int64_t date_s;
    char date[WHEN_TEXT_BYTES]; /* of date_s */
    bool draining;
};

enum http_wait {
    HTTP_WAIT_NONE,    /* the timer may be armed: it then means nothing */
    HTTP_WAIT_REQUEST, /* idle */
    HTTP_WAIT_HEAD,
    HTTP_WAIT_BODY,
    HTTP_WAIT_WRITE /* output waits for the client */
};

struct http_conn {
    struct link link;
    struct http_server *server;
    struct conn *conn; /* NULL: closed */
    struct http1_parser *parser;
    struct http_call *call;
    struct timer timer;
    enum http_wait wait;
    uint64_t sent;          /* conn_sent_bytes when HTTP_WAIT_WRITE began */
    struct deferred broken; /* a write failed: on_gone follows from here */
    struct buf lent[HTTP_LENT_MAX];
    bool busy;       /* on_data is running */
    bool leftover;   /* unread input waits in conn */
    bool unanswered; /* the response's head could not be written */
    bool failed;     /* `broken` will run; nothing is written any more */
};

enum http_progress { HTTP_OPEN, HTTP_BEGUN, HTTP_ENDED };

struct http_call {
    struct http_conn *at;
    struct arena *arena; /* holds this struct too */
    struct loop *loop;
    struct cap *memory;
    struct http_head head;
    struct str path;
    struct str query;
    struct buf body;
    size_t counted;   /* bytes of `body` taken from `memory` */
    uint64_t dropped; /* bytes of a body that nobody wants */
    struct instant began;
    struct instant body_began;
    struct instant last_byte;
    struct address peer;
    void *data;
    enum http_progress progress;
    uint64_t left;    /* of the announced response body */
    bool has_head;    /* the request's */
    bool handed;      /* the handler owns it */
    bool whole;       /* the request was read to its end */
    bool released;    /* by the handler, while the connection still needs it */
    bool chunked;     /* the response */
    bool bodyless;    /* the response */
    bool until_close; /* the response */
    bool close;       /* the connection ends with this response */
    bool full;        /* on_writable is owed */
};

/* ---- http_conn.c ---- */
void http_conn_open(struct http_server *server, int sock, const struct address *peer);
void http_conn_lose(struct http_conn *at);  /* closes at once; a handler not at its end is told */
void http_conn_shut(struct http_conn *at);  /* the same when all output has left */
void http_conn_ended(struct http_conn *at); /* the response is queued */
void http_conn_wrote(struct http_conn *at, enum err err); /* output was queued, or failed */

/* ---- http_call.c ---- */
struct http_call *http_call_new(struct http_conn *at);
void http_call_set_head(struct http_call *call, const struct http_head *head);
void http_call_detach(struct http_call *call); /* frees it when the handler has released it */
/* LIMIT: body_bytes_max; FULL: no memory in the cap. */
enum err http_call_add_body(struct http_call *call, struct str piece, uint64_t max) MUST_USE;

/* ---- http_server.c ---- */
struct http1_parser *http_server_lend(struct http_server *server);
void http_server_take_back(struct http_server *server, struct http1_parser *parser);
const char *http_server_date(struct http_server *server); /* for the Date field */

#endif
