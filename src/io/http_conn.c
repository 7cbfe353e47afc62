/* SPDX-License-Identifier: Apache-2.0
 * http_conn.c - reads requests from one connection, one after the other, and decides when it ends.
 *
 * Invariants: what may close a connection leaves `conn` NULL and the memory until the end of the
 * turn, so callers may look. One timer serves all deadlines: a connection waits for one thing at a
 * time.
 */
#include "io/http_conn.h"

#include "base/must.h"
#include "base/num.h"

#include <stdint.h>
#include <stdlib.h>

_Static_assert(sizeof(struct http_conn) <= 512, "an idle connection stays small");

#define PENDING_MAX  KIB(256)
#define PIPELINE_MAX KIB(16) /* with more unread input, reading stops while a call runs */
#define DRAIN_MS     10000   /* a client that takes nothing of the last answer for so long */
#define LINGER_MS    2000    /* the client may read the last answer for so long */
#define RATE_MS      5000    /* body_rate_min is measured after it, and every so often */
#define REFUSAL_MAX  KIB(16)

/* ---- deadlines ---- */

static void arm(struct http_conn *at, enum http_wait wait)
{
    const struct http_server_limits *limits = &at->server->limits;
    uint32_t ms = limits->keep_alive_ms;
    if (wait == HTTP_WAIT_HEAD) {
        ms = limits->head_ms;
    } else if (wait == HTTP_WAIT_BODY) {
        ms = limits->body_idle_ms < RATE_MS ? limits->body_idle_ms : RATE_MS;
    } else if (wait == HTTP_WAIT_WRITE) {
        ms = limits->write_idle_ms;
        at->sent = conn_sent_bytes(at->conn);
    }
    at->wait = wait;
    timer_arm(at->server->loop, &at->timer, ms);
}

/* ---- the end ---- */

/* Answers whose ownership was taken over have left, or never will. */
static void drop_lent(struct http_conn *at)
{
    for (size_t i = 0; i < HTTP_LENT_MAX; i++) {
        if (at->lent[i].at != NULL && at->server->memory != NULL) {
            cap_return(at->server->memory, at->lent[i].cap);
        }
        buf_end(&at->lent[i]);
    }
}

/* The conn is gone already. */
static void forget(struct http_conn *at)
{
    struct http_server *server = at->server;
    timer_disarm(&at->timer);
    deferred_cancel(&at->broken);
    http_server_take_back(server, at->parser);
    at->parser = NULL;
    at->conn = NULL;
    drop_lent(at);
    list_remove(&at->link);
    list_push_back(&server->closed, &at->link);
    loop_defer(server->loop, &server->reaper);
    server->count--;
    cap_return(server->connections, 1);
}

/* The call, if the handler must still learn that it is over. */
static struct http_call *drop_call(struct http_conn *at)
{
    struct http_call *call = at->call;
    if (call == NULL) {
        return NULL;
    }
    bool tell = call->handed && call->progress != HTTP_ENDED;
    at->call = NULL;
    http_call_detach(call);
    return tell ? call : NULL;
}

static void leave(struct http_conn *at, bool drain)
{
    struct http_server *server = at->server;
    /* Only the end of the connection would tell an HTTP/1.0 client that the answer is whole. */
    bool cut = at->call != NULL && at->call->until_close && at->call->progress == HTTP_BEGUN;
    struct http_call *call = drop_call(at);
    if (cut) {
        conn_abort(at->conn);
    } else if (drain) {
        conn_close_after_drain(at->conn, DRAIN_MS, LINGER_MS);
    } else {
        conn_close(at->conn);
    }
    forget(at);
    if (call != NULL) {
        server->handler->on_gone(server->owner, call);
    }
}

void http_conn_lose(struct http_conn *at)
{
    leave(at, false);
}

void http_conn_shut(struct http_conn *at)
{
    leave(at, true);
}

static void run_broken(struct deferred *deferred)
{
    struct http_conn *at = LIST_OBJECT(deferred, struct http_conn, broken);
    /* What is lent takes no memory of the cap. */
    bool say = at->unanswered && conn_lend(at->conn, STR(HTTP_BUSY_ANSWER)) == ERR_OK;
    leave(at, say);
}

/* ---- refusals ---- */

static void write_refusal(struct http_conn *at, unsigned status, const char *what, struct buf *body)
{
    const struct http_server *server = at->server;
    if (server->handler->on_refuse != NULL) {
        server->handler->on_refuse(server->owner, at->call->path, status, what, body);
        return;
    }
    enum err err = buf_printf(body, "{\"error\":{\"code\":\"http_%u\",\"message\":\"%s\"}}\n",
                              status, what);
    must(err == ERR_OK);
}

