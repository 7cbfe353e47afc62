/* SPDX-License-Identifier: Apache-2.0
 * fuzz_grammar.c - a grammar, and a sample of each of its make lines. */
#include "text/grammar.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096);
    struct grammar grammar;
    struct fault fault;
    struct buf sample;
    buf_init(&sample, 1 << 16);
    if (grammar_parse((struct str){(const char *)data, size}, arena, &grammar, &fault) == ERR_OK) {
        struct rng rng;
        rng_seed(&rng, size);
        for (size_t i = 0; i < grammar.make_count; i++) {
            struct grammar_span span;
            err_ignore(grammar_expand(&grammar, grammar.makes[i].rule, &rng, &sample, &span));
            buf_clear(&sample);
        }
    }
    buf_end(&sample);
    arena_free(arena);
    return 0;
}
