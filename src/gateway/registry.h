/* SPDX-License-Identifier: Apache-2.0
 * registry.h - state that outlives configurations, found by stable names: breakers of targets, key
 * rotation of providers, retry budgets and incidents of routes.
 *
 * Entries are made when a configuration first names them and live until the end; each has its own
 * lock inside. REGISTRY_MAX names of a kind, then a configuration is refused.
 */
#ifndef AIRE_GATEWAY_REGISTRY_H
#define AIRE_GATEWAY_REGISTRY_H

#include "resilience/breaker.h"
#include "resilience/incident.h"
#include "resilience/retry.h"
#include "sys/thread.h"

#include "base/str.h"

#include <stdatomic.h>

#define REGISTRY_MAX 4096

struct target_state {
    struct str name;
    struct breaker *breaker;
    _Atomic uint64_t attempts;
    _Atomic uint64_t failures;
    _Atomic uint32_t in_flight;
    struct mutex lock; /* guards last_* */
    char last_error[160];
    struct wall last_error_at;
};

struct provider_state {
    struct str name;
    _Atomic uint32_t key_at; /* rotation: index into the provider's keys, modulo their number */
};

struct route_state {
    struct str name;
    struct retry_budget *retries;
    struct incident *incident;
    _Atomic uint64_t exchanges;
    _Atomic uint64_t fallbacks;
    _Atomic uint64_t failures;
};

struct registry;
struct registry *registry_new(void);
void registry_free(struct registry *registry);

/* LIMIT beyond REGISTRY_MAX. Options of known entries are renewed. */
enum err registry_target(struct registry *registry, struct str name,
                         const struct breaker_options *breaker,
                         struct target_state **state) MUST_USE;
enum err registry_provider(struct registry *registry, struct str name,
                           struct provider_state **state) MUST_USE;
enum err registry_route(struct registry *registry, struct str name, double retry_share,
                        struct route_state **state) MUST_USE;

void target_state_failed(struct target_state *state, struct wall at, struct str words);

#endif
