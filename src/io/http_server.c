/* SPDX-License-Identifier: Apache-2.0
 * http_server.c - listeners, and what the connections of one loop share.
 *
 * Invariant: each connection in `conns` holds one unit of the connections' cap.
 */
#include "io/http_server.h"

#include "base/must.h"
#include "io/http_conn.h"

#include <stdlib.h>

#define ACCEPT_BATCH    64  /* in one turn; the rest waits for the next */
#define ACCEPT_AGAIN_MS 100 /* when descriptors have run out */

const struct http_server_limits http_server_limits_default = {
    .body_bytes_max = UINT64_C(32) * 1024 * 1024,
    .connections_max = 16384,
    .head_ms = 10 * 1000,
    .body_idle_ms = 30 * 1000,
    .body_rate_min = 1024,
    .keep_alive_ms = 75 * 1000,
    .write_idle_ms = 60 * 1000,
};

struct listener {
    struct watch watch;
    struct link link;
    struct deferred more;
    struct http_server *server;
};

/* ---- accepting ---- */

/* One small write into an empty socket buffer. */
static void turn_away(struct http_server *server, int sock)
{
    const struct env *env = loop_env(server->loop);
    struct str answer = STR(HTTP_BUSY_ANSWER);
    size_t sent = 0;
    if (env->net->write(env->object, sock, &answer, 1, &sent) == ERR_OK) {
        env->net->finish(env->object, sock);
    }
    env->net->close(env->object, sock);
}

static void accept_some(struct listener *listener)
{
    struct http_server *server = listener->server;
    const struct env *env = loop_env(server->loop);
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        int sock = -1;
        struct address peer;
        enum err err = env->net->accept(env->object, listener->watch.sock, &sock, &peer);
        if (err == ERR_AGAIN) {
            return;
        }
        if (err != ERR_OK) {
            timer_arm(server->loop, &server->accept_again, ACCEPT_AGAIN_MS);
            return;
        }
        if (cap_take(server->connections, 1)) {
            http_conn_open(server, sock, &peer);
        } else {
            turn_away(server, sock);
        }
    }
    loop_defer(server->loop, &listener->more);
}

static void run_watch(struct watch *watch, unsigned ready)
{
    (void)ready;
    accept_some(LIST_OBJECT(watch, struct listener, watch));
}

static void run_more(struct deferred *deferred)
{
    accept_some(LIST_OBJECT(deferred, struct listener, more));
}

static void run_again(struct timer *timer)
{
    struct http_server *server = LIST_OBJECT(timer, struct http_server, accept_again);
    for (struct link *l = server->listeners.next; l != &server->listeners; l = l->next) {
        accept_some(LIST_OBJECT(l, struct listener, link));
    }
}

enum err http_server_listen(struct http_server *server, const struct address *at, bool reuse_port,
                            struct address *bound)
{
    const struct env *env = loop_env(server->loop);
    int sock = -1;
    enum err err = env->net->listen(env->object, at, reuse_port, &sock);
    if (err != ERR_OK) {
        return err;
    }
    struct listener *listener = must_have(calloc(1, sizeof *listener));
    listener->server = server;
    listener->watch = (struct watch){.run = run_watch, .sock = sock};
    deferred_init(&listener->more, run_more);
    err = bound ? env->net->local(env->object, sock, bound) : ERR_OK;
    err = err ? err : loop_watch(server->loop, &listener->watch);
    if (err != ERR_OK) {
        env->net->close(env->object, sock);
        free(listener);
        return err;
    }
    list_push_back(&server->listeners, &listener->link);
    return ERR_OK;
}

static void stop_listening(struct http_server *server)
{
    const struct env *env = loop_env(server->loop);
    timer_disarm(&server->accept_again);
    struct link *next = NULL;
    for (struct link *l = server->listeners.next; l != &server->listeners; l = next) {
        struct listener *listener = LIST_OBJECT(l, struct listener, link);
        next = l->next;
        deferred_cancel(&listener->more);
        loop_forget(server->loop, &listener->watch);
        env->net->close(env->object, listener->watch.sock);
        free(listener);
    }
    list_init(&server->listeners);
}

/* ---- life ---- */

static void reap(struct http_server *server)
{
    struct link *next = NULL;
    for (struct link *l = server->closed.next; l != &server->closed; l = next) {
        next = l->next;
        free(LIST_OBJECT(l, struct http_conn, link));
    }
    list_init(&server->closed);
}

static void run_reaper(struct deferred *deferred)
{
    reap(LIST_OBJECT(deferred, struct http_server, reaper));
}

struct http_server *http_server_new(const struct http_server_options *options)
{
    struct http_server *server = must_have(calloc(1, sizeof *server));
    must(options->loop != NULL && options->handler != NULL);
    server->loop = options->loop;
    server->handler = options->handler;
    server->owner = options->owner;
    server->limits = options->limits;
    server->own_connections.max = options->limits.connections_max;
    server->connections = options->connections ? options->connections : &server->own_connections;
    server->memory = options->memory;
    server->date_s = -1;
    server->arenas = arena_pool_new(HTTP_ARENA_BYTES, HTTP_ARENAS_SPARE);
    list_init(&server->conns);
    list_init(&server->closed);
    list_init(&server->listeners);
    deferred_init(&server->reaper, run_reaper);
    timer_init(&server->accept_again, run_again);
    buf_init(&server->head, (size_t)2 * HTTP_HEAD_BYTES_MAX);
    return server;
}

void http_server_free(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    stop_listening(server);
    server->draining = true;
    while (!list_empty(&server->conns)) {
        http_conn_lose(LIST_OBJECT(server->conns.next, struct http_conn, link));
    }
    reap(server);
    deferred_cancel(&server->reaper);
    while (server->spares > 0) {
        http1_parser_free(server->spare[--server->spares]);
    }
    buf_end(&server->head);
    arena_pool_free(server->arenas);
    free(server);
}

void http_server_drain(struct http_server *server)
{
    server->draining = true;
    stop_listening(server);
    struct link *next = NULL;
    for (struct link *l = server->conns.next; l != &server->conns; l = next) {
        struct http_conn *at = LIST_OBJECT(l, struct http_conn, link);
        next = l->next;
        if (at->call == NULL) {
            http_conn_shut(at);
        }
    }
}

size_t http_server_connections(const struct http_server *server)
{
    return server->count;
}

/* ---- what connections borrow ---- */

struct http1_parser *http_server_lend(struct http_server *server)
{
    if (server->spares > 0) {
        return server->spare[--server->spares];
    }
    return http1_parser_new(HTTP1_REQUEST, &server->limits.head);
}

void http_server_take_back(struct http_server *server, struct http1_parser *parser)
{
    if (parser == NULL) {
        return;
    }
    if (server->spares < HTTP_PARSERS_SPARE) {
        server->spare[server->spares++] = parser;
    } else {
        http1_parser_free(parser);
    }
}

const char *http_server_date(struct http_server *server)
{
    struct wall now = loop_wall(server->loop);
    if (now.us / US_PER_S != server->date_s) {
        server->date_s = now.us / US_PER_S;
        (void)wall_show_http(now, server->date);
    }
    return server->date;
}