/* Answers in place of the handler and closes. */
static void refuse(struct http_conn *at, unsigned status, const char *what)
{
    struct http_server *server = at->server;
    struct http_call *call = at->call;
    if (call->progress == HTTP_BEGUN) {
        http_conn_lose(at);
        return;
    }
    if (call->progress == HTTP_ENDED) {
        http_conn_shut(at);
        return;
    }
    struct buf body;
    buf_init(&body, REFUSAL_MAX);
    write_refusal(at, status, what, &body);
    struct http_field type = {STR("content-type"), STR("application/json")};
    bool handed = call->handed;
    call->close = true;
    http_call_reply(call, status, &type, 1, buf_str(&body));
    buf_end(&body);
    if (handed) {
        server->handler->on_gone(server->owner, call);
    }
}

/* ---- reading ---- */

static void got_head(struct http_conn *at, bool more_is_there)
{
    const struct http_server *server = at->server;
    struct http_call *call = at->call;
    at->wait = HTTP_WAIT_NONE;
    http_call_set_head(call, http1_head(at->parser));
    call->body_began = loop_now(server->loop);
    call->last_byte = call->body_began;
    if (call->head.has_length && call->head.length > server->limits.body_bytes_max) {
        refuse(at, 413, "declared body too large");
        return;
    }
    call->handed = true;
    server->handler->on_head(server->owner, call);
    if (at->call != call || call->progress != HTTP_OPEN) {
        return;
    }
    /* RFC 9110, section 10.1.1: not needed once the body has begun to come. */
    if (call->head.expects_continue && !more_is_there) {
        http_conn_wrote(at, conn_write(at->conn, STR("HTTP/1.1 100 Continue\r\n\r\n")));
    }
}

static void got_body(struct http_conn *at, struct str piece)
{
    uint64_t max = at->server->limits.body_bytes_max;
    struct http_call *call = at->call;
    call->last_byte = loop_now(at->server->loop);
    if (call->progress != HTTP_OPEN) {
        call->dropped += piece.len;
        if (call->dropped > max) {
            http_conn_lose(at);
        }
        return;
    }
    enum err err = http_call_add_body(call, piece, max);
    if (err == ERR_LIMIT) {
        refuse(at, 413, "body too large");
    } else if (err != ERR_OK) {
        refuse(at, 503, "out of buffer memory");
    }
}

static void got_all(struct http_conn *at)
{
    struct http_server *server = at->server;
    struct http_call *call = at->call;
    http_server_take_back(server, at->parser);
    at->parser = NULL;
    at->wait = HTTP_WAIT_NONE;
    call->whole = true;
    if (call->progress == HTTP_ENDED) {
        http_conn_ended(at);
    } else if (call->progress == HTTP_OPEN) {
        server->handler->on_request(server->owner, call);
    } else {
        http_conn_wrote(at, ERR_OK); /* begun before the body ended: its output may be waiting */
    }
}

/* False when it needs more input or the connection has ended. */
static bool step(struct http_conn *at, struct str *rest)
{
    if (at->call == NULL) {
        at->call = http_call_new(at);
        at->parser = http_server_lend(at->server);
        http1_parser_start(at->parser, at->call->arena, false);
    }
    struct str piece = {NULL, 0};
    switch (http1_parse(at->parser, rest, &piece)) {
    case HTTP1_MORE:
        return false;
    case HTTP1_HEAD:
        got_head(at, rest->len > 0);
        return true;
    case HTTP1_BODY:
        got_body(at, piece);
        return true;
    case HTTP1_DONE:
        got_all(at);
        return true;
    case HTTP1_BAD:
        break;
    }
    struct http1_problem problem = *http1_problem(at->parser);
    if (!at->call->has_head) {
        /* What was understood of the head chooses the shape of the answer. */
        http_call_set_head(at->call, http1_head(at->parser));
    }
    refuse(at, problem.status, problem.what);
    return false;
}

/* Requests wait for the response before them (RFC 9112, section 9.3.2), and for a client that does
 * not read its responses. */
static bool may_read(const struct http_conn *at)
{
    if (at->conn == NULL || at->failed) {
        return false;
    }
    if (at->call != NULL) {
        return !at->call->whole;
    }
    return !at->server->draining && conn_queued(at->conn) <= HTTP_QUEUE_HIGH;
}

static size_t on_data(void *owner, struct str data)
{
    struct http_conn *at = owner;
    struct str rest = data;
    at->busy = true;
    while (may_read(at) && (rest.len > 0 || at->call != NULL) && step(at, &rest)) {
    }
    at->busy = false;
    if (at->conn == NULL || at->failed) {
        return data.len;
    }
    at->leftover = rest.len > 0;
    if (rest.len > PIPELINE_MAX) {
        conn_pause(at->conn);
    }
    if (at->call != NULL && !at->call->whole) {
        enum http_wait wait = at->call->has_head ? HTTP_WAIT_BODY : HTTP_WAIT_HEAD;
        if (at->wait != wait) {
            arm(at, wait);
        }
    }
    return data.len - rest.len;
}

