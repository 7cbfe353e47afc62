/* SPDX-License-Identifier: Apache-2.0
 * http_line.c - one connection to an origin, from dialling through TLS and a proxy to responses.
 *
 * Invariants: a line returns to the pool only after a whole response on a connection that has
 * nothing left to say or to send; anything else closes it. What may close a line
 * leaves `conn` NULL and the memory until the end of the turn, so callers may look.
 */
#include "io/http_line.h"

#include "base/must.h"

#include <stdint.h>
#include <stdlib.h>

#define PENDING_MAX ((size_t)128 * 1024) /* two reads: what a paused fetch may leave behind */
#define COPY_MAX    ((size_t)4 * 1024)   /* smaller bodies go with the head into one buffer */
#define INTERIM_MAX 16

/* ---- the end ---- */

void http_line_close(struct http_line *line)
{
    struct http_origin *origin = line->origin;
    if (line->fetch != NULL) {
        line->fetch->line = NULL;
        line->fetch = NULL;
    }
    conn_close(line->conn);
    line->conn = NULL;
    origin->client->connections--;
    timer_disarm(&line->timer);
    http1_parser_free(line->parser);
    line->parser = NULL;
    list_push_back(&origin->client->closed, &line->link);
    loop_defer(origin->client->loop, &origin->client->reaper);
    if (line->ready) {
        http_origin_return_slot(origin);
    }
}

static void run_timer(struct timer *timer)
{
    struct http_line *line = LIST_OBJECT(timer, struct http_line, timer);
    http_origin_drop(line->origin, line);
}

static void fail(struct http_line *line, enum err outcome, const char *why)
{
    struct http_fetch *fetch = line->fetch;
    fetch->why = why;
    http_fetch_finish(fetch, outcome);
}

/* ---- sending ---- */

static enum err send_body(struct http_line *line, const struct http_fetch *fetch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < fetch->body_count; i++) {
        bytes += fetch->body[i].len;
    }
    enum err err = ERR_OK;
    for (size_t i = 0; i < fetch->body_count && err == ERR_OK; i++) {
        struct str slice = fetch->body[i];
        err = bytes <= COPY_MAX ? conn_write(line->conn, slice) : conn_lend(line->conn, slice);
    }
    return err;
}

void http_line_use(struct http_line *line, struct http_fetch *fetch)
{
    struct loop *loop = line->origin->client->loop;
    must(line->ready && (line->fetch == NULL || line->fetch == fetch));
    line->fetch = fetch;
    fetch->line = line;
    fetch->phase = FETCH_SEND;
    fetch->sent = loop_now(loop);
    timer_disarm(&fetch->timer);
    http1_parser_start(line->parser, fetch->arena, fetch->bodyless);
    fetch->outcome = conn_write(line->conn, fetch->head);
    if (fetch->outcome == ERR_OK) {
        fetch->outcome = send_body(line, fetch);
    }
    if (fetch->outcome != ERR_OK || fetch->handler->on_connected != NULL) {
        loop_defer(loop, &fetch->deferred);
    }
}

static void on_drain(void *owner)
{
    struct http_line *line = owner;
    if (line->fetch != NULL && line->fetch->phase == FETCH_SEND) {
        line->fetch->phase = FETCH_WAIT;
    }
}

/* ---- opening ---- */

/* RFC 9110, section 9.3.6. */
static enum err ask_proxy(struct http_line *line)
{
    const struct http_origin *origin = line->origin;
    struct buf *head = &origin->client->head;
    struct http_field fields[] = {{STR("host"), origin->full_authority},
                                  {STR("proxy-authorization"), origin->to.proxy_auth}};
    size_t count = origin->to.proxy_auth.len > 0 ? 2 : 1;
    buf_clear(head);
    enum err err = http1_write_request(head, STR("CONNECT"), origin->full_authority, fields, count);
    http1_parser_start(line->parser, line->fetch->arena, true);
    return err ? err : conn_write(line->conn, buf_str(head));
}

static enum err start_tls(struct http_line *line)
{
    line->secured = true;
    line->fetch->phase = FETCH_TLS;
    return conn_start_tls(line->conn, line->origin->to.tls, line->origin->to.host);
}

/* A step is done: the next one. */
static void on_open(void *owner)
{
    struct http_line *line = owner;
    const struct http_origin_options *to = &line->origin->to;
    enum err err = ERR_OK;
    if (to->tls != NULL && to->proxy_host.len > 0 && !line->tunnelled) {
        err = ask_proxy(line);
    } else if (to->tls != NULL && !line->secured) {
        err = start_tls(line);
    } else {
        line->ready = true;
        line->fetch->slot = false; /* the line holds it from now on */
        http_line_use(line, line->fetch);
    }
    if (err != ERR_OK) {
        fail(line, err, "");
    }
}

/* ---- responses ---- */

