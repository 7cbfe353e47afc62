/* SPDX-License-Identifier: Apache-2.0
 * sim_env.c - the simulated world.
 *
 * Invariants: socket numbers are never used twice, so that an event for a closed one finds nothing.
 * Of one direction at most WINDOW bytes are under way or unread. Deliveries of one direction happen
 * in the order of sending. A writer that was taken less from than it offered gets a WRITE edge
 * later.
 */
#include "support/sim_env.h"

#include "base/buf.h"
#include "base/must.h"
#include "base/rng.h"
#include "sys/net.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW        65536
#define BACKLOG_MAX   1024
#define PIECE_MAX     4096
#define DELAY_US      2000
#define TURN_NS_MAX   20000 /* virtual cost of a turn */
#define EPHEMERAL     32768
#define SOCKETS_MAX   (1 << 20)
#define START_NS      (3600 * NS_PER_S)
#define START_WALL_US INT64_C(1767225600000000) /* 2026-01-01 */

struct sim_poller {
    struct link ready; /* of sim_sock.link */
};

struct sim_sock {
    int number;
    bool listening;
    bool reuse;
    bool connecting;
    struct address local;
    struct address remote;
    int peer; /* the other end; -1: none or gone */
    enum err error;
    struct buf in; /* arrived, not yet read */
    bool in_end;   /* the peer's end has arrived */
    bool finished; /* our end is under way */
    bool wants_room;
    size_t flying;    /* sent by us, not yet arrived */
    uint64_t last_ns; /* arrival of the last thing sent by us */
    int backlog[BACKLOG_MAX];
    size_t backlog_len;
    struct sim_poller *poller;
    void *owner;
    unsigned ready;
    struct link link;
};

enum sim_kind { SIM_ARRIVE, SIM_DATA, SIM_END, SIM_RESET, SIM_ROOM };

struct sim_event {
    uint64_t at_ns;
    uint64_t order; /* of making: equal times keep it */
    enum sim_kind kind;
    int sock;
    int from; /* DATA: the sender */
    char *bytes;
    size_t len;
};

struct sim_env {
    struct env env;
    struct rng rng;
    struct sim_faults faults;
    uint64_t now_ns;
    uint64_t orders;
    uint16_t port;
    struct sim_sock **socks; /* by number; NULL: closed */
    size_t socks_len;
    size_t socks_open;
    struct sim_event *heap;
    size_t heap_len;
    size_t heap_room;
    struct loop *loops[SIM_LOOPS_MAX];
    size_t loops_len;
    bool muted;
};

static void *must_allocate(void *memory)
{
    if (memory == NULL) {
        must_have_memory();
    }
    return memory;
}

static bool chance(struct sim_env *sim, unsigned permille)
{
    return permille > 0 && rng_below(&sim->rng, 1000) < permille;
}

/* ---- what will happen ---- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
    struct sim_event held = *a;
    *a = *b;
    *b = held;
}

static void heap_push(struct sim_env *sim, struct sim_event event)
{
    if (sim->heap_len == sim->heap_room) {
        sim->heap_room = sim->heap_room == 0 ? 256 : sim->heap_room * 2;
        sim->heap = must_allocate(realloc(sim->heap, sim->heap_room * sizeof *sim->heap));
    }
    event.order = sim->orders++;
    size_t at = sim->heap_len++;
    sim->heap[at] = event;
    while (at > 0 && before(&sim->heap[at], &sim->heap[(at - 1) / 2])) {
        swap(&sim->heap[at], &sim->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static struct sim_event heap_pop(struct sim_env *sim)
{
    struct sim_event first = sim->heap[0];
    sim->heap[0] = sim->heap[--sim->heap_len];
    sim->heap[sim->heap_len].bytes = NULL; /* they went with the copy */
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < sim->heap_len; child++) {
            least = before(&sim->heap[child], &sim->heap[least]) ? child : least;
        }
        if (least == at) {
            return first;
        }
        swap(&sim->heap[at], &sim->heap[least]);
        at = least;
    }
}

