/* SPDX-License-Identifier: Apache-2.0
 * env.h - the outside world as one struct, made once in main (or by a test) and passed down.
 *
 * Only src/sys touches the kernel. What waits takes a loop, what only computes takes `now`; whoever
 * needs the clock, entropy or the network in between takes the env. A simulator supplies its own.
 */
#ifndef AIRE_SYS_ENV_H
#define AIRE_SYS_ENV_H

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/when.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env;

struct clock_ops {
    struct instant (*instant)(void *object);
    struct wall (*wall)(void *object);
};

struct entropy_ops {
    /* Cryptographic; ends the process on failure. */
    void (*fill)(void *object, void *to, size_t bytes);
};

#define ADDRESS_BYTES 128

/* An IPv4, IPv6 or Unix-domain address; opaque outside sys (a struct sockaddr_storage by size). */
struct address {
    uint32_t len;
    _Alignas(8) unsigned char bytes[ADDRESS_BYTES];
};

enum ready { READY_READ = 1, READY_WRITE = 2, READY_HANGUP = 4 };

struct ready_event {
    void *owner; /* as given to poller_add; NULL: the poller was woken */
    unsigned ready;
};

/* Sockets are small integers that only these functions interpret. All are non-blocking; readiness
 * is edge-triggered in both directions from poller_add on. */
struct net_ops {
    /* reuse_port: several listeners share one address (one a loop). TCP_NODELAY is set on all. */
    enum err (*listen)(void *object, const struct address *at, bool reuse_port, int *sock);
    /* AGAIN; LIMIT: no descriptor is left. */
    enum err (*accept)(void *object, int sock, int *accepted, struct address *peer);
    /* OK also when under way; `connected` tells the outcome once writable: OK, REFUSED, ... */
    enum err (*connect)(void *object, const struct address *to, int *sock);
    enum err (*connected)(void *object, int sock);
    enum err (*local)(void *object, int sock, struct address *at);
    /* CLOSED at the end. */
    enum err (*read)(void *object, int sock, void *to, size_t room, size_t *got);
    enum err (*write)(void *object, int sock, const struct str *slices, size_t count, size_t *sent);
    void (*finish)(void *object, int sock); /* half-close: no more writing */
    void (*close)(void *object, int sock);
    void (*reset)(void *object, int sock); /* close; the peer is told that it was not the end */

    void *(*poller_new)(void *object);
    void (*poller_free)(void *object, void *poller);
    enum err (*poller_add)(void *object, void *poller, int sock, void *owner); /* close() removes */
    /* Waits at most timeout_ns (UINT64_MAX: for ever); the number of events. Interrupted: 0. */
    size_t (*poller_wait)(void *object, void *poller, struct ready_event *events, size_t room,
                          uint64_t timeout_ns);
    void (*poller_wake)(void *object, void *poller); /* from any thread */
};

struct env {
    const struct clock_ops *clock;
    const struct entropy_ops *entropy;
    const struct net_ops *net;
    void *object; /* passed to all of the above */
    struct log log;
};

static inline struct instant env_instant(const struct env *env)
{
    return env->clock->instant(env->object);
}

static inline struct wall env_wall(const struct env *env)
{
    return env->clock->wall(env->object);
}

static inline void env_entropy(const struct env *env, void *to, size_t bytes)
{
    env->entropy->fill(env->object, to, bytes);
}

/* The real world: monotonic clock, getrandom, sockets with epoll, log lines to standard error. */
void env_init_real(struct env *env);

#endif
