/* SPDX-License-Identifier: Apache-2.0
 * conn.h - a buffered connection, plain or TLS, on one loop.
 *
 * Reading: bytes are read into the loop's scratch and shown to on_data, which returns how many it
 * consumed; the rest is kept and shown again, with more, on the next arrival or conn_resume. An
 * idle connection therefore holds no buffer. Writing: conn_write copies and conn_lend borrows; all
 * output of a turn leaves in one gathered write at its end; what the peer does not take waits.
 * on_drain tells when all of it has left. Callbacks may call conn_close; they are never run inside
 * a call on the same conn.
 */
#ifndef AIRE_IO_CONN_H
#define AIRE_IO_CONN_H

#include "base/cap.h"
#include "io/loop.h"
#include "io/tls.h"

struct conn;

/* All but on_data may be NULL. */
struct conn_handler {
    void (*on_open)(void *owner);                    /* dialled: connected and TLS done */
    size_t (*on_data)(void *owner, struct str data); /* bytes consumed */
    void (*on_drain)(void *owner);                   /* output queue became empty */
    /* The peer ended its direction (why CLOSED; writing is still possible) or the connection failed
     * (any other, the last call of all). After either no on_data. The owner then calls conn_close;
     * if it goes on writing after CLOSED instead, a failure is told by a second call. */
    void (*on_end)(void *owner, enum err why);
    /* The conn is paused, so that on_end cannot be called yet, and the peer has ended its direction
     * or all. May be told again. */
    void (*on_hangup)(void *owner);
};

struct conn_options {
    const struct conn_handler *handler;
    void *owner;
    struct cap *memory;         /* counts buffered bytes of both directions; may be NULL */
    size_t pending_max;         /* unconsumed input kept; more ends the connection with LIMIT */
    const struct address *peer; /* accept only: for conn_peer; copied; may be NULL */
    struct tls_client *tls;     /* dial only: NULL is plain */
    struct str tls_name;        /* host name to verify; copied */
};

/* Takes over an accepted socket. */
enum err conn_accept(struct loop *loop, int sock, const struct conn_options *options,
                     struct conn **conn) MUST_USE;
/* Starts to connect; on_open or on_end follows later. */
enum err conn_dial(struct loop *loop, const struct address *to, const struct conn_options *options,
                   struct conn **conn) MUST_USE;
/* Turns an open plain connection into TLS (after a proxy's CONNECT); on_open follows. */
enum err conn_start_tls(struct conn *conn, struct tls_client *tls, struct str name) MUST_USE;
/* Frees; nothing more is called. Unsent output is dropped and makes it a reset, so that what the
 * peer has read does not pass for all there was; unread input makes the kernel reset it, too, and a
 * last answer may be lost: see conn_close_after_drain. NULL is fine. */
void conn_close(struct conn *conn);
/* The same, always a reset: more should have followed. */
void conn_abort(struct conn *conn);
/* Sends what is queued (drain_ms without progress ends that), half-closes, swallows input up to 64
 * MiB or linger_ms, then frees itself: the peer gets to read the last answer. The owner forgets the
 * conn at once; lent bytes are copied. */
void conn_close_after_drain(struct conn *conn, uint64_t drain_ms, uint64_t linger_ms);

/* LIMIT: no memory in the cap; RESET: the connection has failed. Before it is open, output waits.
 */
enum err conn_write(struct conn *conn, struct str bytes) MUST_USE;
/* The same, borrowed until on_drain or conn_close. */
enum err conn_lend(struct conn *conn, struct str bytes) MUST_USE;
size_t conn_queued(const struct conn *conn); /* bytes not yet taken by the kernel */
uint64_t conn_sent_bytes(const struct conn *conn);

void conn_pause(struct conn *conn); /* stop reading; back-pressure reaches the peer */
/* From a deferred call on_data is shown what is kept, be it nothing; paused or not. */
void conn_resume(struct conn *conn);
bool conn_paused(const struct conn *conn);

struct loop *conn_loop(const struct conn *conn);
const struct address *conn_peer(const struct conn *conn);
int conn_sock(const struct conn *conn);
const char *conn_why(const struct conn *conn); /* words for a TLS failure, in on_end; else "" */

#endif
