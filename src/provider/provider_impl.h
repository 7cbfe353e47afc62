/* SPDX-License-Identifier: Apache-2.0
 * provider_impl.h - what the files of the provider share: the provider and its clients.
 *
 * Invariant: a client either reads a request or plays an answer, never both; what it needs of a
 * request lives in `arena`, which is replaced behind each answer.
 */
#ifndef AIRE_PROVIDER_PROVIDER_IMPL_H
#define AIRE_PROVIDER_PROVIDER_IMPL_H

#include "io/conn.h"
#include "provider/answer.h"
#include "provider/play.h"
#include "provider/provider.h"
#include "provider/state.h"
#include "sys/reset.h"

struct provider {
    struct loop *loop;
    struct watch listener;
    struct timer accept_again; /* after the process ran out of descriptors */
    struct address bound;
    struct script *script;
    struct instant script_set;
    char *required_key; /* NULL: none */
    struct buf scratch;
    struct link clients;
    struct state state;
};

struct client {
    struct link link;
    struct provider *provider;
    struct conn *conn;
    struct http1_parser *parser;
    struct arena *arena;
    struct buf body;
    struct buf wire;
    struct answer answer;
    struct play play;
    bool playing;
    bool body_too_large;
};

/* provider_serve.c: the request is whole; makes the answer and starts to play it. */
enum play_outcome provider_serve(struct client *client);
/* Answers bytes that are no HTTP/1 request. */
enum play_outcome provider_serve_bad(struct client *client, const struct http1_problem *problem);

/* provider_control.c: requests below /sim/; fills the answer. */
void provider_control(struct provider *provider, const struct http_head *head, struct str path,
                      struct str body, struct answer *answer);

#endif
