/* SPDX-License-Identifier: Apache-2.0
 * shard.c - hands each call to the gateway (/v1, /tools, /run) or the console (all others). */
#include "app/shard.h"

#include "base/must.h"

#include <stdio.h>

#define DRAIN_TICK_MS 20

static bool is_gateway_path(struct str path)
{
    return str_starts(path, STR("/v1/")) || str_starts(path, STR("/tools/")) ||
           str_starts(path, STR("/run/"));
}

static void on_head(void *owner, struct http_call *call)
{
    struct shard *shard = owner;
    struct str path = http_call_path(call);
    if (!is_gateway_path(path) && console_serves(path)) {
        console_on_head(shard->console, call);
    } else {
        gateway_on_head(shard->gateway, call);
    }
}

static void on_request(void *owner, struct http_call *call)
{
    struct shard *shard = owner;
    if (is_gateway_path(http_call_path(call))) {
        gateway_on_request(shard->gateway, call);
    } else {
        console_on_request(shard->console, call);
    }
}

static void on_writable(void *owner, struct http_call *call)
{
    struct shard *shard = owner;
    if (is_gateway_path(http_call_path(call))) {
        gateway_on_writable(shard->gateway, call);
    }
}

static void on_gone(void *owner, struct http_call *call)
{
    struct shard *shard = owner;
    if (is_gateway_path(http_call_path(call))) {
        gateway_on_gone(shard->gateway, call);
    } else {
        console_on_gone(shard->console, call);
    }
}

static void on_refuse(void *owner, struct str target, unsigned status, const char *what,
                      struct buf *body)
{
    struct shard *shard = owner;
    gateway_on_refuse(shard->gateway, target, status, what, body);
}

static const struct http_handler handler = {on_head, on_request, on_writable, on_gone, on_refuse};

static void on_tick(struct timer *timer)
{
    struct shard *shard = LIST_OBJECT(timer, struct shard, tick);
    bool done = gateway_in_flight(shard->gateway) == 0 &&
                http_server_connections(shard->server) == 0;
    if (done) {
        atomic_store(&shard->drained, true);
        return;
    }
    timer_arm(shard->loop, &shard->tick, DRAIN_TICK_MS);
}

static void on_begin_drain(struct message *message)
{
    struct shard *shard = LIST_OBJECT(message, struct shard, begin_drain);
    http_server_drain(shard->server);
    gateway_drain(shard->gateway);
    timer_arm(shard->loop, &shard->tick, 0);
}

void shard_init(struct shard *shard, const struct shard_options *options)
{
    *shard = (struct shard){0};
    shard->loop = loop_new(options->commons->env);
    shard->telemetry = (struct telemetry){.events = options->events,
                                          .metrics = metrics_new(options->metrics, options->events),
                                          .log = options->log,
                                          .unrecorded = !options->commons->recording,
                                          .event_level = LOG_WARN};
    const struct gateway_options gateway = {
        .loop = shard->loop, .commons = options->commons, .telemetry = shard->telemetry};
    shard->gateway = gateway_new(&gateway);
    const struct http_server_options server = {.loop = shard->loop,
                                               .handler = &handler,
                                               .owner = shard,
                                               .limits = *options->limits,
                                               .connections = &options->commons->connections,
                                               .memory = &options->commons->memory};
    shard->server = http_server_new(&server);
    shard->begin_drain.run = on_begin_drain;
    timer_init(&shard->tick, on_tick);
}

void shard_set_console(struct shard *shard, const struct console_options *options)
{
    must(shard->console == NULL);
    shard->console = console_new(options);
}

static void run(void *object)
{
    struct shard *shard = object;
    loop_run(shard->loop);
}

enum err shard_run(struct shard *shard, unsigned number)
{
    char name[16];
    (void)snprintf(name, sizeof name, "loop-%u", number % 1000);
    return thread_start(&shard->thread, name, run, shard);
}

void shard_drain(struct shard *shard)
{
    loop_post(shard->loop, &shard->begin_drain);
}

void shard_halt(struct shard *shard)
{
    loop_stop(shard->loop);
    if (shard->thread.running) {
        thread_join(&shard->thread);
    }
    timer_disarm(&shard->tick);
    http_server_free(shard->server); /* tells the handlers that every client has gone */
    gateway_free(shard->gateway);
}

void shard_end(struct shard *shard)
{
    while (loop_turn(shard->loop, false)) {
        /* answers of the store to exchanges that have ended: their memory is freed here */
    }
    console_free(shard->console);
    metrics_free(shard->telemetry.metrics);
    loop_free(shard->loop);
}
