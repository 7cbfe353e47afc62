/* SPDX-License-Identifier: Apache-2.0
 * when.h - two times that cannot be mixed up: `wall` is what a calendar shows (UTC microseconds
 * since 1970), `instant` only moves forward (monotonic nanoseconds, zero at an arbitrary moment).
 */
#ifndef AIRE_BASE_WHEN_H
#define AIRE_BASE_WHEN_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct wall {
    int64_t us;
};

struct instant {
    uint64_t ns;
};

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)
#define US_PER_S  INT64_C(1000000)

#define WHEN_TEXT_BYTES 32 /* room for either text form, NUL included */

/* RFC 3339 with microseconds: 2026-11-25T02:29:38.000123Z. */
const char *wall_show(struct wall wall, char to[WHEN_TEXT_BYTES]);
enum err wall_parse(struct str text, struct wall *wall) MUST_USE;

/* HTTP-date, RFC 9110 section 5.6.7 (IMF-fixdate written, all three forms read). */
const char *wall_show_http(struct wall wall, char to[WHEN_TEXT_BYTES]);
enum err wall_parse_http(struct str text, struct wall *wall) MUST_USE;

int64_t wall_day(struct wall wall);   /* days since 1970-01-01, UTC */
int64_t wall_month(struct wall wall); /* months since 1970-01, UTC */

static inline struct instant instant_after_ms(struct instant from, uint64_t ms)
{
    return (struct instant){from.ns + ms * NS_PER_MS};
}

/* 0 when `later` is not later. */
static inline uint64_t instant_since_us(struct instant later, struct instant earlier)
{
    return later.ns > earlier.ns ? (later.ns - earlier.ns) / NS_PER_US : 0;
}

#endif