static uint64_t delay_ns(struct sim_env *sim)
{
    uint64_t max_us = sim->faults.delay_us_max > 0 ? sim->faults.delay_us_max : DELAY_US;
    /* Mostly short, sometimes the longest. */
    uint64_t us = rng_below(&sim->rng, 8) == 0 ? max_us : max_us / 8 + 1;
    return (1 + rng_below(&sim->rng, us)) * NS_PER_US;
}

/* Something from `sock` to its peer, behind all that it sent before. */
static void send_event(struct sim_env *sim, struct sim_sock *sock, struct sim_event event)
{
    uint64_t at_ns = sim->now_ns + delay_ns(sim);
    sock->last_ns = at_ns > sock->last_ns ? at_ns : sock->last_ns + 1;
    event.at_ns = sock->last_ns;
    event.sock = sock->peer;
    event.from = sock->number;
    heap_push(sim, event);
}

/* ---- sockets ---- */

static struct sim_sock *sock_at(const struct sim_env *sim, int number)
{
    return number >= 0 && (size_t)number < sim->socks_len ? sim->socks[number] : NULL;
}

static struct sim_sock *sock_new(struct sim_env *sim)
{
    must(sim->socks_len < SOCKETS_MAX);
    struct sim_sock *sock = must_allocate(calloc(1, sizeof *sock));
    sim->socks = must_allocate(
        realloc(sim->socks, (sim->socks_len + 1) * sizeof(struct sim_sock *)));
    sock->number = (int)sim->socks_len;
    sock->peer = -1;
    buf_init(&sock->in, WINDOW);
    list_init(&sock->link);
    sim->socks[sim->socks_len++] = sock;
    sim->socks_open++;
    return sock;
}

static void sock_free(struct sim_env *sim, struct sim_sock *sock)
{
    sim->socks[sock->number] = NULL;
    sim->socks_open--;
    list_remove(&sock->link);
    buf_end(&sock->in);
    free(sock);
}

static void announce(struct sim_sock *sock, unsigned ready)
{
    sock->ready |= ready;
    if (sock->poller != NULL && list_empty(&sock->link)) {
        list_push_back(&sock->poller->ready, &sock->link);
    }
}

static size_t room_of(const struct sim_env *sim, const struct sim_sock *sock)
{
    const struct sim_sock *peer = sock_at(sim, sock->peer);
    size_t unread = peer != NULL ? peer->in.len : 0;
    return WINDOW - sock->flying - unread;
}

static void reset(struct sim_sock *sock, enum err error)
{
    if (sock->error == ERR_OK) {
        sock->error = error;
        sock->connecting = false;
        announce(sock, READY_READ | READY_WRITE | READY_HANGUP);
    }
}

