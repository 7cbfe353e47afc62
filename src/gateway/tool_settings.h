/* SPDX-License-Identifier: Apache-2.0
 * tool_settings.h - `tools:` of aire.yaml as plain structs, before names are resolved.
 */
#ifndef AIRE_GATEWAY_TOOL_SETTINGS_H
#define AIRE_GATEWAY_TOOL_SETTINGS_H

#include "gateway/generation_settings.h"

struct tool_timeouts {
    uint64_t connect_ms;
    uint64_t head_ms;
    uint64_t idle_ms;
    uint64_t total_ms;
};

struct tool_conf {
    struct str http;
    const struct yaml *actions;
    struct rate rate;
    struct settings_texts keys;
    uint64_t auth;
    const struct yaml *headers;
    struct str ca_file;
    struct str proxy;
    struct tool_timeouts timeouts;
    struct route_retries retries;
    struct breaker_conf breaker;
    uint64_t limits;
    struct str guardrails;
    uint64_t record;
    uint64_t capture;
    bool ephemeral;
};

struct key_conf {
    struct str header;
    struct str json;
};

struct action_conf {
    uint64_t effect;
    struct key_conf idempotency;
    struct str match;
    struct str probe;
    struct str amount;
    struct str resource;
};

extern const struct section tool_section;
extern const struct section action_section;

#endif
