/* SPDX-License-Identifier: Apache-2.0
 * where.c - the places of a data folder. */
#include "cli/where.h"

#include "app/configure.h"

#include <stdio.h>

bool where_file(const struct cli *cli, const char *name, char to[WHERE_BYTES])
{
    int length = snprintf(to, WHERE_BYTES, "%s/%s", cli_data(cli), name);
    if (length > 0 && length < WHERE_BYTES) {
        return true;
    }
    (void)cli_fail(cli, CLI_USAGE, "the path of the data folder is too long");
    return false;
}

bool where_store(const struct cli *cli, struct where_store *to)
{
    char path[WHERE_BYTES];
    struct configured_store found;
    struct fault fault = {0};
    struct arena *arena = arena_new((size_t)16 * 1024);
    enum err code = configure_store(cli_config(cli), arena, &found, &fault);
    if (code == ERR_OK && found.location.len > 0 &&
        !str_copy(found.location, to->location, sizeof to->location)) {
        code = fault_set(&fault, ERR_LIMIT, "the store's location is too long");
    }
    to->unsafe = found.unsafe;
    bool given = found.location.len > 0;
    arena_free(arena);
    if (code != ERR_OK) {
        (void)cli_fail(cli, CLI_USAGE, "%s", fault.words);
        return false;
    }
    if (given) {
        return true;
    }
    return where_file(cli, "aire.db", path) &&
           snprintf(to->location, sizeof to->location, "sqlite:%s", path) < WHERE_BYTES;
}