static bool same(const struct address *a, const struct address *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* One of the listeners at that address, as the kernel spreads them; NULL: none has room. */
static struct sim_sock *listener_at(struct sim_env *sim, const struct address *at)
{
    struct sim_sock *chosen = NULL;
    uint64_t found = 0;
    for (size_t i = 0; i < sim->socks_len; i++) {
        struct sim_sock *sock = sim->socks[i];
        if (sock != NULL && sock->listening && sock->backlog_len < BACKLOG_MAX &&
            same(&sock->local, at) && rng_below(&sim->rng, ++found) == 0) {
            chosen = sock;
        }
    }
    return chosen;
}

static void arrive(struct sim_env *sim, struct sim_sock *client)
{
    struct sim_sock *listener = listener_at(sim, &client->remote);
    if (listener == NULL || chance(sim, sim->faults.refuse_permille)) {
        reset(client, ERR_REFUSED);
        return;
    }
    struct sim_sock *server = sock_new(sim);
    server->local = client->remote;
    server->remote = client->local;
    server->peer = client->number;
    client->peer = server->number;
    client->connecting = false;
    listener->backlog[listener->backlog_len++] = server->number;
    announce(listener, READY_READ);
    announce(client, READY_WRITE);
}

static void happen(struct sim_env *sim, struct sim_event event)
{
    struct sim_sock *sock = sock_at(sim, event.sock);
    struct sim_sock *from = sock_at(sim, event.from);
    if (event.kind == SIM_DATA && from != NULL) {
        from->flying -= event.len;
        if (sock == NULL) {
            reset(from, ERR_RESET); /* sent to an end that was closed meanwhile */
        }
    }
    if (sock != NULL && (sock->error == ERR_OK || event.kind == SIM_DATA)) {
        enum err err = ERR_OK;
        switch (event.kind) {
        case SIM_ARRIVE:
            arrive(sim, sock);
            break;
        case SIM_DATA:
            err = buf_add(&sock->in, (struct str){event.bytes, event.len});
            announce(sock, READY_READ);
            break;
        case SIM_END:
            sock->in_end = true;
            announce(sock, READY_READ | READY_HANGUP);
            break;
        case SIM_RESET:
            reset(sock, ERR_RESET);
            break;
        case SIM_ROOM:
            announce(sock, READY_WRITE);
            break;
        }
        must(err == ERR_OK);
    }
    free(event.bytes);
}

/* ---- struct net_ops ---- */

static enum err sim_listen(void *object, const struct address *at, bool reuse_port, int *number)
{
    struct sim_env *sim = object;
    struct address local = *at;
    if (!address_is_unix(at) && address_port(at) == 0) {
        address_set_port(&local, ++sim->port);
    }
    for (size_t i = 0; i < sim->socks_len; i++) {
        struct sim_sock *other = sim->socks[i];
        if (other != NULL && other->listening && same(&other->local, &local) &&
            !(reuse_port && other->reuse)) {
            return ERR_BUSY;
        }
    }
    struct sim_sock *sock = sock_new(sim);
    sock->listening = true;
    sock->reuse = reuse_port;
    sock->local = local;
    *number = sock->number;
    return ERR_OK;
}

static enum err sim_accept(void *object, int number, int *accepted, struct address *peer)
{
    struct sim_env *sim = object;
    struct sim_sock *listener = sock_at(sim, number);
    must(listener != NULL && listener->listening);
    if (listener->backlog_len == 0) {
        return ERR_AGAIN;
    }
    *accepted = listener->backlog[0];
    listener->backlog_len--;
    memmove(listener->backlog, listener->backlog + 1,
            listener->backlog_len * sizeof listener->backlog[0]);
    *peer = sock_at(sim, *accepted)->remote;
    return ERR_OK;
}

static enum err sim_connect(void *object, const struct address *to, int *number)
{
    struct sim_env *sim = object;
    struct sim_sock *sock = sock_new(sim);
    enum err err = address_of_ip(STR("127.0.0.1"), ++sim->port, &sock->local);
    must(err == ERR_OK);
    sock->remote = *to;
    sock->connecting = true;
    heap_push(sim, (struct sim_event){.at_ns = sim->now_ns + delay_ns(sim),
                                      .kind = SIM_ARRIVE,
                                      .sock = sock->number,
                                      .from = -1});
    *number = sock->number;
    return ERR_OK;
}

static enum err sim_connected(void *object, int number)
{
    const struct sim_sock *sock = sock_at(object, number);
    must(sock != NULL);
    return sock->connecting ? ERR_AGAIN : sock->error;
}

static enum err sim_local(void *object, int number, struct address *at)
{
    const struct sim_sock *sock = sock_at(object, number);
    must(sock != NULL);
    *at = sock->local;
    return ERR_OK;
}

static enum err sim_read(void *object, int number, void *to, size_t room, size_t *got)
{
    struct sim_env *sim = object;
    struct sim_sock *sock = sock_at(sim, number);
    must(sock != NULL && room > 0);
    if (sock->in.len == 0) {
        return sock->error != ERR_OK ? sock->error : sock->in_end ? ERR_CLOSED : ERR_AGAIN;
    }
    *got = sock->in.len < room ? sock->in.len : room;
    memcpy(to, sock->in.at, *got);
    buf_drop_front(&sock->in, *got);
    struct sim_sock *peer = sock_at(sim, sock->peer);
    if (peer != NULL && peer->wants_room && room_of(sim, peer) >= WINDOW / 3) {
        peer->wants_room = false;
        announce(peer, READY_WRITE);
    }
    return ERR_OK;
}

/* Sends `len` bytes of the slices in pieces. */
static void send_pieces(struct sim_env *sim, struct sim_sock *sock, const struct str *slices,
                        size_t len)
{
    size_t in_slice = 0;
    while (len > 0) {
        size_t most = rng_below(&sim->rng, 4) == 0 ? 16 : PIECE_MAX;
        size_t size = 1 + (size_t)rng_below(&sim->rng, len < most ? len : most);
        char *bytes = must_allocate(malloc(size));
        for (size_t done = 0; done < size;) {
            size_t part = slices->len - in_slice < size - done ? slices->len - in_slice
                                                               : size - done;
            memcpy(bytes + done, slices->at + in_slice, part);
            done += part;
            in_slice += part;
            if (in_slice == slices->len) {
                slices++;
                in_slice = 0;
            }
        }
        sock->flying += size;
        send_event(sim, sock, (struct sim_event){.kind = SIM_DATA, .bytes = bytes, .len = size});
        len -= size;
    }
}

static void inject(struct sim_env *sim, struct sim_sock *sock)
{
    if (chance(sim, sim->faults.stall_permille)) {
        uint64_t at_ns = sim->now_ns > sock->last_ns ? sim->now_ns : sock->last_ns;
        sock->last_ns = at_ns + sim->faults.stall_ms * NS_PER_MS;
    }
    if (chance(sim, sim->faults.reset_permille)) {
        uint64_t at_ns = sim->now_ns + delay_ns(sim);
        heap_push(sim, (struct sim_event){
                           .at_ns = at_ns, .kind = SIM_RESET, .sock = sock->peer, .from = -1});
        heap_push(sim, (struct sim_event){
                           .at_ns = at_ns, .kind = SIM_RESET, .sock = sock->number, .from = -1});
    }
}

static enum err sim_write(void *object, int number, const struct str *slices, size_t count,
                          size_t *sent)
{
    struct sim_env *sim = object;
    struct sim_sock *sock = sock_at(sim, number);
    size_t offered = 0;
    must(sock != NULL && !sock->connecting && !sock->finished);
    if (sock->error != ERR_OK) {
        return ERR_RESET;
    }
    for (size_t i = 0; i < count; i++) {
        offered += slices[i].len;
    }
    if (sim->muted) {
        *sent = offered;
        return ERR_OK;
    }
    if (sock_at(sim, sock->peer) == NULL) {
        /* The other end is closed: it answers with a reset. */
        send_event(sim, sock, (struct sim_event){.kind = SIM_DATA});
        heap_push(sim, (struct sim_event){
                           .at_ns = sock->last_ns, .kind = SIM_RESET, .sock = number, .from = -1});
        *sent = offered;
        return ERR_OK;
    }
    size_t room = room_of(sim, sock);
    if (room == 0) {
        sock->wants_room = true;
        return ERR_AGAIN;
    }
    inject(sim, sock);
    *sent = offered < room ? offered : room;
    sock->wants_room = offered > room;
    if (!sock->wants_room && offered > 1 && rng_below(&sim->rng, 4) == 0) {
        *sent = 1 + (size_t)rng_below(&sim->rng, offered - 1);
        heap_push(sim, (struct sim_event){.at_ns = sim->now_ns + delay_ns(sim),
                                          .kind = SIM_ROOM,
                                          .sock = number,
                                          .from = -1});
    }
    send_pieces(sim, sock, slices, *sent);
    return ERR_OK;
}

static void sim_finish(void *object, int number)
{
    struct sim_sock *sock = sock_at(object, number);
    must(sock != NULL);
    if (!sock->finished && sock->error == ERR_OK && !sock->connecting) {
        sock->finished = true;
        send_event(object, sock, (struct sim_event){.kind = SIM_END});
    }
}

static void end_sock(struct sim_env *sim, int number, bool reset)
{
    struct sim_sock *sock = sock_at(sim, number);
    must(sock != NULL);
    while (sock->backlog_len > 0) {
        struct sim_sock *waiting = sock_at(sim, sock->backlog[--sock->backlog_len]);
        send_event(sim, waiting, (struct sim_event){.kind = SIM_RESET});
        sock_free(sim, waiting);
    }
    /* Unread input makes the end a reset, as RFC 9293 section 3.6.1 has it. */
    if (sock->in.len > 0 || reset) {
        send_event(sim, sock, (struct sim_event){.kind = SIM_RESET});
    } else {
        sim_finish(sim, number);
    }
    sock_free(sim, sock);
}

static void sim_close(void *object, int number)
{
    end_sock(object, number, false);
}

static void sim_reset(void *object, int number)
{
    end_sock(object, number, true);
}

static void *sim_poller_new(void *object)
{
    struct sim_poller *poller = must_allocate(malloc(sizeof *poller));
    (void)object;
    list_init(&poller->ready);
    return poller;
}

static void sim_poller_free(void *object, void *raw)
{
    struct sim_env *sim = object;
    for (size_t i = 0; i < sim->socks_len; i++) {
        struct sim_sock *sock = sim->socks[i];
        if (sock != NULL && sock->poller == raw) {
            list_remove(&sock->link);
            sock->poller = NULL;
        }
    }
    free(raw);
}

static enum err sim_poller_add(void *object, void *poller, int number, void *owner)
{
    struct sim_env *sim = object;
    struct sim_sock *sock = sock_at(sim, number);
    must(sock != NULL);
    sock->poller = poller;
    sock->owner = owner;
    unsigned ready = sock->ready;
    if (sock->in.len > 0 || sock->backlog_len > 0) {
        ready |= READY_READ;
    }
    if (sock->in_end || sock->error != ERR_OK) {
        ready |= READY_READ | READY_HANGUP;
    }
    if (!sock->listening && !sock->connecting && room_of(sim, sock) > 0) {
        ready |= READY_WRITE;
    }
    if (ready != 0) {
        announce(sock, ready);
    }
    return ERR_OK;
}

static size_t sim_poller_wait(void *object, void *raw, struct ready_event *events, size_t room,
                              uint64_t timeout_ns)
{
    struct sim_env *sim = object;
    struct sim_poller *poller = raw;
    size_t count = 0;
    struct link *link;
    (void)timeout_ns; /* the driver decides when time moves */
    while (count < room && (link = list_pop_front(&poller->ready)) != NULL) {
        struct sim_sock *sock = LIST_OBJECT(link, struct sim_sock, link);
        events[count++] = (struct ready_event){sock->owner, sock->ready};
        sock->ready = 0;
    }
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)rng_below(&sim->rng, i);
        struct ready_event held = events[i - 1];
        events[i - 1] = events[j];
        events[j] = held;
    }
    return count;
}

