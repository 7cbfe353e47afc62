/* SPDX-License-Identifier: Apache-2.0
 * postgres.h - PostgreSQL 13 or later as a kind of database.
 *
 * Inside the store only. All calls wait, so they run on the store's own threads, never on a loop.
 * A batch is one transaction: its statements leave in one pipeline (one round trip), then COMMIT.
 *
 * A connection lost before COMMIT was sent: nothing was written, the batch runs again on a new one,
 * or is refused when the server is away. Lost after that: the answer is looked up. Every batch
 * writes its number into its writer's row of store_writers, in the same transaction; the new
 * connection reads that row under its lock, so it waits for what the old one may still be doing,
 * and the number says whether the batch is durable.
 * (pg_xact_status() would not do: a transaction whose log never reached the disk leaves its number
 * free, and after a crash of the server another writer's transaction may have it.) The outcome is
 * UNKNOWN only when the server cannot be reached for DOUBT_TRIES_MAX; the store is closed then.
 *
 * Several processes share one database. Migrations take an advisory lock, one process after the
 * other. During a rolling upgrade versions N-1 and N write at the same time, so a migration only
 * adds (expand: tables, columns with a default or NULL); what N-1 still uses is dropped by N+1
 * (contract). A process older than a schema refuses to start; one that runs already goes on.
 */
#ifndef AIRE_STORE_POSTGRES_H
#define AIRE_STORE_POSTGRES_H

#include "store/database.h"

#define RECONNECT_TRIES_MAX 6  /* about 1.5 s when the server refuses at once; then it is away */
#define DOUBT_TRIES_MAX     20 /* about 15 s; only a commit under way waits so long */
#define LOOK_UP_TRIES_MAX   3  /* each may wait POSTGRES_LOCK_WAIT_MS for the old connection */
#define RECONNECT_PAUSE_MS  50 /* doubled each time */
#define RECONNECT_PAUSE_MAX 1000
#define POSTGRES_KEPT_MAX   512 /* prepared statements of a connection, before they are dropped */

enum err postgres_open(const struct database_options *options, struct database **database,
                       struct fault *why) MUST_USE;
#define POSTGRES_MIGRATION_LOCK "SELECT pg_advisory_xact_lock(1095324229)"
/* Its tables, in postgres_schema.c; `writer` becomes the name of our row of store_writers. */
enum err postgres_claim(struct database *database, char *writer, size_t room,
                        struct fault *why) MUST_USE;

#endif
