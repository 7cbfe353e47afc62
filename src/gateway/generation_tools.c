/* SPDX-License-Identifier: Apache-2.0
 * generation_tools.c - `tools:` of aire.yaml: each becomes a route with one target. */
#include "gateway/generation_load.h"

#include "gateway/tool_settings.h"

/* RFC 6901, section 3: "" or tokens that begin with '/'; '~' only as ~0 and ~1. */
static bool is_pointer(struct str text)
{
    bool valid = text.len == 0 || text.at[0] == '/';
    for (size_t i = 0; i < text.len; i++) {
        bool last = i + 1 == text.len;
        valid = valid &&
                (text.at[i] != '~' || (!last && (text.at[i + 1] == '0' || text.at[i + 1] == '1')));
    }
    return valid;
}

/* Fields that are the connection's, the credential's or ours. */
static bool is_taken(struct str name)
{
    static const struct str taken[] = {
        STR_CONST("host"),         STR_CONST("authorization"),   STR_CONST("cookie"),
        STR_CONST("content-type"), STR_CONST("accept-encoding"), STR_CONST("expect"),
        STR_CONST("traceparent"),
    };
    bool is = http_field_is_hop(name) ||
              (name.len >= 7 && str_equal_ci(str_cut(name, 0, 7), STR("x-aire-")));
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        is = is || str_equal_ci(name, taken[i]);
    }
    return is;
}

/* ---- actions ---- */

static enum err check_action(const struct loader *l, const struct yaml *node,
                             const struct action_conf *conf, struct action *action)
{
    const struct {
        const char *key;
        struct str value;
        bool valid;
        const char *words;
    } checks[] = {
        {"idempotency", action->key_field,
         action->key_field.len == 0 ||
             (http_field_valid(action->key_field, STR("")) && !is_taken(action->key_field)),
         "not a header field for a key"},
        {"idempotency", action->key_pointer, is_pointer(action->key_pointer),
         "not a JSON pointer (/a/b)"},
        {"idempotency", action->key_field,
         action->key_field.len == 0 || action->key_pointer.len == 0,
         "a key stands in a header or in the body, not in both"},
        {"match", conf->match,
         conf->match.len == 0 || action_call_read(conf->match, &action->match),
         "match must read METHOD /path"},
        {"probe", conf->probe,
         conf->probe.len == 0 || action_call_read(conf->probe, &action->probe),
         "probe must read METHOD /path"},
        {"probe", conf->probe,
         conf->probe.len == 0 || str_find(conf->probe, STR("{key}")) != SIZE_MAX,
         "a probe asks for {key}"},
        {"probe", conf->probe,
         conf->probe.len == 0 || action->key_field.len + action->key_pointer.len > 0,
         "a probe needs 'idempotency': else no key reaches the tool"},
        {"amount", conf->amount, is_pointer(conf->amount), "not a JSON pointer (/a/b)"},
        {"resource", conf->resource, is_pointer(conf->resource), "not a JSON pointer (/a/b)"},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (!checks[i].valid) {
            return loader_wrong(l, yaml_get(node, str_of(checks[i].key)), ERR_INVALID,
                                checks[i].words, checks[i].value);
        }
    }
    return ERR_OK;
}

static enum err load_action(struct loader *l, const struct yaml *node, struct action *action)
{
    struct action_conf conf;
    if (!settings_name_valid(node->key)) {
        return loader_wrong(l, node, ERR_INVALID, "not a name for an action", node->key);
    }
    enum err code = settings_read(&l->settings, &action_section, node, &conf);
    if (code != ERR_OK) {
        return code;
    }
    *action = (struct action){.name = node->key,
                              .effect = (enum step_effect)conf.effect,
                              .key_field = conf.idempotency.header,
                              .key_pointer = conf.idempotency.json,
                              .amount = conf.amount,
                              .resource = conf.resource};
    if (action->effect == EFFECT_KEYED && action->key_field.len + action->key_pointer.len == 0) {
        action->key_field = STR("Idempotency-Key");
    }
    return check_action(l, node, &conf, action);
}

static enum err load_actions(struct loader *l, const struct yaml *map, struct tool *tool)
{
    if (yaml_absent(map)) {
        return ERR_OK;
    }
    if (map->kind != YAML_MAP || map->count > TOOL_ACTIONS_MAX) {
        return loader_wrong(l, map, ERR_INVALID, "actions must be a map of at most 256 names",
                            tool->name);
    }
    struct action *list = arena_array_of(l->arena, struct action, map->count + 1);
    tool->actions = list;
    for (const struct yaml *node = map->first; node != NULL; node = node->next) {
        enum err code = load_action(l, node, &list[tool->action_count]);
        if (code != ERR_OK) {
            return code;
        }
        tool->action_count++;
    }
    return ERR_OK;
}

/* ---- header fields of our own ---- */

