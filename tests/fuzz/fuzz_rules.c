/* SPDX-License-Identifier: Apache-2.0
 * fuzz_rules.c - a rules file and a question: the first line asks, the rest is the file. */
#include "base/buf.h"
#include "resilience/rules.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str file = {(const char *)data, size};
    struct str message;
    if (!str_split(&file, '\n', &message)) {
        return 0;
    }
    struct arena *arena = arena_new(4096);
    struct fault fault;
    const struct yaml *root = NULL;
    const struct rules *rules = NULL;
    struct settings_load load = {.arena = arena, .fault = &fault};
    if (yaml_parse(file, arena, &root, &fault) == ERR_OK && root != NULL &&
        rules_load(&load, root, &rules) == ERR_OK) {
        struct rules_question question = {.message = message, .error = STR("open")};
        struct rules_answer answer;
        (void)!rules_answer(rules, &question, arena, &answer);
    }
    arena_free(arena);
    return 0;
}
