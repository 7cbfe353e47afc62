/* SPDX-License-Identifier: Apache-2.0
 * generation.c - from aire.yaml to a generation: every name resolved, every contradiction refused.
 *
 * Order: file, providers, targets, routes, tools, agents; each looks up only what stands before it.
 * Faults carry the place of the offending line. */
#include "gateway/generation_load.h"

#include "base/must.h"

#include <string.h>

/* ---- targets ---- */

static enum err load_target(struct loader *l, const struct yaml *node, struct target *target)
{
    struct target_conf conf;
    enum err code = settings_read(&l->settings, &target_section, node, &conf);
    if (code != ERR_OK) {
        return code;
    }
    *target = (struct target){
        .name = node->key,
        .model = conf.model,
        .price = {conf.price.input, conf.price.cached, conf.price.cache_write, conf.price.output},
        .context = conf.context,
        .weight = conf.weight,
        .inject_usage = conf.inject_usage};
    const struct generation *g = l->generation;
    for (size_t i = 0; i < g->provider_count; i++) {
        if (str_equal(g->providers[i].name, conf.provider)) {
            target->provider = &g->providers[i];
            return ERR_OK;
        }
    }
    return loader_wrong(l, yaml_get(node, STR("provider")), ERR_NOT_FOUND, "no such provider",
                        conf.provider);
}

/* Every provider also gets a target of its own name for models that no route declares. */
static enum err load_targets(struct loader *l, const struct yaml *map)
{
    struct generation *g = l->generation;
    size_t declared = map != NULL ? map->count : 0;
    struct target *list = arena_array_of(l->arena, struct target, declared + g->provider_count + 1);
    g->targets = list;
    l->targets = list;
    for (const struct yaml *node = map != NULL ? map->first : NULL; node != NULL;
         node = node->next) {
        if (!settings_name_valid(node->key) || str_equal(node->key, STR("rules")) ||
            str_equal(node->key, STR("human"))) {
            return loader_wrong(l, node, ERR_INVALID, "not a name for a target", node->key);
        }
        enum err code = load_target(l, node, &list[g->target_count]);
        if (code != ERR_OK) {
            return code;
        }
        g->target_count++;
    }
    for (size_t i = 0; i < g->provider_count; i++) {
        list[g->target_count + i] = (struct target){.name = g->providers[i].name,
                                                    .provider = &g->providers[i],
                                                    .price = PRICE_UNKNOWN,
                                                    .weight = 1,
                                                    .inject_usage = true};
    }
    return ERR_OK;
}

static struct target *find_target(const struct loader *l, struct str name)
{
    for (size_t i = 0; i < l->generation->target_count; i++) {
        if (str_equal(l->targets[i].name, name)) {
            return &l->targets[i];
        }
    }
    return NULL;
}

/* ---- routes ---- */

static enum err bind_target(struct loader *l, struct target *target, const struct route *route,
                            const struct yaml *at)
{
    struct target_state *state = target->state;
    if (state != NULL) {
        /* One target, one breaker: two routes may not ask for different ones. */
        for (size_t r = 0; r < l->generation->route_count; r++) {
            const struct route *other = &l->generation->routes[r];
            for (size_t t = 0; t < other->tier_count; t++) {
                for (size_t i = 0; i < other->tiers[t].count; i++) {
                    if (other->tiers[t].targets[i] == target &&
                        memcmp(&other->breaker, &route->breaker, sizeof route->breaker) != 0) {
                        return loader_wrong(l, at, ERR_INVALID,
                                            "target has other breaker settings in an earlier route",
                                            target->name);
                    }
                }
            }
        }
        return ERR_OK;
    }
    return registry_target(l->sources->registry, target->name, &route->breaker, &target->state);
}