static void sim_poller_wake(void *object, void *poller)
{
    (void)object; /* every loop turns in every step */
    (void)poller;
}

static const struct net_ops net_sim = {
    .listen = sim_listen,
    .accept = sim_accept,
    .connect = sim_connect,
    .connected = sim_connected,
    .local = sim_local,
    .read = sim_read,
    .write = sim_write,
    .finish = sim_finish,
    .close = sim_close,
    .reset = sim_reset,
    .poller_new = sim_poller_new,
    .poller_free = sim_poller_free,
    .poller_add = sim_poller_add,
    .poller_wait = sim_poller_wait,
    .poller_wake = sim_poller_wake,
};

/* ---- clock, entropy, log ---- */

static struct instant sim_instant(void *object)
{
    return (struct instant){((struct sim_env *)object)->now_ns};
}

static struct wall sim_wall(void *object)
{
    uint64_t ns = ((struct sim_env *)object)->now_ns - START_NS;
    return (struct wall){START_WALL_US + (int64_t)(ns / NS_PER_US)};
}

static void sim_entropy(void *object, void *to, size_t bytes)
{
    unsigned char *at = to;
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (unsigned char)rng_next(&((struct sim_env *)object)->rng);
    }
}

static void sim_log(void *object, struct str line)
{
    (void)object;
    (void)line;
}

