/* SPDX-License-Identifier: Apache-2.0
 * fetch_kit.c - the client's world, the test as its server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/fetch_kit.h"

#include "sys/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_connected(void *owner)
{
    struct seen *seen = owner;
    seen->connected++;
}

static void on_head(void *owner, const struct http_head *head)
{
    struct seen *seen = owner;
    seen->heads++;
    seen->status = head->status;
    if (seen->cancel_at_head) {
        http_fetch_cancel(seen->fetch);
    }
}

static void on_body(void *owner, struct str piece)
{
    struct seen *seen = owner;
    assert_int_equal(buf_add(&seen->body, piece), ERR_OK);
    if (seen->pause) {
        seen->pause = false;
        http_fetch_pause(seen->fetch);
    }
}

static void on_done(void *owner, enum err why)
{
    struct seen *seen = owner;
    seen->done++;
    seen->outcome = why;
    (void)str_copy(str_of(http_fetch_why(seen->fetch)), seen->why, sizeof seen->why);
    seen->fetch = NULL;
    if (seen->again != NULL) {
        fetch_get(seen->again, seen->next, "/again");
    }
}

static const struct fetch_handler handler = {on_connected, on_head, on_body, on_done};

void fetch_begin(struct fetch_world *test, struct seen *seen, struct fetch_options *options)
{
    buf_init(&seen->body, 64u << 20);
    options->origin = options->origin ? options->origin : test->origin;
    options->handler = &handler;
    options->owner = seen;
    seen->fetch = http_fetch_start(test->client, options);
    assert_int_equal(seen->done + seen->connected, 0); /* never from inside */
}

void fetch_get(struct fetch_world *test, struct seen *seen, const char *target)
{
    struct fetch_options options = {.method = STR("GET"), .target = str_of(target)};
    fetch_begin(test, seen, &options);
}

/* ---- the test as the server ---- */

static int listen_anywhere(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(sock >= 0);
    assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(sock, 16), 0);
    assert_int_equal(getsockname(sock, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return sock;
}

void fetch_turn(struct fetch_world *test)
{
    for (int i = 0; i < 8; i++) {
        (void)loop_turn(test->loop, false);
    }
}

/* Turns until the socket has something, or gives up: -1. */
int peer_await(struct fetch_world *test)
{
    for (int i = 0; i < 200; i++) {
        fetch_turn(test);
        int sock = accept(test->listener, NULL, NULL);
        if (sock >= 0) {
            return sock;
        }
        (void)poll(NULL, 0, i > 20 ? 1 : 0);
    }
    return -1;
}

/* Reads what the client sends until `ending` has come; true when the connection ended. */
bool peer_await_text(struct fetch_world *test, int sock, struct buf *to, const char *ending)
{
    for (int i = 0; i < 200; i++) {
        fetch_turn(test);
        assert_int_equal(buf_reserve(to, 65536), ERR_OK);
        ssize_t got = recv(sock, to->at + to->len, 65536, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return true;
        }
        to->len += got > 0 ? (size_t)got : 0;
        i = got > 0 ? 0 : i;
        if (ending != NULL && str_ends(buf_str(to), str_of(ending))) {
            return false;
        }
        (void)poll(NULL, 0, i > 20 ? 1 : 0);
    }
    return false;
}

void peer_answer(struct fetch_world *test, int sock, struct str bytes)
{
    assert_int_equal(send(sock, bytes.at, bytes.len, MSG_NOSIGNAL), bytes.len);
    for (int i = 0; i < 5; i++) {
        fetch_turn(test);
        (void)poll(NULL, 0, i > 2 ? 1 : 0);
    }
}

void peer_expect(struct fetch_world *test, int sock, const char *text)
{
    struct buf request;
    buf_init(&request, 1 << 20);
    assert_false(peer_await_text(test, sock, &request, text + strlen(text) - 4));
    assert_string_equal(buf_cstr(&request), text);
    buf_end(&request);
}

void peer_skip(struct fetch_world *test, int sock)
{
    struct buf request;
    buf_init(&request, 1 << 20);
    assert_false(peer_await_text(test, sock, &request, "\r\n\r\n"));
    buf_end(&request);
}

bool peer_closed(struct fetch_world *test, int sock)
{
    struct buf rest;
    buf_init(&rest, 1 << 20);
    bool closed = peer_await_text(test, sock, &rest, NULL);
    buf_end(&rest);
    return closed;
}

void peer_hang_up(int sock)
{
    (void)close(sock);
}

int fetch_world_start(void **state)
{
    struct fetch_world *test = calloc(1, sizeof *test);
    assert_non_null(test);
    env_init_real(&test->env);
    test->env.clock = &hand_clock;
    test->loop = loop_new(&test->env);
    test->memory.max = 8u << 20;
    struct http_client_options options = {
        .loop = test->loop, .memory = &test->memory, .idle_max = 2, .per_origin_max = 2};
    test->client = http_client_new(&options);
    test->listener = listen_anywhere(&test->port);
    struct http_origin_options to = {.host = STR("127.0.0.1"), .port = test->port};
    test->origin = http_origin_get(test->client, &to);
    assert_ptr_equal(http_origin_get(test->client, &to), test->origin);
    *state = test;
    return 0;
}

int fetch_world_stop(void **state)
{
    struct fetch_world *test = *state;
    http_client_free(test->client);
    fetch_turn(test);
    assert_int_equal(cap_used(&test->memory), 0);
    loop_free(test->loop);
    (void)close(test->listener);
    free(test);
    return 0;
}
