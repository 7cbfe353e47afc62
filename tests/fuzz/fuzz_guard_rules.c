/* SPDX-License-Identifier: Apache-2.0
 * fuzz_guard_rules.c - a rule file and a text: the first line is the text, the rest the file. */
#include "security/guard_rules.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fold *fold; /* made once: it takes milliseconds */
    if (fold == NULL) {
        fold = fold_new();
    }
    struct str file = {(const char *)data, size};
    struct str text;
    if (!str_split(&file, '\n', &text)) {
        return 0;
    }
    struct arena *arena = arena_new(4096);
    const struct guard_rules *rules = NULL;
    struct fault fault;
    if (guard_rules_load(file, fold, arena, &rules, &fault) == ERR_OK) {
        struct finder finders[GUARD_RULES_FINDERS];
        size_t count = guard_rules_finders(rules, RULE_INPUT, finders);
        for (size_t i = 0; i < count; i++) {
            struct spans spans = {0};
            struct finder_state state = {0};
            const struct window half = {str_cut(text, 0, text.len / 2), 0, false};
            size_t safe = finders[i].find(finders[i].self, &half, &state, &spans);
            const struct window whole = {text, safe, true};
            (void)finders[i].find(finders[i].self, &whole, &state, &spans);
            spans_end(&spans);
        }
        struct guard_rules_said said;
        guard_rules_judge(rules, RULE_INPUT, text, arena, &said);
    }
    arena_free(arena);
    return 0;
}
