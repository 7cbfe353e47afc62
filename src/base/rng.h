/* SPDX-License-Identifier: Apache-2.0
 * rng.h - seeded generator for jitter, sampling, simulation. Never for secrets.
 * xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64.
 */
#ifndef AIRE_BASE_RNG_H
#define AIRE_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* unbiased, bound >= 1 */

#endif