static enum err load_model_tier(struct loader *l, const struct yaml *node,
                                const struct route *route, struct tier *tier)
{
    bool many = node->kind == YAML_LIST;
    size_t count = many ? node->count : 1;
    if (count > TIER_TARGETS_MAX) {
        return loader_wrong(l, node, ERR_LIMIT, "a tier has at most 64 targets", route->name);
    }
    const struct target **targets = arena_array_of(l->arena, const struct target *, count + 1);
    *tier = (struct tier){.kind = TIER_MODEL, .targets = targets};
    for (const struct yaml *item = many ? node->first : node; item != NULL;
         item = many ? item->next : NULL) {
        struct target *target = find_target(l, item->scalar);
        if (target == NULL || item->kind != YAML_SCALAR) {
            return loader_wrong(l, item, ERR_NOT_FOUND, "no such target", item->scalar);
        }
        enum err code = bind_target(l, target, route, item);
        if (code != ERR_OK) {
            return code;
        }
        tier->name = tier->count == 0 ? target->name
                                      : arena_printf(l->arena, STR_FMT "+" STR_FMT,
                                                     STR_ARG(tier->name), STR_ARG(target->name));
        targets[tier->count++] = target;
    }
    return tier->count > 0 ? ERR_OK
                           : loader_wrong(l, node, ERR_INVALID, "an empty tier", route->name);
}

static enum err load_tier(struct loader *l, const struct yaml *node, const struct route *route,
                          struct tier *tier)
{
    struct str word = node->kind == YAML_SCALAR ? node->scalar : STR("");
    if (str_equal(word, STR("rules"))) {
        *tier = (struct tier){.kind = TIER_RULES, .name = STR("rules")};
        return route->rules != NULL
                   ? ERR_OK
                   : loader_wrong(l, node, ERR_INVALID,
                                  "the path has a tier 'rules' but no file for it", route->name);
    }
    if (str_equal(word, STR("human"))) {
        *tier = (struct tier){.kind = TIER_HUMAN, .name = STR("human")};
        return ERR_OK;
    }
    return load_model_tier(l, node, route, tier);
}

#define TIERS_MAX 16

static enum err load_path(struct loader *l, const struct yaml *path, struct route *route)
{
    if (path->kind != YAML_LIST || path->count == 0 || path->count > TIERS_MAX) {
        return loader_wrong(l, path, ERR_INVALID, "a path is a list of 1 to 16 tiers", route->name);
    }
    struct tier *tiers = arena_array_of(l->arena, struct tier, path->count);
    route->tiers = tiers;
    for (const struct yaml *node = path->first; node != NULL; node = node->next) {
        enum err code = load_tier(l, node, route, &tiers[route->tier_count]);
        if (code != ERR_OK) {
            return code;
        }
        if (route->tier_count > 0 && tiers[route->tier_count - 1].kind == TIER_HUMAN) {
            return loader_wrong(l, node, ERR_INVALID, "'human' must be the last tier", route->name);
        }
        route->tier_count++;
    }
    return ERR_OK;
}

static enum err load_rules(struct loader *l, struct str file, const struct yaml *at,
                           struct route *route)
{
    struct buf text;
    buf_init(&text, MIB(4));
    enum err code = l->sources->read(l->sources->object, file, &text);
    const struct yaml *root;
    if (code != ERR_OK) {
        buf_end(&text);
        return loader_wrong(l, at, code, err_text(code), file);
    }
    struct str kept = arena_str(l->arena, buf_str(&text));
    buf_end(&text);
    code = yaml_parse(kept, l->arena, &root, l->fault);
    if (code == ERR_OK) {
        code = rules_load(&l->settings, root, &route->rules);
    }
    if (code != ERR_OK && l->fault != NULL) {
        /* Two places: the key in aire.yaml, and in the words the one in the rules file. */
        char words[sizeof l->fault->words];
        (void)str_copy(str_of(l->fault->words), words, sizeof words);
        unsigned line = l->fault->line;
        unsigned column = l->fault->column;
        l->fault->line = at->line;
        l->fault->column = at->column;
        return fault_set(l->fault, code, STR_FMT ":%u:%u: %.160s", STR_ARG(file), line, column,
                         words);
    }
    return code;
}

void loader_breaker(const struct breaker_conf *conf, struct breaker_options *options)
{
    *options = (struct breaker_options){.failures = (uint32_t)conf->failures,
                                        .probes = (uint32_t)conf->probes,
                                        .close = (uint32_t)conf->close,
                                        .open_ms = (uint32_t)conf->open_ms};
}

