/* SPDX-License-Identifier: Apache-2.0
 * conn.c - a buffered connection.
 *
 * Invariants: callbacks run from the socket's event or from the deferred call, never from inside a
 * call on the same conn, and never nest. A conn closed by its own callback is emptied at once and
 * freed when that callback has returned: functions that may free it return false then. `readable`
 * and `writable` remember the edges: they fall when the kernel has no more to give or to take,
 * which a short read or write already proves, and rise with the next event.
 */
#include "io/conn.h"

#include "base/must.h"
#include "base/num.h"
#include "base/wipe.h"
#include "io/queue.h"

#include <stdlib.h>
#include <string.h>

#define SLICES_MAX 64
#define READS_MAX  4 /* of one visit, so that one fast peer does not hold up the others */
/* What a client may still send while the last answer reaches it: a refused upload must not be
 * answered by a reset, which would take the answer with it. Nothing of it is kept; linger_ms bounds
 * the time. */
#define SWALLOW_MAX   MIB(64)
#define TLS_WRITE_MAX 16384 /* one record, RFC 8446 section 5.1 */
#define KEPT_FIRST    512

enum conn_state { CONN_DIALLING, CONN_SECURING, CONN_OPEN, CONN_FAILED };

/* What remains of a conn whose owner has gone. */
struct linger {
    struct timer timer;
    struct loop_end end; /* the loop may be freed first */
    struct conn *conn;
    uint64_t drain_ms;
    uint64_t ms;
    size_t swallowed;
};

struct conn {
    struct loop *loop;
    const struct conn_handler *handler;
    void *owner;
    struct cap *memory;
    struct tls *tls;
    bool cut;              /* it ends in the middle of something */
    struct linger *linger; /* set: there is no owner any more */
    struct watch watch;
    struct deferred later;
    struct queue out;
    uint64_t sent;
    char *kept;
    size_t kept_len;
    size_t kept_room;
    size_t pending_max;
    enum conn_state state;
    enum err broken; /* why writing failed while input may still be there */
    bool readable;
    bool writable;
    bool hangup; /* an end was announced: read on until it shows */
    bool paused;
    bool show;     /* kept bytes are to be shown again */
    bool ended;    /* on_end was called */
    bool finished; /* half-closed by us */
    bool calling;  /* a callback runs */
    bool dead;     /* closed by that callback */
    struct address peer;
};

_Static_assert(sizeof(struct conn) <= 400, "an idle connection stays small");

static const struct net_ops *net_of(const struct conn *conn)
{
    return loop_env(conn->loop)->net;
}

static void *object_of(const struct conn *conn)
{
    return loop_env(conn->loop)->object;
}

/* ---- the end ---- */

static void drop_kept(struct conn *conn)
{
    if (conn->memory != NULL && conn->kept_room > 0) {
        cap_return(conn->memory, conn->kept_room);
    }
    wipe(conn->kept, conn->kept_room);
    free(conn->kept);
    conn->kept = NULL;
    conn->kept_len = 0;
    conn->kept_room = 0;
}

void conn_close(struct conn *conn)
{
    if (conn == NULL) {
        return;
    }
    must(!conn->dead);
    loop_forget(conn->loop, &conn->watch);
    deferred_cancel(&conn->later);
    tls_free(conn->tls);
    /* To a peer that reads until the end, an end in the middle must not look like one. */
    bool cut = conn->cut || (conn->state == CONN_OPEN && conn->out.bytes > 0);
    void (*end)(void *object, int sock) = cut ? net_of(conn)->reset : net_of(conn)->close;
    end(object_of(conn), conn->watch.sock);
    queue_drop(&conn->out, conn->memory, conn->out.bytes);
    if (conn->linger != NULL) {
        timer_disarm(&conn->linger->timer);
        list_remove(&conn->linger->end.link);
        free(conn->linger);
    }
    conn->dead = true;
    if (!conn->calling) {
        drop_kept(conn);
        free(conn);
    }
}

void conn_abort(struct conn *conn)
{
    if (conn != NULL) {
        conn->cut = true;
        conn_close(conn);
    }
}

