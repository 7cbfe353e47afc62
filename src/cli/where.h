/* SPDX-License-Identifier: Apache-2.0
 * where.h - the places of a data folder: lock, socket, database.
 */
#ifndef AIRE_CLI_WHERE_H
#define AIRE_CLI_WHERE_H

#include "cli/cli.h"

#define WHERE_BYTES 4352

/* Both are false after having said why: a path does not fit, a secret is not there. */
bool where_file(const struct cli *cli, const char *name, char to[WHERE_BYTES]); /* DATA/NAME */
struct where_store {
    char location[WHERE_BYTES]; /* what the configuration file says, else "sqlite:DATA/aire.db" */
    bool unsafe;                /* its store_unsafe */
};
/* Of a configuration that cannot be read these keys are all that matters here. */
bool where_store(const struct cli *cli, struct where_store *to);

#endif
