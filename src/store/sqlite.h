/* SPDX-License-Identifier: Apache-2.0
 * sqlite.h - one connection to an SQLite database, used by one thread at a time.
 *
 * Inside the store only. Every statement is prepared once and kept, by its address. Errors come as
 * `enum err`; those that sqlite_error_is_local() names concern one statement, all others the
 * storage.
 */
#ifndef AIRE_STORE_SQLITE_H
#define AIRE_STORE_SQLITE_H

#include "base/err.h"
#include "store/value.h"

#include <stdbool.h>

struct sqlite;
struct store_query;

enum sqlite_use {
    USE_MEMORY, /* nothing on disk */
    USE_WRITE,  /* makes folder (0700) and file (0600) when missing; WAL, synchronous=FULL */
    USE_READ    /* beside a writer, of this process or another */
};

enum err sqlite_open(const char *path, enum sqlite_use use, struct sqlite **database,
                     struct fault *why) MUST_USE;
void sqlite_close(struct sqlite *database); /* NULL is fine */
/* After this, close leaves the files as a crash would: for a commit whose outcome is unknown. */
void sqlite_abandon(struct sqlite *database);

enum err sqlite_script(struct sqlite *database, const char *sql) MUST_USE; /* several statements */
/* `changed` (may be NULL): rows inserted, updated or deleted. */
enum err sqlite_execute(struct sqlite *database, const struct statement *statement,
                        const struct value *values, size_t *changed) MUST_USE;
/* Fills the result fields of `query`, `result` included. INVALID: the statement would write. */
void sqlite_query(struct sqlite *database, struct store_query *query);
/* First column of the first row; untouched when there is no row. */
enum err sqlite_number(struct sqlite *database, const struct statement *statement,
                       const struct value *values, int64_t *number) MUST_USE;

void sqlite_rollback(struct sqlite *database); /* harmless outside a transaction */
/* Moves the log into the database once it has CHECKPOINT_PAGES; OK also when readers are in the
 * way. */
#define CHECKPOINT_PAGES 4096
enum err sqlite_checkpoint(struct sqlite *database) MUST_USE;
enum err sqlite_backup(struct sqlite *database, const char *path) MUST_USE; /* replaces `path` */

bool sqlite_error_is_local(enum err code);
const char *sqlite_why(const struct sqlite *database); /* of the last error */
/* The last error as one line for a person. */
enum err sqlite_fault(const struct sqlite *database, const char *path, struct fault *why);

#endif
