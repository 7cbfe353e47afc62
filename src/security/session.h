/* SPDX-License-Identifier: Apache-2.0
 * session.h - a session's data key and vault: found in memory, or loaded from the store, or made.
 *
 * A session is one (tenant, principal, user, name); sessions never share a key or a vault. All
 * loops share one object for it, so what an exchange hid on one loop can be restored on another.
 * Without a name the session is of one exchange, in memory only, and nothing of it is stored.
 *
 * New values are durable before session_save is done: a request that holds placeholders leaves only
 * after that, so no crash loses the way back. Objects that nobody holds stay in memory, the ones
 * used last, up to SESSIONS_MAX and SESSIONS_BYTES_MAX; their keys and values are wiped when they
 * go.
 */
#ifndef AIRE_SECURITY_SESSION_H
#define AIRE_SECURITY_SESSION_H

#include "security/keyring.h"
#include "security/vault.h"

#define SESSIONS_MAX       10000
#define SESSIONS_BYTES_MAX ((size_t)64 << 20)
#define SESSION_ROWS_MAX   10000 /* sealed rows of one vault */

struct sessions;
struct session;
struct session_wait; /* durable work under way */

/* Both are borrowed and must outlive it. The store may be NULL: then no session is kept. */
struct sessions *sessions_new(struct keyring *keyring, struct store *store, const struct env *env);
void sessions_free(struct sessions *sessions); /* all were released; NULL is fine */

/* Who waits: `done` runs on `home`, once, unless session_cancel came before it. */
struct session_ask {
    struct loop *home;
    void (*done)(void *object, enum err result, struct session *session);
    void *object;
};

/* OK with *session: it is there, and the caller holds it. OK with *wait: `done` will get it (held),
 * or LIMIT (too many sessions or values), DENIED (sealed under a master key that is not here),
 * CORRUPT, or what the store says. LIMIT at once: the store's queue is full. */
enum err session_open(struct sessions *sessions, const struct key_scope *scope,
                      const struct session_ask *ask, struct session **session,
                      struct session_wait **wait) MUST_USE;
/* OK without *wait: all of its values are durable. OK with *wait: `done` comes when they are;
 * NOT_FOUND then: the session was forgotten meanwhile. */
enum err session_save(struct session *session, const struct session_ask *ask,
                      struct session_wait **wait) MUST_USE;
/* `done` will not be called; to be told on `home`. */
void session_cancel(struct session_wait *wait);
void session_release(struct session *session); /* any thread */

struct vault *session_vault(const struct session *session);

/* After keyring_forget_unit was committed: objects in memory are no longer found; exchanges under
 * way keep theirs to the end and can store nothing more. */
void sessions_forget(struct sessions *sessions, const struct key_scope *scope);

#endif
