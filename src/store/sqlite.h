/* SPDX-License-Identifier: Apache-2.0
 * sqlite.h - an SQLite database as a kind of database.
 *
 * Inside the store only. On disk: WAL, synchronous=FULL; the folder (0700) and the file (0600) are
 * made when missing. Before an existing file is migrated it is copied to PATH.before-migration. The
 * header field user_version is 1 while a store is open; finding it so means the last close was not
 * clean, and the file is checked before use.
 */
#ifndef AIRE_STORE_SQLITE_H
#define AIRE_STORE_SQLITE_H

#include "store/database.h"

#define SQLITE_CHECKPOINT_PAGES 4096 /* the log moves into the database once it has these */
#define SQLITE_CHECK_BYTES_MAX  (1024LL * 1024 * 1024) /* larger files are not checked at start */

/* "sqlite:PATH" or "memory:". */
enum err sqlite_open(const struct database_options *options, struct database **database,
                     struct fault *why) MUST_USE;
enum err sqlite_backup(struct database *database, const char *path) MUST_USE; /* replaces `path` */

/* Members of its kind, in sqlite_file.c. */
enum err sqlite_claim(struct database *database, struct fault *why) MUST_USE;
enum err sqlite_check(struct database *database, struct fault *why) MUST_USE;
enum err sqlite_copy(struct database *database, struct fault *why) MUST_USE;
enum err sqlite_mark(struct database *database, bool open) MUST_USE;

#endif
