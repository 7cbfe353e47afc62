/* SPDX-License-Identifier: Apache-2.0
 * main.c - makes the real world and hands it to the command line. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    struct env env;
    env_init_real(&env);
    return cli_run(&env, argc, argv);
}
