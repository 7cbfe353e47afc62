/* SPDX-License-Identifier: Apache-2.0
 * http_server.h - HTTP/1.1 on one loop's listeners: connections, limits, deadlines, keep-alive,
 * pipelining, chunked both ways, Expect: 100-continue, HTTP/1.0, HEAD, drain.
 *
 * A `call` (http_call.h) is one request and its response. The handler owns it from on_head until
 * http_call_release. Requests of one connection are handed over one after the other; bodies whole,
 * at most body_bytes_max. What the server refuses itself is answered and the connection closed.
 */
#ifndef AIRE_IO_HTTP_SERVER_H
#define AIRE_IO_HTTP_SERVER_H

#include "base/cap.h"
#include "io/http_call.h"

struct http_server;

struct http_handler {
    /* The head is there, no byte of the body was read. May reply at once (the body is then
     * dropped). */
    void (*on_head)(void *owner, struct http_call *call);
    /* The whole request is there. Not called when on_head has replied. */
    void (*on_request)(void *owner, struct http_call *call);
    /* The queue was drained after http_call_full was true. */
    void (*on_writable)(void *owner, struct http_call *call);
    /* The client has gone (closing its sending side alone counts too), the connection failed, or
     * the server refused the request (a body too slow, too large, malformed), before http_call_end.
     * Replies go nowhere from now on; the handler still releases. Called at most once, never inside
     * a call of the http_call functions.
     */
    void (*on_gone)(void *owner, struct http_call *call);
    /* Writes the body of a refusal that the server itself decides (400, 408, 413, 431 ...) in the
     * shape that clients of `target` ("" when unknown) understand. May be NULL: plain JSON. */
    void (*on_refuse)(void *owner, struct str target, unsigned status, const char *what,
                      struct buf *body);
};

struct http_server_limits {
    uint64_t body_bytes_max;  /* 413 */
    uint32_t connections_max; /* where no `connections` is given; beyond it 503 and closed */
    uint32_t head_ms;         /* first byte to complete head: 408 */
    uint32_t body_idle_ms;    /* no byte of a body for this long: 408 */
    uint32_t body_rate_min;   /* bytes/s, measured after 5 s: 408 */
    uint32_t keep_alive_ms;   /* idle between requests: closed */
    uint32_t write_idle_ms;   /* a client that takes nothing of queued output: closed */
    struct http1_limits head;
};
extern const struct http_server_limits http_server_limits_default;

struct http_server_options {
    struct loop *loop;
    const struct http_handler *handler;
    void *owner;
    struct http_server_limits limits;
    struct cap *connections; /* shared by all loops; NULL: connections_max of this server's own */
    struct cap *memory;      /* buffered bytes: 503 beyond; may be NULL */
};

struct http_server *http_server_new(const struct http_server_options *options);
void http_server_free(struct http_server *server); /* closes everything at once */
enum err http_server_listen(struct http_server *server, const struct address *at, bool reuse_port,
                            struct address *bound) MUST_USE;
/* No new connections or requests; each connection closes after its current response (Connection:
 * close). */
void http_server_drain(struct http_server *server);
size_t http_server_connections(const struct http_server *server);

#endif
