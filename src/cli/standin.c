/* SPDX-License-Identifier: Apache-2.0
 * standin.c - store, registries and console without gateway and threads of their own.
 *
 * The registries stay empty: what is asked here changes the store, and nobody reads them. */
#include "cli/standin.h"

#include "app/sealing.h"
#include "app/signing.h"
#include "app/tables.h"
#include "base/must.h"
#include "cli/where.h"
#include "console/console.h"
#include "gateway/events.h"
#include "sys/file.h"
#include "sys/net.h"

#include <stdlib.h>

struct standin {
    struct commons commons;
    struct http_server *server;
    struct console *console;
    struct workers *workers;
    struct metrics *metrics;
    const char *socket;
    _Atomic bool draining;
};

static void on_head(void *owner, struct http_call *call)
{
    struct standin *standin = owner;
    console_on_head(standin->console, call);
}

static void on_request(void *owner, struct http_call *call)
{
    struct standin *standin = owner;
    console_on_request(standin->console, call);
}

static void on_gone(void *owner, struct http_call *call)
{
    struct standin *standin = owner;
    console_on_gone(standin->console, call);
}

static void on_writable(void *owner, struct http_call *call)
{
    (void)owner;
    (void)call;
}

static const struct http_handler handler = {
    .on_head = on_head, .on_request = on_request, .on_writable = on_writable, .on_gone = on_gone};

/* The smallest configuration there is: the console wants one, none of its answers here shows it. */
static enum err load_nothing(struct standin *s, struct fault *fault)
{
    const struct secret_source secrets = {0};
    const struct generation_sources sources = {
        .env = s->commons.env,
        .secrets = &secrets,
        .registry = s->commons.registry,
        .default_providers = STR("none: {dialect: openai, base_url: \"http://127.0.0.1:9/v1\"}\n"),
    };
    return generation_load(&sources, STR("version: 1\n"), &s->commons.current, fault);
}

static void make_commons(struct standin *s, const struct env *env)
{
    uint64_t seed[2];
    env_entropy(env, seed, sizeof seed);
    s->commons.env = env;
    s->commons.identity = identity_new(seed);
    s->commons.limits = limits_new(seed);
    s->commons.stops = stops_new();
    s->commons.registry = registry_new();
    mutex_init(&s->commons.lock);
    s->workers = workers_new(1);
    s->metrics = metrics_new(&gateway_metrics, &gateway_events);
}

static enum err open_store(struct standin *s, const struct where_store *where, struct fault *fault)
{
    struct schema schemas[TABLES_SCHEMAS];
    tables_schemas(schemas);
    const struct store_options options = {.location = str_of(where->location),
                                          .schemas = schemas,
                                          .schema_count = TABLES_SCHEMAS,
                                          .unsafe = where->unsafe,
                                          .env = s->commons.env};
    return store_open(&options, &s->commons.store, fault);
}

static enum err listen_on(struct standin *s, struct loop *loop, struct fault *fault)
{
    const struct console_options console = {
        .loop = loop,
        .commons = &s->commons,
        .telemetry = {.events = &gateway_events, .metrics = s->metrics, .event_level = LOG_ERROR},
        .shards = &s->metrics,
        .shard_count = 1,
        .workers = s->workers,
        .events = &gateway_events,
        .started = env_wall(s->commons.env),
        .draining = &s->draining};
    s->console = console_new(&console);
    const struct http_server_options server = {
        .loop = loop, .handler = &handler, .owner = s, .limits = http_server_limits_default};
    s->server = http_server_new(&server);
    struct address at;
    enum err code = address_unix(str_of(s->socket), &at);
    if (code == ERR_LIMIT) {
        return fault_set(fault, code, "the path of %.100s is too long for a socket", s->socket);
    }
    code = code == ERR_OK ? http_server_listen(s->server, &at, false, NULL) : code;
    return code == ERR_OK
               ? ERR_OK
               : fault_set(fault, code, "cannot listen on %.150s: %s", s->socket, err_text(code));
}

int standin_start(const struct cli *cli, struct loop *loop, const char *socket,
                  struct standin **standin)
{
    struct where_store where;
    struct fault fault = {0};
    if (!where_store(cli, &where)) {
        return CLI_USAGE;
    }
    struct standin *s = calloc(1, sizeof *s);
    if (s == NULL) {
        must_have_memory();
    }
    s->socket = socket;
    make_commons(s, cli->env);
    enum err code = load_nothing(s, &fault);
    must(code == ERR_OK);
    code = open_store(s, &where, &fault);
    if (code == ERR_OK) { /* without a master key it serves what needs none */
        code = sealing_open(cli->env, cli_config(cli), cli_data(cli), NULL, &s->commons.keyring,
                            &fault);
        if (code == ERR_OK) {
            code = signing_open(s->commons.keyring, s->commons.store, cli->env, &fault);
        }
        code = code == ERR_NOT_FOUND ? ERR_OK : code;
    }
    if (code == ERR_OK) {
        code = listen_on(s, loop, &fault);
    }
    if (code != ERR_OK) {
        standin_stop(s);
        return cli_fail(cli, CLI_BROKEN, "%s", fault.words);
    }
    *standin = s;
    return CLI_OK;
}

void standin_stop(struct standin *s)
{
    workers_free(s->workers);
    store_close(s->commons.store);
    if (s->server != NULL) {
        http_server_free(s->server);
        err_ignore(file_remove(s->socket));
    }
    console_free(s->console);
    generation_unref(s->commons.current);
    registry_free(s->commons.registry);
    identity_free(s->commons.identity);
    limits_free(s->commons.limits);
    stops_free(s->commons.stops);
    keyring_free(s->commons.keyring);
    metrics_free(s->metrics);
    mutex_end(&s->commons.lock);
    free(s);
}