static void copy_route(const struct route_conf *conf, struct route *route)
{
    route->timeouts = conf->timeouts;
    route->retries = conf->retries;
    loader_breaker(&conf->breaker, &route->breaker);
    route->limits_mode = (enum mode)conf->modes.limits;
    route->rules_mode = (enum mode)conf->modes.rules;
    route->human_mode = (enum mode)conf->modes.human;
    route->refusals_fall_back = conf->refusals == 1;
    route->record = (enum route_record)conf->record;
    route->capture = (enum route_capture)conf->capture;
    route->ephemeral = conf->ephemeral;
}

/* ---- guardrails ---- */

/* The set `default` is there whether it was declared or not. */
static enum err load_guard_sets(struct loader *l, const struct yaml *map)
{
    struct generation *g = l->generation;
    size_t declared = map != NULL ? map->count : 0;
    struct guard_set **sets = arena_array_of(l->arena, struct guard_set *, declared + 1);
    const struct guard_sources sources = {&l->settings, l->sources->read, l->sources->object};
    bool has_default = false;
    g->guard_sets = (const struct guard_set *const *)sets;
    for (const struct yaml *node = map != NULL ? map->first : NULL; node != NULL;
         node = node->next) {
        if (!settings_name_valid(node->key) || str_equal(node->key, STR("off"))) {
            return loader_wrong(l, node, ERR_INVALID, "not a name for a set of guardrails",
                                node->key);
        }
        has_default = has_default || str_equal(node->key, STR("default"));
        enum err code = guard_set_load(&sources, node->key, node, &sets[g->guard_set_count]);
        if (code != ERR_OK) {
            return code;
        }
        g->guard_set_count++;
    }
    return has_default
               ? ERR_OK
               : guard_set_load(&sources, STR("default"), NULL, &sets[g->guard_set_count++]);
}

enum err loader_guards(struct loader *l, struct str name, const struct yaml *at,
                       struct route *route)
{
    const struct generation *g = l->generation;
    for (size_t i = 0; i < g->guard_set_count; i++) {
        if (str_equal(g->guard_sets[i]->name, name)) {
            route->guards = g->guard_sets[i];
        }
    }
    return route->guards != NULL || str_equal(name, STR("off"))
               ? ERR_OK
               : loader_wrong(l, at, ERR_NOT_FOUND, "no such set of guardrails", name);
}

static void free_model(void *object)
{
    injection_model_free(object);
}

static enum err load_injection_model(struct loader *l, struct str file, const struct yaml *at)
{
    if (file.len == 0) {
        struct injection_model *own = injection_model_default();
        arena_cleanup(l->arena, free_model, own);
        l->generation->injection = own;
        return ERR_OK;
    }
    struct buf bytes;
    struct fault why = {0};
    struct injection_model *model = NULL;
    buf_init(&bytes, INJECTION_MODEL_BYTES_MAX);
    enum err code = l->sources->read(l->sources->object, file, &bytes);
    if (code == ERR_OK) {
        code = injection_model_read(buf_str(&bytes), &model, &why);
    }
    buf_end(&bytes);
    if (code == ERR_OK) {
        arena_cleanup(l->arena, free_model, model);
        l->generation->injection = model;
    }
    return code == ERR_OK
               ? ERR_OK
               : loader_wrong(l, at, code, why.words[0] != '\0' ? why.words : err_text(code), file);
}

static enum err load_route(struct loader *l, const struct yaml *node, struct route *route)
{
    struct route_conf conf;
    enum err code = settings_read(&l->settings, &route_section, node, &conf);
    if (code != ERR_OK) {
        return code;
    }
    route->name = node->key;
    copy_route(&conf, route);
    if (conf.breaker.close > conf.breaker.probes) {
        return loader_wrong(l, yaml_get(node, STR("breaker")), ERR_INVALID,
                            "breaker.close is larger than breaker.probes", route->name);
    }
    if (route->ephemeral && route->capture != CAPTURE_NONE) {
        return loader_wrong(l, yaml_get(node, STR("capture")), ERR_INVALID,
                            "an ephemeral route captures nothing", route->name);
    }
    code = loader_guards(l, conf.guardrails, yaml_get(node, STR("guardrails")), route);
    if (code == ERR_OK && conf.rules.len > 0) {
        code = load_rules(l, conf.rules, yaml_get(node, STR("rules")), route);
    }
    if (code == ERR_OK) {
        code = load_path(l, conf.path, route);
    }
    if (code != ERR_OK) {
        return code;
    }
    return registry_route(l->sources->registry, route->name, route->retries.budget, &route->state);
}

