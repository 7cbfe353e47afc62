/* SPDX-License-Identifier: Apache-2.0
 * service.c - the order of starting and stopping.
 *
 * Start: data folder, lock, store, keys and switches, built-in provider, configuration, listeners,
 * threads. Stop runs it backwards; whatever was not reached is NULL. The store closes while the
 * loops it answers to still exist. */
#include "app/service.h"

#include "app/configure.h"
#include "app/duties.h"
#include "app/keeper.h"
#include "app/sealing.h"
#include "app/shard.h"
#include "app/signing.h"
#include "app/tables.h"
#include "base/must.h"
#include "gateway/events.h"
#include "provider/provider.h"
#include "security/alarms.h"
#include "sys/file.h"
#include "sys/memory.h"
#include "sys/net.h"
#include "sys/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096

struct builtin {
    struct loop *loop;
    struct provider *provider;
    struct thread thread;
    char url[64];
};

struct service {
    struct env env;
    struct commons commons;
    struct configure configure;
    struct builtin builtin;
    struct file_lock *lock;
    struct workers *workers;
    struct shard *shards;
    size_t shard_count;
    struct duties *duties;
    struct keeper *keeper;
    struct metrics **metrics;
    struct mutex reload_lock;
    bool key_made;
    _Atomic bool draining;
    char data[PATH_BYTES];
    char url[ADDRESS_TEXT_BYTES + 16];
    char config[PATH_BYTES];
};

/* `what` NULL: the fault has its words already. */
static enum err fail(struct fault *fault, int *exit_code, int code, enum err err, const char *what,
                     const char *detail)
{
    *exit_code = code;
    return what == NULL ? err : fault_set(fault, err, "%s%.200s", what, detail);
}

/* ---- store and registries ---- */

static enum err open_data(struct service *s, const struct generation *first, int *exit_code,
                          struct fault *fault)
{
    char path[PATH_BYTES + 32];
    enum err code = file_make_folder(s->data, 0700);
    if (code != ERR_OK) {
        return fail(fault, exit_code, 4, code, "cannot make the data folder ", s->data);
    }
    if (!file_is_private(s->data)) {
        return fail(fault, exit_code, 4, ERR_DENIED,
                    "others may write into the data folder, or own it: ", s->data);
    }
    (void)snprintf(path, sizeof path, "%s/lock", s->data);
    code = file_lock_take(path, &s->lock);
    if (code != ERR_OK) {
        return fail(fault, exit_code, 4, code,
                    code == ERR_BUSY ? "another server holds " : "cannot lock ", path);
    }
    (void)snprintf(path, sizeof path, "sqlite:%s/aire.db", s->data);
    struct schema schemas[TABLES_SCHEMAS];
    tables_schemas(schemas);
    const struct store_options options = {.location = first->store.len > 0 ? first->store
                                                                           : str_of(path),
                                          .unsafe = first->store_unsafe,
                                          .schemas = schemas,
                                          .schema_count = TABLES_SCHEMAS,
                                          .log = &s->env.log,
                                          .env = &s->env};
    code = store_open(&options, &s->commons.store, fault);
    return code == ERR_OK ? ERR_OK : fail(fault, exit_code, 4, code, NULL, NULL);
}

static enum err open_keyring(struct service *s, int *exit_code, struct fault *fault)
{
    struct commons *c = &s->commons;
    enum err code = sealing_open(&s->env, s->configure.path, s->data, &s->key_made, &c->keyring,
                                 fault);
    if (code != ERR_OK) {
        return fail(fault, exit_code, 4, code, NULL, NULL);
    }
    c->alarms = alarms_new();
    c->sessions = sessions_new(c->keyring, c->store, &s->env);
    struct keyring_status status;
    code = keyring_status(c->keyring, c->store, &status);
    if (code == ERR_OK && status.foreign > 0) {
        log_say(&s->env.log, LOG_WARN, "keys",
                "%llu data keys are under a master key that is not here; what they seal cannot be "
                "read",
                (unsigned long long)status.foreign);
    }
    if (code != ERR_OK) {
        return fail(fault, exit_code, 4, code, "cannot read the keys: ", err_text(code));
    }
    code = signing_open(c->keyring, c->store, &s->env, fault);
    if (code == ERR_NOT_FOUND) { /* its records wait for the next signature */
        log_say(&s->env.log, LOG_WARN, "keys", "%s; records are not signed", fault->words);
        code = ERR_OK;
    }
    return code == ERR_OK ? ERR_OK : fail(fault, exit_code, 4, code, NULL, NULL);
}

