/* SPDX-License-Identifier: Apache-2.0
 * unseal.c - never makes a master key: a command that reads must not change what it reads. */
#include "cli/unseal.h"

#include "app/sealing.h"

struct keyring *unseal_keyring(const struct cli *cli)
{
    struct keyring *keyring = NULL;
    struct fault fault = {0};
    enum err code = sealing_open(cli->env, cli_config(cli), cli_data(cli), NULL, &keyring, &fault);
    if (code != ERR_OK && code != ERR_NOT_FOUND) {
        (void)cli_fail(cli, CLI_OK, "%s", fault.words);
    }
    return code == ERR_OK ? keyring : NULL;
}
