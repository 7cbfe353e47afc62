/* SPDX-License-Identifier: Apache-2.0
 * where.c - the places of a data folder. */
#include "cli/where.h"

#include "config/yaml.h"
#include "sys/file.h"

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

static bool configured_store(const char *config, char to[WHERE_BYTES])
{
    struct buf text;
    struct fault fault;
    const struct yaml *root;
    struct arena *arena = arena_new((size_t)16 * 1024);
    buf_init(&text, YAML_BYTES_MAX);
    bool found = file_read(config, &text) == ERR_OK &&
                 yaml_parse(buf_str(&text), arena, &root, &fault) == ERR_OK;
    const struct yaml *store = found ? yaml_get(root, STR("store")) : NULL;
    found = store != NULL && store->kind == YAML_SCALAR && store->scalar.len > 0 &&
            str_copy(store->scalar, to, WHERE_BYTES);
    buf_end(&text);
    arena_free(arena);
    return found;
}

bool where_store(const struct cli *cli, char to[WHERE_BYTES])
{
    const char *config = cli_config(cli);
    char path[WHERE_BYTES];
    if (config != NULL && configured_store(config, to)) {
        return true;
    }
    if (!where_file(cli, "aire.db", path)) {
        return false;
    }
    return snprintf(to, WHERE_BYTES, "sqlite:%s", path) < WHERE_BYTES;
}