static enum err load_registries(struct service *s, int *exit_code, struct fault *fault)
{
    struct wall now = env_wall(&s->env);
    enum err code = identity_load(s->commons.identity, s->commons.store);
    if (code == ERR_OK) {
        code = limits_load(s->commons.limits, s->commons.store, now);
    }
    if (code == ERR_OK) {
        code = stops_load(s->commons.stops, s->commons.store);
    }
    return code == ERR_OK
               ? ERR_OK
               : fail(fault, exit_code, 4, code, "cannot read keys and limits: ", err_text(code));
}

static void init_commons(struct service *s, bool recording)
{
    uint64_t seed[2];
    env_entropy(&s->env, seed, sizeof seed);
    struct commons *c = &s->commons;
    c->env = &s->env;
    c->identity = identity_new(seed);
    c->limits = limits_new(seed);
    c->journal = journal_new(seed);
    c->waiting = waiting_new(seed);
    c->stops = stops_new();
    c->registry = registry_new();
    c->recording = recording;
    mutex_init(&c->lock);
    s->configure.env = &s->env;
    s->configure.registry = c->registry;
}

/* ---- the built-in provider ---- */

static void run_builtin(void *object)
{
    struct builtin *builtin = object;
    loop_run(builtin->loop);
}

static enum err start_builtin(struct service *s, int *exit_code, struct fault *fault)
{
    struct builtin *b = &s->builtin;
    b->loop = loop_new(&s->env);
    struct provider_options options = {.loop = b->loop};
    enum err code = address_parse(STR("127.0.0.1:0"), &options.listen);
    must(code == ERR_OK);
    b->provider = provider_new(&options, fault);
    if (b->provider == NULL) {
        return fail(fault, exit_code, 4, ERR_IO, NULL, NULL);
    }
    char text[ADDRESS_TEXT_BYTES];
    (void)snprintf(b->url, sizeof b->url, "http://%s/v1",
                   address_show(provider_address(b->provider), text));
    s->configure.builtin_openai = str_of(b->url);
    s->configure.builtin_anthropic = (struct str){b->url, strlen(b->url) - 3};
    code = thread_start(&b->thread, "provider", run_builtin, b);
    return code == ERR_OK ? ERR_OK : fail(fault, exit_code, 4, code, "cannot start a thread", "");
}

/* ---- configuration ---- */

static void adopt(struct service *s, const struct generation *g)
{
    static const enum log_level levels[] = {LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG};
    s->env.log.level = levels[g->log_level];
    s->env.log.form = g->log_form == 1 ? LOG_JSON : LOG_PLAIN;
    s->commons.memory.max = g->buffered_bytes_max;
    s->commons.connections.max = g->connections_max;
}

static bool same_texts(const struct settings_texts *a, const struct settings_texts *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = str_equal(a->items[i], b->items[i]);
    }
    return same;
}

enum err service_reload(struct service *s, struct fault *fault)
{
    mutex_lock(&s->reload_lock);
    struct generation *next;
    struct generation *current = commons_current(&s->commons);
    enum err code = configure_load(&s->configure, &next, fault);
    if (code == ERR_OK) {
        bool moved = !same_texts(&next->listen, &current->listen) ||
                     !str_equal(next->store, current->store) ||
                     next->log_level != current->log_level || next->log_form != current->log_form ||
                     next->body_bytes_max != current->body_bytes_max ||
                     next->connections_max != current->connections_max ||
                     next->buffered_bytes_max != current->buffered_bytes_max;
        if (moved) {
            log_say(&s->env.log, LOG_WARN, "config",
                    "listen, store, log and limits take effect at the next start");
        }
        commons_swap(&s->commons, next);
        log_say(&s->env.log, LOG_INFO, "config", "generation %u applied", next->number);
    } else {
        log_say(&s->env.log, LOG_ERROR, "config", "not applied: %s", fault->words);
    }
    generation_unref(current);
    mutex_unlock(&s->reload_lock);
    return code;
}

static enum err apply(void *object, struct fault *fault)
{
    return service_reload(object, fault);
}

/* ---- listeners and threads ---- */