/* After a callback: false when it closed the conn, which is gone now. */
static bool survived(struct conn *conn)
{
    conn->calling = false;
    if (conn->dead) {
        drop_kept(conn); /* not earlier: the callback may have been looking at it */
        free(conn);
        return false;
    }
    return true;
}

static bool call(struct conn *conn, void (*callback)(void *owner))
{
    if (callback == NULL) {
        return true;
    }
    conn->calling = true;
    callback(conn->owner);
    return survived(conn);
}

/* The input has ended (CLOSED) or all has. */
static bool end(struct conn *conn, enum err why)
{
    conn->ended = true;
    conn->readable = false;
    drop_kept(conn);
    if (why != ERR_CLOSED) {
        conn->state = CONN_FAILED;
        queue_drop(&conn->out, conn->memory, conn->out.bytes);
    }
    if (conn->linger != NULL) {
        if (conn->out.bytes == 0) {
            conn_close(conn);
            return false;
        }
        return true;
    }
    if (conn->handler->on_end == NULL) {
        return true;
    }
    conn->calling = true;
    conn->handler->on_end(conn->owner, why);
    return survived(conn);
}

/* ---- input ---- */

static enum err keep(struct conn *conn, struct str bytes)
{
    size_t need = conn->kept_len + bytes.len;
    if (bytes.len == 0) {
        return ERR_OK;
    }
    if (need > conn->kept_room) {
        size_t room = conn->kept_room > 0 ? conn->kept_room : KEPT_FIRST;
        while (room < need) {
            room *= 2;
        }
        if (conn->memory != NULL && !cap_take(conn->memory, room - conn->kept_room)) {
            return ERR_LIMIT;
        }
        char *kept = must_have(malloc(room)); /* realloc may leave a copy behind */
        if (conn->kept != NULL) {
            memcpy(kept, conn->kept, conn->kept_len);
            wipe(conn->kept, conn->kept_room);
            free(conn->kept);
        }
        conn->kept = kept;
        conn->kept_room = room;
    }
    memcpy(conn->kept + conn->kept_len, bytes.at, bytes.len);
    conn->kept_len = need;
    return ERR_OK;
}

/* Keeps what the owner left of `data`, which may be the kept bytes themselves. */
static enum err keep_rest(struct conn *conn, struct str data, size_t used)
{
    must(used <= data.len);
    struct str rest = str_cut(data, used, data.len);
    if (rest.len == 0) {
        drop_kept(conn);
        return ERR_OK;
    }
    if (rest.len > conn->pending_max) {
        return ERR_LIMIT;
    }
    if (data.at != conn->kept) {
        return keep(conn, rest);
    }
    if (used > 0) {
        memmove(conn->kept, rest.at, rest.len);
        conn->kept_len = rest.len;
    }
    return ERR_OK;
}

/* Input for nobody. It stops being read when there is too much of it, and ends the conn if the peer
 * has been sent everything. */
static bool swallow(struct conn *conn, size_t bytes)
{
    conn->linger->swallowed += bytes;
    if (conn->linger->swallowed <= SWALLOW_MAX) {
        return true;
    }
    if (conn->finished) {
        conn_close(conn);
        return false;
    }
    conn->paused = true;
    return true;
}

/* Shows kept and fresh bytes to the owner. */
static bool deliver(struct conn *conn, struct str fresh)
{
    struct str data = fresh;
    if (conn->linger != NULL) {
        return swallow(conn, fresh.len);
    }
    if (conn->kept_len > 0) {
        if (keep(conn, fresh) != ERR_OK) {
            return end(conn, ERR_LIMIT);
        }
        data = (struct str){conn->kept, conn->kept_len};
    }
    conn->calling = true;
    size_t used = conn->handler->on_data(conn->owner, data);
    if (!survived(conn)) {
        return false;
    }
    if (conn->linger != NULL) {
        drop_kept(conn);
        return true;
    }
    enum err err = keep_rest(conn, data, used);
    return err == ERR_OK || end(conn, err);
}

