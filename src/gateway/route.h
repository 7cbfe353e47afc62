/* SPDX-License-Identifier: Apache-2.0
 * route.h - where a request may go: providers, targets at them, and routes with their tiers.
 *
 * Plain immutable structs of one configuration generation; what changes hangs on `state` and
 * outlives it.
 */
#ifndef AIRE_GATEWAY_ROUTE_H
#define AIRE_GATEWAY_ROUTE_H

#include "config/settings.h"
#include "domain/verdict.h"
#include "gateway/registry.h"
#include "io/http1.h"
#include "io/tls.h"
#include "operations/cost.h"
#include "resilience/rules.h"
#include "security/guard_set.h"

enum provider_kind { PROVIDER_OPENAI, PROVIDER_ANTHROPIC, PROVIDER_TOOL };
enum provider_auth { AUTH_STORED, AUTH_CLIENT };

struct provider {
    struct str name;
    uint32_t index; /* among the generation's providers and, behind them, tools */
    enum provider_kind kind;
    enum provider_auth auth;
    struct settings_texts keys;
    const struct str *credentials;   /* each key as its header field carries it */
    const struct http_field *fields; /* a tool's own, sent with every call */
    size_t field_count;
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

#define TIER_TARGETS_MAX 64

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
#define CAPTURE_BYTES_MAX KIB(24) /* of each body */
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
    const struct guard_set *guards; /* NULL: off */
    enum mode rules_mode;
    enum mode human_mode;
    enum mode limits_mode;
    struct route_state *state;
};

#endif
