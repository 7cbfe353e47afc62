/* SPDX-License-Identifier: Apache-2.0
 * generation.h - one immutable configuration: providers, targets, routes, tools, agents, read
 * from aire.yaml.
 *
 * An exchange pins the generation it began with; a reload builds a new one beside it and swaps.
 * State that outlives a reload (breakers, budgets, limiters) is not here but in the registry, found
 * by name.
 */
#ifndef AIRE_GATEWAY_GENERATION_H
#define AIRE_GATEWAY_GENERATION_H

#include "domain/principal.h"
#include "gateway/route.h"
#include "gateway/tool.h"
#include "resilience/journal.h"
#include "security/injection.h"
#include "security/limits.h"
#include "json/json_canon.h"

#include <stdatomic.h>

struct agent {
    struct str name;
    struct str owner;
    struct str route;
    struct limit_rule limits;
    struct limit_rule user_limits;
    enum mode limits_mode;
};

enum auth_mode { AUTH_AUTO, AUTH_KEYS, AUTH_NONE };

/* How calls of durable runs are known again, and how long they are kept. */
struct runs_rules {
    struct journal_policy policy;
    struct json_masks masks;
    uint64_t bodies_ms;
    uint64_t meta_ms;
};

struct generation {
    _Atomic uint32_t references;
    uint32_t number;
    struct arena *arena;
    struct wall loaded;
    struct settings_texts listen;
    struct str store;       /* may hold a password */
    struct str store_shown; /* does not */
    bool store_unsafe;
    enum auth_mode auth;
    uint64_t body_bytes_max;
    uint64_t answer_bytes_max;
    uint64_t connections_max;
    uint64_t buffered_bytes_max;
    uint64_t log_level;
    uint64_t log_form;
    const struct provider *providers;
    size_t provider_count;
    const struct target *targets;
    size_t target_count;
    const struct route *routes;
    size_t route_count;
    const struct tool *tools;
    size_t tool_count;
    const struct agent *agents;
    size_t agent_count;
    const struct guard_set *const *guard_sets;
    size_t guard_set_count;
    struct runs_rules runs;
    const struct injection_model *injection;
    const struct route *any;      /* the route "*", or NULL */
    const struct route *plain[2]; /* undeclared models, per provider kind; or NULL */
};

struct generation_sources {
    const struct env *env;
    const struct secret_source *secrets;
    struct registry *registry;
    /* Reads a file named in the configuration (rules, CA bundles) relative to it. */
    enum err (*read)(void *object, struct str path, struct buf *to);
    void *object;
    struct str folder;            /* of the configuration file, for CA files; "" */
    struct str default_providers; /* YAML map, for a file that names none */
    struct str proxy;             /* HTTPS_PROXY, "" none */
    struct str no_proxy;
};

/* `root` NULL: no file. Words of the fault start with the key path. One reference is returned. */
enum err generation_load(const struct generation_sources *sources, struct str yaml_text,
                         struct generation **generation, struct fault *fault) MUST_USE;
struct generation *generation_ref(struct generation *generation);
void generation_unref(struct generation *generation);

const struct route *generation_route(const struct generation *generation, struct str model);
const struct tool *generation_tool(const struct generation *generation, struct str name);
const struct agent *generation_agent(const struct generation *generation, struct str name);

extern const struct section
    generation_section; /* the whole file, for the reference and the schema */

#endif
