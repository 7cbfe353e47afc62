/* SPDX-License-Identifier: Apache-2.0
 * registry.c - three kinds of named entries in three maps under one lock.
 *
 * The lock is taken while a configuration is loaded only; exchanges hold pointers to entries. */
#include "gateway/registry.h"

#include "base/arena.h"
#include "base/map.h"

struct registry {
    struct mutex lock;
    struct arena *arena; /* names and entries */
    struct map *targets;
    struct map *providers;
    struct map *routes;
};

/* Names come from the operator's file, not from outside: a fixed seed is enough. */
static const uint64_t seed[2] = {0x6169726567617465, 0x7265676973747279};

struct registry *registry_new(void)
{
    struct arena *arena = arena_new(4096);
    struct registry *registry = arena_new_of(arena, struct registry);
    registry->arena = arena;
    mutex_init(&registry->lock);
    registry->targets = map_new(seed, REGISTRY_MAX);
    registry->providers = map_new(seed, REGISTRY_MAX);
    registry->routes = map_new(seed, REGISTRY_MAX);
    return registry;
}

void registry_free(struct registry *registry)
{
    if (registry == NULL) {
        return;
    }
    size_t at = 0;
    struct str name;
    void *value;
    while (map_next(registry->targets, &at, &name, &value)) {
        struct target_state *state = value;
        breaker_free(state->breaker);
        mutex_end(&state->lock);
    }
    at = 0;
    while (map_next(registry->routes, &at, &name, &value)) {
        struct route_state *state = value;
        retry_budget_free(state->retries);
        incident_free(state->incident);
    }
    map_free(registry->targets);
    map_free(registry->providers);
    map_free(registry->routes);
    mutex_end(&registry->lock);
    arena_free(registry->arena);
}

enum err registry_target(struct registry *registry, struct str name,
                         const struct breaker_options *breaker, struct target_state **state)
{
    mutex_lock(&registry->lock);
    enum err code = ERR_OK;
    struct target_state *found = map_get(registry->targets, name);
    if (found != NULL) {
        breaker_configure(found->breaker, breaker);
    } else {
        found = arena_new_of(registry->arena, struct target_state);
        found->name = arena_str(registry->arena, name);
        code = map_put(registry->targets, found->name, found);
        if (code == ERR_OK) {
            found->breaker = breaker_new(breaker);
            mutex_init(&found->lock);
        }
    }
    *state = found;
    mutex_unlock(&registry->lock);
    return code;
}

enum err registry_provider(struct registry *registry, struct str name,
                           struct provider_state **state)
{
    mutex_lock(&registry->lock);
    enum err code = ERR_OK;
    struct provider_state *found = map_get(registry->providers, name);
    if (found == NULL) {
        found = arena_new_of(registry->arena, struct provider_state);
        found->name = arena_str(registry->arena, name);
        code = map_put(registry->providers, found->name, found);
    }
    *state = found;
    mutex_unlock(&registry->lock);
    return code;
}

enum err registry_route(struct registry *registry, struct str name, double retry_share,
                        struct route_state **state)
{
    mutex_lock(&registry->lock);
    enum err code = ERR_OK;
    struct route_state *found = map_get(registry->routes, name);
    if (found != NULL) {
        retry_budget_configure(found->retries, retry_share);
    } else {
        found = arena_new_of(registry->arena, struct route_state);
        found->name = arena_str(registry->arena, name);
        code = map_put(registry->routes, found->name, found);
        if (code == ERR_OK) {
            found->retries = retry_budget_new(retry_share);
            found->incident = incident_new();
        }
    }
    *state = found;
    mutex_unlock(&registry->lock);
    return code;
}

void target_state_failed(struct target_state *state, struct wall at, struct str words)
{
    mutex_lock(&state->lock);
    (void)str_copy(words, state->last_error, sizeof state->last_error);
    state->last_error_at = at;
    mutex_unlock(&state->lock);
}
