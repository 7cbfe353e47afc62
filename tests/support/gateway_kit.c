/* SPDX-License-Identifier: Apache-2.0
 * gateway_kit.c - see gateway_kit.h. Everything runs on one loop and one thread. */
#include "support/gateway_kit.h"
#include "security/alarms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/tables.h"
#include "gateway/events.h"
#include "gateway/recorded.h"
#include "io/conn.h"
#include "sys/net.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 600000

struct stub {
    struct gateway_kit *kit;
    struct conn *conn;
    struct http1_parser *parser;
    struct arena *head;
    struct stub *next;
};

struct gateway_kit {
    struct sim_env *sim;
    struct arena *arena;
    struct commons commons;
    struct loop *loop;
    struct telemetry telemetry;
    struct gateway *gateway;
    struct http_server *server;
    struct watch listener;
    struct stub *stubs;
    struct str answer;
    struct str paths[8];
    struct str answers[8];
    size_t path_count;
    struct buf sent_head;
    struct buf sent_body;
    size_t sent_count;
    struct conn *client;
    struct str question;
    struct buf got;
    bool over;
};

/* ---- the provider ---- */

static void note_head(struct gateway_kit *kit, const struct http_head *head)
{
    enum err code = buf_printf(&kit->sent_head, STR_FMT " " STR_FMT "\n", STR_ARG(head->method),
                               STR_ARG(head->target));
    for (size_t i = 0; i < head->count && code == ERR_OK; i++) {
        code = buf_printf(&kit->sent_head, STR_FMT ": " STR_FMT "\n", STR_ARG(head->fields[i].name),
                          STR_ARG(head->fields[i].value));
    }
    assert_int_equal(code, ERR_OK);
    kit->sent_count++;
}

/* The head that was noted is "METHOD PATH\n...". */
static struct str answer_for(const struct gateway_kit *kit)
{
    struct str head = buf_str(&kit->sent_head);
    struct str path = str_cut(head, str_find_byte(head, ' ') + 1, head.len);
    for (size_t i = 0; i < kit->path_count; i++) {
        if (str_starts(path, kit->paths[i])) {
            return kit->answers[i];
        }
    }
    return kit->answer;
}

static size_t stub_data(void *owner, struct str data)
{
    struct stub *stub = owner;
    struct str rest = data;
    struct str body;
    enum http1_event event;
    while ((event = http1_parse(stub->parser, &rest, &body)) != HTTP1_MORE) {
        assert_int_not_equal(event, HTTP1_BAD);
        if (event == HTTP1_HEAD) {
            buf_clear(&stub->kit->sent_head);
            buf_clear(&stub->kit->sent_body);
            note_head(stub->kit, http1_head(stub->parser));
        } else if (event == HTTP1_BODY) {
            assert_int_equal(buf_add(&stub->kit->sent_body, body), ERR_OK);
        } else {
            struct str answer = answer_for(stub->kit);
            if (answer.len > 0) {
                assert_int_equal(conn_write(stub->conn, answer), ERR_OK);
                conn_close_after_drain(stub->conn, 1000, 1000);
                stub->conn = NULL;
            }
            break;
        }
    }
    return data.len;
}

static void stub_end(void *owner, enum err why)
{
    struct stub *stub = owner;
    (void)why;
    conn_close(stub->conn);
    stub->conn = NULL;
}

static const struct conn_handler stub_handler = {.on_data = stub_data, .on_end = stub_end};

static void on_knock(struct watch *watch, unsigned ready)
{
    struct gateway_kit *kit = LIST_OBJECT(watch, struct gateway_kit, listener);
    const struct env *env = kit->commons.env;
    int sock;
    struct address peer;
    (void)ready;
    while (env->net->accept(env->object, watch->sock, &sock, &peer) == ERR_OK) {
        struct stub *stub = calloc(1, sizeof *stub);
        assert_non_null(stub);
        *stub = (struct stub){.kit = kit,
                              .parser = http1_parser_new(HTTP1_REQUEST, NULL),
                              .head = arena_new(4096),
                              .next = kit->stubs};
        kit->stubs = stub;
        http1_parser_start(stub->parser, stub->head, false);
        const struct conn_options options = {
            .handler = &stub_handler, .owner = stub, .pending_max = 1024, .peer = &peer};
        assert_int_equal(conn_accept(kit->loop, sock, &options, &stub->conn), ERR_OK);
    }
}

