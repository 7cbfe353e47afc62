/* SPDX-License-Identifier: Apache-2.0
 * test_generation.c - configurations: every refusal with its place and words (a file each in
 * tests/data/generation), and what a good one becomes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/generation.h"
#include "support/config_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char rules[] = "version: 1\nrules: [{name: all, answer: later}]\n";
static const char broken_rules[] = "version: 1\nrules:\n  - {name: a, answerr: x}\n";
static const char pattern_rules[] = "version: 1\nrules:\n  - name: a\n    when: {message: '('}\n"
                                    "    answer: x\n";

static enum err read_beside(void *object, struct str path, struct buf *to)
{
    static const struct {
        const char *path;
        const char *text;
    } files[] = {{"rules.yaml", rules},
                 {"rules/support.yaml", rules},
                 {"broken.yaml", broken_rules},
                 {"pattern.yaml", pattern_rules}};
    (void)object;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (str_equal(path, str_of(files[i].path))) {
            return buf_add(to, str_of(files[i].text));
        }
    }
    return ERR_NOT_FOUND;
}

static const char *read_variable(void *object, const char *name)
{
    (void)object;
    return strcmp(name, "NOT_SET") == 0 ? NULL : "secret-of-the-variable";
}

struct rig {
    struct env env;
    struct registry *registry;
    struct generation_sources sources;
    struct secret_source secrets;
    struct fault fault;
};

static int open_rig(void **state)
{
    static struct rig rig;
    memset(&rig, 0, sizeof rig);
    env_init_real(&rig.env);
    rig.registry = registry_new();
    rig.secrets.variable = read_variable;
    rig.sources = (struct generation_sources){
        .env = &rig.env, .secrets = &rig.secrets, .registry = rig.registry, .read = read_beside};
    *state = &rig;
    return 0;
}

static int close_rig(void **state)
{
    registry_free(((struct rig *)*state)->registry);
    return 0;
}

static struct generation *load(struct rig *rig, const char *text)
{
    struct generation *generation = NULL;
    if (generation_load(&rig->sources, str_of(text), &generation, &rig->fault) != ERR_OK) {
        fail_msg("%u:%u: %s", rig->fault.line, rig->fault.column, rig->fault.words);
    }
    return generation;
}

static enum err refuse(struct rig *rig, const char *text)
{
    struct generation *generation = NULL;
    enum err code = generation_load(&rig->sources, str_of(text), &generation, &rig->fault);
    assert_int_not_equal(code, ERR_OK);
    assert_null(generation);
    return code;
}

static void test_every_contradiction_is_refused_with_its_place(void **state)
{
    static struct config_file file;
    struct rig *rig = *state;
    size_t at = 0;
    size_t count = 0;
    while (config_files_next("tests/data/generation", "bad-", &at, &file)) {
        struct generation *generation = NULL;
        struct registry *fresh = registry_new();
        struct generation_sources sources = rig->sources;
        sources.registry = fresh;
        struct fault fault = {0};
        enum err err = generation_load(&sources, file.text, &generation, &fault);
        config_files_check(&file, err, &fault);
        registry_free(fresh);
        count++;
    }
    assert_true(count >= 55);
}

static void test_no_refusal_shows_a_secret(void **state)
{
    struct rig *rig = *state;
    (void)refuse(rig, "version: 1\nproviders:\n  p: {dialect: openai, base_url: http://h, keys: "
                      "[\"${KEY}\", \"top\\nsecret\"]}\n");
    assert_null(strstr(rig->fault.words, "secret"));
    (void)refuse(rig, "version: 1\nproviders:\n  p: {dialect: openai, base_url: http://h, proxy: "
                      "\"http://user:topsecret@h:x\"}\n");
    assert_null(strstr(rig->fault.words, "secret"));
}

/* The example without what is built later: its sections, and the guardrails of its route. */
static struct str without_later(struct str text, struct arena *arena)
{
    static const char *const later[] = {"guardrails:", "runs:", "audit:"};
    char *kept = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    bool skips = false;
    struct str line;
    while (str_split(&text, '\n', &line)) {
        if (line.len > 0 && line.at[0] >= 'a' && line.at[0] <= 'z') {
            skips = false;
            for (size_t i = 0; i < 3; i++) {
                skips = skips || str_starts(line, str_of(later[i]));
            }
        }
        if (!skips && str_find(line, STR("    guardrails:")) == SIZE_MAX &&
            str_find(line, STR("ca_file")) == SIZE_MAX) {
            memcpy(kept + len, line.at, line.len);
            kept[len + line.len] = '\n';
            len += line.len + 1;
        }
    }
    kept[len] = '\0';
    return (struct str){kept, len};
}

