/* SPDX-License-Identifier: Apache-2.0
 * provider.c - the provider's listener and its clients' connections.
 *
 * It reads requests with the strict parser but writes answers itself, byte by byte, since half of
 * its purpose is to write them wrong.
 */
#include "provider/provider.h"

#include "base/must.h"
#include "provider/provider_impl.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES     16384
#define KEPT_BYTES      ((size_t)256 * 1024) /* of a connection's buffers between requests */
#define WIRE_BYTES_MAX  ((size_t)1 << 30)
#define PENDING_MAX     ((size_t)1 << 20)
#define LINGER_MS       1000
#define ACCEPT_AGAIN_MS 20

/* ---- clients ---- */

static void client_free(struct client *client)
{
    struct provider *provider = client->provider;
    play_stop(&client->play);
    if (client->playing) {
        provider->state.in_flight--;
    }
    provider->state.connections_open--;
    conn_close(client->conn);
    http1_parser_free(client->parser);
    arena_free(client->arena);
    buf_end(&client->body);
    buf_end(&client->wire);
    list_remove(&client->link);
    free(client);
}

static void tidy(struct buf *buf)
{
    if (buf->cap > KEPT_BYTES) {
        buf_end(buf);
    }
    buf_clear(buf);
}

/* Ready for the next request. */
static void client_renew(struct client *client)
{
    arena_free(client->arena);
    client->arena = arena_new(ARENA_BYTES);
    client->body_too_large = false;
    tidy(&client->body);
    tidy(&client->wire);
    http1_parser_start(client->parser, client->arena, false);
}

/* What follows an answer; false when the client is gone. */
static bool client_answered(struct client *client, enum play_outcome outcome)
{
    struct provider *provider = client->provider;
    if (outcome == PLAY_RUNNING) {
        return true;
    }
    client->playing = false;
    provider->state.in_flight--;
    provider->state.bytes_out += client->play.bytes;
    if (outcome == PLAY_KEEP) {
        client_renew(client);
        return true;
    }
    if (outcome == PLAY_RESET) {
        reset_on_close(loop_env(provider->loop), conn_sock(client->conn));
    } else {
        conn_close_after_drain(client->conn, LINGER_MS, LINGER_MS);
        client->conn = NULL;
    }
    client_free(client);
    return false;
}

static void on_played(struct play *play, enum play_outcome outcome)
{
    struct client *client = LIST_OBJECT(play, struct client, play);
    struct conn *conn = client->conn;
    if (client_answered(client, outcome) && !client->playing) {
        conn_resume(conn); /* a pipelined request may wait */
    }
}

static void begin(struct client *client)
{
    struct state *state = &client->provider->state;
    client->playing = true;
    client->play.done = on_played;
    state->in_flight++;
    state->in_flight_max = state->in_flight > state->in_flight_max ? state->in_flight
                                                                   : state->in_flight_max;
}