/* The route of undeclared models of one dialect: the first provider that speaks it, all defaults.
 */
static enum err load_plain_route(struct loader *l, enum provider_kind kind, struct route *route)
{
    struct generation *g = l->generation;
    for (size_t i = 0; i < g->provider_count; i++) {
        if (g->providers[i].kind != kind) {
            continue;
        }
        struct yaml path = {.kind = YAML_LIST};
        struct route_conf conf;
        struct yaml map = {.kind = YAML_MAP, .first = &path, .count = 1};
        path.key = STR("path");
        enum err code = settings_read(&l->settings, &route_section, &map, &conf);
        must(code == ERR_OK);
        copy_route(&conf, route);
        code = loader_guards(l, STR("default"), NULL, route);
        must(code == ERR_OK);
        route->name = arena_printf(l->arena, "default-" STR_FMT, STR_ARG(g->providers[i].name));
        struct tier *tier = arena_new_of(l->arena, struct tier);
        const struct target **targets = arena_array_of(l->arena, const struct target *, 1);
        struct target *target = &l->targets[g->target_count + i];
        targets[0] = target;
        *tier = (struct tier){
            .kind = TIER_MODEL, .name = target->name, .targets = targets, .count = 1};
        route->tiers = tier;
        route->tier_count = 1;
        g->plain[kind] = route;
        /* A declared target may have the provider's name; its breaker is its own. */
        struct str state_name = arena_printf(l->arena, "provider:" STR_FMT, STR_ARG(target->name));
        code = registry_target(l->sources->registry, state_name, &route->breaker, &target->state);
        return code != ERR_OK ? code
                              : registry_route(l->sources->registry, route->name,
                                               route->retries.budget, &route->state);
    }
    return ERR_OK;
}

static enum err load_routes(struct loader *l, const struct yaml *map)
{
    struct generation *g = l->generation;
    size_t declared = map != NULL ? map->count : 0;
    struct route *list = arena_array_of(l->arena, struct route, declared + 2);
    g->routes = list;
    for (const struct yaml *node = map != NULL ? map->first : NULL; node != NULL;
         node = node->next) {
        bool any = str_equal(node->key, STR("*"));
        bool taken = str_starts(node->key, STR(TOOL_PREFIX)); /* the routes of tools */
        if (!any && (!domain_name_valid(node->key) || taken)) {
            return loader_wrong(l, node, ERR_INVALID, "not a name for a route", node->key);
        }
        enum err code = load_route(l, node, &list[g->route_count]);
        if (code != ERR_OK) {
            return code;
        }
        g->any = any ? &list[g->route_count] : g->any;
        g->route_count++;
    }
    enum err code = load_plain_route(l, PROVIDER_OPENAI, &list[declared]);
    return code != ERR_OK ? code : load_plain_route(l, PROVIDER_ANTHROPIC, &list[declared + 1]);
}

/* ---- agents ---- */

static int64_t limit_of(int64_t money)
{
    return money > 0 ? money : 0;
}

