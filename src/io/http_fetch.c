/* SPDX-License-Identifier: Apache-2.0
 * http_fetch.c - one request: built once, sent on a line from the pool or a new one, told exactly
 * once how it ended.
 *
 * Invariant: the handler is called from a socket's event, a timer or a deferred call, never from a
 * function that the fetch's owner calls.
 */
#include "base/must.h"
#include "io/http_line.h"
#include "sys/net.h"

#include <stdint.h>
#include <string.h>

#define CONNECT_MS (10 * 1000)
#define STALE_US   1000000 /* so late a pooled line can still turn out to have been closed */

/* ---- the request's head ---- */

/* The line's own business, whatever the caller gives. */
static bool is_ours(struct str name)
{
    return http_field_is_hop(name) || str_equal_ci(name, STR("host")) ||
           str_equal_ci(name, STR("expect")) || str_equal_ci(name, STR("accept-encoding"));
}

static uint64_t body_bytes(const struct fetch_options *options)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < options->body_count; i++) {
        bytes += options->body[i].len;
    }
    return bytes;
}

/* A plain request through a proxy names the whole target (RFC 9112, section 3.2.2). */
static bool is_absolute(const struct http_origin *origin)
{
    return origin->to.proxy_host.len > 0 && origin->to.tls == NULL;
}

static enum err build_head(struct http_fetch *fetch, const struct fetch_options *options)
{
    const struct http_origin *origin = fetch->origin;
    struct http_field all[HTTP_FIELDS_MAX + 4];
    size_t count = 0;
    all[count++] = (struct http_field){STR("host"), origin->authority};
    must(options->count <= HTTP_FIELDS_MAX);
    for (size_t i = 0; i < options->count; i++) {
        if (!is_ours(options->fields[i].name)) {
            all[count++] = options->fields[i];
        }
    }
    all[count++] = (struct http_field){STR("accept-encoding"), STR("identity")};
    uint64_t bytes = body_bytes(options);
    bool quiet = fetch->bodyless || str_equal(options->method, STR("GET"));
    char digits[24];
    if (bytes > 0 || !quiet) {
        struct buf text = {.at = digits, .cap = sizeof digits, .limit = sizeof digits - 1};
        enum err err = buf_add_u64(&text, bytes);
        must(err == ERR_OK);
        all[count++] = (struct http_field){STR("content-length"), buf_str(&text)};
    }
    struct str target = options->target;
    if (is_absolute(origin)) {
        target = arena_printf(fetch->arena, "http://" STR_FMT STR_FMT, STR_ARG(origin->authority),
                              STR_ARG(target));
        if (origin->to.proxy_auth.len > 0) {
            all[count++] = (struct http_field){STR("proxy-authorization"), origin->to.proxy_auth};
        }
    }
    struct buf *head = &origin->client->head;
    buf_clear(head);
    enum err err = http1_write_request(head, options->method, target, all, count);
    fetch->head = arena_str(fetch->arena, buf_str(head));
    return err;
}

/* ---- the end ---- */

/* Lets go of all but the memory. */
static void let_go(struct http_fetch *fetch)
{
    timer_disarm(&fetch->timer);
    deferred_cancel(&fetch->deferred);
    list_remove(&fetch->link);
    if (fetch->query != NULL) {
        dns_cancel(fetch->query);
        fetch->query = NULL;
    }
    if (fetch->line != NULL) {
        http_line_close(fetch->line);
    }
    if (fetch->slot) {
        fetch->slot = false;
        http_origin_return_slot(fetch->origin);
    }
}

void http_fetch_finish(struct http_fetch *fetch, enum err outcome)
{
    let_go(fetch);
    fetch->handler->on_done(fetch->owner, outcome);
    arena_free(fetch->arena);
}

void http_fetch_cancel(struct http_fetch *fetch)
{
    let_go(fetch);
    arena_free(fetch->arena);
}

static void run_timer(struct timer *timer)
{
    http_fetch_finish(LIST_OBJECT(timer, struct http_fetch, timer), ERR_TIMEOUT);
}

/* ---- the way to a line ---- */

void http_fetch_try_next(struct http_fetch *fetch, enum err why)
{
    while (fetch->address_next < fetch->address_count) {
        fetch->phase = FETCH_CONNECT;
        why = http_line_dial(fetch, &fetch->addresses[fetch->address_next++]);
        if (why == ERR_OK) {
            return;
        }
    }
    http_fetch_finish(fetch, why == ERR_CLOSED ? ERR_RESET : why);
}

static void set_addresses(struct http_fetch *fetch, const struct address *addresses, size_t count)
{
    fetch->addresses = arena_alloc(fetch->arena, count * sizeof *addresses);
    memcpy(fetch->addresses, addresses, count * sizeof *addresses);
    fetch->address_count = count;
    fetch->address_next = 0;
}

static void on_resolved(void *owner, enum err code, const struct address *addresses, size_t count)
{
    struct http_fetch *fetch = owner;
    fetch->query = NULL;
    if (code != ERR_OK || count == 0) {
        fetch->why = err_text(code);
        http_fetch_finish(fetch, ERR_DNS);
        return;
    }
    set_addresses(fetch, addresses, count);
    http_fetch_try_next(fetch, ERR_UNREACHABLE);
}

