/* SPDX-License-Identifier: Apache-2.0
 * generation.h - one immutable configuration: providers, targets, routes, agents, read from
 * aire.yaml.
 *
 * An exchange pins the generation it began with; a reload builds a new one beside it and swaps.
 * State that outlives a reload (breakers, budgets, limiters) is not here but in the registry, found
 * by name.
 */
#ifndef AIRE_GATEWAY_GENERATION_H
#define AIRE_GATEWAY_GENERATION_H

#include "config/settings.h"
#include "domain/principal.h"
#include "domain/verdict.h"
#include "gateway/registry.h"
#include "io/tls.h"
#include "operations/cost.h"
#include "resilience/rules.h"
#include "security/limits.h"

#include <stdatomic.h>

enum provider_kind { PROVIDER_OPENAI, PROVIDER_ANTHROPIC };
enum provider_auth { AUTH_STORED, AUTH_CLIENT };

struct provider {
    struct str name;
    enum provider_kind kind;
    enum provider_auth auth;
    struct settings_texts keys;
    struct tls_client *tls; /* NULL: plain http */
    struct str tls_key;
    struct str host;
    uint16_t port;
    struct str path;      /* of base_url, without a trailing slash */
    struct str authority; /* value of Host */
    struct str proxy_host;
    uint16_t proxy_port;
    struct str proxy_auth;
    struct provider_state *state;
};

struct target {
    struct str name;
    const struct provider *provider;
    struct str model; /* "" keeps the client's */
    struct price price;
    uint64_t context;
    uint64_t weight;
    bool inject_usage;
    struct target_state *state;
};

enum tier_kind { TIER_MODEL, TIER_RULES, TIER_HUMAN };

struct tier {
    enum tier_kind kind;
    struct str name; /* the target's, "big+claude" for several, "rules", "human" */
    const struct target *const *targets;
    size_t count;
};

struct route_timeouts {
    uint64_t connect_ms;
    uint64_t head_ms;
    uint64_t first_token_ms;
    uint64_t idle_ms;
    uint64_t idle_reasoning_ms;
    uint64_t total_ms;
};

struct route_retries {
    uint64_t attempts; /* per target, the first included */
    uint64_t backoff_ms;
    uint64_t backoff_max_ms;
    double budget;
};

enum route_record { RECORD_FACT, RECORD_BEFORE_RELEASE };
enum route_capture { CAPTURE_NONE, CAPTURE_META, CAPTURE_FULL };

struct route {
    struct str name;
    const struct tier *tiers;
    size_t tier_count;
    struct route_timeouts timeouts;
    struct route_retries retries;
    struct breaker_options breaker;
    const struct rules *rules;
    bool refusals_fall_back;
    enum route_record record;
    enum route_capture capture;
    bool ephemeral;
    enum mode rules_mode;
    enum mode human_mode;
    enum mode limits_mode;
    struct route_state *state;
};

struct agent {
    struct str name;
    struct str owner;
    struct str route;
    struct limit_rule limits;
    struct limit_rule user_limits;
    enum mode limits_mode;
};

enum auth_mode { AUTH_AUTO, AUTH_KEYS, AUTH_NONE };

struct generation {
    _Atomic uint32_t references;
    uint32_t number;
    struct arena *arena;
    struct wall loaded;
    struct settings_texts listen;
    struct str store;
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
    const struct agent *agents;
    size_t agent_count;
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
const struct agent *generation_agent(const struct generation *generation, struct str name);

extern const struct section
    generation_section; /* the whole file, for the reference and the schema */

#endif
