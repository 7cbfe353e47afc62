/* SPDX-License-Identifier: Apache-2.0
 * postgres_link.h - reaching a PostgreSQL server, and refusing one that would not keep a promise.
 *
 * The location is libpq's URL (PostgreSQL 15, section 34.1.1): postgres://user@host:port/database
 * with options behind "?": sslmode, sslrootcert, passfile, options=-csearch_path%3DNAME. Its
 * environment variables and ~/.pgpass work too. A password never reaches a message: these name a
 * server as postgres://user@host:port/database.
 *
 * Refused: a server before version 13; another encoding than UTF8; and for writing, a server that
 * is read-only, or one whose fsync or full_page_writes is off unless `unsafe`. A synchronous_commit
 * below on is raised to on for our connections.
 */
#ifndef AIRE_STORE_POSTGRES_LINK_H
#define AIRE_STORE_POSTGRES_LINK_H

#include "store/database.h"

#include <libpq-fe.h>

#define POSTGRES_VERSION_MIN  130000
#define POSTGRES_CONNECT_S    "3"    /* a host that does not answer */
#define POSTGRES_SILENT_MS    "6000" /* nothing of what was sent is acknowledged by its kernel */
#define POSTGRES_LOCK_WAIT_MS 10000
#define POSTGRES_IDLE_MS      15000 /* a transaction that says nothing is ended by the server */

bool postgres_is_location(struct str location);
/* INVALID: not such a URL; nothing of it is repeated in `why`. */
enum err postgres_name(struct str location, char *name, size_t room, struct fault *why) MUST_USE;

struct postgres_link_options {
    const char *location;
    const char *name; /* from postgres_name */
    enum database_use use;
    bool unsafe;
};
/* `durability` (of DATABASE_DURABILITY bytes) says what was found; `link` is NULL on an error.
 * REFUSED: not reached; DENIED: authentication, permission or read-only; NOT_FOUND: no such
 * database; BUSY: it starts, stops, or is full; UNSUPPORTED, INVALID: as above. */
enum err postgres_link(const struct postgres_link_options *options, PGconn **link, char *durability,
                       struct fault *why) MUST_USE;

/* The server's words or the client's, the first line of them: hints follow it. */
struct str postgres_words(const char *message);

#endif
