/* SPDX-License-Identifier: Apache-2.0
 * where.h - the places of a data folder: lock, socket, database.
 */
#ifndef AIRE_CLI_WHERE_H
#define AIRE_CLI_WHERE_H

#include "cli/cli.h"

#define WHERE_BYTES 4352

/* All are false, after having said so, when the path does not fit. */
bool where_file(const struct cli *cli, const char *name, char to[WHERE_BYTES]); /* DATA/NAME */
/* "sqlite:PATH": what the configuration file says, else DATA/aire.db. Of a file that cannot be read
 * this one key is all that matters here. */
bool where_store(const struct cli *cli, char to[WHERE_BYTES]);

#endif