/* With a slot. */
static void resolve(struct http_fetch *fetch)
{
    const struct http_origin_options *to = &fetch->origin->to;
    struct http_client *client = fetch->origin->client;
    bool proxied = to->proxy_host.len > 0;
    struct str host = proxied ? to->proxy_host : to->host;
    uint16_t port = proxied ? to->proxy_port : to->port;
    struct address address;
    enum err err = str_starts(host, STR("unix:"))
                       ? address_unix(str_cut(host, 5, SIZE_MAX), &address)
                       : address_of_ip(host, port, &address);
    if (err == ERR_OK) {
        set_addresses(fetch, &address, 1);
        http_fetch_try_next(fetch, ERR_UNREACHABLE);
    } else if (str_starts(host, STR("unix:"))) {
        http_fetch_finish(fetch, err);
    } else {
        if (client->dns == NULL) {
            client->dns = dns_new(client->loop);
        }
        fetch->phase = FETCH_RESOLVE;
        fetch->query = dns_resolve(client->dns, host, port, on_resolved, fetch);
    }
}

void http_fetch_go_on(struct http_fetch *fetch)
{
    fetch->outcome = ERR_OK;
    loop_defer(fetch->origin->client->loop, &fetch->deferred);
}

/* A line from the pool, else a slot for a new one, else a place in the queue. */
static void acquire(struct http_fetch *fetch)
{
    struct http_origin *origin = fetch->origin;
    struct http_line *line = fetch->fresh ? NULL : http_origin_idle(origin);
    if (line != NULL) {
        http_line_use(line, fetch);
        return;
    }
    timer_arm(origin->client->loop, &fetch->timer, fetch->connect_ms);
    if (http_origin_take_slot(origin)) {
        fetch->slot = true;
        http_fetch_go_on(fetch);
    } else {
        list_push_back(&origin->waiting, &fetch->link);
    }
}

void http_fetch_lost(struct http_fetch *fetch, enum err why)
{
    struct http_line *line = fetch->line;
    /* RFC 9112, section 9.3.1: the server may have closed an idle connection at that very moment.
     * If it dies later, the server may have acted on the request: whether to send that again is the
     * caller's to decide (RFC 9110, section 9.2.2). */
    bool late = instant_since_us(loop_now(fetch->origin->client->loop), fetch->sent) > STALE_US;
    if (!line->used || fetch->answered || fetch->fresh || late) {
        http_fetch_finish(fetch, why);
        return;
    }
    fetch->fresh = true;
    fetch->phase = FETCH_RESOLVE;
    deferred_cancel(&fetch->deferred);
    acquire(fetch);
    http_line_close(line);
}

static void run_deferred(struct deferred *deferred)
{
    struct http_fetch *fetch = LIST_OBJECT(deferred, struct http_fetch, deferred);
    if (fetch->outcome != ERR_OK) {
        http_fetch_finish(fetch, fetch->outcome);
    } else if (fetch->line != NULL) {
        fetch->handler->on_connected(fetch->owner);
    } else {
        resolve(fetch);
    }
}

/* ---- interface ---- */

struct http_fetch *http_fetch_start(struct http_client *client, const struct fetch_options *options)
{
    struct arena *arena = arena_new_in(client->arenas);
    struct http_fetch *fetch = arena_new_of(arena, struct http_fetch);
    must(options->origin->client == client && options->handler->on_done != NULL);
    fetch->origin = options->origin;
    fetch->arena = arena;
    fetch->handler = options->handler;
    fetch->owner = options->owner;
    fetch->body = options->body;
    fetch->body_count = options->body_count;
    fetch->bodyless = str_equal(options->method, STR("HEAD"));
    fetch->connect_ms = options->connect_ms ? options->connect_ms : CONNECT_MS;
    fetch->fresh = options->once;
    fetch->why = "";
    list_init(&fetch->link);
    timer_init(&fetch->timer, run_timer);
    deferred_init(&fetch->deferred, run_deferred);
    fetch->outcome = build_head(fetch, options);
    if (fetch->outcome != ERR_OK) {
        loop_defer(client->loop, &fetch->deferred);
        return fetch;
    }
    acquire(fetch);
    return fetch;
}

void http_fetch_pause(struct http_fetch *fetch)
{
    fetch->paused = true;
    if (fetch->phase == FETCH_BODY && fetch->line != NULL) {
        conn_pause(fetch->line->conn);
    }
}

void http_fetch_resume(struct http_fetch *fetch)
{
    fetch->paused = false;
    if (fetch->phase == FETCH_BODY && fetch->line != NULL) {
        conn_resume(fetch->line->conn);
    }
}

enum fetch_phase http_fetch_phase(const struct http_fetch *fetch)
{
    return fetch->phase;
}

const char *http_fetch_why(const struct http_fetch *fetch)
{
    return fetch->why;
}
