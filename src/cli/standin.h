/* SPDX-License-Identifier: Apache-2.0
 * standin.h - the management API over a store without a server, for the length of one command.
 */
#ifndef AIRE_CLI_STANDIN_H
#define AIRE_CLI_STANDIN_H

#include "cli/cli.h"
#include "io/loop.h"

struct standin;

/* The caller holds the data folder's lock and runs the loop. Fails with an exit code, after having
 * said why. It serves keys, switches and reviews; nothing that needs a running data path. */
int standin_start(const struct cli *cli, struct loop *loop, const char *socket,
                  struct standin **standin);
void standin_stop(struct standin *standin);

#endif
