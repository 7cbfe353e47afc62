/* SPDX-License-Identifier: Apache-2.0
 * serve_kit.c - the server's world, its handler, and a client without any mercy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/serve_kit.h"

#include "sys/net.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void echo(struct http_call *call)
{
    struct http_field field = {STR("x-path"), http_call_path(call)};
    http_call_reply(call, 200, &field, 1, http_call_body(call));
    http_call_release(call);
}

static void on_head(void *owner, struct http_call *call)
{
    struct serve_world *test = owner;
    test->heads++;
    if (str_equal(http_call_path(call), STR("/early"))) {
        http_call_reply(call, 401, NULL, 0, STR("no"));
        http_call_release(call);
    }
}

static void stream(struct http_call *call)
{
    http_call_begin(call, 200, NULL, 0, HTTP_LENGTH_UNKNOWN);
    http_call_write(call, STR("hello "));
    http_call_write(call, STR(""));
    http_call_write(call, STR("0123456789abcdef"));
    http_call_end(call);
    http_call_release(call);
}

static void give(struct http_call *call)
{
    struct buf body;
    buf_init(&body, 1 << 20);
    assert_int_equal(buf_reserve(&body, 100000), ERR_OK);
    memset(body.at, 'g', 100000);
    body.len = 100000;
    http_call_begin(call, 200, NULL, 0, body.len);
    http_call_give(call, &body);
    assert_null(body.at);
    http_call_end(call);
    http_call_release(call);
}

static void on_request(void *owner, struct http_call *call)
{
    struct serve_world *test = owner;
    struct str path = http_call_path(call);
    test->requests++;
    if (str_equal(path, STR("/hold"))) {
        assert_null(test->held);
        test->held = call;
    } else if (str_equal(path, STR("/stream"))) {
        stream(call);
    } else if (str_equal(path, STR("/give"))) {
        give(call);
    } else if (str_equal(path, STR("/none"))) {
        http_call_reply(call, 204, NULL, 0, STR("dropped"));
        http_call_release(call);
    } else if (str_equal(path, STR("/short"))) {
        http_call_begin(call, 200, NULL, 0, 10);
        http_call_write(call, STR("half"));
        http_call_end(call);
        http_call_release(call);
    } else if (str_equal(path, STR("/split"))) {
        struct http_field bad = {STR("x"), STR("a\r\nset-cookie: b")};
        http_call_reply(call, 200, &bad, 1, STR("x"));
        http_call_release(call);
    } else {
        echo(call);
    }
}

static void on_writable(void *owner, struct http_call *call)
{
    struct serve_world *test = owner;
    assert_ptr_equal(call, test->held);
    test->writable++;
}

static void on_gone(void *owner, struct http_call *call)
{
    struct serve_world *test = owner;
    test->gone++;
    if (test->held == call) {
        test->held = NULL;
    }
    http_call_reply(call, 500, NULL, 0, STR("goes nowhere"));
    http_call_release(call);
}

static const struct http_handler handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_writable = on_writable,
    .on_gone = on_gone,
};

int serve_world_start(void **state)
{
    struct serve_world *test = calloc(1, sizeof *test);
    assert_non_null(test);
    env_init_real(&test->env);
    test->env.clock = &hand_clock;
    test->loop = loop_new(&test->env);
    test->memory.max = 8u << 20;
    struct http_server_options options = {
        .loop = test->loop,
        .handler = &handler,
        .owner = test,
        .limits = http_server_limits_default,
        .memory = &test->memory,
    };
    options.limits.body_bytes_max = 200000;
    options.limits.connections_max = 20;
    test->server = http_server_new(&options);
    struct address at;
    assert_int_equal(address_parse(STR("127.0.0.1:0"), &at), ERR_OK);
    assert_int_equal(http_server_listen(test->server, &at, false, &test->at), ERR_OK);
    *state = test;
    return 0;
}

int serve_world_stop(void **state)
{
    struct serve_world *test = *state;
    http_server_free(test->server);
    for (int i = 0; i < 3; i++) {
        hand_clock_ms += 10000; /* lingering connections end */
        (void)loop_turn(test->loop, false);
    }
    assert_int_equal(cap_used(&test->memory), 0);
    loop_free(test->loop);
    free(test);
    return 0;
}

/* ---- a client without any mercy ---- */

int serve_dial(const struct serve_world *test)
{
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(sock >= 0);
    assert_int_equal(
        connect(sock, (const struct sockaddr *)(const void *)test->at.bytes, test->at.len), 0);
    return sock;
}

void serve_turn(struct serve_world *test)
{
    for (int i = 0; i < 8; i++) {
        (void)loop_turn(test->loop, false);
    }
}

void serve_put(struct serve_world *test, int sock, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(sock, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno != EAGAIN) {
                return; /* refused before all was sent */
            }
            sent = 0;
        }
        bytes = str_cut(bytes, (size_t)sent, bytes.len);
        serve_turn(test);
    }
}

/* Reads what there is, without waiting; true at the end of the connection. */
static bool get(int sock, struct buf *to)
{
    for (;;) {
        assert_int_equal(buf_reserve(to, 65536), ERR_OK);
        ssize_t got = recv(sock, to->at + to->len, 65536, MSG_DONTWAIT);
        if (got <= 0) {
            return got == 0 || errno != EAGAIN;
        }
        to->len += (size_t)got;
    }
}

/* Until the end of the connection (true), or until nothing serve_has come for a while. */
bool serve_settle(struct serve_world *test, int sock, struct buf *to)
{
    for (int quiet = 0; quiet < 20; quiet++) {
        size_t before = to->len;
        serve_turn(test);
        if (get(sock, to)) {
            return true;
        }
        quiet = to->len > before ? 0 : quiet;
        struct pollfd wait = {.fd = sock, .events = POLLIN};
        (void)poll(&wait, 1, quiet > 10 ? 1 : 0);
    }
    return false;
}

/* Sends and reads on one connection; true when the server closed it. */
bool serve_talk(struct serve_world *test, struct str request, struct buf *response)
{
    int sock = serve_dial(test);
    buf_init(response, 64u << 20);
    serve_put(test, sock, request);
    bool closed = serve_settle(test, sock, response);
    (void)close(sock);
    serve_turn(test);
    return closed;
}

bool serve_has(struct buf *text, const char *part)
{
    return strstr(buf_cstr(text), part) != NULL;
}

size_t serve_count(struct buf *text, const char *part)
{
    size_t count = 0;
    for (const char *at = buf_cstr(text); (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}