static enum err load_agent(struct loader *l, const struct yaml *node, struct agent *agent)
{
    struct agent_conf conf;
    enum err code = settings_read(&l->settings, &agent_section, node, &conf);
    if (code != ERR_OK) {
        return code;
    }
    *agent = (struct agent){
        .name = node->key,
        .owner = conf.owner,
        .route = conf.route,
        .limits = {conf.rate, limit_of(conf.spend.day), limit_of(conf.spend.month),
                   conf.spend.day_tokens, conf.spend.month_tokens},
        .user_limits = {conf.user_rate, limit_of(conf.spend.user_day),
                        limit_of(conf.spend.user_month), conf.spend.user_day_tokens, 0},
        .limits_mode = (enum mode)conf.limits,
    };
    for (size_t i = 0; i < l->generation->route_count && agent->route.len > 0; i++) {
        if (str_equal(l->generation->routes[i].name, agent->route)) {
            return ERR_OK;
        }
    }
    return agent->route.len == 0 ? ERR_OK
                                 : loader_wrong(l, yaml_get(node, STR("route")), ERR_NOT_FOUND,
                                                "no such route", conf.route);
}

static enum err load_agents(struct loader *l, const struct yaml *map)
{
    struct generation *g = l->generation;
    struct agent *list = arena_array_of(l->arena, struct agent, map->count + 1);
    g->agents = list;
    for (const struct yaml *node = map->first; node != NULL; node = node->next) {
        if (!settings_name_valid(node->key)) {
            return loader_wrong(l, node, ERR_INVALID, "not a name for an agent", node->key);
        }
        enum err code = load_agent(l, node, &list[g->agent_count]);
        if (code != ERR_OK) {
            return code;
        }
        g->agent_count++;
    }
    return ERR_OK;
}

/* ---- runs ---- */

static enum err load_runs(struct loader *l, const struct runs_conf *conf, const struct yaml *node)
{
    static const struct str always[] = {STR_CONST("/metadata"), STR_CONST("/user")};
    struct runs_rules *runs = &l->generation->runs;
    runs->policy = (struct journal_policy){
        (enum divergence)conf->divergence.model, (enum divergence)conf->divergence.read,
        (enum divergence)conf->divergence.effect, (uint32_t)conf->divergence.budget};
    runs->bodies_ms = conf->retention.bodies_ms;
    runs->meta_ms = conf->retention.meta_ms;
    bool given = conf->mask.count > 0;
    const struct str *masks = given ? conf->mask.items : always;
    size_t count = given ? conf->mask.count : sizeof always / sizeof always[0];
    for (size_t i = 0; i < count; i++) {
        enum err code = json_masks_add(&runs->masks, masks[i], l->arena);
        if (code != ERR_OK) {
            return loader_wrong(l, node, code, "not a JSON pointer to mask", masks[i]);
        }
    }
    return ERR_OK;
}

/* ---- the whole ---- */

static enum err load_store(struct loader *l, const struct yaml *root, const struct file_conf *conf)
{
    struct generation *g = l->generation;
    const struct yaml *node = yaml_get(root, STR("store"));
    g->store_unsafe = conf->store_unsafe;
    enum err code = conf->store.len > 0 ? settings_resolve(&l->settings, node, &g->store) : ERR_OK;
    if (code != ERR_OK || g->store.len == 0) {
        return code;
    }
    char shown[1024];
    if (store_shown(g->store, shown, sizeof shown) == ERR_OK &&
        !str_equal(g->store, STR("memory:"))) {
        g->store_shown = arena_str(l->arena, str_of(shown));
        return ERR_OK;
    }
    /* What stands behind the scheme may hold a password. */
    return loader_wrong(l, node, ERR_UNSUPPORTED,
                        "store must read sqlite:PATH or postgres://USER@HOST:PORT/DATABASE?OPTIONS",
                        str_cut(g->store, 0, str_find_byte(g->store, ':')));
}

static enum err load_file(struct loader *l, const struct yaml *root, struct file_conf *conf)
{
    enum err code = settings_read(&l->settings, &generation_section, root, conf);
    if (code != ERR_OK) {
        return code;
    }
    const struct yaml *maps[] = {conf->providers, conf->targets,    conf->routes,
                                 conf->agents,    conf->guardrails, conf->tools};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        if (!yaml_absent(maps[i]) && maps[i]->kind != YAML_MAP) {
            return loader_wrong(l, maps[i], ERR_INVALID, "must be a map of names", maps[i]->key);
        }
    }
    struct generation *g = l->generation;
    g->listen = conf->listen;
    g->auth = (enum auth_mode)conf->auth;
    g->body_bytes_max = conf->limits.body_max;
    g->answer_bytes_max = conf->limits.answer_max;
    g->connections_max = conf->limits.connections;
    g->buffered_bytes_max = conf->limits.buffered;
    g->log_level = conf->log.level;
    g->log_form = conf->log.form;
    return ERR_OK;
}