static enum err load_fields(struct loader *l, const struct yaml *map, struct tool *tool)
{
    if (yaml_absent(map)) {
        return ERR_OK;
    }
    if (map->kind != YAML_MAP || map->count > TOOL_FIELDS_MAX) {
        return loader_wrong(l, map, ERR_INVALID, "headers must be a map of at most 16 fields",
                            tool->name);
    }
    struct http_field *list = arena_array_of(l->arena, struct http_field, map->count + 1);
    tool->provider.fields = list;
    for (const struct yaml *node = map->first; node != NULL; node = node->next) {
        struct http_field *field = &list[tool->provider.field_count];
        field->name = node->key;
        if (node->kind != YAML_SCALAR) {
            return loader_wrong(l, node, ERR_INVALID, "the value of a header must be a text",
                                node->key);
        }
        enum err code = settings_resolve(&l->settings, node, &field->value);
        if (code != ERR_OK) {
            return code;
        }
        bool authorises = str_equal_ci(field->name, STR("authorization")) &&
                          tool->provider.keys.count == 0 && tool->provider.auth == AUTH_STORED;
        if (!http_field_valid(field->name, field->value) ||
            (is_taken(field->name) && !authorises)) {
            return loader_wrong(l, node, ERR_INVALID, "not a header field that may be set",
                                node->key);
        }
        tool->provider.field_count++;
    }
    return ERR_OK;
}

/* ---- tools ---- */

static enum err load_address(struct loader *l, const struct yaml *node,
                             const struct tool_conf *conf, struct tool *tool)
{
    const struct generation *g = l->generation;
    struct provider *provider = &tool->provider;
    provider->name = tool->route.name;
    provider->kind = PROVIDER_TOOL;
    provider->index = (uint32_t)(g->provider_count + g->tool_count);
    const struct address_conf address = {"http",     conf->http,    conf->keys,
                                         conf->auth, conf->ca_file, conf->proxy};
    enum err code = loader_address(l, node, &address, provider);
    code = code == ERR_OK ? load_fields(l, conf->headers, tool) : code;
    return code == ERR_OK
               ? registry_provider(l->sources->registry, provider->name, &provider->state)
               : code;
}

static enum err load_route(struct loader *l, const struct yaml *node, const struct tool_conf *conf,
                           struct tool *tool)
{
    struct route *route = &tool->route;
    if (conf->breaker.close > conf->breaker.probes) {
        return loader_wrong(l, yaml_get(node, STR("breaker")), ERR_INVALID,
                            "breaker.close is larger than breaker.probes", tool->name);
    }
    if (conf->ephemeral && conf->capture != CAPTURE_NONE) {
        return loader_wrong(l, yaml_get(node, STR("capture")), ERR_INVALID,
                            "an ephemeral tool captures nothing", tool->name);
    }
    route->timeouts = (struct route_timeouts){.connect_ms = conf->timeouts.connect_ms,
                                              .head_ms = conf->timeouts.head_ms,
                                              .idle_ms = conf->timeouts.idle_ms,
                                              .total_ms = conf->timeouts.total_ms};
    route->retries = conf->retries;
    loader_breaker(&conf->breaker, &route->breaker);
    route->limits_mode = (enum mode)conf->limits;
    route->record = (enum route_record)conf->record;
    route->capture = (enum route_capture)conf->capture;
    route->ephemeral = conf->ephemeral;
    tool->target = (struct target){.name = route->name, .provider = &tool->provider, .weight = 1};
    tool->targets[0] = &tool->target;
    tool->tier = (struct tier){
        .kind = TIER_MODEL, .name = route->name, .targets = tool->targets, .count = 1};
    route->tiers = &tool->tier;
    route->tier_count = 1;
    enum err code = loader_guards(l, conf->guardrails, yaml_get(node, STR("guardrails")), route);
    if (code == ERR_OK) {
        code = registry_target(l->sources->registry, route->name, &route->breaker,
                               &tool->target.state);
    }
    return code == ERR_OK ? registry_route(l->sources->registry, route->name, route->retries.budget,
                                           &route->state)
                          : code;
}

static enum err load_tool(struct loader *l, const struct yaml *node, struct tool *tool)
{
    struct tool_conf conf;
    if (!settings_name_valid(node->key)) {
        return loader_wrong(l, node, ERR_INVALID, "not a name for a tool", node->key);
    }
    enum err code = settings_read(&l->settings, &tool_section, node, &conf);
    if (code != ERR_OK) {
        return code;
    }
    tool->name = node->key;
    tool->rate = conf.rate;
    tool->route.name = arena_printf(l->arena, TOOL_PREFIX STR_FMT, STR_ARG(tool->name));
    code = load_address(l, node, &conf, tool);
    code = code == ERR_OK ? load_actions(l, conf.actions, tool) : code;
    return code == ERR_OK ? load_route(l, node, &conf, tool) : code;
}

enum err loader_tools(struct loader *l, const struct yaml *map)
{
    struct generation *g = l->generation;
    struct tool *list = arena_array_of(l->arena, struct tool, map->count + 1);
    g->tools = list;
    for (const struct yaml *node = map->first; node != NULL; node = node->next) {
        enum err code = load_tool(l, node, &list[g->tool_count]);
        if (code != ERR_OK) {
            return code;
        }
        g->tool_count++;
    }
    return ERR_OK;
}
