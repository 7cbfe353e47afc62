/* SPDX-License-Identifier: Apache-2.0
 * http_client.c - origins and their pools.
 *
 * Invariants: an idle line is ready, has no fetch, and its timer is armed; origins live as long as
 * the client, so pools survive changes of the configuration that do not touch them.
 */
#include "io/http_client.h"

#include "base/must.h"
#include "io/http_line.h"

#include <stdlib.h>

#define ORIGINS_MAX        65536
#define IDLE_MS            (60 * 1000)
#define IDLE_MAX           256
#define PER_ORIGIN_MAX     4096
#define ORIGIN_ARENA_BYTES 1024
#define KEY_BYTES_MAX      ((size_t)64 * 1024)

static void reap(struct http_client *client)
{
    struct link *next = NULL;
    for (struct link *l = client->closed.next; l != &client->closed; l = next) {
        next = l->next;
        free(LIST_OBJECT(l, struct http_line, link));
    }
    list_init(&client->closed);
}

static void run_reaper(struct deferred *deferred)
{
    reap(LIST_OBJECT(deferred, struct http_client, reaper));
}

struct http_client *http_client_new(const struct http_client_options *options)
{
    struct http_client *client = must_have(calloc(1, sizeof *client));
    uint64_t seed[2];
    env_entropy(loop_env(options->loop), seed, sizeof seed);
    client->loop = options->loop;
    client->memory = options->memory;
    client->idle_ms = options->idle_ms ? options->idle_ms : IDLE_MS;
    client->idle_max = options->idle_max ? options->idle_max : IDLE_MAX;
    client->per_origin_max = options->per_origin_max ? options->per_origin_max : PER_ORIGIN_MAX;
    client->by_key = map_new(seed, ORIGINS_MAX);
    client->arenas = arena_pool_new(HTTP_ARENA_BYTES, HTTP_ARENAS_SPARE);
    list_init(&client->origins);
    list_init(&client->closed);
    deferred_init(&client->reaper, run_reaper);
    buf_init(&client->head, (size_t)2 * HTTP_HEAD_BYTES_MAX);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL) {
        return;
    }
    for (struct link *l; (l = list_pop_front(&client->origins)) != NULL;) {
        struct http_origin *origin = LIST_OBJECT(l, struct http_origin, link);
        for (struct http_line *line; (line = http_origin_idle(origin)) != NULL;) {
            http_line_close(line);
        }
        must(origin->open == 0 && list_empty(&origin->waiting));
        tls_client_unref(origin->to.tls);
        arena_free(origin->arena);
    }
    reap(client);
    deferred_cancel(&client->reaper);
    if (client->dns != NULL) {
        dns_free(client->dns);
    }
    map_free(client->by_key);
    buf_end(&client->head);
    arena_pool_free(client->arenas);
    free(client);
}

size_t http_client_connections(const struct http_client *client)
{
    return client->connections;
}

/* ---- origins ---- */

static bool is_unix(struct str host)
{
    return str_starts(host, STR("unix:"));
}

/* RFC 9110, section 7.2: as in the URI, so an IPv6 literal stands in brackets. */
static void name_authority(struct http_origin *origin)
{
    struct str host = origin->to.host;
    uint16_t port = origin->to.port;
    if (is_unix(host)) {
        origin->authority = STR("localhost");
        origin->full_authority = origin->authority;
        return;
    }
    if (str_find_byte(host, ':') != SIZE_MAX) {
        host = arena_printf(origin->arena, "[" STR_FMT "]", STR_ARG(host));
    }
    origin->full_authority = arena_printf(origin->arena, STR_FMT ":%u", STR_ARG(host),
                                          (unsigned)port);
    bool usual = port == (origin->to.tls ? 443 : 80);
    origin->authority = usual ? host : origin->full_authority;
}

static struct http_origin *origin_new(struct http_client *client,
                                      const struct http_origin_options *options)
{
    struct arena *arena = arena_new(ORIGIN_ARENA_BYTES);
    struct http_origin *origin = arena_new_of(arena, struct http_origin);
    origin->client = client;
    origin->arena = arena;
    origin->to = *options;
    origin->to.host = arena_str(arena, options->host);
    origin->to.tls = options->tls ? tls_client_ref(options->tls) : NULL;
    origin->to.tls_key = (struct str){"", 0};
    origin->to.proxy_host = arena_str(arena, options->proxy_host);
    origin->to.proxy_auth = arena_str(arena, options->proxy_auth);
    list_init(&origin->idle);
    list_init(&origin->waiting);
    name_authority(origin);
    list_push_back(&client->origins, &origin->link);
    return origin;
}

struct http_origin *http_origin_get(struct http_client *client,
                                    const struct http_origin_options *options)
{
    struct buf key;
    buf_init(&key, KEY_BYTES_MAX);
    enum err err = buf_printf(&key, STR_FMT "\n%u\n%d" STR_FMT "\n" STR_FMT "\n%u\n" STR_FMT,
                              STR_ARG(options->host), (unsigned)options->port, options->tls != NULL,
                              STR_ARG(options->tls_key), STR_ARG(options->proxy_host),
                              (unsigned)options->proxy_port, STR_ARG(options->proxy_auth));
    must(err == ERR_OK);
    struct http_origin *origin = map_get(client->by_key, buf_str(&key));
    if (origin == NULL) {
        origin = origin_new(client, options);
        err = map_put(client->by_key, buf_str(&key), origin);
        must(err == ERR_OK); /* origins come from configurations */
    }
    buf_end(&key);
    return origin;
}

/* ---- pools ---- */

struct http_line *http_origin_idle(struct http_origin *origin)
{
    struct link *l = list_pop_front(&origin->idle);
    if (l == NULL) {
        return NULL;
    }
    struct http_line *line = LIST_OBJECT(l, struct http_line, link);
    origin->idle_count--;
    timer_disarm(&line->timer);
    return line;
}

void http_origin_keep(struct http_origin *origin, struct http_line *line)
{
    struct link *l = list_pop_front(&origin->waiting);
    if (l != NULL) {
        http_line_use(line, LIST_OBJECT(l, struct http_fetch, link));
    } else if (origin->idle_count < origin->client->idle_max) {
        list_push_front(&origin->idle, &line->link);
        origin->idle_count++;
        timer_arm(origin->client->loop, &line->timer, origin->client->idle_ms);
    } else {
        http_line_close(line);
    }
}

void http_origin_drop(struct http_origin *origin, struct http_line *line)
{
    list_remove(&line->link);
    origin->idle_count--;
    http_line_close(line);
}

bool http_origin_take_slot(struct http_origin *origin)
{
    if (origin->open >= origin->client->per_origin_max) {
        return false;
    }
    origin->open++;
    return true;
}

void http_origin_return_slot(struct http_origin *origin)
{
    must(origin->open > 0);
    struct link *l = list_pop_front(&origin->waiting);
    if (l == NULL) {
        origin->open--;
        return;
    }
    struct http_fetch *fetch = LIST_OBJECT(l, struct http_fetch, link);
    fetch->slot = true;
    http_fetch_go_on(fetch);
}
