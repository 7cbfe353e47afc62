/* SPDX-License-Identifier: Apache-2.0
 * generation_settings.h - aire.yaml as plain structs, before names are resolved: what stands once.
 */
#ifndef AIRE_GATEWAY_GENERATION_SETTINGS_H
#define AIRE_GATEWAY_GENERATION_SETTINGS_H

#include "gateway/generation_entries.h"

struct limits_conf {
    uint64_t body_max;
    uint64_t answer_max;
    uint64_t connections;
    uint64_t buffered;
};

struct log_conf {
    uint64_t level;
    uint64_t form;
};

struct keys_conf {
    struct str master; /* read by app/sealing.h, which needs it before anything else */
};

struct divergence_conf {
    uint64_t model;
    uint64_t read;
    uint64_t effect;
    uint64_t budget;
};

struct retention_conf {
    uint64_t bodies_ms;
    uint64_t meta_ms;
};

struct runs_conf {
    struct divergence_conf divergence;
    struct settings_texts mask;
    struct retention_conf retention;
};

struct file_conf {
    uint64_t version;
    struct settings_texts listen;
    struct str store;
    bool store_unsafe;
    uint64_t auth;
    struct limits_conf limits;
    struct log_conf log;
    struct keys_conf keys;
    struct runs_conf runs;
    const struct yaml *providers;
    const struct yaml *targets;
    const struct yaml *routes;
    const struct yaml *agents;
    const struct yaml *guardrails;
    const struct yaml *tools;
    struct str injection_model;
};

#endif
