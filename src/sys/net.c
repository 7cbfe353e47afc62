/* SPDX-License-Identifier: Apache-2.0
 * net.c - real sockets and epoll behind struct net_ops.
 *
 * Invariants: every socket is non-blocking and close-on-exec; a socket joins its poller once, for
 * both directions, edge-triggered, and leaves it by being closed - one epoll_ctl in a connection's
 * life. TCP_NODELAY is set on listeners, whose accepted sockets inherit it, and on dialled ones.
 */
#include "sys/net.h"

#include "base/must.h"
#include "sys/os.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define SLICES_MAX   64  /* of one gathered write; the rest goes with the next */
#define EVENTS_MAX   256 /* of one wait */
#define LISTEN_QUEUE 4096

struct poller {
    int epoll;
    int waker; /* an eventfd: edge-triggered, so each write announces itself and nobody reads it */
};

static const struct sockaddr *sockaddr_of(const struct address *address)
{
    return (const struct sockaddr *)(const void *)address->bytes;
}

static enum err open_socket(const struct address *address, int *sock)
{
    int on = 1;
    int fd = socket(sockaddr_of(address)->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return os_err(errno);
    }
    if (!address_is_unix(address) &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        enum err err = os_err(errno);
        (void)close(fd);
        return err;
    }
    *sock = fd;
    return ERR_OK;
}

/* ---- listening ---- */

/* Does a socket file remain of a process that is gone? Only a refusal proves it. */
static bool is_stale(const struct address *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool refused = connect(fd, sockaddr_of(at), at->len) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return refused;
}

static int bind_to(int fd, const struct address *at)
{
    if (!address_is_unix(at)) {
        return bind(fd, sockaddr_of(at), at->len) == 0 ? 0 : errno;
    }
    /* The socket file takes its mode from the socket: it is never open to others, not even briefly.
     */
    if (fchmod(fd, S_IRUSR | S_IWUSR) != 0) {
        return errno;
    }
    if (bind(fd, sockaddr_of(at), at->len) == 0) {
        return 0;
    }
    int number = errno;
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)at->bytes;
    if (number == EADDRINUSE && is_stale(at) && unlink(un->sun_path) == 0) {
        return bind(fd, sockaddr_of(at), at->len) == 0 ? 0 : errno;
    }
    return number;
}

static enum err real_listen(void *object, const struct address *at, bool reuse_port, int *sock)
{
    int on = 1;
    int fd = -1;
    (void)object;
    enum err err = open_socket(at, &fd);
    if (err != ERR_OK) {
        return err;
    }
    int number = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (reuse_port && !address_is_unix(at) &&
         setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)) {
        number = errno;
    }
    if (number == 0) {
        number = bind_to(fd, at);
    }
    if (number == 0 && listen(fd, LISTEN_QUEUE) != 0) {
        number = errno;
    }
    if (number != 0) {
        (void)close(fd);
        return os_err(number);
    }
    *sock = fd;
    return ERR_OK;
}

/* ::ffff:192.0.2.1 of a dual-stack listener is 192.0.2.1 everywhere else (RFC 4291
 * section 2.5.5.2). */
static void unmap(struct address *address)
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address->bytes;
    if (in6->sin6_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        return;
    }
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = in6->sin6_port};
    memcpy(&in4.sin_addr, &in6->sin6_addr.s6_addr[12], sizeof in4.sin_addr);
    memset(address, 0, sizeof *address);
    memcpy(address->bytes, &in4, sizeof in4);
    address->len = sizeof in4;
}

static enum err real_accept(void *object, int sock, int *accepted, struct address *peer)
{
    (void)object;
    for (;;) {
        socklen_t len = ADDRESS_BYTES;
        memset(peer, 0, sizeof *peer);
        int fd = accept4(sock, (struct sockaddr *)(void *)peer->bytes, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            peer->len = len;
            unmap(peer);
            *accepted = fd;
            return ERR_OK;
        }
        /* A connection that died in the queue says nothing about the next one. */
        if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
            return os_err(errno);
        }
    }
}

/* ---- dialling ---- */

static enum err real_connect(void *object, const struct address *to, int *sock)
{
    int fd = -1;
    (void)object;
    enum err err = open_socket(to, &fd);
    if (err != ERR_OK) {
        return err;
    }
    if (connect(fd, sockaddr_of(to), to->len) != 0 && errno != EINPROGRESS && errno != EINTR) {
        /* A Unix socket without a listener's queue room or without a file: nobody is there. */
        err = errno == ENOENT || errno == EAGAIN ? ERR_REFUSED : os_err(errno);
        (void)close(fd);
        return err;
    }
    *sock = fd;
    return ERR_OK;
}

static enum err real_connected(void *object, int sock)
{
    int number = 0;
    socklen_t len = sizeof number;
    (void)object;
    if (getsockopt(sock, SOL_SOCKET, SO_ERROR, &number, &len) != 0) {
        number = errno;
    }
    return os_err(number);
}

static enum err real_local(void *object, int sock, struct address *at)
{
    socklen_t len = ADDRESS_BYTES;
    (void)object;
    memset(at, 0, sizeof *at);
    if (getsockname(sock, (struct sockaddr *)(void *)at->bytes, &len) != 0) {
        return os_err(errno);
    }
    at->len = len;
    return ERR_OK;
}

/* ---- bytes ---- */

static enum err real_read(void *object, int sock, void *to, size_t room, size_t *got)
{
    (void)object;
    for (;;) {
        ssize_t count = recv(sock, to, room, 0);
        if (count > 0) {
            *got = (size_t)count;
            return ERR_OK;
        }
        if (count == 0) {
            return ERR_CLOSED;
        }
        if (errno != EINTR) {
            return os_err(errno);
        }
    }
}