static enum err read_some(struct conn *conn, char *to, size_t *got)
{
    if (conn->tls == NULL) {
        enum err err = net_of(conn)->read(object_of(conn), conn->watch.sock, to, LOOP_SCRATCH_BYTES,
                                          got);
        conn->readable = err == ERR_OK && (*got == LOOP_SCRATCH_BYTES || conn->hangup);
        return err;
    }
    enum err err = tls_read(conn->tls, to, LOOP_SCRATCH_BYTES, got);
    conn->readable = err == ERR_OK &&
                     (tls_pending(conn->tls) || !tls_drained(conn->tls) || conn->hangup);
    return err;
}

static bool may_read(const struct conn *conn)
{
    return conn->state == CONN_OPEN && conn->readable && !conn->paused && !conn->ended;
}

static bool read_input(struct conn *conn)
{
    if (conn->show && conn->state == CONN_OPEN && !conn->paused && !conn->ended) {
        conn->show = false;
        if (!deliver(conn, (struct str){NULL, 0})) {
            return false;
        }
    }
    for (int reads = 0; may_read(conn); reads++) {
        if (reads == READS_MAX) {
            loop_defer(conn->loop, &conn->later);
            return true;
        }
        size_t got = 0;
        char *scratch = loop_scratch(conn->loop);
        enum err err = read_some(conn, scratch, &got);
        if (err == ERR_AGAIN) {
            break;
        }
        if (err != ERR_OK) {
            return end(conn, conn->broken != ERR_OK ? conn->broken : err);
        }
        bool lives = deliver(conn, (struct str){scratch, got});
        wipe(scratch, got); /* the loop's, shared by all connections */
        if (!lives) {
            return false;
        }
    }
    /* Nothing more will come on a connection that takes nothing. */
    if (conn->broken != ERR_OK && !conn->ended && !conn->paused) {
        return end(conn, conn->broken);
    }
    if (conn->hangup && conn->paused && !conn->ended && conn->linger == NULL) {
        return call(conn, conn->handler->on_hangup);
    }
    return true;
}

/* ---- output ---- */

/* TLS sends one record from one place: gathered in the scratch, which no callback holds here. A
 * repeated attempt gathers the same bytes first, as OpenSSL demands. */
static struct str gather(const struct conn *conn, const struct str *slices, size_t count)
{
    if (count == 1) {
        return str_cut(slices[0], 0, TLS_WRITE_MAX);
    }
    char *to = loop_scratch(conn->loop);
    size_t len = 0;
    for (size_t i = 0; i < count && len < TLS_WRITE_MAX; i++) {
        struct str part = str_cut(slices[i], 0, TLS_WRITE_MAX - len);
        memcpy(to + len, part.at, part.len);
        len += part.len;
    }
    return (struct str){to, len};
}

static enum err write_some(struct conn *conn)
{
    struct str slices[SLICES_MAX];
    size_t count = queue_slices(&conn->out, slices, SLICES_MAX);
    size_t asked = 0;
    size_t sent = 0;
    enum err err;
    if (conn->tls != NULL) {
        struct str record = gather(conn, slices, count);
        asked = record.len;
        err = tls_write(conn->tls, record, &sent);
    } else {
        for (size_t i = 0; i < count; i++) {
            asked += slices[i].len;
        }
        err = net_of(conn)->write(object_of(conn), conn->watch.sock, slices, count, &sent);
    }
    if (err == ERR_OK) {
        queue_drop(&conn->out, conn->memory, sent);
        conn->sent += sent;
    }
    conn->writable = err == ERR_OK && sent == asked;
    return err == ERR_AGAIN ? ERR_OK : err;
}

/* Writing failed. What the peer said before it went, often the reason, is read first. */
static bool write_failed(struct conn *conn, enum err why)
{
    queue_drop(&conn->out, conn->memory, conn->out.bytes);
    if (conn->ended || conn->paused || conn->linger != NULL) {
        return end(conn, why);
    }
    conn->broken = why;
    conn->readable = true;
    conn->hangup = true;
    return read_input(conn);
}