static enum err listen_on(struct service *s, struct str text, bool first, int *exit_code,
                          struct fault *fault)
{
    struct address at;
    char shown[ADDRESS_TEXT_BYTES];
    enum err code = address_parse(text, &at);
    must(code == ERR_OK);
    bool shared = !address_is_unix(&at);
    for (size_t i = 0; i < s->shard_count && (shared || i == 0); i++) {
        struct address bound;
        code = http_server_listen(s->shards[i].server, &at, shared, &bound);
        if (code != ERR_OK) {
            char words[ADDRESS_TEXT_BYTES + 64];
            (void)snprintf(words, sizeof words, "%s: %s", address_show(&at, shown),
                           code == ERR_BUSY ? "address in use" : err_text(code));
            return fail(fault, exit_code, 4, code, "cannot listen on ", words);
        }
        at = bound; /* port 0: all loops share the port that the first one got */
    }
    if (first) {
        (void)snprintf(s->url, sizeof s->url, "http://%s", address_show(&at, shown));
    }
    return ERR_OK;
}

static enum err open_listeners(struct service *s, const char *override, int *exit_code,
                               struct fault *fault)
{
    struct generation *g = s->commons.current;
    struct str one = str_of(override);
    const struct str *listen = override != NULL ? &one : g->listen.items;
    size_t count = override != NULL ? 1 : g->listen.count;
    bool loopback_only;
    enum err code = configure_addresses(g, listen, count, &loopback_only, fault);
    if (code != ERR_OK) {
        return fail(fault, exit_code, 2, code, NULL, NULL);
    }
    atomic_store(&s->commons.loopback_only, loopback_only);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = listen_on(s, listen[i], i == 0, exit_code, fault);
    }
    char path[PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "unix:%s/aire.sock", s->data);
    struct address control;
    if (code == ERR_OK && address_parse(str_of(path), &control) != ERR_OK) {
        log_say(&s->env.log, LOG_WARN, "serve",
                "the data folder's path is too long for a control socket; commands must stop the "
                "server");
        return ERR_OK;
    }
    return code == ERR_OK ? listen_on(s, str_of(path), false, exit_code, fault) : code;
}

static void make_shards(struct service *s, unsigned threads)
{
    const struct generation *g = s->commons.current;
    s->shard_count = threads > 0 ? threads : thread_cores();
    s->shards = calloc(s->shard_count, sizeof *s->shards);
    s->metrics = calloc(s->shard_count, sizeof(struct metrics *));
    if (s->shards == NULL || s->metrics == NULL) {
        must_have_memory();
    }
    struct http_server_limits limits = http_server_limits_default;
    limits.body_bytes_max = g->body_bytes_max;
    const struct shard_options options = {.commons = &s->commons,
                                          .events = &gateway_events,
                                          .metrics = &gateway_metrics,
                                          .log = &s->env.log,
                                          .limits = &limits};
    for (size_t i = 0; i < s->shard_count; i++) {
        shard_init(&s->shards[i], &options);
        s->metrics[i] = s->shards[i].telemetry.metrics;
    }
    for (size_t i = 0; i < s->shard_count; i++) {
        const struct console_options console = {.loop = s->shards[i].loop,
                                                .commons = &s->commons,
                                                .telemetry = s->shards[i].telemetry,
                                                .shards = s->metrics,
                                                .shard_count = s->shard_count,
                                                .workers = s->workers,
                                                .events = &gateway_events,
                                                .apply = apply,
                                                .object = s,
                                                .started = env_wall(&s->env),
                                                .draining = &s->draining};
        shard_set_console(&s->shards[i], &console);
    }
}

static enum err start_threads(struct service *s, int *exit_code, struct fault *fault)
{
    for (size_t i = 0; i < s->shard_count; i++) {
        enum err code = shard_run(&s->shards[i], (unsigned)i);
        if (code != ERR_OK) {
            return fail(fault, exit_code, 4, code, "cannot start a thread", "");
        }
    }
    s->duties = duties_start(&s->env, &s->commons);
    s->keeper = keeper_start(&s->commons);
    if (s->key_made) {
        log_say(&s->env.log, LOG_INFO, "keys",
                "made the master key %.200s; without it nothing that is stored sealed can be read "
                "again: keep a copy elsewhere",
                keyring_place(s->commons.keyring)->name);
    }
    return ERR_OK;
}

