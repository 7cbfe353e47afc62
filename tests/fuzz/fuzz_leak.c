/* SPDX-License-Identifier: Apache-2.0
 * fuzz_leak.c - a prompt (first line) and an answer that arrives in two pieces. */
#include "base/must.h"
#include "security/leak.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str answer = {(const char *)data, size};
    struct str prompt;
    if (!str_split(&answer, '\n', &prompt)) {
        return 0;
    }
    char canary[LEAK_CANARY];
    leak_canary(str_cut(prompt, 0, 64), canary);
    struct arena *arena = arena_new(4096);
    const struct leak_asked asked = {
        .prompts = &prompt, .prompt_count = 1, .canary = {canary, LEAK_CANARY - 1}};
    struct leak *split = leak_new(&asked, arena);
    struct leak *whole = leak_new(&asked, arena);
    struct leak_walk walk = {0};
    size_t half = answer.len / 2;
    (void)leak_feed(split, &walk, str_cut(answer, 0, half), false);
    uint64_t safe = leak_safe(split, &walk);
    must(safe <= half && half - safe <= LEAK_HOLD_MAX);
    double score = leak_feed(split, &walk, str_cut(answer, half, answer.len), true);
    walk = (struct leak_walk){0};
    double same = leak_feed(whole, &walk, answer, true);
    must(score >= same && score <= same && score >= 0 && score <= 1);
    arena_free(arena);
    return 0;
}
