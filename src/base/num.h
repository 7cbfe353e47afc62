/* SPDX-License-Identifier: Apache-2.0
 * num.h - numbers from text, exactly: integers, durations, sizes, money, rates, percentages.
 *
 * The whole text must be the number; anything left over is ERR_SYNTAX, too large is ERR_RANGE.
 * Grammar of units is the configuration's: 250ms 5s 2m 24h 7d; 64KiB 32MiB 1GiB 512B (or plain
 * bytes); $0.10 (micro-dollars, at most 6 decimals); 10/min 5/s 100/h 1000/d; 20%.
 */
#ifndef AIRE_BASE_NUM_H
#define AIRE_BASE_NUM_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum err num_u64(struct str text, uint64_t *value) MUST_USE;
enum err num_double(struct str text, double *value) MUST_USE; /* JSON number grammar, C locale */
enum err num_hex_u64(struct str text, uint64_t *value) MUST_USE;

enum err num_duration_ms(struct str text, uint64_t *ms) MUST_USE; /* a unit is required; 0 is "0" */
enum err num_size_bytes(struct str text, uint64_t *bytes) MUST_USE;
enum err num_money_microusd(struct str text, int64_t *microusd) MUST_USE;
enum err num_percent(struct str text, double *share) MUST_USE; /* "20%" gives 0.2, within 0..1 */

struct rate {
    uint64_t count;     /* events ... */
    uint64_t period_ms; /* ... per this long */
};
enum err num_rate(struct str text, struct rate *rate) MUST_USE;

/* Checked arithmetic: false when the result does not fit, *out is then untouched. */
bool num_add_u64(uint64_t a, uint64_t b, uint64_t *out);
bool num_mul_u64(uint64_t a, uint64_t b, uint64_t *out);

/* "1.234 ms", "2m 3s"; "$0.012300"; "1.5 MiB": for people, into `to` of `room` >= 32 bytes. */
const char *num_show_us(uint64_t us, char *to, size_t room);
const char *num_show_microusd(int64_t microusd, char *to, size_t room);
const char *num_show_bytes(uint64_t bytes, char *to, size_t room);

/* Sizes in constants, of the right type. */
#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)

static inline uint64_t num_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t num_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