static void test_the_example_loads_without_what_comes_later(void **state)
{
    struct rig *rig = *state;
    struct buf text;
    if (!config_files_shared("aire.example.yaml", &text)) {
        buf_end(&text);
        skip();
    }
    struct arena *arena = arena_new(65536);
    struct generation *g = load(rig, without_later(buf_str(&text), arena).at);
    assert_int_equal(g->provider_count, 3);
    assert_int_equal(g->target_count, 3);
    assert_int_equal(g->auth, AUTH_KEYS);
    const struct route *route = generation_route(g, STR("support"));
    assert_non_null(route);
    assert_int_equal(route->tier_count, 5);
    assert_int_equal(route->tiers[3].kind, TIER_RULES);
    assert_int_equal(route->tiers[4].kind, TIER_HUMAN);
    assert_int_equal(route->timeouts.idle_reasoning_ms, 60000);
    assert_int_equal(route->retries.attempts, 2);
    assert_int_equal(route->breaker.failures, 5);
    assert_non_null(route->rules);
    const struct agent *agent = generation_agent(g, STR("refund-agent"));
    assert_non_null(agent);
    assert_int_equal(agent->limits.rate.count, 600);
    assert_int_equal(agent->user_limits.day_microusd, 2000000);
    assert_int_equal(agent->limits.month_microusd, 900000000);
    assert_true(str_equal(agent->owner, STR("payments-team")));
    const struct tool *tool = generation_tool(g, STR("orders"));
    assert_non_null(tool);
    assert_int_equal(tool->action_count, 2);
    assert_int_equal(tool->actions[0].effect, EFFECT_UNSAFE);
    assert_true(str_equal(tool->actions[0].key_field, STR("Idempotency-Key")));
    assert_true(str_equal(tool->actions[0].probe.path, STR("/refunds/{key}")));
    assert_true(str_equal(tool->actions[0].amount, STR("/amount")));
    assert_int_equal(tool->rate.count, 600);
    generation_unref(g);
    arena_free(arena);
    buf_end(&text);
}

/* A tool with so many actions and header fields. */
static struct str wide_tool(struct arena *arena, int actions, int fields)
{
    struct buf text;
    buf_init(&text, 65536);
    enum err code = buf_printf(&text,
                               "version: 1\nproviders:\n  p: {dialect: openai, base_url: "
                               "http://h}\ntools:\n  t:\n    http: http://h\n    actions:\n");
    for (int i = 0; i < actions; i++) {
        code = code == ERR_OK ? buf_printf(&text, "      a%d: {effect: read}\n", i) : code;
    }
    code = code == ERR_OK ? buf_printf(&text, "    headers:\n") : code;
    for (int i = 0; i < fields; i++) {
        code = code == ERR_OK ? buf_printf(&text, "      h%d: v\n", i) : code;
    }
    assert_int_equal(code, ERR_OK);
    struct str kept = arena_str(arena, buf_str(&text));
    buf_end(&text);
    return kept;
}

static void test_a_tool_is_as_wide_as_its_limits(void **state)
{
    struct arena *arena = arena_new(65536);
    struct generation *g = load(*state, wide_tool(arena, TOOL_ACTIONS_MAX, TOOL_FIELDS_MAX).at);
    assert_int_equal(g->tools[0].action_count, TOOL_ACTIONS_MAX);
    assert_int_equal(g->tools[0].provider.field_count, TOOL_FIELDS_MAX);
    assert_int_equal(g->tools[0].rate.count, 10); /* the standard's, where none is declared */
    generation_unref(g);
    (void)refuse(*state, wide_tool(arena, TOOL_ACTIONS_MAX + 1, 1).at);
    (void)refuse(*state, wide_tool(arena, 1, TOOL_FIELDS_MAX + 1).at);
    arena_free(arena);
}

