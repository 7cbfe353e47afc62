/* SPDX-License-Identifier: Apache-2.0
 * fetch_kit.h - an HTTP client on a real loop with a hand-driven clock, against a server that the
 * test plays by hand on a socket of its own.
 */
#ifndef AIRE_TESTS_FETCH_KIT_H
#define AIRE_TESTS_FETCH_KIT_H

#include "io/http_client.h"
#include "support/hand_clock.h"

struct fetch_world {
    struct env env;
    struct loop *loop;
    struct http_client *client;
    struct http_origin *origin;
    struct cap memory;
    int listener;
    uint16_t port;
};

/* ---- what a fetch told ---- */

struct seen {
    struct http_fetch *fetch;
    unsigned connected;
    unsigned heads;
    unsigned status;
    struct buf body;
    unsigned done;
    enum err outcome;
    char why[128];
    bool pause;                /* at the first piece of body */
    bool cancel_at_head;       /* from inside the callback */
    struct fetch_world *again; /* fetch_world_start one more from on_done */
    struct seen *next;
};

int fetch_world_start(void **state); /* two connections an origin, two of them kept */
int fetch_world_stop(void **state);
void fetch_turn(struct fetch_world *test);

/* Origin, if none is given, handler and owner are filled in. */
void fetch_begin(struct fetch_world *test, struct seen *seen, struct fetch_options *options);
void fetch_get(struct fetch_world *test, struct seen *seen, const char *target);

/* ---- the test as the server ---- */

#define PEER_OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

int peer_await(
    struct fetch_world *test); /* turns until the client has connected; -1: it does not */
/* Reads what the client sends until `ending` has come; true when the connection ended. */
bool peer_await_text(struct fetch_world *test, int sock, struct buf *to, const char *ending);
void peer_expect(struct fetch_world *test, int sock, const char *text);
void peer_skip(struct fetch_world *test, int sock); /* a request without a body */
void peer_answer(struct fetch_world *test, int sock, struct str bytes);
bool peer_closed(struct fetch_world *test, int sock);
void peer_hang_up(int sock);

#endif