/* The store's location stands in the configuration, whose registries need no store: so it is read
 * first. */
static enum err start(struct service *s, const struct service_options *options, int *exit_code,
                      struct fault *fault)
{
    enum err code = ERR_OK;
    if (configure_needs_builtin(s->configure.path) &&
        (code = start_builtin(s, exit_code, fault)) != ERR_OK) {
        return code;
    }
    struct generation *first;
    code = configure_load(&s->configure, &first, fault);
    if (code != ERR_OK) {
        return fail(fault, exit_code, 2, code, NULL, NULL);
    }
    commons_swap(&s->commons, first);
    adopt(s, first);
    code = open_data(s, first, exit_code, fault);
    if (code == ERR_OK) {
        code = open_keyring(s, exit_code, fault);
    }
    if (code == ERR_OK) {
        code = load_registries(s, exit_code, fault);
    }
    if (code != ERR_OK) {
        return code;
    }
    s->workers = workers_new(1);
    s->commons.workers = s->workers;
    make_shards(s, options->threads);
    code = open_listeners(s, options->listen, exit_code, fault);
    return code == ERR_OK ? start_threads(s, exit_code, fault) : code;
}

enum err service_start(const struct service_options *options, struct service **service,
                       int *exit_code, struct fault *fault)
{
    struct service *s = calloc(1, sizeof *s);
    if (s == NULL) {
        must_have_memory();
    }
    *fault = (struct fault){0};
    *exit_code = 0;
    memory_tune(options->threads > 0 ? options->threads : thread_cores());
    env_init_real(&s->env);
    mutex_init(&s->reload_lock);
    init_commons(s, !options->unrecorded);
    (void)str_copy(str_of(options->data), s->data, sizeof s->data);
    (void)str_copy(str_of(options->config), s->config, sizeof s->config);
    s->configure.path = options->config != NULL ? s->config : NULL;
    enum err code = start(s, options, exit_code, fault);
    if (code != ERR_OK) {
        service_stop(s);
        return code;
    }
    *service = s;
    return ERR_OK;
}

const char *service_url(const struct service *service)
{
    return service->url;
}

const struct log *service_log(const struct service *service)
{
    return &service->env.log;
}

bool service_drain(struct service *s, unsigned drain_ms)
{
    atomic_store(&s->draining, true);
    for (size_t i = 0; i < s->shard_count; i++) {
        shard_drain(&s->shards[i]);
    }
    struct instant until = instant_after_ms(env_instant(&s->env), drain_ms);
    while (env_instant(&s->env).ns < until.ns) {
        size_t drained = 0;
        for (size_t i = 0; i < s->shard_count; i++) {
            drained += atomic_load(&s->shards[i].drained) ? 1 : 0;
        }
        if (drained == s->shard_count) {
            return true;
        }
        if (notify_wait(20) == SIGNAL_STOP) {
            return false; /* asked twice: at once */
        }
    }
    return false;
}

static void stop_builtin(struct builtin *b)
{
    if (b->loop == NULL) {
        return;
    }
    loop_stop(b->loop);
    if (b->thread.running) {
        thread_join(&b->thread);
    }
    provider_free(b->provider);
    loop_free(b->loop);
}

void service_stop(struct service *s)
{
    if (s == NULL) {
        return;
    }
    keeper_stop(s->keeper);
    duties_stop(s->duties);
    for (size_t i = 0; i < s->shard_count; i++) {
        shard_halt(&s->shards[i]);
    }
    workers_free(s->workers);
    store_close(s->commons.store);
    for (size_t i = 0; i < s->shard_count; i++) {
        shard_end(&s->shards[i]);
    }
    stop_builtin(&s->builtin);
    generation_unref(s->commons.current);
    registry_free(s->commons.registry);
    identity_free(s->commons.identity);
    limits_free(s->commons.limits);
    stops_free(s->commons.stops);
    sessions_free(s->commons.sessions);
    journal_free(s->commons.journal);
    waiting_free(s->commons.waiting);
    alarms_free(s->commons.alarms);
    keyring_free(s->commons.keyring);
    mutex_end(&s->commons.lock);
    mutex_end(&s->reload_lock);
    file_lock_release(s->lock);
    free(s->shards);
    free(s->metrics);
    free(s);
}