/* ---- writing ---- */

void http_conn_wrote(struct http_conn *at, enum err err)
{
    if (err != ERR_OK) {
        if (!at->failed) {
            at->failed = true;
            loop_defer(at->server->loop, &at->broken);
        }
    } else if (at->wait == HTTP_WAIT_NONE) {
        arm(at, HTTP_WAIT_WRITE);
    }
}

void http_conn_ended(struct http_conn *at)
{
    struct http_call *call = at->call;
    if (at->failed) {
        return;
    }
    if (!call->whole && !call->close) {
        arm(at, HTTP_WAIT_BODY); /* the rest of the request is dropped as it comes */
        return;
    }
    if (call->close || at->server->draining) {
        http_conn_shut(at);
        return;
    }
    arm(at, HTTP_WAIT_WRITE);
    at->call = NULL;
    http_call_detach(call);
    if (!at->busy && at->leftover) {
        conn_resume(at->conn);
    }
}

static void on_drain(void *owner)
{
    struct http_conn *at = owner;
    const struct http_server *server = at->server;
    drop_lent(at);
    struct http_call *call = at->call;
    if (call == NULL) {
        arm(at, HTTP_WAIT_REQUEST);
        if (at->leftover) {
            conn_resume(at->conn);
        }
    } else if (call->full) {
        call->full = false;
        if (call->progress == HTTP_BEGUN) {
            server->handler->on_writable(server->owner, call);
        }
    }
}

/* ---- the connection's own events ---- */

static void on_end(void *owner, enum err why)
{
    struct http_conn *at = owner;
    bool answered = at->call == NULL || at->call->progress == HTTP_ENDED;
    if (why == ERR_CLOSED && answered && conn_queued(at->conn) > 0) {
        http_conn_shut(at); /* it has said all it wants to say and may still listen */
    } else {
        http_conn_lose(at);
    }
}

/* Requests wait unread behind the one that runs. As in on_end, a client that says no more is gone.
 */
static void on_hangup(void *owner)
{
    struct http_conn *at = owner;
    if (at->call != NULL && at->call->progress != HTTP_ENDED) {
        http_conn_lose(at);
    }
}

/* No byte for body_idle_ms, or slower than body_rate_min on the whole. */
static bool too_slow(const struct http_conn *at)
{
    const struct http_server_limits *limits = &at->server->limits;
    const struct http_call *call = at->call;
    struct instant now = loop_now(at->server->loop);
    if (instant_since_us(now, call->last_byte) >= (uint64_t)limits->body_idle_ms * 1000) {
        return true;
    }
    uint64_t elapsed_ms = instant_since_us(now, call->body_began) / 1000;
    uint64_t bytes = call->body.len + call->dropped;
    return elapsed_ms >= RATE_MS && bytes * 1000 / elapsed_ms < limits->body_rate_min;
}

static void run_timer(struct timer *timer)
{
    struct http_conn *at = LIST_OBJECT(timer, struct http_conn, timer);
    switch (at->wait) {
    case HTTP_WAIT_NONE:
        break;
    case HTTP_WAIT_REQUEST:
        http_conn_lose(at);
        break;
    case HTTP_WAIT_HEAD:
        refuse(at, 408, "head not complete in time");
        break;
    case HTTP_WAIT_BODY:
        if (too_slow(at)) {
            refuse(at, 408, "body too slow");
        } else {
            arm(at, HTTP_WAIT_BODY);
        }
        break;
    case HTTP_WAIT_WRITE:
        if (conn_queued(at->conn) == 0) {
            at->wait = HTTP_WAIT_NONE;
        } else if (conn_sent_bytes(at->conn) > at->sent) {
            arm(at, HTTP_WAIT_WRITE);
        } else {
            http_conn_lose(at);
        }
        break;
    }
}

static const struct conn_handler events = {
    .on_data = on_data,
    .on_drain = on_drain,
    .on_end = on_end,
    .on_hangup = on_hangup,
};

void http_conn_open(struct http_server *server, int sock, const struct address *peer)
{
    struct http_conn *at = must_have(calloc(1, sizeof *at));
    struct conn_options options = {
        .handler = &events,
        .owner = at,
        .memory = server->memory,
        .pending_max = PENDING_MAX,
        .peer = peer,
    };
    if (conn_accept(server->loop, sock, &options, &at->conn) != ERR_OK) {
        const struct env *env = loop_env(server->loop);
        env->net->close(env->object, sock);
        cap_return(server->connections, 1);
        free(at);
        return;
    }
    at->server = server;
    timer_init(&at->timer, run_timer);
    deferred_init(&at->broken, run_broken);
    list_push_back(&server->conns, &at->link);
    server->count++;
    arm(at, HTTP_WAIT_REQUEST);
}
