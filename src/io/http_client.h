/* SPDX-License-Identifier: Apache-2.0
 * http_client.h - HTTP/1.1 requests from one loop: pooled connections, TLS, proxies by CONNECT.
 *
 * The request is built from fields, always with one Content-Length; the body is borrowed as slices
 * until the fetch ends. A pooled connection that dies within a second and before any byte of
 * the response came is replaced by a fresh one, once. Encoded responses are the caller's to refuse;
 * `accept-encoding: identity` is sent.
 */
#ifndef AIRE_IO_HTTP_CLIENT_H
#define AIRE_IO_HTTP_CLIENT_H

#include "base/cap.h"
#include "io/dns.h"
#include "io/http1.h"
#include "io/loop.h"
#include "io/tls.h"

struct http_client;
struct http_origin;
struct http_fetch;

struct http_client_options {
    struct loop *loop;
    struct cap *memory;      /* may be NULL */
    uint32_t idle_ms;        /* unused connections are closed after it; 0: 60 s */
    uint32_t idle_max;       /* kept per origin; 0: 256 */
    uint32_t per_origin_max; /* connections per origin, waiting ones queue behind; 0: 4096 */
};

struct http_client *http_client_new(const struct http_client_options *options);
void http_client_free(struct http_client *client); /* fetches must have ended */

/* Where to: interned by its text form, with its pool; lives as long as the client. */
struct http_origin_options {
    struct str host; /* name or literal; for a Unix socket "unix:/path" */
    uint16_t port;
    struct tls_client *tls; /* NULL: plain; a reference is taken */
    struct str tls_key;     /* tells trust configurations apart */
    struct str proxy_host;  /* "" none; CONNECT for https, absolute-form for http */
    uint16_t proxy_port;
    struct str proxy_auth; /* value of Proxy-Authorization, or "" */
};
struct http_origin *http_origin_get(struct http_client *client,
                                    const struct http_origin_options *options);

/* FETCH_WAIT: for the head. */
enum fetch_phase { FETCH_RESOLVE, FETCH_CONNECT, FETCH_TLS, FETCH_SEND, FETCH_WAIT, FETCH_BODY };

struct fetch_handler {
    void (*on_connected)(void *owner); /* may be NULL; pooled ones too; again when replaced */
    void (*on_head)(void *owner, const struct http_head *head); /* final one, 1xx are skipped */
    void (*on_body)(void *owner, struct str piece);
    /* Exactly once unless cancelled (it may not be cancelled here): OK, or DNS, REFUSED,
     * UNREACHABLE, TLS, TIMEOUT (connect only), RESET, CLOSED (cut), SYNTAX (malformed response),
     * LIMIT, INVALID (a field that cannot be sent). A proxy that refuses is REFUSED. The fetch is
     * gone afterwards. */
    void (*on_done)(void *owner, enum err why);
};

struct fetch_options {
    struct http_origin *origin;
    struct str method;
    struct str target;
    const struct http_field *fields; /* hop fields, host, expect, accept-encoding are dropped */
    size_t count;
    const struct str *body; /* slices, borrowed until the fetch ends */
    size_t body_count;
    /* Waiting for a free connection, name, connection, TLS together; 0: 10 s. */
    uint32_t connect_ms;
    bool once; /* on a new connection, and never sent a second time: the request may not be repeated
                */
    const struct fetch_handler *handler;
    void *owner;
};

/* Never calls the handler before it returns. */
struct http_fetch *http_fetch_start(struct http_client *client,
                                    const struct fetch_options *options);
void http_fetch_cancel(struct http_fetch *fetch); /* silent; the connection is not pooled again */
void http_fetch_pause(struct http_fetch *fetch);  /* on_body stops soon; back-pressure */
void http_fetch_resume(struct http_fetch *fetch);
enum fetch_phase http_fetch_phase(const struct http_fetch *fetch);
/* Words for a TLS or parse failure, in on_done. */
const char *http_fetch_why(const struct http_fetch *fetch);

/* Open ones, idle ones included. */
size_t http_client_connections(const struct http_client *client);

#endif
