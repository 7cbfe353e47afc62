/* SPDX-License-Identifier: Apache-2.0
 * generation_load.h - for the files that read aire.yaml: generation.c, generation_providers.c and
 * generation_tools.c.
 */
#ifndef AIRE_GATEWAY_GENERATION_LOAD_H
#define AIRE_GATEWAY_GENERATION_LOAD_H

#include "gateway/generation_settings.h"

struct loader {
    const struct generation_sources *sources;
    struct settings_load settings;
    struct generation *generation;
    struct target *targets; /* the generation's, while they may still be changed */
    struct arena *arena;
    struct fault *fault;
};

/* The fault with the place of `at`: "words: 'name'". */
enum err loader_wrong(const struct loader *l, const struct yaml *at, enum err code,
                      const char *words, struct str name);

/* What providers and tools have in common: an address with its credentials. Fills all of `provider`
 * but name, kind and state, which its credentials' form and its own registry entry need first. */
struct address_conf {
    const char *key; /* the setting that holds it */
    struct str url;
    struct settings_texts keys;
    uint64_t auth;
    struct str ca_file;
    struct str proxy;
};
enum err loader_address(struct loader *l, const struct yaml *node, const struct address_conf *conf,
                        struct provider *provider) MUST_USE;
enum err loader_providers(struct loader *l, const struct yaml *map) MUST_USE;
/* The set of guardrails of that name; "off" is none. */
enum err loader_guards(struct loader *l, struct str name, const struct yaml *at,
                       struct route *route) MUST_USE;
void loader_breaker(const struct breaker_conf *conf, struct breaker_options *options);
enum err loader_tools(struct loader *l, const struct yaml *map) MUST_USE;

#endif
