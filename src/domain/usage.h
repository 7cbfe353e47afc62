/* SPDX-License-Identifier: Apache-2.0
 * usage.h - tokens of one attempt, normalised: `input` includes cached and cache-writing tokens
 * (OpenAI's way; Anthropic counts them apart and is added up), `output` includes reasoning.
 */
#ifndef AIRE_DOMAIN_USAGE_H
#define AIRE_DOMAIN_USAGE_H

#include <stdbool.h>
#include <stdint.h>

struct usage {
    uint64_t input;
    uint64_t input_cached;        /* read from the provider's prompt cache */
    uint64_t input_cache_written; /* written to it */
    uint64_t output;
    uint64_t output_reasoning;
    bool known;     /* the provider told */
    bool estimated; /* we guessed (abort, silent provider) */
};

#endif