static const struct clock_ops clock_sim = {sim_instant, sim_wall};
static const struct entropy_ops entropy_sim = {sim_entropy};

/* ---- interface ---- */

struct sim_env *sim_env_new(uint64_t seed)
{
    struct sim_env *sim = must_allocate(calloc(1, sizeof *sim));
    rng_seed(&sim->rng, seed);
    sim->now_ns = START_NS;
    sim->port = EPHEMERAL;
    sim->env = (struct env){
        .clock = &clock_sim,
        .entropy = &entropy_sim,
        .net = &net_sim,
        .object = sim,
        .log = {.level = LOG_ERROR, .now = sim_wall, .sink = sim_log, .object = sim},
    };
    return sim;
}

void sim_env_free(struct sim_env *sim)
{
    for (size_t i = 0; i < sim->socks_len; i++) {
        if (sim->socks[i] != NULL) {
            sock_free(sim, sim->socks[i]);
        }
    }
    for (size_t i = 0; i < sim->heap_len; i++) {
        free(sim->heap[i].bytes);
    }
    free(sim->socks);
    free(sim->heap);
    free(sim);
}

const struct env *sim_env_env(struct sim_env *sim)
{
    return &sim->env;
}

struct rng *sim_env_rng(struct sim_env *sim)
{
    return &sim->rng;
}

