/* SPDX-License-Identifier: Apache-2.0
 * console.h - the HTTP API for people and programs: health, metrics, status, records, reviews,
 * keys, switches.
 *
 * One console a loop; it reads shared state and the loops' metrics. Who may use /api: the owner of
 * the process over DATA/aire.sock, a key with admin rights, or keyless loopback where no key is
 * demanded.
 */
#ifndef AIRE_CONSOLE_CONSOLE_H
#define AIRE_CONSOLE_CONSOLE_H

#include "gateway/gateway.h"
#include "io/work.h"

struct console;

struct console_options {
    struct loop *loop;
    struct commons *commons;
    struct telemetry telemetry; /* of this loop: switches and keys leave events */
    struct metrics *const *shards;
    size_t shard_count;
    struct workers *workers;
    const struct event_table *events;
    /* Reads and applies the configuration again; may block, runs on a worker. */
    enum err (*apply)(void *object, struct fault *fault);
    void *object;
    struct wall started;
    _Atomic bool *draining;
};

struct console *console_new(const struct console_options *options);
void console_free(struct console *console); /* pending calls have ended */

/* Handlers for every path outside /v1. `console_serves` tells which. */
bool console_serves(struct str path);
void console_on_head(struct console *console, struct http_call *call);
void console_on_request(struct console *console, struct http_call *call);
void console_on_gone(struct console *console, struct http_call *call);

#endif