/* The proxy's answer is whole. */
static void got_tunnel(struct http_line *line, bool more_is_there)
{
    unsigned status = http1_head(line->parser)->status;
    if (status < 200 && ++line->fetch->interim <= INTERIM_MAX) {
        http1_parser_start(line->parser, line->fetch->arena, true);
    } else if (status < 200 || status > 299) {
        const char *why = arena_printf(line->fetch->arena, "the proxy answered %u", status).at;
        fail(line, ERR_REFUSED, why);
    } else if (more_is_there) {
        fail(line, ERR_SYNTAX, "bytes before TLS from the proxy");
    } else {
        line->tunnelled = true;
        enum err err = start_tls(line);
        if (err != ERR_OK) {
            fail(line, err, "");
        }
    }
}

static void got_head(struct http_line *line)
{
    struct http_fetch *fetch = line->fetch;
    const struct http_head *head = http1_head(line->parser);
    if (head->status < 200) {
        /* RFC 9110, section 15.2: any number may come; 101 answers an Upgrade that we never ask. */
        if (head->status == 101 || ++fetch->interim > INTERIM_MAX) {
            fail(line, ERR_SYNTAX, "unexpected 1xx response");
        }
        return;
    }
    fetch->phase = FETCH_BODY;
    if (fetch->paused) {
        conn_pause(line->conn);
    }
    fetch->handler->on_head(fetch->owner, head);
}

static void got_all(struct http_line *line, bool more_is_there)
{
    struct http_fetch *fetch = line->fetch;
    const struct http_head *head = http1_head(line->parser);
    if (head->status < 200) {
        http1_parser_start(line->parser, fetch->arena, fetch->bodyless);
        return;
    }
    /* A response that overtook its request leaves a connection in an unknown state. */
    bool keep = head->keep_alive && !more_is_there && conn_queued(line->conn) == 0;
    if (keep) {
        line->fetch = NULL;
        fetch->line = NULL;
        line->used = true;
        http_origin_keep(line->origin, line);
    }
    http_fetch_finish(fetch, ERR_OK);
}

/* False when it needs more input, is paused, or the line is closed or idle. */
static bool step(struct http_line *line, struct str *rest)
{
    struct str piece = {NULL, 0};
    switch (http1_parse(line->parser, rest, &piece)) {
    case HTTP1_MORE:
        return false;
    case HTTP1_HEAD:
        if (line->ready) {
            got_head(line);
        }
        return true;
    case HTTP1_BODY:
        line->fetch->handler->on_body(line->fetch->owner, piece);
        return true;
    case HTTP1_DONE:
        if (line->ready) {
            got_all(line, rest->len > 0);
        } else {
            got_tunnel(line, rest->len > 0);
        }
        return true;
    case HTTP1_BAD:
        break;
    }
    const struct http1_problem *problem = http1_problem(line->parser);
    fail(line, problem->status == 431 ? ERR_LIMIT : ERR_SYNTAX, problem->what);
    return false;
}

static size_t on_data(void *owner, struct str data)
{
    struct http_line *line = owner;
    if (line->fetch == NULL) {
        /* Nobody asked: it cannot belong to the next request (RFC 9112, section 9.2). */
        if (data.len > 0) {
            http_origin_drop(line->origin, line);
        }
        return data.len;
    }
    struct str rest = data;
    line->fetch->answered = line->fetch->answered || data.len > 0;
    /* `secured` without `ready`: the tunnel stands, what follows is for TLS. */
    while (line->conn != NULL && line->fetch != NULL && !conn_paused(line->conn) &&
           (line->ready || !line->secured) && step(line, &rest)) {
    }
    return line->conn == NULL ? data.len : data.len - rest.len;
}

static void on_end(void *owner, enum err why)
{
    struct http_line *line = owner;
    struct http_fetch *fetch = line->fetch;
    if (fetch == NULL) {
        http_origin_drop(line->origin, line);
        return;
    }
    if (!line->ready) {
        bool connecting = !line->secured && !fetch->answered;
        if (line->secured) {
            fetch->why = arena_cstr(fetch->arena, str_of(conn_why(line->conn)));
            why = why == ERR_CLOSED ? ERR_TLS : why;
        }
        http_line_close(line);
        if (connecting) {
            http_fetch_try_next(fetch, why);
        } else {
            http_fetch_finish(fetch, why);
        }
        return;
    }
    if (why == ERR_CLOSED && fetch->answered && http1_parse_end(line->parser) == HTTP1_DONE) {
        http_fetch_finish(fetch, ERR_OK);
        return;
    }
    http_fetch_lost(fetch, why);
}

static const struct conn_handler events = {
    .on_open = on_open,
    .on_data = on_data,
    .on_drain = on_drain,
    .on_end = on_end,
};

enum err http_line_dial(struct http_fetch *fetch, const struct address *to)
{
    struct http_origin *origin = fetch->origin;
    struct http_line *line = must_have(calloc(1, sizeof *line));
    struct conn_options options = {
        .handler = &events,
        .owner = line,
        .memory = origin->client->memory,
        .pending_max = PENDING_MAX,
    };
    enum err err = conn_dial(origin->client->loop, to, &options, &line->conn);
    if (err != ERR_OK) {
        free(line);
        return err;
    }
    list_init(&line->link);
    line->origin = origin;
    line->parser = http1_parser_new(HTTP1_RESPONSE, NULL);
    line->fetch = fetch;
    fetch->line = line;
    timer_init(&line->timer, run_timer);
    origin->client->connections++;
    return ERR_OK;
}
