/* SPDX-License-Identifier: Apache-2.0
 * unseal.h - the keyring for commands that read the database themselves.
 */
#ifndef AIRE_CLI_UNSEAL_H
#define AIRE_CLI_UNSEAL_H

#include "cli/cli.h"
#include "security/keyring.h"

/* NULL: there is no master key, or it cannot be used (which is said); what is sealed then stays so.
 */
struct keyring *unseal_keyring(const struct cli *cli);

#endif
