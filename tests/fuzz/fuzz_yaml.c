/* SPDX-License-Identifier: Apache-2.0
 * fuzz_yaml.c - any bytes give a tree or a fault with words; a tree gives settings or a fault. */
#include "../config/sample.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096);
    const struct yaml *root = NULL;
    struct fault fault = {0};
    struct str text = {(const char *)data, size};
    if (yaml_parse(text, arena, &root, &fault) == ERR_OK) {
        struct settings_load load = {&sample_secrets, arena, &fault};
        struct sample sample;
        must(root != NULL && root->line > 0);
        if (settings_read(&load, &sample_section, root, &sample) == ERR_OK) {
            must(sample.name.len >= 1 && sample.name.len <= 20 && sample.keys.count <= 3);
            fault.words[0] = '!';
        }
    }
    must(fault.words[0] != '\0');
    arena_free(arena);
    return 0;
}