/* ---- the gateway's server ---- */

static void on_head(void *owner, struct http_call *call)
{
    gateway_on_head(((struct gateway_kit *)owner)->gateway, call);
}

static void on_request(void *owner, struct http_call *call)
{
    gateway_on_request(((struct gateway_kit *)owner)->gateway, call);
}

static void on_writable(void *owner, struct http_call *call)
{
    gateway_on_writable(((struct gateway_kit *)owner)->gateway, call);
}

static void on_gone(void *owner, struct http_call *call)
{
    gateway_on_gone(((struct gateway_kit *)owner)->gateway, call);
}

static void on_refuse(void *owner, struct str target, unsigned status, const char *what,
                      struct buf *body)
{
    gateway_on_refuse(((struct gateway_kit *)owner)->gateway, target, status, what, body);
}

static const struct http_handler handler = {on_head, on_request, on_writable, on_gone, on_refuse};

static enum err read_rules(void *object, struct str path, struct buf *to)
{
    (void)object;
    (void)path;
    return buf_add(to, STR("version: 1\nrules: [{name: all, answer: from the rules}]\n"));
}

static void load(struct gateway_kit *kit, const char *configuration)
{
    static const struct secret_source secrets = {0};
    const struct generation_sources sources = {.env = kit->commons.env,
                                               .secrets = &secrets,
                                               .registry = kit->commons.registry,
                                               .read = read_rules};
    struct generation *generation = NULL;
    struct fault fault = {0};
    if (generation_load(&sources, str_of(configuration), &generation, &fault) != ERR_OK) {
        fail_msg("configuration %u:%u: %s", fault.line, fault.column, fault.words);
    }
    commons_swap(&kit->commons, generation);
}

static void open_commons(struct gateway_kit *kit)
{
    const uint64_t seed[2] = {1, 2};
    struct schema schemas[TABLES_SCHEMAS];
    struct fault fault = {0};
    struct commons *commons = &kit->commons;
    commons->env = sim_env_env(kit->sim);
    commons->identity = identity_new(seed);
    commons->limits = limits_new(seed);
    commons->journal = journal_new(seed);
    commons->stops = stops_new();
    commons->registry = registry_new();
    commons->recording = true;
    commons->memory.max = (size_t)1 << 30;
    commons->connections.max = 100;
    atomic_store(&commons->loopback_only, true);
    mutex_init(&commons->lock);
    tables_schemas(schemas);
    const struct store_options options = {.location = STR("memory:"),
                                          .schemas = schemas,
                                          .schema_count = TABLES_SCHEMAS,
                                          .env = commons->env};
    assert_int_equal(store_open(&options, &commons->store, &fault), ERR_OK);
    struct master_place place = {.name = "/nowhere"};
    struct masters masters = {.count = 1};
    masters.items[0] = master_of(&(const struct seal_key){{7}});
    commons->keyring = keyring_new(commons->env, &place, &masters);
    commons->alarms = alarms_new();
    commons->sessions = sessions_new(commons->keyring, commons->store, commons->env);
}