/* All output has left. */
static bool drained(struct conn *conn)
{
    if (conn->linger == NULL) {
        return call(conn, conn->handler->on_drain);
    }
    if (conn->ended || conn->linger->swallowed > SWALLOW_MAX) {
        conn_close(conn);
        return false;
    }
    conn->finished = true;
    net_of(conn)->finish(object_of(conn), conn->watch.sock);
    timer_arm(conn->loop, &conn->linger->timer, conn->linger->ms);
    return true;
}

static bool write_output(struct conn *conn)
{
    if (conn->state != CONN_OPEN || (conn->out.bytes == 0 && conn->linger == NULL)) {
        return true;
    }
    uint64_t before = conn->sent;
    while (conn->out.bytes > 0 && conn->writable) {
        enum err err = write_some(conn);
        if (err != ERR_OK) {
            return write_failed(conn, err);
        }
    }
    if (conn->out.bytes == 0 && !conn->finished) {
        return drained(conn);
    }
    if (conn->linger != NULL && conn->sent != before) {
        timer_arm(conn->loop, &conn->linger->timer, conn->linger->drain_ms);
    }
    return true;
}

/* ---- opening ---- */

static bool advance(struct conn *conn)
{
    enum err err = ERR_OK;
    if (conn->state == CONN_DIALLING && conn->writable) {
        err = net_of(conn)->connected(object_of(conn), conn->watch.sock);
        if (err == ERR_OK) {
            conn->state = conn->tls != NULL ? CONN_SECURING : CONN_OPEN;
        }
    }
    if (err == ERR_OK && conn->state == CONN_SECURING) {
        err = tls_handshake(conn->tls);
        if (err == ERR_OK) {
            conn->state = CONN_OPEN;
            /* What came behind the handshake may be inside already. */
            conn->readable = true;
        }
    }
    if (err == ERR_AGAIN) {
        return true;
    }
    if (err != ERR_OK) {
        return end(conn, err);
    }
    return conn->state != CONN_OPEN || call(conn, conn->handler->on_open);
}

static bool is_opening(const struct conn *conn)
{
    return conn->state == CONN_DIALLING || conn->state == CONN_SECURING;
}

static void on_ready(struct watch *watch, unsigned ready)
{
    struct conn *conn = LIST_OBJECT(watch, struct conn, watch);
    /* TLS may want either direction for either: each edge lets both try. */
    bool both = conn->tls != NULL;
    conn->readable = conn->readable || both || (ready & (READY_READ | READY_HANGUP)) != 0;
    conn->writable = conn->writable || both || (ready & READY_WRITE) != 0;
    conn->hangup = conn->hangup || (ready & READY_HANGUP) != 0;
    if (conn->state == CONN_DIALLING) {
        conn->writable = (ready & (READY_WRITE | READY_HANGUP)) != 0;
    }
    if (is_opening(conn) && !advance(conn)) {
        return;
    }
    if (!read_input(conn)) {
        return;
    }
    if (conn->out.bytes > 0) {
        loop_defer(conn->loop, &conn->later);
    }
}

static void on_later(struct deferred *later)
{
    struct conn *conn = LIST_OBJECT(later, struct conn, later);
    if (conn->state == CONN_SECURING && !advance(conn)) {
        return;
    }
    if (read_input(conn)) {
        (void)write_output(conn);
    }
}

/* ---- interface ---- */

static enum err take_over(struct loop *loop, int sock, const struct conn_options *options,
                          struct conn **out)
{
    struct conn *conn = must_have(calloc(1, sizeof *conn));
    must(options->handler != NULL && options->handler->on_data != NULL);
    conn->loop = loop;
    conn->handler = options->handler;
    conn->owner = options->owner;
    conn->memory = options->memory;
    conn->pending_max = options->pending_max;
    conn->watch.run = on_ready;
    conn->watch.sock = sock;
    deferred_init(&conn->later, on_later);
    enum err err = loop_watch(loop, &conn->watch);
    if (err != ERR_OK) {
        free(conn);
        return err;
    }
    *out = conn;
    return ERR_OK;
}

enum err conn_accept(struct loop *loop, int sock, const struct conn_options *options,
                     struct conn **conn)
{
    enum err err = take_over(loop, sock, options, conn);
    if (err != ERR_OK) {
        return err;
    }
    (*conn)->state = CONN_OPEN;
    (*conn)->writable = true;
    if (options->peer != NULL) {
        (*conn)->peer = *options->peer;
    }
    return ERR_OK;
}

