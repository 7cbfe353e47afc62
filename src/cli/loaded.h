/* SPDX-License-Identifier: Apache-2.0
 * loaded.h - a configuration as a server would load it, to be looked at only.
 */
#ifndef AIRE_CLI_LOADED_H
#define AIRE_CLI_LOADED_H

#include "cli/cli.h"
#include "gateway/generation.h"

struct loaded {
    struct registry *registry;
    struct generation *generation;
};

/* `path` NULL: the built-in defaults. Words of the fault start with the place in the file. */
enum err loaded_open(const struct cli *cli, const char *path, struct loaded *loaded,
                     struct fault *fault) MUST_USE;
void loaded_close(struct loaded *loaded);

#endif
