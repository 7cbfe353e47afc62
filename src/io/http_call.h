/* SPDX-License-Identifier: Apache-2.0
 * http_call.h - one request and its response, as a handler of http_server.h sees it.
 *
 * The handler owns a call from on_head until it releases it. Nothing here runs a callback of the
 * handler. HEAD, 204 and 304 lose their body here; framing fields, Connection and Date are ours:
 * given ones are dropped. After on_gone all of it may still be called and goes nowhere.
 */
#ifndef AIRE_IO_HTTP_CALL_H
#define AIRE_IO_HTTP_CALL_H

#include "io/http1.h"
#include "io/loop.h"

struct http_call;

/* ---- the request ---- */

const struct http_head *http_call_head(const struct http_call *call);
struct str http_call_path(const struct http_call *call);  /* no query, no absolute-form host */
struct str http_call_query(const struct http_call *call); /* behind '?', or "" */
struct str http_call_body(const struct http_call *call);  /* valid until release */
struct arena *http_call_arena(struct http_call *call);    /* lives until release; holds the head */
const struct address *http_call_peer(const struct http_call *call);
int http_call_sock(const struct http_call *call);             /* -1 after on_gone */
struct instant http_call_began(const struct http_call *call); /* first byte of the head */

void http_call_set_data(struct http_call *call, void *data);
void *http_call_data(const struct http_call *call);

/* ---- the response ---- */

#define HTTP_QUEUE_HIGH     ((size_t)256 * 1024) /* http_call_full above it */
#define HTTP_LENGTH_UNKNOWN UINT64_MAX           /* chunked, or closed at the end for HTTP/1.0 */

void http_call_begin(struct http_call *call, unsigned status, const struct http_field *fields,
                     size_t count, uint64_t body_bytes);
void http_call_write(struct http_call *call, struct str bytes); /* copied */
void http_call_give(struct http_call *call, struct buf *bytes); /* ownership moves */
/* A body shorter than announced cuts the connection; what is longer is not sent. */
void http_call_end(struct http_call *call);
/* begin + write + end */
void http_call_reply(struct http_call *call, unsigned status, const struct http_field *fields,
                     size_t count, struct str body);
bool http_call_begun(const struct http_call *call);
bool http_call_full(const struct http_call *call); /* wait for on_writable before writing more */
void http_call_release(struct http_call *call);    /* exactly once; after end or on_gone */

#endif
