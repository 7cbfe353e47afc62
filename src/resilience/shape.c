/* SPDX-License-Identifier: Apache-2.0
 * shape.c - lists of numbers in a map. */
#include "resilience/shape.h"

#include "base/must.h"
#include "resilience/journal.h"

#include <stdlib.h>

#define SHAPES_MAX (2 * RUN_STEPS_MAX + 2) /* no more than steps */

struct map *shapes_new(const uint64_t seed[2])
{
    return map_new(seed, SHAPES_MAX);
}

void shapes_free(struct map *shapes)
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(shapes, &at, &key, &value)) {
        struct shape *shape = value;
        free(shape->seqs);
        free(shape);
    }
    map_free(shapes);
}

struct shape *shape_of(struct map *shapes, const struct run_digest *digest, bool make)
{
    struct shape *shape = map_get(shapes, run_digest_str(digest));
    if (shape == NULL && make) {
        shape = must_have(calloc(1, sizeof *shape));
        enum err code = map_put(shapes, run_digest_str(digest), shape);
        must(code == ERR_OK); /* SHAPES_MAX */
    }
    return shape;
}

void shape_add(struct shape *shape, uint32_t seq)
{
    if (shape->count == shape->room) {
        shape->room = shape->room == 0 ? 2 : shape->room * 2;
        shape->seqs = must_have(realloc(shape->seqs, shape->room * sizeof *shape->seqs));
    }
    shape->seqs[shape->count++] = seq;
}

void shape_look_from(struct shape *shape, uint32_t seq)
{
    uint32_t at = shape->low;
    while (at > 0 && shape->seqs[at - 1] >= seq) {
        at--;
    }
    shape->low = at;
}