static enum err load_all(struct loader *l, struct str text)
{
    const struct yaml *root;
    const struct yaml *spare;
    struct file_conf conf;
    enum err code = yaml_parse(arena_str(l->arena, text), l->arena, &root, l->fault);
    if (code == ERR_OK) {
        code = load_file(l, root, &conf);
    }
    if (code == ERR_OK) {
        code = load_store(l, root, &conf);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (yaml_absent(conf.providers)) {
        code = yaml_parse(arena_str(l->arena, l->sources->default_providers), l->arena, &spare,
                          l->fault);
        if (code != ERR_OK) {
            return code;
        }
        conf.providers = spare;
    }
    code = loader_providers(l, conf.providers);
    if (code == ERR_OK) {
        code = load_targets(l, yaml_absent(conf.targets) ? NULL : conf.targets);
    }
    if (code == ERR_OK) {
        code = load_injection_model(l, conf.injection_model,
                                    yaml_get(root, STR("injection_model")));
    }
    if (code == ERR_OK) {
        code = load_guard_sets(l, yaml_absent(conf.guardrails) ? NULL : conf.guardrails);
    }
    if (code == ERR_OK) {
        code = load_routes(l, yaml_absent(conf.routes) ? NULL : conf.routes);
    }
    if (code == ERR_OK && !yaml_absent(conf.tools)) {
        code = loader_tools(l, conf.tools);
    }
    if (code == ERR_OK && !yaml_absent(conf.agents)) {
        code = load_agents(l, conf.agents);
    }
    if (code == ERR_OK) {
        code = load_runs(l, &conf.runs, yaml_get(root, STR("runs")));
    }
    return code;
}

enum err generation_load(const struct generation_sources *sources, struct str yaml_text,
                         struct generation **generation, struct fault *fault)
{
    must(sources->registry != NULL && sources->env != NULL);
    struct arena *arena = arena_new(KIB(16));
    struct generation *g = arena_new_of(arena, struct generation);
    struct loader loader = {.sources = sources, .generation = g, .arena = arena, .fault = fault};
    loader.settings = (struct settings_load){
        .secrets = sources->secrets, .arena = arena, .fault = fault};
    atomic_init(&g->references, 1);
    g->arena = arena;
    g->loaded = env_wall(sources->env);
    if (fault != NULL) {
        *fault = (struct fault){0};
    }
    enum err code = load_all(&loader, yaml_text);
    if (code != ERR_OK) {
        arena_free(arena);
        return code;
    }
    *generation = g;
    return ERR_OK;
}

struct generation *generation_ref(struct generation *generation)
{
    uint32_t before = atomic_fetch_add_explicit(&generation->references, 1, memory_order_relaxed);
    must(before > 0);
    return generation;
}

void generation_unref(struct generation *generation)
{
    if (generation != NULL &&
        atomic_fetch_sub_explicit(&generation->references, 1, memory_order_acq_rel) == 1) {
        arena_free(generation->arena);
    }
}

const struct route *generation_route(const struct generation *generation, struct str model)
{
    for (size_t i = 0; i < generation->route_count; i++) {
        if (str_equal(generation->routes[i].name, model)) {
            return &generation->routes[i];
        }
    }
    return generation->any;
}

const struct agent *generation_agent(const struct generation *generation, struct str name)
{
    for (size_t i = 0; i < generation->agent_count; i++) {
        if (str_equal(generation->agents[i].name, name)) {
            return &generation->agents[i];
        }
    }
    return NULL;
}

const struct tool *generation_tool(const struct generation *generation, struct str name)
{
    for (size_t i = 0; i < generation->tool_count; i++) {
        if (str_equal(generation->tools[i].name, name)) {
            return &generation->tools[i];
        }
    }
    return NULL;
}