static void take_head(struct client *client)
{
    if (http1_head(client->parser)->expects_continue) {
        (void)!conn_write(client->conn, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    }
}

/* One event of the parser; false when the client is gone. */
static bool client_take(struct client *client, enum http1_event event, struct str piece)
{
    switch (event) {
    case HTTP1_HEAD:
        take_head(client);
        return true;
    case HTTP1_BODY:
        if (buf_add(&client->body, piece) != ERR_OK) {
            client->body_too_large = true;
        }
        return true;
    case HTTP1_DONE:
        begin(client);
        return client_answered(client, provider_serve(client));
    case HTTP1_BAD:
        begin(client);
        return client_answered(client, provider_serve_bad(client, http1_problem(client->parser)));
    case HTTP1_MORE:
        break;
    }
    return true;
}

static size_t on_data(void *owner, struct str data)
{
    struct client *client = owner;
    struct provider *provider = client->provider;
    struct str input = data;
    while (!client->playing) {
        struct str piece = STR("");
        enum http1_event event = http1_parse(client->parser, &input, &piece);
        if (!client_take(client, event, piece)) {
            return data.len;
        }
        if (event == HTTP1_MORE) {
            break;
        }
    }
    provider->state.bytes_in += data.len - input.len;
    return data.len - input.len;
}

static void on_end(void *owner, enum err why)
{
    struct client *client = owner;
    (void)why;
    if (client->playing) {
        client->provider->state.aborted++;
        client->provider->state.bytes_out += client->play.bytes;
    }
    client_free(client);
}

static const struct conn_handler client_handler = {.on_data = on_data, .on_end = on_end};

/* ---- the listener ---- */

static void client_new(struct provider *provider, int sock)
{
    const struct env *env = loop_env(provider->loop);
    struct client *client = must_have(calloc(1, sizeof *client));
    struct conn_options options = {
        .handler = &client_handler, .owner = client, .pending_max = PENDING_MAX};
    if (provider->state.connections_open >= PROVIDER_CONNECTIONS_MAX ||
        conn_accept(provider->loop, sock, &options, &client->conn) != ERR_OK) {
        env->net->close(env->object, sock);
        free(client);
        return;
    }
    client->provider = provider;
    client->parser = http1_parser_new(HTTP1_REQUEST, NULL);
    client->arena = arena_new(ARENA_BYTES);
    buf_init(&client->body, PROVIDER_BODY_BYTES_MAX);
    buf_init(&client->wire, WIRE_BYTES_MAX);
    http1_parser_start(client->parser, client->arena, false);
    list_push_back(&provider->clients, &client->link);
    provider->state.connections_open++;
    provider->state.connections_opened++;
}

static void accept_all(struct provider *provider)
{
    const struct env *env = loop_env(provider->loop);
    struct address peer;
    int sock = -1;
    enum err code;
    while ((code = env->net->accept(env->object, provider->listener.sock, &sock, &peer)) ==
           ERR_OK) {
        client_new(provider, sock);
    }
    if (code != ERR_AGAIN) {
        timer_arm(provider->loop, &provider->accept_again, ACCEPT_AGAIN_MS);
    }
}

static void on_listener(struct watch *watch, unsigned ready)
{
    (void)ready;
    accept_all(LIST_OBJECT(watch, struct provider, listener));
}

static void on_accept_again(struct timer *timer)
{
    accept_all(LIST_OBJECT(timer, struct provider, accept_again));
}

static enum err listen_at(struct provider *provider, const struct provider_options *options,
                          struct fault *fault)
{
    const struct env *env = loop_env(provider->loop);
    int sock = -1;
    enum err code = env->net->listen(env->object, &options->listen, false, &sock);
    if (code != ERR_OK) {
        return fault_set(fault, code, "the provider cannot listen: %s", err_text(code));
    }
    provider->listener.sock = sock;
    provider->listener.run = on_listener;
    code = env->net->local(env->object, sock, &provider->bound);
    if (code == ERR_OK) {
        code = loop_watch(provider->loop, &provider->listener);
    }
    if (code != ERR_OK) {
        return fault_set(fault, code, "the provider's socket: %s", err_text(code));
    }
    return ERR_OK;
}

/* ---- life ---- */

enum err provider_set_script(struct provider *provider, struct str text, struct fault *fault)
{
    struct script *script = NULL;
    enum err code = script_new(text, &script, fault);
    if (code == ERR_OK) {
        script_drop(provider->script);
        provider->script = script;
        provider->script_set = loop_now(provider->loop);
    }
    return code;
}

struct provider *provider_new(const struct provider_options *options, struct fault *fault)
{
    struct provider *provider = must_have(calloc(1, sizeof *provider));
    provider->loop = options->loop;
    provider->listener.sock = -1;
    timer_init(&provider->accept_again, on_accept_again);
    list_init(&provider->clients);
    buf_init(&provider->scratch, ANSWER_BYTES_MAX);
    state_init(&provider->state, PROVIDER_BODY_BYTES_MAX);
    if (options->required_key.len > 0) {
        provider->required_key = must_have(
            strndup(options->required_key.at, options->required_key.len));
    }
    if (provider_set_script(provider, options->script, fault) != ERR_OK ||
        listen_at(provider, options, fault) != ERR_OK) {
        provider_free(provider);
        return NULL;
    }
    return provider;
}

void provider_free(struct provider *provider)
{
    if (provider == NULL) {
        return;
    }
    const struct env *env = loop_env(provider->loop);
    while (!list_empty(&provider->clients)) { /* client_free takes it out of the ring */
        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
        client_free(LIST_OBJECT(provider->clients.next, struct client, link));
    }
    timer_disarm(&provider->accept_again);
    if (provider->listener.sock >= 0) {
        loop_forget(provider->loop, &provider->listener);
        env->net->close(env->object, provider->listener.sock);
    }
    script_drop(provider->script);
    state_end(&provider->state);
    buf_end(&provider->scratch);
    free(provider->required_key);
    free(provider);
}

const struct address *provider_address(const struct provider *provider)
{
    return &provider->bound;
}
