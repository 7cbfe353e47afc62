/* SPDX-License-Identifier: Apache-2.0
 * schema.h - what a database must be before it is served from: ours, whole, and of the right
 * version.
 *
 * Each area has its own numbered migrations, forward only, one transaction an area; versions stand
 * in table schema_versions.
 */
#ifndef AIRE_STORE_SCHEMA_H
#define AIRE_STORE_SCHEMA_H

#include "base/err.h"

#include <stddef.h>

struct database;

struct migration {
    unsigned version; /* 1, 2, ... within its area */
    const char *sql;  /* may hold several statements */
};

struct schema {
    const char *area; /* the owner: "exchange", "identity" */
    const struct migration *migrations;
    size_t count;
};

/* Of the migrations, those above the stored versions are run. */
struct schema_plan {
    const struct schema *schemas;
    size_t count;
};
/* UNSUPPORTED: newer than this program; INVALID: another program's; CORRUPT: damaged. */
enum err schema_prepare(struct database *database, const struct schema_plan *plan,
                        struct fault *why) MUST_USE;

#endif