static const char two_providers[] =
    "version: 1\n"
    "providers:\n"
    "  a: {dialect: openai, base_url: \"https://api.a.test:8443/v1/\", keys: [k1, k2]}\n"
    "  b: {dialect: anthropic, base_url: \"http://[::1]:81\", auth: client}\n"
    "  c: {dialect: openai, base_url: http://c.test}\n";

static void test_addresses_are_taken_apart(void **state)
{
    struct generation *g = load(*state, two_providers);
    const struct provider *p = g->providers;
    assert_true(str_equal(p[0].host, STR("api.a.test")) && p[0].port == 8443);
    assert_true(str_equal(p[0].path, STR("/v1")));
    assert_non_null(p[0].tls);
    assert_int_equal(p[0].keys.count, 2);
    assert_true(str_equal(p[1].host, STR("::1")) && p[1].port == 81);
    assert_true(p[1].path.len == 0 && p[1].tls == NULL && p[1].auth == AUTH_CLIENT);
    assert_true(str_equal(p[2].authority, STR("c.test")) && p[2].port == 80);
    generation_unref(g);
}

static void test_undeclared_models_go_to_the_first_provider_of_the_dialect(void **state)
{
    struct generation *g = load(*state, two_providers);
    const struct route *openai = g->plain[PROVIDER_OPENAI];
    const struct route *anthropic = g->plain[PROVIDER_ANTHROPIC];
    assert_null(generation_route(g, STR("gpt-x")));
    assert_true(str_equal(openai->name, STR("default-a")));
    assert_true(openai->tier_count == 1 && openai->tiers[0].count == 1);
    assert_ptr_equal(openai->tiers[0].targets[0]->provider, &g->providers[0]);
    assert_int_equal(openai->tiers[0].targets[0]->model.len, 0);
    assert_true(openai->tiers[0].targets[0]->inject_usage);
    assert_ptr_equal(anthropic->tiers[0].targets[0]->provider, &g->providers[1]);
    assert_int_equal(openai->timeouts.total_ms, 120000);
    assert_int_equal(openai->breaker.probes, 3);
    generation_unref(g);
}

static void test_without_a_provider_of_the_dialect_there_is_no_such_route(void **state)
{
    struct generation *g = load(*state, "version: 1\nproviders:\n"
                                        "  c: {dialect: openai, base_url: http://c.test}\n");
    assert_null(g->plain[PROVIDER_ANTHROPIC]);
    generation_unref(g);
}

static void test_the_environments_providers_serve_a_file_that_names_none(void **state)
{
    struct rig *rig = *state;
    struct generation_sources sources = rig->sources;
    struct generation *g = NULL;
    sources.default_providers = STR(
        "openai: {dialect: openai, base_url: \"http://127.0.0.1:1\"}\n");
    assert_int_equal(generation_load(&sources, STR("version: 1\n"), &g, &rig->fault), ERR_OK);
    assert_int_equal(g->provider_count, 1);
    assert_non_null(g->plain[PROVIDER_OPENAI]);
    generation_unref(g);
    assert_int_equal(generation_load(&sources, str_of(two_providers), &g, &rig->fault), ERR_OK);
    assert_int_equal(g->provider_count, 3);
    generation_unref(g);
}

static void test_star_catches_the_rest(void **state)
{
    struct generation *g = load(*state, "version: 1\n"
                                        "providers:\n  p: {dialect: openai, base_url: http://h}\n"
                                        "targets:\n  t: {provider: p}\n"
                                        "routes:\n  r: {path: [t]}\n  \"*\": {path: [t, human]}\n");
    assert_int_equal(generation_route(g, STR("r"))->tier_count, 1);
    assert_int_equal(generation_route(g, STR("anything"))->tier_count, 2);
    generation_unref(g);
}

