/* SPDX-License-Identifier: Apache-2.0
 * serve_kit.h - an HTTP server on a real loop and real sockets; only the clock is the test's own.
 * Its handler does what the path says: /early refuses at the head, /hold keeps the call for the
 * test, /stream, /give, /none, /short and /split answer in their ways, any other path is an echo.
 */
#ifndef AIRE_TESTS_SERVE_KIT_H
#define AIRE_TESTS_SERVE_KIT_H

#include "io/http_server.h"
#include "support/hand_clock.h"

struct serve_world {
    struct env env;
    struct loop *loop;
    struct http_server *server;
    struct address at;
    struct cap memory;
    struct http_call *held; /* of /hold */
    unsigned heads;
    unsigned requests;
    unsigned gone;
    unsigned writable;
};

/* Bodies up to 200,000 bytes, 20 connections, 8 MiB of memory. */
int serve_world_start(void **state);
int serve_world_stop(void **state);
void serve_turn(struct serve_world *test);

/* ---- a client without any mercy ---- */

#define H "Host: a\r\n"
#define T "Transfer-Encoding: chunked\r\n"

int serve_dial(const struct serve_world *test);
void serve_put(struct serve_world *test, int sock, struct str bytes);
/* Reads until the end of the connection (true), or until nothing has come for a while. */
bool serve_settle(struct serve_world *test, int sock, struct buf *to);
/* Sends and reads on one connection; true when the server closed it. */
bool serve_talk(struct serve_world *test, struct str request, struct buf *response);

bool serve_has(struct buf *text, const char *part);
size_t serve_count(struct buf *text, const char *part);

#endif
