/* SPDX-License-Identifier: Apache-2.0
 * rng.c - xoshiro256** 1.0 (Blackman and Vigna 2018) seeded by splitmix64 (Steele et al. 2014).
 *
 * Invariant: the state is never all zero; splitmix64 is a bijection of four different counters.
 */
#include "base/rng.h"

#include "base/must.h"

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static uint64_t splitmix(uint64_t *counter)
{
    *counter += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *counter;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) {
        rng->state[i] = splitmix(&seed);
    }
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    must(bound > 0);
    /* 2^64 mod bound values at the bottom would be drawn once too often: draw again. */
    uint64_t excess = (0 - bound) % bound;
    uint64_t drawn = rng_next(rng);
    while (drawn < excess) {
        drawn = rng_next(rng);
    }
    return drawn % bound;
}
