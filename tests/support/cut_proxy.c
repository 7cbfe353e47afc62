/* SPDX-License-Identifier: Apache-2.0
 * cut_proxy.c - see cut_proxy.h. A COMMIT is a simple query: "Q", its length, "COMMIT" and a NUL
 * (PostgreSQL 15, section 55.7), which libpq sends in one piece.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/cut_proxy.h"

#include "sys/thread.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX 16

struct pair {
    int client; /* -1: free */
    int server;
    bool deaf; /* what the server says is dropped, and its next words end the pair */
};

struct cut_proxy {
    int listener;
    int port;
    int server_port;
    struct pair pairs[PAIRS_MAX];
    atomic_int armed; /* an enum cut, or -1 */
    atomic_int cuts;
    atomic_bool shut;
    atomic_bool stopping;
    struct thread thread;
};

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

static void end_pair(struct pair *pair)
{
    (void)close(pair->client);
    (void)close(pair->server);
    *pair = (struct pair){.client = -1, .server = -1};
}

static void accept_pair(struct cut_proxy *proxy)
{
    struct sockaddr_in at = loopback(proxy->server_port);
    int client = accept(proxy->listener, NULL, NULL);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    struct pair *free_pair = NULL;
    for (int i = 0; i < PAIRS_MAX; i++) {
        free_pair = proxy->pairs[i].client < 0 ? &proxy->pairs[i] : free_pair;
    }
    bool there = free_pair != NULL && !atomic_load(&proxy->shut) && client >= 0 && server >= 0 &&
                 connect(server, (struct sockaddr *)&at, sizeof at) == 0;
    if (there) {
        *free_pair = (struct pair){.client = client, .server = server};
    } else {
        (void)close(client);
        (void)close(server);
    }
}

static bool holds_commit(const char *bytes, size_t count)
{
    static const char commit[] = {'Q', 0, 0, 0, 11, 'C', 'O', 'M', 'M', 'I', 'T', 0};
    return memmem(bytes, count, commit, sizeof commit) != NULL;
}

/* True: pass it on. */
static bool cut(struct cut_proxy *proxy, struct pair *pair)
{
    int armed = atomic_exchange(&proxy->armed, -1);
    if (armed < 0) {
        return true;
    }
    (void)atomic_fetch_add(&proxy->cuts, 1);
    if (armed == CUT_REQUEST) {
        end_pair(pair);
        return false;
    }
    pair->deaf = true;
    atomic_store(&proxy->shut, armed == CUT_FOR_GOOD);
    return true;
}

static void move(struct cut_proxy *proxy, struct pair *pair, bool from_client)
{
    char bytes[65536];
    ssize_t got = recv(from_client ? pair->client : pair->server, bytes, sizeof bytes, 0);
    if (got <= 0 || (pair->deaf && !from_client)) {
        end_pair(pair);
        return;
    }
    if (from_client && holds_commit(bytes, (size_t)got) && !cut(proxy, pair)) {
        return;
    }
    int to = from_client ? pair->server : pair->client;
    for (ssize_t sent = 0, n = 0; sent < got; sent += n) {
        n = send(to, bytes + sent, (size_t)(got - sent), MSG_NOSIGNAL);
        if (n <= 0) {
            end_pair(pair);
            return;
        }
    }
}

static void turn(struct cut_proxy *proxy)
{
    struct pollfd polled[1 + 2 * PAIRS_MAX] = {{proxy->listener, POLLIN, 0}};
    for (int i = 0; i < PAIRS_MAX; i++) {
        polled[1 + 2 * i] = (struct pollfd){proxy->pairs[i].client, POLLIN, 0};
        polled[2 + 2 * i] = (struct pollfd){proxy->pairs[i].server, POLLIN, 0};
    }
    if (poll(polled, 1 + 2 * PAIRS_MAX, 20) <= 0) {
        return;
    }
    for (int i = 0; i < PAIRS_MAX; i++) {
        struct pair *pair = &proxy->pairs[i];
        if (polled[1 + 2 * i].revents != 0 && pair->client >= 0) {
            move(proxy, pair, true);
        } else if (polled[2 + 2 * i].revents != 0 && pair->client >= 0) {
            move(proxy, pair, false);
        }
    }
    if (polled[0].revents != 0) {
        accept_pair(proxy);
    }
}

static void run(void *object)
{
    struct cut_proxy *proxy = object;
    while (!atomic_load(&proxy->stopping)) {
        turn(proxy);
    }
}

struct cut_proxy *cut_proxy_start(int server_port)
{
    struct cut_proxy *proxy = calloc(1, sizeof *proxy);
    struct sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;
    assert_non_null(proxy);
    proxy->server_port = server_port;
    atomic_init(&proxy->armed, -1);
    for (int i = 0; i < PAIRS_MAX; i++) {
        proxy->pairs[i] = (struct pair){.client = -1, .server = -1};
    }
    proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(proxy->listener, 16), 0);
    assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&at, &size), 0);
    proxy->port = ntohs(at.sin_port);
    assert_int_equal(thread_start(&proxy->thread, "cut-proxy", run, proxy), ERR_OK);
    return proxy;
}

int cut_proxy_port(const struct cut_proxy *proxy)
{
    return proxy->port;
}

void cut_proxy_arm(struct cut_proxy *proxy, enum cut cut)
{
    atomic_store(&proxy->armed, (int)cut);
}

int cut_proxy_cuts(struct cut_proxy *proxy)
{
    return atomic_load(&proxy->cuts);
}

void cut_proxy_stop(struct cut_proxy *proxy)
{
    atomic_store(&proxy->stopping, true);
    thread_join(&proxy->thread);
    for (int i = 0; i < PAIRS_MAX; i++) {
        if (proxy->pairs[i].client >= 0) {
            end_pair(&proxy->pairs[i]);
        }
    }
    (void)close(proxy->listener);
    free(proxy);
}