static enum err real_write(void *object, int sock, const struct str *slices, size_t count,
                           size_t *sent)
{
    struct iovec vector[SLICES_MAX];
    struct msghdr message = {.msg_iov = vector};
    (void)object;
    count = count < SLICES_MAX ? count : SLICES_MAX;
    for (size_t i = 0; i < count; i++) {
        /* iovec serves reading too and so lacks const; sendmsg does not write. */
        memcpy(&vector[i].iov_base, &slices[i].at, sizeof slices[i].at);
        vector[i].iov_len = slices[i].len;
    }
    message.msg_iovlen = count;
    for (;;) {
        ssize_t wrote = sendmsg(sock, &message, MSG_NOSIGNAL);
        if (wrote >= 0) {
            *sent = (size_t)wrote;
            return ERR_OK;
        }
        if (errno != EINTR) {
            return os_err(errno);
        }
    }
}

static void real_finish(void *object, int sock)
{
    (void)object;
    (void)shutdown(sock, SHUT_WR);
}

static void real_close(void *object, int sock)
{
    (void)object;
    (void)close(sock);
}

/* RFC 9293, section 3.10.5: what is unsent is dropped and a reset goes out. */
static void real_reset(void *object, int sock)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(sock, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    real_close(object, sock);
}

/* ---- readiness ---- */

static enum err add(const struct poller *poller, int fd, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events | EPOLLET, .data.ptr = owner};
    if (epoll_ctl(poller->epoll, EPOLL_CTL_ADD, fd, &event) == 0) {
        return ERR_OK;
    }
    /* Added again: what is ready now is announced once more, as if it had just become so. */
    if (errno == EEXIST && epoll_ctl(poller->epoll, EPOLL_CTL_MOD, fd, &event) == 0) {
        return ERR_OK;
    }
    return os_err(errno);
}

static void *real_poller_new(void *object)
{
    struct poller *poller = must_have(malloc(sizeof *poller));
    (void)object;
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    poller->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* Made at start, one for each loop: without them there is no service to keep up. */
    must(poller->epoll >= 0 && poller->waker >= 0);
    enum err err = add(poller, poller->waker, EPOLLIN, NULL);
    must(err == ERR_OK);
    return poller;
}

static void real_poller_free(void *object, void *raw)
{
    struct poller *poller = raw;
    (void)object;
    (void)close(poller->epoll);
    (void)close(poller->waker);
    free(poller);
}

static enum err real_poller_add(void *object, void *raw, int sock, void *owner)
{
    (void)object;
    return add(raw, sock, EPOLLIN | EPOLLOUT | EPOLLRDHUP, owner);
}

static unsigned ready_of(uint32_t events)
{
    unsigned ready = 0;
    if (events & EPOLLIN) {
        ready |= READY_READ;
    }
    if (events & EPOLLOUT) {
        ready |= READY_WRITE;
    }
    if (events & EPOLLRDHUP) {
        ready |= READY_READ | READY_HANGUP;
    }
    if (events & (EPOLLERR | EPOLLHUP)) {
        ready |= READY_READ | READY_WRITE | READY_HANGUP;
    }
    return ready;
}

static int timeout_ms_of(uint64_t timeout_ns)
{
    if (timeout_ns == UINT64_MAX) {
        return -1;
    }
    /* Rounded up: waking before the timer is due would only mean waiting again. */
    uint64_t ms = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0);
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static size_t real_poller_wait(void *object, void *raw, struct ready_event *events, size_t room,
                               uint64_t timeout_ns)
{
    const struct poller *poller = raw;
    struct epoll_event found[EVENTS_MAX];
    (void)object;
    room = room < EVENTS_MAX ? room : EVENTS_MAX;
    int count = epoll_wait(poller->epoll, found, (int)room, timeout_ms_of(timeout_ns));
    if (count < 0) {
        must(errno == EINTR);
        return 0;
    }
    for (int i = 0; i < count; i++) {
        events[i] = (struct ready_event){found[i].data.ptr, ready_of(found[i].events)};
    }
    return (size_t)count;
}

static void real_poller_wake(void *object, void *raw)
{
    const struct poller *poller = raw;
    const uint64_t one = 1;
    (void)object;
    /* Fails only after 2^64 - 2 calls that nobody has read: never. */
    ssize_t wrote = write(poller->waker, &one, sizeof one);
    must(wrote == (ssize_t)sizeof one);
}

const struct net_ops net_real = {
    .listen = real_listen,
    .accept = real_accept,
    .connect = real_connect,
    .connected = real_connected,
    .local = real_local,
    .read = real_read,
    .write = real_write,
    .finish = real_finish,
    .close = real_close,
    .reset = real_reset,
    .poller_new = real_poller_new,
    .poller_free = real_poller_free,
    .poller_add = real_poller_add,
    .poller_wait = real_poller_wait,
    .poller_wake = real_poller_wake,
};

/* ---- about the process ---- */

enum err net_peer_user(int sock, uint32_t *uid)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        return os_err(errno);
    }
    /* TCP sockets answer too, with nobody. */
    if (peer.pid == 0 || peer.uid == (uid_t)-1) {
        return ERR_UNSUPPORTED;
    }
    *uid = peer.uid;
    return ERR_OK;
}

uint64_t net_files_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {limit.rlim_max, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            return raised.rlim_cur;
        }
    }
    return limit.rlim_cur;
}