struct gateway_kit *gateway_kit_new(const char *configuration)
{
    struct gateway_kit *kit = calloc(1, sizeof *kit);
    struct address at;
    struct address bound;
    assert_non_null(kit);
    kit->sim = sim_env_new(1);
    kit->arena = arena_new(65536);
    open_commons(kit);
    load(kit, configuration);
    kit->loop = loop_new(kit->commons.env);
    sim_add_loop(kit->sim, kit->loop);
    kit->telemetry = (struct telemetry){.events = &gateway_events,
                                        .metrics = metrics_new(&gateway_metrics, &gateway_events),
                                        .log = &kit->commons.env->log,
                                        .event_level = LOG_ERROR};
    const struct gateway_options gateway = {kit->loop, &kit->commons, kit->telemetry};
    kit->gateway = gateway_new(&gateway);
    const struct http_server_options server = {.loop = kit->loop,
                                               .handler = &handler,
                                               .owner = kit,
                                               .limits = http_server_limits_default,
                                               .connections = &kit->commons.connections,
                                               .memory = &kit->commons.memory};
    kit->server = http_server_new(&server);
    assert_int_equal(address_parse(STR("127.0.0.1:8080"), &at), ERR_OK);
    assert_int_equal(http_server_listen(kit->server, &at, false, &bound), ERR_OK);
    const struct env *env = kit->commons.env;
    assert_int_equal(address_parse(STR("127.0.0.1:9001"), &at), ERR_OK);
    kit->listener.run = on_knock;
    assert_int_equal(env->net->listen(env->object, &at, false, &kit->listener.sock), ERR_OK);
    assert_int_equal(loop_watch(kit->loop, &kit->listener), ERR_OK);
    buf_init(&kit->sent_head, 1 << 20);
    buf_init(&kit->sent_body, 1 << 20);
    buf_init(&kit->got, (size_t)64 << 20);
    return kit;
}

static bool never(void *object)
{
    (void)object;
    return false;
}

void gateway_kit_free(struct gateway_kit *kit)
{
    const struct env *env = kit->commons.env;
    loop_forget(kit->loop, &kit->listener);
    env->net->close(env->object, kit->listener.sock);
    http_server_free(kit->server);
    gateway_free(kit->gateway);
    (void)sim_run_until(kit->sim, never, NULL, PATIENCE_MS); /* what lingers ends */
    for (struct stub *stub = kit->stubs; stub != NULL;) {
        struct stub *next = stub->next;
        conn_close(stub->conn);
        http1_parser_free(stub->parser);
        arena_free(stub->head);
        free(stub);
        stub = next;
    }
    store_close(kit->commons.store);
    metrics_free(kit->telemetry.metrics);
    loop_free(kit->loop);
    generation_unref(kit->commons.current);
    registry_free(kit->commons.registry);
    identity_free(kit->commons.identity);
    limits_free(kit->commons.limits);
    stops_free(kit->commons.stops);
    sessions_free(kit->commons.sessions);
    journal_free(kit->commons.journal);
    alarms_free(kit->commons.alarms);
    keyring_free(kit->commons.keyring);
    mutex_end(&kit->commons.lock);
    sim_env_free(kit->sim);
    buf_end(&kit->sent_head);
    buf_end(&kit->sent_body);
    buf_end(&kit->got);
    arena_free(kit->arena);
    free(kit);
}

struct commons *gateway_kit_commons(struct gateway_kit *kit)
{
    return &kit->commons;
}

struct arena *gateway_kit_arena(struct gateway_kit *kit)
{
    return kit->arena;
}

struct sim_env *gateway_kit_sim(struct gateway_kit *kit)
{
    return kit->sim;
}

void gateway_kit_answers(struct gateway_kit *kit, const char *answer)
{
    kit->answer = arena_str(kit->arena, str_of(answer));
}

void gateway_kit_answers_at(struct gateway_kit *kit, const char *path, const char *answer)
{
    size_t i = 0;
    while (i < kit->path_count && !str_equal(kit->paths[i], str_of(path))) {
        i++;
    }
    assert_true(i < 8);
    kit->path_count = i == kit->path_count ? i + 1 : kit->path_count;
    kit->paths[i] = arena_str(kit->arena, str_of(path));
    kit->answers[i] = arena_str(kit->arena, str_of(answer));
}

void gateway_kit_answers_json(struct gateway_kit *kit, const char *body)
{
    kit->answer = arena_printf(kit->arena,
                               "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Length: %zu\r\n\r\n%s",
                               strlen(body), body);
}

/* ---- the client ---- */

static void client_open(void *owner)
{
    struct gateway_kit *kit = owner;
    assert_int_equal(conn_write(kit->client, kit->question), ERR_OK);
}