enum err conn_dial(struct loop *loop, const struct address *to, const struct conn_options *options,
                   struct conn **conn)
{
    const struct env *env = loop_env(loop);
    int sock = -1;
    enum err err = env->net->connect(env->object, to, &sock);
    if (err != ERR_OK) {
        return err;
    }
    struct tls *tls = NULL;
    if (options->tls != NULL) {
        err = tls_new(options->tls, sock, options->tls_name, &tls);
    }
    if (err == ERR_OK) {
        err = take_over(loop, sock, options, conn);
    }
    if (err != ERR_OK) {
        tls_free(tls);
        env->net->close(env->object, sock);
        return err;
    }
    (*conn)->tls = tls;
    (*conn)->peer = *to;
    return ERR_OK;
}

enum err conn_start_tls(struct conn *conn, struct tls_client *tls, struct str name)
{
    if (conn->state != CONN_OPEN || conn->tls != NULL || conn->out.bytes > 0 || conn->ended) {
        return ERR_INVALID;
    }
    enum err err = tls_new(tls, conn->watch.sock, name, &conn->tls);
    if (err == ERR_OK) {
        conn->state = CONN_SECURING;
        loop_defer(conn->loop, &conn->later);
    }
    return err;
}

static void on_linger_over(struct timer *timer)
{
    conn_close(LIST_OBJECT(timer, struct linger, timer)->conn);
}

static void on_loop_end(struct loop_end *end)
{
    conn_close(LIST_OBJECT(end, struct linger, end)->conn);
}

void conn_close_after_drain(struct conn *conn, uint64_t drain_ms, uint64_t linger_ms)
{
    if (conn == NULL) {
        return;
    }
    must(conn->linger == NULL && !conn->dead);
    if (conn->state != CONN_OPEN || conn->broken != ERR_OK) {
        conn_close(conn);
        return;
    }
    struct linger *linger = must_have(malloc(sizeof *linger));
    *linger = (struct linger){.conn = conn, .drain_ms = drain_ms, .ms = linger_ms};
    linger->end.run = on_loop_end;
    loop_on_end(conn->loop, &linger->end);
    timer_init(&linger->timer, on_linger_over);
    timer_arm(conn->loop, &linger->timer, drain_ms);
    conn->linger = linger;
    conn->paused = false;
    queue_own(&conn->out);
    if (!conn->calling) {
        drop_kept(conn); /* else the callback may be looking at it */
    }
    loop_defer(conn->loop, &conn->later);
}

static bool takes_output(const struct conn *conn)
{
    return conn->state != CONN_FAILED && conn->broken == ERR_OK;
}

enum err conn_write(struct conn *conn, struct str bytes)
{
    if (!takes_output(conn)) {
        return ERR_RESET;
    }
    loop_defer(conn->loop, &conn->later);
    return queue_add(&conn->out, conn->memory, bytes);
}

enum err conn_lend(struct conn *conn, struct str bytes)
{
    if (!takes_output(conn)) {
        return ERR_RESET;
    }
    loop_defer(conn->loop, &conn->later);
    queue_lend(&conn->out, bytes);
    return ERR_OK;
}

size_t conn_queued(const struct conn *conn)
{
    return conn->out.bytes;
}

uint64_t conn_sent_bytes(const struct conn *conn)
{
    return conn->sent;
}

void conn_pause(struct conn *conn)
{
    conn->paused = true;
}

void conn_resume(struct conn *conn)
{
    conn->paused = false;
    conn->show = true;
    loop_defer(conn->loop, &conn->later);
}

bool conn_paused(const struct conn *conn)
{
    return conn->paused;
}

struct loop *conn_loop(const struct conn *conn)
{
    return conn->loop;
}

const struct address *conn_peer(const struct conn *conn)
{
    return &conn->peer;
}

int conn_sock(const struct conn *conn)
{
    return conn->watch.sock;
}

const char *conn_why(const struct conn *conn)
{
    return conn->tls != NULL ? tls_why(conn->tls) : "";
}
