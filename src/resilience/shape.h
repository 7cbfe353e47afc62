/* SPDX-License-Identifier: Apache-2.0
 * shape.h - which steps of a run are alike: by the digest of what is asked, or of its sort.
 *
 * A part of the journal, guarded by its run's lock. Numbers of steps rise in a shape.
 */
#ifndef AIRE_RESILIENCE_SHAPE_H
#define AIRE_RESILIENCE_SHAPE_H

#include "base/map.h"
#include "resilience/step.h"

/* Steps of equal digest, or of equal sort, in order. */
struct shape {
    uint32_t *seqs;
    uint32_t count;
    uint32_t room;
    uint32_t low;     /* in this try no place below it is free */
    uint32_t attempt; /* of `low` */
};

struct map *shapes_new(const uint64_t seed[2]); /* digest -> struct shape */
void shapes_free(struct map *shapes);
/* NULL: there is none, and none was to be made. */
struct shape *shape_of(struct map *shapes, const struct run_digest *digest, bool make);
void shape_add(struct shape *shape, uint32_t seq);       /* above all that are in it */
void shape_look_from(struct shape *shape, uint32_t seq); /* this place is free again */

#endif