static size_t client_data(void *owner, struct str data)
{
    struct gateway_kit *kit = owner;
    assert_int_equal(buf_add(&kit->got, data), ERR_OK);
    return data.len;
}

static void client_end(void *owner, enum err why)
{
    struct gateway_kit *kit = owner;
    (void)why;
    conn_close(kit->client);
    kit->client = NULL;
    kit->over = true;
}

static const struct conn_handler client_handler = {
    .on_open = client_open, .on_data = client_data, .on_end = client_end};

/* The answer has come, and what follows it (records) has happened. */
static bool answered(void *object)
{
    struct gateway_kit *kit = object;
    return kit->over && atomic_load(&kit->commons.in_flight) == 0;
}

struct str gateway_kit_ask(struct gateway_kit *kit, const char *request)
{
    struct address at;
    const struct conn_options options = {
        .handler = &client_handler, .owner = kit, .pending_max = 1024};
    kit->question = str_of(request);
    kit->over = false;
    buf_clear(&kit->got);
    assert_int_equal(address_parse(STR("127.0.0.1:8080"), &at), ERR_OK);
    assert_int_equal(conn_dial(kit->loop, &at, &options, &kit->client), ERR_OK);
    assert_true(sim_run_until(kit->sim, answered, kit, PATIENCE_MS));
    return arena_str(kit->arena, buf_str(&kit->got));
}

struct str gateway_kit_post(struct gateway_kit *kit, const char *path, const char *fields,
                            const char *body)
{
    bool typed = str_find(str_of(fields), STR("Content-Type")) != SIZE_MAX;
    bool hosted = str_find(str_of(fields), STR("Host:")) != SIZE_MAX;
    struct str request = arena_printf(
        kit->arena, "POST %s HTTP/1.1\r\n%s%s%sConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
        path, hosted ? "" : "Host: 127.0.0.1:8080\r\n",
        typed ? "" : "Content-Type: application/json\r\n", fields, strlen(body), body);
    return gateway_kit_ask(kit, request.at);
}

/* ---- what can be looked at ---- */

struct str gateway_kit_sent_head(struct gateway_kit *kit)
{
    return buf_str(&kit->sent_head);
}

struct str gateway_kit_sent_body(struct gateway_kit *kit)
{
    return buf_str(&kit->sent_body);
}

size_t gateway_kit_sent_count(const struct gateway_kit *kit)
{
    return kit->sent_count;
}

static const struct statement all_rows = {
    "SELECT key, facts, data_key, wrapped, personal FROM exchanges LEFT JOIN data_keys"
    " ON id = data_key ORDER BY key",
    0};

struct str gateway_kit_events(struct gateway_kit *kit)
{
    struct store_query query = {.rows_max = 1000};
    struct buf text;
    buf_init(&text, 1 << 22);
    assert_int_equal(store_read_now(kit->commons.store, &all_rows, NULL, &query), ERR_OK);
    struct recorded recorded;
    struct recorded_event event;
    recorded_init(&recorded, &gateway_events, kit->commons.keyring, query.rows, query.row_count);
    while (recorded_next(&recorded, &event)) {
        struct json_writer w;
        json_writer_init(&w, &text);
        assert_true(recorded_write(&recorded, &event, true, &w));
        assert_int_equal(json_writer_end(&w), ERR_OK);
        assert_int_equal(buf_add_byte(&text, '\n'), ERR_OK);
    }
    assert_null(recorded.why);
    assert_int_equal(recorded.damaged, 0);
    recorded_end(&recorded);
    store_query_end(&query);
    struct str copy = arena_str(kit->arena, buf_str(&text));
    buf_end(&text);
    return copy;
}

bool gateway_kit_has(struct str text, const char *part)
{
    return str_find(text, str_of(part)) != SIZE_MAX;
}

unsigned gateway_kit_status(struct str answer)
{
    uint64_t status = 0;
    assert_true(str_starts(answer, STR("HTTP/1.1 ")));
    assert_int_equal(num_u64(str_cut(answer, 9, 12), &status), ERR_OK);
    return (unsigned)status;
}
