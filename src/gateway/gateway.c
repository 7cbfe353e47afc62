/* SPDX-License-Identifier: Apache-2.0
 * gateway.c - from calls of the server to exchanges; the swap of generations. */
#include "gateway/gateway.h"

#include "base/must.h"
#include "base/pack.h"
#include "gateway/exchange.h"
#include "gateway/models.h"
#include "gateway/pipeline.h"
#include "gateway/reply.h"
#include "gateway/workflow_ask.h"
#include "security/subjects.h"

#include <stdlib.h>

/* ---- generations ---- */

void commons_swap(struct commons *commons, struct generation *next)
{
    mutex_lock(&commons->lock);
    struct generation *old = commons->current;
    commons->current = next;
    next->number = atomic_load(&commons->generation_number) + 1;
    atomic_store(&commons->generation_number, next->number);
    mutex_unlock(&commons->lock);
    generation_unref(old);
}

struct generation *commons_current(struct commons *commons)
{
    mutex_lock(&commons->lock);
    struct generation *current = generation_ref(commons->current);
    mutex_unlock(&commons->lock);
    return current;
}

int64_t commons_number(struct commons *commons, struct wall now)
{
    return commons_numbers(commons, now, 1);
}

int64_t commons_numbers(struct commons *commons, struct wall now, uint32_t count)
{
    uint64_t wanted = (uint64_t)(now.us / 1000) << 16;
    uint64_t last = atomic_load_explicit(&commons->next_exchange, memory_order_relaxed);
    uint64_t next;
    do {
        next = wanted > last ? wanted : last + 1;
    } while (!atomic_compare_exchange_weak_explicit(&commons->next_exchange, &last,
                                                    next + count - 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    return (int64_t)next;
}

struct generation *gateway_generation(struct gateway *gateway)
{
    uint32_t number = atomic_load_explicit(&gateway->commons->generation_number,
                                           memory_order_acquire);
    if (gateway->generation == NULL || gateway->generation->number != number) {
        generation_unref(gateway->generation);
        gateway->generation = commons_current(gateway->commons);
        free(gateway->origins);
        gateway->origins = calloc(gateway->generation->provider_count +
                                      gateway->generation->tool_count + 1,
                                  sizeof(struct http_origin *));
        if (gateway->origins == NULL) {
            must_have_memory();
        }
    }
    return gateway->generation;
}

static struct http_origin *find_origin(struct gateway *gateway, const struct provider *provider)
{
    const struct http_origin_options where = {.host = provider->host,
                                              .port = provider->port,
                                              .tls = provider->tls,
                                              .tls_key = provider->tls_key,
                                              .proxy_host = provider->proxy_host,
                                              .proxy_port = provider->proxy_port,
                                              .proxy_auth = provider->proxy_auth};
    return http_origin_get(gateway->client, &where);
}

struct http_origin *gateway_origin(struct gateway *gateway, const struct generation *generation,
                                   const struct provider *provider)
{
    if (generation != gateway->generation) {
        return find_origin(gateway, provider); /* an exchange of an older configuration */
    }
    struct http_origin **slot = &gateway->origins[provider->index];
    if (*slot == NULL) {
        *slot = find_origin(gateway, provider);
    }
    return *slot;
}

/* ---- life ---- */

struct gateway *gateway_new(const struct gateway_options *options)
{
    struct gateway *gateway = calloc(1, sizeof *gateway);
    if (gateway == NULL) {
        must_have_memory();
    }
    gateway->loop = options->loop;
    gateway->commons = options->commons;
    gateway->telemetry = options->telemetry;
    list_init(&gateway->exchanges);
    gateway->scratch = arena_new(KIB(16));
    gateway->packer = packer_new();
    gateway->subjects = options->commons->keyring != NULL
                            ? subjects_new(options->commons->keyring, options->commons->env)
                            : NULL;
    uint64_t seed;
    env_entropy(options->commons->env, &seed, sizeof seed);
    rng_seed(&gateway->rng, seed);
    const struct http_client_options client = {.loop = options->loop,
                                               .memory = &options->commons->memory};
    gateway->client = http_client_new(&client);
    return gateway;
}

void gateway_free(struct gateway *gateway)
{
    if (gateway == NULL) {
        return;
    }
    while (!list_empty(&gateway->exchanges)) {
        struct exchange *x = LIST_OBJECT(gateway->exchanges.next, struct exchange, in_gateway);
        x->reason = "shutdown";
        exchange_finish(x, OUTCOME_CANCELLED);
    }
    http_client_free(gateway->client);
    generation_unref(gateway->generation);
    free(gateway->origins);
    packer_free(gateway->packer);
    subjects_free(gateway->subjects);
    arena_free(gateway->scratch);
    free(gateway);
}

void gateway_drain(struct gateway *gateway)
{
    struct link *link = gateway->exchanges.next;
    gateway->draining = true;
    while (link != &gateway->exchanges) {
        struct exchange *x = LIST_OBJECT(link, struct exchange, in_gateway);
        link = link->next; /* x may end now, and no other */
        if (x->dialect == &dialect_workflow) {
            pipeline_resume(x);
        }
    }
}

size_t gateway_in_flight(const struct gateway *gateway)
{
    return gateway->count;
}

/* ---- the server's handlers ---- */

/* OPTIONS is answered, any other method that the path does not know is 405; both say what would do
 * (RFC 9110, sections 9.3.7 and 15.5.6). */
static void refuse_path(struct http_call *call, struct str path, const struct endpoint *other)
{
    enum provider_kind family = endpoint_family(path);
    if (other == NULL) {
        reply_call_error(
            call, family, 404, "unknown_endpoint", STR(""),
            STR("there is no such endpoint here; see /v1/chat/completions, "
                "/v1/responses, /v1/embeddings, /v1/models, /v1/messages, /tools/NAME/..., "
                "/run/RUN/TRY/workflow/..."));
    } else {
        bool get = str_equal(other->method, STR("GET"));
        struct str allow = get ? STR("GET, HEAD, OPTIONS") : STR("POST, OPTIONS");
        if (str_equal(http_call_head(call)->method, STR("OPTIONS"))) {
            const struct http_field field = {STR("allow"), allow};
            http_call_reply(call, 204, &field, 1, STR(""));
        } else {
            reply_call_error(call, family, 405, "method_not_allowed", allow,
                             STR("this endpoint does not know this method"));
        }
    }
    http_call_release(call);
}

static void refuse_place(struct http_call *call)
{
    reply_call_error(call, PROVIDER_OPENAI, 400, "bad_run", STR(""),
                     STR("a run's calls go to /run/RUN/TRY/...: RUN of 1 to 64 letters, digits, "
                         "'.', '_', ':', '-', TRY from 1 to 1000000"));
    http_call_release(call);
}

void gateway_on_head(struct gateway *gateway, struct http_call *call)
{
    const struct http_head *head = http_call_head(call);
    const struct endpoint *other;
    struct run_place place;
    http_call_set_data(call, NULL);
    if (run_place_of(http_call_path(call), &place) != ERR_OK) {
        refuse_place(call);
        return;
    }
    struct str path = place.rest;
    const struct endpoint *endpoint = endpoint_find(head->method, path, &other);
    bool is_step = endpoint != NULL && endpoint->dialect == &dialect_workflow;
    if (endpoint == NULL || (is_step && place.run.len == 0)) {
        refuse_path(call, path, is_step ? NULL : other);
        return;
    }
    struct str coding = http_head_get(head, STR("content-encoding"));
    if (coding.len > 0 && !str_equal_ci(coding, STR("identity"))) {
        reply_call_error(call, endpoint_family(path), 415, "encoded_body", STR(""),
                         STR("encoded request bodies are not accepted; send identity"));
        http_call_release(call);
        return;
    }
    exchange_begin(gateway, call, endpoint, &place);
}

void gateway_on_request(struct gateway *gateway, struct http_call *call)
{
    (void)gateway;
    struct exchange *x = http_call_data(call);
    must(x != NULL && x->magic == EXCHANGE_MAGIC);
    x->complete = true;
    x->received = loop_now(x->gateway->loop);
    pipeline_resume(x);
}

void gateway_on_writable(struct gateway *gateway, struct http_call *call)
{
    (void)gateway;
    struct exchange *x = http_call_data(call);
    if (x != NULL) {
        exchange_writable(x);
    }
}

void gateway_on_gone(struct gateway *gateway, struct http_call *call)
{
    (void)gateway;
    struct exchange *x = http_call_data(call);
    if (x != NULL) {
        exchange_client_gone(x);
    }
}

void gateway_on_refuse(struct gateway *gateway, struct str target, unsigned status,
                       const char *what, struct buf *body)
{
    (void)gateway;
    const struct error_text error = {status, NULL, "bad_request", str_of(what), STR("")};
    struct run_place place;
    bool known = run_place_of(target, &place) == ERR_OK;
    enum err code = dialect_write_error(endpoint_family(known ? place.rest : target), body, &error);
    (void)code; /* a body that does not fit stays empty: the status says it */
}
