/* SPDX-License-Identifier: Apache-2.0
 * places.h - places in the history as text, short where they follow a pattern: "7 12-40 50-90/2".
 *
 *   places = run *(" " run)    run = from | from "-" to | from "-" to "/" step
 * Numbers are decimal; `to` is the last one of its run; without a step it is 1.
 */
#ifndef AIRE_AUDIT_PLACES_H
#define AIRE_AUDIT_PLACES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define PLACES_BYTES_EACH 42 /* a run takes at most, its space included */

/* `places` rise. */
enum err places_write(const uint64_t *places, size_t count, struct buf *to) MUST_USE;

struct places_run {
    uint64_t from;
    uint64_t to; /* from <= to, (to - from) is a multiple of step */
    uint64_t step;
};
/* Takes the next run off the text; NOT_FOUND at its end, SYNTAX when it is none. */
enum err places_next(struct str *text, struct places_run *run) MUST_USE;

#endif
