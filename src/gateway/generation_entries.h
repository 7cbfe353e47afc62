/* SPDX-License-Identifier: Apache-2.0
 * generation_entries.h - what stands in aire.yaml under names of the user's: providers, targets,
 * routes, agents, as plain structs before names are resolved.
 */
#ifndef AIRE_GATEWAY_GENERATION_ENTRIES_H
#define AIRE_GATEWAY_GENERATION_ENTRIES_H

#include "gateway/generation.h"

struct provider_conf {
    uint64_t dialect;
    struct str base_url;
    struct settings_texts keys;
    uint64_t auth;
    struct str ca_file;
    struct str proxy;
};

struct price_conf {
    int64_t input;
    int64_t cached;
    int64_t cache_write;
    int64_t output;
};

struct target_conf {
    struct str provider;
    struct str model;
    struct price_conf price;
    uint64_t context;
    uint64_t weight;
    bool inject_usage;
};

struct breaker_conf {
    uint64_t failures;
    uint64_t open_ms;
    uint64_t probes;
    uint64_t close;
};

struct modes_conf {
    uint64_t limits;
    uint64_t rules;
    uint64_t human;
};

struct route_conf {
    const struct yaml *path;
    struct str rules;
    struct route_timeouts timeouts;
    struct route_retries retries;
    struct breaker_conf breaker;
    struct modes_conf modes;
    uint64_t refusals;
    uint64_t record;
    uint64_t capture;
    bool ephemeral;
    struct str guardrails;
};

struct spend_conf {
    int64_t day;
    int64_t month;
    int64_t user_day;
    int64_t user_month;
    uint64_t day_tokens;
    uint64_t month_tokens;
    uint64_t user_day_tokens;
};

struct agent_conf {
    struct str owner;
    struct str route;
    struct rate rate;
    struct rate user_rate;
    struct spend_conf spend;
    uint64_t limits;
};

extern const struct section provider_section;
extern const struct section target_section;
extern const struct section route_section;
extern const struct section agent_section;
extern const struct section retries_section;
extern const struct section breaker_section;

#endif
