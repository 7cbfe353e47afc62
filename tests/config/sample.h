/* SPDX-License-Identifier: Apache-2.0
 * sample.h - a section with a setting of every kind, for the tests of loading, bounds and
 * documents; tests/data/config/settings-*.yaml are written against it. */
#ifndef AIRE_TESTS_CONFIG_SAMPLE_H
#define AIRE_TESTS_CONFIG_SAMPLE_H

#include "config/settings.h"
#include "sample_secrets.h"

#include <math.h>

struct sample_timeouts {
    uint64_t connect_ms;
    uint64_t total_ms;
};

struct sample {
    struct str name;
    bool flag;
    uint64_t count;
    double share;
    uint64_t wait_ms;
    uint64_t body_bytes;
    int64_t price_microusd;
    struct rate rate;
    double budget;
    uint64_t mode;
    struct settings_texts listen;
    struct settings_texts keys;
    struct sample_timeouts timeouts;
    const struct yaml *path;
    const struct yaml *members;
};

#define TIMEOUT(key_, member, ...)                                                                 \
    {                                                                                              \
        .key = key_, .kind = SETTING_DURATION_MS,                                                  \
        .offset = offsetof(struct sample_timeouts, member), .help = "a part of the time",          \
        __VA_ARGS__                                                                                \
    }

static const struct setting timeout_settings[] = {
    TIMEOUT("connect", connect_ms, .otherwise = "2s"),
    TIMEOUT("total", total_ms, .otherwise = "120s", .required = true),
};

static const struct section timeout_section = {.name = "timeouts",
                                               .settings = timeout_settings,
                                               .count = 2,
                                               .bytes = sizeof(struct sample_timeouts),
                                               .help = "How long parts may take."};

#define ROW(key_, kind_, member, ...)                                                              \
    {                                                                                              \
        .key = key_, .kind = SETTING_##kind_, .offset = offsetof(struct sample, member),           \
        __VA_ARGS__                                                                                \
    }

static const struct setting sample_settings[] = {
    ROW("name", TEXT, name, .required = true, .min = 1, .max = 20, .help = "a name"),
    ROW("flag", BOOL, flag, .otherwise = "off", .help = "a switch"),
    ROW("count", U64, count, .otherwise = "3", .min = 1, .max = 10, .help = "how many"),
    ROW("share", DOUBLE, share, .otherwise = "0.5", .min = 0, .max = 1, .help = "a | share"),
    ROW("wait", DURATION_MS, wait_ms, .otherwise = "5s", .min = 1, .max = 600000, .standard = "R4",
        .help = "how long"),
    ROW("body", SIZE_BYTES, body_bytes, .otherwise = "64KiB", .min = 1024, .max = 1 << 30,
        .help = "how large"),
    ROW("price", MONEY, price_microusd, .min = 0, .max = 1e9, .help = "how dear"),
    ROW("rate", RATE, rate, .min = 1, .max = HUGE_VAL, .help = "how often"),
    ROW("budget", PERCENT, budget, .otherwise = "20%", .min = 0, .max = 0.5, .help = "a part"),
    ROW("mode", CHOICE, mode, .otherwise = "enforce", .choices = "off|observe|enforce",
        .help = "what happens"),
    ROW("listen", TEXT_LIST, listen, .otherwise = "[127.0.0.1:8080, '[::1]:8080']", .min = 1,
        .max = 4, .help = "addresses"),
    ROW("keys", SECRET_LIST, keys, .min = 0, .max = 3, .help = "keys"),
    ROW("timeouts", SECTION, timeouts, .section = &timeout_section, .help = "times"),
    ROW("path", TREE, path, .help = "tiers in order"),
    ROW("members", TREE, members, .section = &timeout_section, .help = "times by name"),
    {.key = "hedge",
     .kind = SETTING_LATER,
     .otherwise = "off",
     .help = "comes with hedged attempts"},
};

static const struct section sample_section = {.name = "routes.NAME",
                                              .settings = sample_settings,
                                              .count = sizeof sample_settings /
                                                       sizeof sample_settings[0],
                                              .bytes = sizeof(struct sample),
                                              .help = "A section of every kind."};

#endif
