/* SPDX-License-Identifier: Apache-2.0
 * service.h - `aire serve` as an object: opens the store, loads the configuration, runs one loop a
 * core, reloads, drains.
 */
#ifndef AIRE_APP_SERVICE_H
#define AIRE_APP_SERVICE_H

#include "base/err.h"
#include "sys/env.h"

#include <stdbool.h>

struct service;

struct service_options {
    const char *config; /* path, or NULL: built-in defaults */
    const char *data;   /* folder of state */
    const char *listen; /* overrides the file's addresses; NULL */
    unsigned threads;   /* 0: one a core */
    bool unrecorded;    /* no records: for measurements */
};

/* On failure *exit_code is 2 (configuration) or 4 (infrastructure) and `fault` says why, with
 * file:line:column. */
enum err service_start(const struct service_options *options, struct service **service,
                       int *exit_code, struct fault *fault) MUST_USE;
/* "http://127.0.0.1:8080" of the first listener. */
const char *service_url(const struct service *service);
/* Swaps in the configuration as it is on disk now; a bad one changes nothing. */
enum err service_reload(struct service *service, struct fault *fault) MUST_USE;
/* No new connections; waits until what runs has ended, at most drain_ms. True when it all had. */
bool service_drain(struct service *service, unsigned drain_ms);
void service_stop(struct service *service); /* frees; cancels what still runs */
const struct log *service_log(const struct service *service);

#define SERVICE_DRAIN_MS 30000

#endif