void sim_env_faults(struct sim_env *sim, const struct sim_faults *faults)
{
    sim->faults = *faults;
}

uint64_t sim_env_ms(const struct sim_env *sim)
{
    return (sim->now_ns - START_NS) / NS_PER_MS;
}

size_t sim_env_sockets(const struct sim_env *sim)
{
    return sim->socks_open;
}

void sim_add_loop(struct sim_env *sim, struct loop *loop)
{
    must(sim->loops_len < SIM_LOOPS_MAX);
    sim->loops[sim->loops_len++] = loop;
}

void sim_remove_loop(struct sim_env *sim, struct loop *loop)
{
    size_t at = 0;
    while (at < sim->loops_len && sim->loops[at] != loop) {
        at++;
    }
    must(at < sim->loops_len);
    sim->loops[at] = sim->loops[--sim->loops_len];
}

void sim_env_mute(struct sim_env *sim, bool muted)
{
    sim->muted = muted;
}

static bool next_moment(const struct sim_env *sim, uint64_t *at_ns)
{
    bool found = sim->heap_len > 0;
    *at_ns = found ? sim->heap[0].at_ns : UINT64_MAX;
    for (size_t i = 0; i < sim->loops_len; i++) {
        struct instant due;
        if (loop_next_timer(sim->loops[i], &due)) {
            found = true;
            *at_ns = due.ns < *at_ns ? due.ns : *at_ns;
        }
    }
    return found;
}

bool sim_step(struct sim_env *sim)
{
    bool ran = false;
    while (sim->heap_len > 0 && sim->heap[0].at_ns <= sim->now_ns) {
        happen(sim, heap_pop(sim));
    }
    size_t first = sim->loops_len > 0 ? (size_t)rng_below(&sim->rng, sim->loops_len) : 0;
    for (size_t i = 0; i < sim->loops_len; i++) {
        ran = loop_turn(sim->loops[(first + i) % sim->loops_len], false) || ran;
        sim->now_ns += ran ? rng_below(&sim->rng, TURN_NS_MAX) : 0;
    }
    if (ran) {
        return true;
    }
    uint64_t at_ns = 0;
    if (!next_moment(sim, &at_ns)) {
        return false;
    }
    sim->now_ns = at_ns > sim->now_ns ? at_ns : sim->now_ns;
    return true;
}

bool sim_run_until(struct sim_env *sim, bool (*done)(void *object), void *object,
                   uint64_t max_virtual_ms)
{
    uint64_t until_ms = sim_env_ms(sim) + max_virtual_ms;
    while (!done(object)) {
        if (sim_env_ms(sim) > until_ms || !sim_step(sim)) {
            return false;
        }
    }
    return true;
}
