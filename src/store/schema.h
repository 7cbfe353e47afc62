/* SPDX-License-Identifier: Apache-2.0
 * schema.h - what a database must be before it is served from: ours, whole, and of the right
 * version.
 *
 * Each area has its own numbered migrations, forward only, one transaction an area; versions stand
 * in table schema_versions. Before an existing database is migrated it is copied to
 * PATH.before-migration. The header field user_version is 1 while a store is open; finding it so
 * means the last close was not clean, and the file is checked before use.
 */
#ifndef AIRE_STORE_SCHEMA_H
#define AIRE_STORE_SCHEMA_H

#include "base/err.h"

#include <stddef.h>

struct log;
struct sqlite;

struct migration {
    unsigned version; /* 1, 2, ... within its area */
    const char *sql;  /* may hold several statements */
};

struct schema {
    const char *area; /* the owner: "exchange", "identity" */
    const struct migration *migrations;
    size_t count;
};

#define SCHEMA_CHECK_BYTES_MAX (1024LL * 1024 * 1024) /* larger files are not checked at start */

/* Of the migrations, those above the stored versions are run. `path` is for messages and the copy.
 */
struct schema_plan {
    const char *path; /* NULL: in memory */
    const struct schema *schemas;
    size_t count;
    const struct log *log; /* may be NULL */
};
/* UNSUPPORTED: newer than this program; INVALID: another program's; CORRUPT: damaged. */
enum err schema_prepare(struct sqlite *database, const struct schema_plan *plan,
                        struct fault *why) MUST_USE;
/* Says that the close is clean; nothing may be written afterwards. */
enum err schema_close(struct sqlite *database) MUST_USE;

#endif
