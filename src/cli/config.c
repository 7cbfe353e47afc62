/* SPDX-License-Identifier: Apache-2.0
 * config.c - `aire config`: check, show, schema of a file; apply by the running server. */
#include "base/must.h"
#include "cli/control.h"
#include "cli/loaded.h"
#include "console/views.h"
#include "json/json_path.h"

static const char *file_of(const struct cli *cli)
{
    const char *named = cli_word(cli, 0);
    return named != NULL ? named : cli_config(cli);
}

static int load(const struct cli *cli, struct loaded *loaded)
{
    struct fault fault = {0};
    return loaded_open(cli, file_of(cli), loaded, &fault) == ERR_OK
               ? CLI_OK
               : cli_fail(cli, CLI_USAGE, "%s", fault.words);
}

int cmd_config_check(const struct cli *cli)
{
    struct loaded loaded;
    int exit_code = load(cli, &loaded);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    const struct generation *g = loaded.generation;
    exit_code = cli_printf(
        "ok%s; providers: %zu, targets: %zu, routes: %zu, tools: %zu, agents: %zu\n",
        file_of(cli) != NULL ? "" : " (no aire.yaml here: the built-in default)", g->provider_count,
        g->target_count, g->route_count, g->tool_count, g->agent_count);
    loaded_close(&loaded);
    return exit_code;
}

/* ---- show ---- */