static void test_a_tier_of_several_has_all_their_names(void **state)
{
    struct generation *g = load(*state,
                                "version: 1\n"
                                "providers:\n  p: {dialect: openai, base_url: http://h}\n"
                                "targets:\n  t: {provider: p, weight: 3}\n  u: {provider: p}\n"
                                "routes:\n  r: {path: [[t, u], t]}\n");
    const struct route *r = generation_route(g, STR("r"));
    assert_true(str_equal(r->tiers[0].name, STR("t+u")));
    assert_int_equal(r->tiers[0].count, 2);
    assert_int_equal(r->tiers[0].targets[0]->weight, 3);
    assert_ptr_equal(r->tiers[0].targets[0], r->tiers[1].targets[0]);
    generation_unref(g);
}

static const char one_route[] = "version: 1\n"
                                "providers:\n  p: {dialect: openai, base_url: http://h}\n"
                                "targets:\n  t: {provider: p}\n"
                                "routes:\n  r: {path: [t]}\n";

static void test_a_reload_finds_the_state_of_names_again(void **state)
{
    struct rig *rig = *state;
    struct generation *first = load(rig, one_route);
    struct generation *second = load(rig, one_route);
    assert_ptr_not_equal(first, second);
    assert_ptr_equal(first->targets[0].state, second->targets[0].state);
    assert_ptr_equal(first->routes[0].state, second->routes[0].state);
    assert_ptr_equal(first->providers[0].state, second->providers[0].state);
    generation_unref(first);
    assert_true(str_equal(second->routes[0].name, STR("r"))); /* it holds nothing of the first */
    generation_unref(second);
}

static void test_two_routes_may_share_a_target_with_equal_breakers(void **state)
{
    struct generation *g = load(*state, "version: 1\n"
                                        "providers:\n  p: {dialect: openai, base_url: http://h}\n"
                                        "targets:\n  t: {provider: p}\n"
                                        "routes:\n  r: {path: [t], breaker: {failures: 3}}\n"
                                        "  s: {path: [t], breaker: {failures: 3}}\n");
    assert_int_equal(g->route_count, 2);
    generation_unref(g);
}

static const char proxied[] = "version: 1\n"
                              "providers:\n"
                              "  out: {dialect: openai, base_url: https://api.test}\n"
                              "  near: {dialect: openai, base_url: https://in.corp.test}\n"
                              "  here: {dialect: openai, base_url: \"https://127.0.0.1\"}\n"
                              "  plain: {dialect: openai, base_url: http://api.test}\n"
                              "  own: {dialect: openai, base_url: http://api.test, proxy: "
                              "\"http://me:pw@proxy.test\"}\n";

static void test_proxies_serve_https_beyond_the_exceptions(void **state)
{
    struct rig *rig = *state;
    struct generation_sources sources = rig->sources;
    struct generation *g = NULL;
    sources.proxy = STR("http://env.test:8000");
    sources.no_proxy = STR("localhost, .corp.test");
    assert_int_equal(generation_load(&sources, str_of(proxied), &g, &rig->fault), ERR_OK);
    assert_true(str_equal(g->providers[0].proxy_host, STR("env.test")));
    assert_int_equal(g->providers[0].proxy_port, 8000);
    assert_int_equal(g->providers[1].proxy_host.len, 0);
    assert_int_equal(g->providers[2].proxy_host.len, 0);
    assert_int_equal(g->providers[3].proxy_host.len, 0);
    assert_true(str_equal(g->providers[4].proxy_host, STR("proxy.test")));
    assert_int_equal(g->providers[4].proxy_port, 3128);
    assert_true(str_equal(g->providers[4].proxy_auth, STR("Basic bWU6cHc=")));
    generation_unref(g);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_contradiction_is_refused_with_its_place),
        TEST(test_no_refusal_shows_a_secret),
        TEST(test_the_example_loads_without_what_comes_later),
        TEST(test_a_tool_is_as_wide_as_its_limits),
        TEST(test_addresses_are_taken_apart),
        TEST(test_undeclared_models_go_to_the_first_provider_of_the_dialect),
        TEST(test_without_a_provider_of_the_dialect_there_is_no_such_route),
        TEST(test_the_environments_providers_serve_a_file_that_names_none),
        TEST(test_star_catches_the_rest),
        TEST(test_a_tier_of_several_has_all_their_names),
        TEST(test_a_reload_finds_the_state_of_names_again),
        TEST(test_two_routes_may_share_a_target_with_equal_breakers),
        TEST(test_proxies_serve_https_beyond_the_exceptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
