/* SPDX-License-Identifier: Apache-2.0
 * arena.h - memory that lives and dies together: one per exchange, one per configuration
 * generation.
 *
 * Allocation is a pointer bump; nothing is freed alone. An arena argument in a signature says where
 * the result lives. The arena has no limit of its own: callers bound their input first. True
 * out-of-memory ends the process. Invariant: every byte handed out stays put until arena_free.
 */
#ifndef AIRE_BASE_ARENA_H
#define AIRE_BASE_ARENA_H

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct arena;

/* The arena itself sits in its first block of `block_bytes` (>= 256). */
struct arena *arena_new(size_t block_bytes);
void arena_free(struct arena *arena); /* runs cleanups, newest first; NULL is fine */

/* Blocks kept for arenas that come and go quickly on one thread: at most `spare_max` of
 * `block_bytes`. The pool's memory goes when it was freed and the last of its arenas has gone. */
struct arena_pool;
struct arena_pool *arena_pool_new(size_t block_bytes, size_t spare_max);
void arena_pool_free(struct arena_pool *pool); /* NULL is fine */
struct arena *arena_new_in(struct arena_pool *pool);

void *arena_alloc(struct arena *arena, size_t bytes);              /* aligned to 16, not zeroed */
void *arena_zero(struct arena *arena, size_t bytes);               /* the same, zeroed */
void *arena_array(struct arena *arena, size_t count, size_t each); /* zeroed; checks the product */
struct str arena_str(struct arena *arena, struct str s);           /* a copy, with a NUL after it */
const char *arena_cstr(struct arena *arena, struct str s);         /* the same as C string */
struct str arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct str arena_join(struct arena *arena, const struct str *parts, size_t count);
struct str arena_u64(struct arena *arena, uint64_t value); /* decimal */

/* Calls `run(object)` when the arena is freed: for descriptors and shared counts, not memory. */
void arena_cleanup(struct arena *arena, void (*run)(void *object), void *object);

/* Forgets all that was allocated and keeps the first block: for scratch. No cleanups may be
 * waiting. */
void arena_reset(struct arena *arena);
size_t arena_bytes(const struct arena *arena); /* blocks held, for accounting */

/* T *p = arena_new_of(arena, struct thing): one zeroed object. */
#define arena_new_of(arena, type)          ((type *)arena_zero((arena), sizeof(type)))
#define arena_array_of(arena, type, count) ((type *)arena_array((arena), (count), sizeof(type)))

#endif