static void put_providers(const struct generation *g, struct json_writer *w)
{
    json_key(w, "providers");
    json_begin_array(w);
    for (size_t i = 0; i < g->provider_count; i++) {
        const struct provider *provider = &g->providers[i];
        json_begin_object(w);
        json_member_str(w, "name", provider->name);
        json_member_cstr(w, "dialect",
                         provider->kind == PROVIDER_ANTHROPIC ? "anthropic" : "openai");
        json_member_str(w, "host", provider->authority);
        json_member_str(w, "path", provider->path);
        json_member_bool(w, "tls", provider->tls != NULL);
        json_member_cstr(w, "auth", provider->auth == AUTH_CLIENT ? "client" : "stored");
        json_member_u64(w, "keys", provider->keys.count);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_targets(const struct generation *g, struct json_writer *w)
{
    json_key(w, "targets");
    json_begin_array(w);
    for (size_t i = 0; i < g->target_count; i++) {
        const struct target *target = &g->targets[i];
        json_begin_object(w);
        json_member_str(w, "name", target->name);
        json_member_str(w, "provider", target->provider->name);
        json_member_str(w, "model", target->model);
        json_member_u64(w, "weight", target->weight);
        json_member_i64(w, "input_microusd", target->price.input);
        json_member_i64(w, "output_microusd", target->price.output);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_routes(const struct generation *g, struct json_writer *w)
{
    json_key(w, "routes");
    json_begin_array(w);
    for (size_t i = 0; i < g->route_count; i++) {
        const struct route *route = &g->routes[i];
        json_begin_object(w);
        json_member_str(w, "name", route->name);
        json_key(w, "tiers");
        json_begin_array(w);
        for (size_t t = 0; t < route->tier_count; t++) {
            json_put_str(w, route->tiers[t].name);
        }
        json_end_array(w);
        json_member_u64(w, "attempts", route->retries.attempts);
        json_member_u64(w, "first_token_ms", route->timeouts.first_token_ms);
        json_member_u64(w, "total_ms", route->timeouts.total_ms);
        json_member_cstr(w, "record",
                         route->record == RECORD_BEFORE_RELEASE ? "before_release" : "fact");
        json_member_cstr(w, "limits", mode_name(route->limits_mode));
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_tools(const struct generation *g, struct json_writer *w)
{
    json_key(w, "tools");
    json_begin_array(w);
    for (size_t i = 0; i < g->tool_count; i++) {
        const struct tool *tool = &g->tools[i];
        json_begin_object(w);
        json_member_str(w, "name", tool->name);
        json_member_str(w, "host", tool->provider.authority);
        json_member_str(w, "path", tool->provider.path);
        json_key(w, "actions");
        json_begin_object(w);
        for (size_t a = 0; a < tool->action_count; a++) {
            json_key_str(w, tool->actions[a].name);
            json_put_cstr(w, step_effect_name(tool->actions[a].effect));
        }
        json_end_object(w);
        view_rate(w, &tool->rate);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_agents(const struct generation *g, struct json_writer *w)
{
    json_key(w, "agents");
    json_begin_array(w);
    for (size_t i = 0; i < g->agent_count; i++) {
        const struct agent *agent = &g->agents[i];
        json_begin_object(w);
        json_member_str(w, "name", agent->name);
        json_member_str(w, "owner", agent->owner);
        json_member_str(w, "route", agent->route);
        view_rate(w, &agent->limits.rate);
        json_member_i64(w, "day_microusd", agent->limits.day_microusd);
        json_member_i64(w, "month_microusd", agent->limits.month_microusd);
        json_member_cstr(w, "limits", mode_name(agent->limits_mode));
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_generation(const struct generation *g, struct json_writer *w)
{
    static const char *const auth[] = {"auto", "keys", "none"};
    json_begin_object(w);
    json_key(w, "listen");
    json_begin_array(w);
    for (size_t i = 0; i < g->listen.count; i++) {
        json_put_str(w, g->listen.items[i]);
    }
    json_end_array(w);
    json_member_str(w, "store", g->store_shown);
    json_member_cstr(w, "auth", auth[g->auth]);
    json_member_u64(w, "body_bytes_max", g->body_bytes_max);
    json_member_u64(w, "answer_bytes_max", g->answer_bytes_max);
    json_member_u64(w, "connections_max", g->connections_max);
    json_member_u64(w, "buffered_bytes_max", g->buffered_bytes_max);
    put_providers(g, w);
    put_targets(g, w);
    put_routes(g, w);
    put_tools(g, w);
    put_agents(g, w);
    json_end_object(w);
}

static const struct column general[] = {
    {"listen", "/listen", COLUMN_TEXT, 128},
    {"store", "/store", COLUMN_TEXT, 128},
    {"auth", "/auth", COLUMN_TEXT, 0},
    {"largest body", "/body_bytes_max", COLUMN_BYTES, 0},
    {"largest answer", "/answer_bytes_max", COLUMN_BYTES, 0},
    {"connections", "/connections_max", COLUMN_TEXT, 0},
    {"buffered at most", "/buffered_bytes_max", COLUMN_BYTES, 0},
    {NULL, NULL, COLUMN_TEXT, 0},
};

static const struct column providers[] = {
    {"PROVIDER", "/name", COLUMN_TEXT, 24}, {"DIALECT", "/dialect", COLUMN_TEXT, 0},
    {"HOST", "/host", COLUMN_TEXT, 0},      {"PATH", "/path", COLUMN_TEXT, 0},
    {"TLS", "/tls", COLUMN_TEXT, 0},        {"AUTH", "/auth", COLUMN_TEXT, 0},
    {"KEYS", "/keys", COLUMN_TEXT, 0},      {NULL, NULL, COLUMN_TEXT, 0},
};

static const struct column targets[] = {
    {"TARGET", "/name", COLUMN_TEXT, 24},
    {"PROVIDER", "/provider", COLUMN_TEXT, 24},
    {"MODEL", "/model", COLUMN_TEXT, 0},
    {"IN/M", "/input_microusd", COLUMN_MICROUSD, 0},
    {"OUT/M", "/output_microusd", COLUMN_MICROUSD, 0},
    {NULL, NULL, COLUMN_TEXT, 0},
};

static const struct column routes[] = {
    {"ROUTE", "/name", COLUMN_TEXT, 24},
    {"TIERS", "/tiers", COLUMN_TEXT, 60},
    {"TRIES", "/attempts", COLUMN_TEXT, 0},
    {"FIRST TOKEN ms", "/first_token_ms", COLUMN_TEXT, 0},
    {"TOTAL ms", "/total_ms", COLUMN_TEXT, 0},
    {"RECORD", "/record", COLUMN_TEXT, 0},
    {"LIMITS", "/limits", COLUMN_TEXT, 0},
    {NULL, NULL, COLUMN_TEXT, 0},
};

static const struct column agents[] = {
    {"AGENT", "/name", COLUMN_TEXT, 24},
    {"OWNER", "/owner", COLUMN_TEXT, 24},
    {"ROUTE", "/route", COLUMN_TEXT, 24},
    {"RATE", "/rate", COLUMN_TEXT, 0},
    {"PER DAY", "/day_microusd", COLUMN_MICROUSD, 0},
    {"PER MONTH", "/month_microusd", COLUMN_MICROUSD, 0},
    {"LIMITS", "/limits", COLUMN_TEXT, 0},
    {NULL, NULL, COLUMN_TEXT, 0},
};

static enum err write_generation(struct shown *shown)
{
    static const struct {
        const char *pointer;
        const struct column *columns;
        const char *none;
    } parts[] = {
        {"/providers", providers, "no providers"},
        {"/targets", targets, "no targets: models go unchanged to their dialect's provider"},
        {"/routes", routes, "no routes"},
        {"/agents", agents, "no agents"}};
    enum err code = table_write_record(&shown->json, JSON_ROOT, general, &shown->out);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && code == ERR_OK; i++) {
        code = buf_add_byte(&shown->out, '\n');
        code = code == ERR_OK
                   ? table_write(&shown->json, json_path(&shown->json, str_of(parts[i].pointer)),
                                 parts[i].columns, parts[i].none, &shown->out)
                   : code;
    }
    return code;
}

int cmd_config_show(const struct cli *cli)
{
    struct loaded loaded;
    int exit_code = load(cli, &loaded);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    struct shown shown;
    shown_init(&shown);
    put_generation(loaded.generation, &shown.w);
    if (cli_flag(cli, "--json")) {
        exit_code = shown_record(cli, &shown, general);
    } else {
        exit_code = shown_parse(cli, &shown) ? shown_print(cli, &shown, write_generation(&shown))
                                             : CLI_BROKEN;
    }
    shown_end(&shown);
    loaded_close(&loaded);
    return exit_code;
}

/* ---- schema and apply ---- */

int cmd_config_schema(const struct cli *cli)
{
    struct buf text;
    buf_init(&text, (size_t)4 << 20);
    enum err code = settings_schema(&generation_section, &text);
    code = code == ERR_OK ? buf_add_byte(&text, '\n') : code;
    must(code == ERR_OK);
    int exit_code = cli_print(buf_str(&text));
    buf_end(&text);
    (void)cli;
    return exit_code;
}

int cmd_config_apply(const struct cli *cli)
{
    static const struct column lines[] = {{"generation", "/generation", COLUMN_TEXT, 0},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    const struct control_call call = {.path = "/api/config/apply", .needs_server = true};
    struct shown shown;
    shown_init(&shown);
    int exit_code = control_post(cli, &call, &shown);
    exit_code = exit_code == CLI_OK ? shown_record(cli, &shown, lines) : exit_code;
    shown_end(&shown);
    return exit_code;
}
