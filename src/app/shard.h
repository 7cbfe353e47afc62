/* SPDX-License-Identifier: Apache-2.0
 * shard.h - one loop with its thread: server, gateway, console, metrics. */
#ifndef AIRE_APP_SHARD_H
#define AIRE_APP_SHARD_H

#include "console/console.h"
#include "gateway/gateway.h"

struct shard {
    struct thread thread;
    struct loop *loop;
    struct http_server *server;
    struct gateway *gateway;
    struct console *console;
    struct telemetry telemetry;
    struct timer tick; /* while draining: have we finished? */
    struct message begin_drain;
    _Atomic bool drained;
};

struct shard_options {
    struct commons *commons;
    const struct event_table *events;
    const struct metric_table *metrics;
    const struct log *log;
    const struct http_server_limits *limits;
};

/* Makes loop, gateway and server; the console follows when all shards' metrics exist. */
void shard_init(struct shard *shard, const struct shard_options *options);
void shard_set_console(struct shard *shard, const struct console_options *options);
enum err shard_run(struct shard *shard, unsigned number) MUST_USE; /* starts its thread */
void shard_drain(struct shard *shard);                             /* from any thread */
/* Stops and joins; its exchanges end and are recorded. Then the store may close, then: */
void shard_halt(struct shard *shard);
void shard_end(struct shard *shard); /* frees */

#endif
