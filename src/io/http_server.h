/* SPDX-License-Identifier: Apache-2.0
 * http_server.h - HTTP/1.1 on one loop's listeners: connections, limits, deadlines, keep-alive,
 * pipelining, chunked both ways, Expect: 100-continue, HTTP/1.0, HEAD, drain.
 *
 * A `call` is one request and its response. The handler owns it from on_head until http_call_release.
 * Requests of one connection are handed over one after the other; bodies whole, at most body_bytes_max.
 */
#ifndef AIRE_IO_HTTP_SERVER_H
#define AIRE_IO_HTTP_SERVER_H

#include "base/cap.h"
#include "io/http1.h"
#include "io/loop.h"

struct http_server;
struct http_call;

struct http_handler {
    /* The head is there, no byte of the body was read. May reply at once (the body is then dropped). */
    void (*on_head)(void *owner, struct http_call *call);
    /* The whole request is there. Not called when on_head has replied. */
    void (*on_request)(void *owner, struct http_call *call);
    /* Queued output fell below HTTP_QUEUE_LOW after http_call_full was true. */
    void (*on_writable)(void *owner, struct http_call *call);
    /* The client has gone or the connection failed before the response had left. Replies go nowhere
     * from now on; the handler still releases. Called at most once. */
    void (*on_gone)(void *owner, struct http_call *call);
    /* Writes the body of a refusal that the server itself decides (400, 408, 413, 431 ...) in the shape
     * that clients of `target` ("" when unknown) understand. May be NULL: plain JSON. */
    void (*on_refuse)(void *owner, struct str target, unsigned status, const char *what,
                      struct buf *body);
};

struct http_server_limits {
    uint64_t body_bytes_max;   /* 413 */
    uint32_t connections_max;  /* over all servers: `connections`; refused by closing with 503 */
    uint32_t head_ms;          /* first byte to complete head: 408 */
    uint32_t body_idle_ms;     /* no byte of a body for this long: 408 */
    uint32_t body_rate_min;    /* bytes/s, measured after 5 s: 408 */
    uint32_t keep_alive_ms;    /* idle between requests: closed */
    uint32_t write_idle_ms;    /* a client that takes nothing of a finished response: closed */
    struct http1_limits head;
};
extern const struct http_server_limits http_server_limits_default;

struct http_server_options {
    struct loop *loop;
    const struct http_handler *handler;
    void *owner;
    struct http_server_limits limits;
    struct cap *connections; /* shared by all loops; may be NULL */
    struct cap *memory;      /* buffered bytes: 503 beyond; may be NULL */
};

#define HTTP_QUEUE_HIGH (256 * 1024) /* http_call_full above it */
#define HTTP_QUEUE_LOW  (64 * 1024)

struct http_server *http_server_new(const struct http_server_options *options);
void http_server_free(struct http_server *server); /* closes everything at once */
enum err http_server_listen(struct http_server *server, const struct address *at, bool reuse_port,
                            struct address *bound) MUST_USE;
/* No new connections or requests; each connection closes after its current response (Connection: close). */
void http_server_drain(struct http_server *server);
size_t http_server_connections(const struct http_server *server);

/* ---- a call: the request ---- */

const struct http_head *http_call_head(const struct http_call *call);
struct str http_call_path(const struct http_call *call);  /* target without query; absolute-form cut */
struct str http_call_query(const struct http_call *call); /* behind '?', or "" */
struct str http_call_body(const struct http_call *call);  /* valid until release */
struct arena *http_call_arena(struct http_call *call);    /* lives until release */
const struct address *http_call_peer(const struct http_call *call);
int http_call_sock(const struct http_call *call);
struct instant http_call_began(const struct http_call *call); /* first byte of the head */
struct loop *http_call_loop(const struct http_call *call);

void http_call_set_data(struct http_call *call, void *data);
void *http_call_data(const struct http_call *call);

/* ---- a call: the response. HEAD, 204 and 304 lose their body here; framing fields are ours. ---- */

#define HTTP_LENGTH_UNKNOWN UINT64_MAX /* chunked, or closed at the end for HTTP/1.0 */

void http_call_begin(struct http_call *call, unsigned status, const struct http_field *fields,
                     size_t count, uint64_t body_bytes);
void http_call_write(struct http_call *call, struct str bytes); /* copied */
void http_call_give(struct http_call *call, struct buf *bytes);  /* ownership moves */
void http_call_end(struct http_call *call);
/* Cuts the connection: the client sees a truncated response. */
void http_call_abort(struct http_call *call);
/* begin + write + end */
void http_call_reply(struct http_call *call, unsigned status, const struct http_field *fields,
                     size_t count, struct str body);
bool http_call_begun(const struct http_call *call);
bool http_call_full(const struct http_call *call); /* wait for on_writable before writing more */
size_t http_call_queued(const struct http_call *call);
void http_call_close_after(struct http_call *call); /* no keep-alive behind this response */
void http_call_release(struct http_call *call); /* exactly once; after end, abort or on_gone */

#endif
