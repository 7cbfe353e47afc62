/* SPDX-License-Identifier: Apache-2.0
 * loaded.c - loading without serving: the registry is thrown away with the configuration. */
#include "cli/loaded.h"

#include "app/configure.h"

/* Where a server would put its built-in provider; nothing is called here. */
#define NOWHERE "http://127.0.0.1:9"

enum err loaded_open(const struct cli *cli, const char *path, struct loaded *loaded,
                     struct fault *fault)
{
    loaded->registry = registry_new();
    struct configure configure = {.env = cli->env, .registry = loaded->registry, .path = path};
    if (configure_needs_builtin(path)) {
        configure.builtin_openai = STR(NOWHERE "/v1");
        configure.builtin_anthropic = STR(NOWHERE);
    }
    enum err code = configure_load(&configure, &loaded->generation, fault);
    if (code != ERR_OK) {
        registry_free(loaded->registry);
    }
    return code;
}

void loaded_close(struct loaded *loaded)
{
    generation_unref(loaded->generation);
    registry_free(loaded->registry);
}
