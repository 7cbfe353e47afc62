/* SPDX-License-Identifier: Apache-2.0
 * sealing.c - finds the master key, or makes the first one. */
#include "app/sealing.h"

#include "config/yaml.h"
#include "sys/file.h"

static struct str configured(const char *config, struct arena *arena)
{
    struct buf text;
    struct fault fault;
    const struct yaml *root;
    buf_init(&text, YAML_BYTES_MAX);
    bool read = config != NULL && file_read(config, &text) == ERR_OK &&
                yaml_parse(buf_str(&text), arena, &root, &fault) == ERR_OK;
    const struct yaml *keys = read ? yaml_get(root, STR("keys")) : NULL;
    const struct yaml *master = keys != NULL && keys->kind == YAML_MAP
                                    ? yaml_get(keys, STR("master"))
                                    : NULL;
    struct str setting = master != NULL && master->kind == YAML_SCALAR
                             ? arena_str(arena, master->scalar)
                             : STR("");
    buf_end(&text);
    return setting;
}

enum err sealing_open(const struct env *env, const char *config, const char *data, bool *made,
                      struct keyring **keyring, struct fault *fault)
{
    struct arena *arena = arena_new(4096);
    struct master_place place;
    struct masters masters = {0};
    enum err code = master_place(configured(config, arena), config, data, &place, fault);
    arena_free(arena);
    if (code == ERR_OK) {
        code = master_read(&place, &masters, fault);
    }
    if (code == ERR_NOT_FOUND && made != NULL && !place.variable) {
        code = master_create(&place, env, &masters, fault);
        *made = code == ERR_OK;
    }
    if (code == ERR_OK) {
        *keyring = keyring_new(env, &place, &masters);
    }
    masters_wipe(&masters);
    return code;
}
