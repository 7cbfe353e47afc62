/* SPDX-License-Identifier: Apache-2.0
 * arena.c - a chain of blocks with a bump pointer into the newest ordinary one.
 *
 * Invariants: `at` is aligned to 16 and at <= end; every block is in the chain, the first one last,
 * because it holds the arena itself. A request of more than three quarters of a block gets a block
 * of its own; smaller ones share ordinary blocks, which a pool keeps. A block that is given back
 * was wiped where that is asked for (base/wipe.h).
 */
#include "base/arena.h"

#include "base/must.h"
#include "base/wipe.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN     16
#define BLOCK_MIN 256

/* Under AddressSanitizer a poisoned gap after each object makes an overrun visible. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define GAP             ALIGN
#define HIDE(at, bytes) ASAN_POISON_MEMORY_REGION((at), (bytes))
#define SHOW(at, bytes) ASAN_UNPOISON_MEMORY_REGION((at), (bytes))
#else
#define GAP             0
#define HIDE(at, bytes) ((void)0)
#define SHOW(at, bytes) ((void)0)
#endif

struct block {
    _Alignas(ALIGN) struct block *older;
    size_t bytes; /* header included */
};

struct cleanup {
    struct cleanup *older;
    void (*run)(void *object);
    void *object;
};

struct arena {
    char *at;
    char *end;
    struct block *newest;
    struct cleanup *cleanups;
    size_t block_bytes;
    size_t held;
    struct arena_pool *pool; /* NULL: blocks come from the heap */
};

struct arena_pool {
    struct block *spare;
    size_t spares;
    size_t spare_max;
    size_t block_bytes;
    size_t arenas;
    bool closed;
};

static size_t round_up(size_t bytes)
{
    return (bytes + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

static struct block *block_new(size_t bytes)
{
    struct block *block = must_have(malloc(bytes));
    *block = (struct block){NULL, bytes};
    HIDE(block + 1, bytes - sizeof *block);
    return block;
}

/* `used`: bytes behind the header that may have been written to. */
static void block_free(struct arena_pool *pool, struct block *block, size_t used)
{
    SHOW(block, block->bytes);
    wipe(block + 1, used);
    if (pool != NULL && !pool->closed && block->bytes == pool->block_bytes &&
        pool->spares < pool->spare_max) {
        HIDE(block + 1, block->bytes - sizeof *block);
        block->older = pool->spare;
        pool->spare = block;
        pool->spares++;
        return;
    }
    free(block);
}

/* What may have been written to: all of it, but for the block that is being filled. */
static size_t used_of(const struct arena *arena, const struct block *block)
{
    const char *from = (const char *)(block + 1);
    bool filling = arena->at >= from && arena->end == (const char *)block + block->bytes;
    return filling ? (size_t)(arena->at - from) : block->bytes - sizeof *block;
}

/* A block of the arena's ordinary size. */
static struct block *block_take(struct arena_pool *pool, size_t bytes)
{
    if (pool == NULL || pool->spare == NULL) {
        return block_new(bytes);
    }
    struct block *block = pool->spare;
    pool->spare = block->older;
    pool->spares--;
    block->older = NULL;
    return block;
}

static struct arena *arena_in(struct block *first, struct arena_pool *pool)
{
    struct arena *arena = (struct arena *)(void *)(first + 1);
    SHOW(arena, sizeof *arena);
    *arena = (struct arena){
        .at = (char *)arena + round_up(sizeof *arena) + GAP,
        .end = (char *)first + first->bytes,
        .newest = first,
        .block_bytes = first->bytes,
        .held = first->bytes,
        .pool = pool,
    };
    return arena;
}

struct arena *arena_new(size_t block_bytes)
{
    must(block_bytes >= BLOCK_MIN && block_bytes <= PTRDIFF_MAX);
    return arena_in(block_new(round_up(block_bytes)), NULL);
}

struct arena_pool *arena_pool_new(size_t block_bytes, size_t spare_max)
{
    must(block_bytes >= BLOCK_MIN && block_bytes <= PTRDIFF_MAX);
    struct arena_pool *pool = must_have(calloc(1, sizeof *pool));
    pool->block_bytes = round_up(block_bytes);
    pool->spare_max = spare_max;
    return pool;
}

static void pool_gone(struct arena_pool *pool)
{
    if (pool->closed && pool->arenas == 0) {
        free(pool);
    }
}

void arena_pool_free(struct arena_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    while (pool->spare != NULL) {
        struct block *block = block_take(pool, pool->block_bytes);
        SHOW(block, block->bytes);
        free(block);
    }
    pool->closed = true;
    pool_gone(pool);
}

struct arena *arena_new_in(struct arena_pool *pool)
{
    must(!pool->closed);
    pool->arenas++;
    return arena_in(block_take(pool, pool->block_bytes), pool);
}

void arena_free(struct arena *arena)
{
    if (arena == NULL) {
        return;
    }
    for (struct cleanup *c = arena->cleanups; c != NULL; c = c->older) {
        c->run(c->object);
    }
    /* The chain is read before the block that holds the arena goes, which is the last. */
    struct arena_pool *pool = arena->pool;
    const struct arena gone = *arena;
    struct block *block = arena->newest;
    while (block != NULL) {
        struct block *older = block->older;
        block_free(pool, block, used_of(&gone, block));
        block = older;
    }
    if (pool != NULL) {
        pool->arenas--;
        pool_gone(pool);
    }
}

void arena_reset(struct arena *arena)
{
    must(arena->cleanups == NULL);
    while (arena->newest->older != NULL) {
        struct block *block = arena->newest;
        arena->newest = block->older;
        block_free(arena->pool, block, used_of(arena, block));
    }
    struct block *first = arena->newest;
    char *from = (char *)arena + round_up(sizeof *arena) + GAP;
    char *end = (char *)first + first->bytes;
    SHOW(from, (size_t)(end - from));
    wipe(from, (size_t)((arena->end == end ? arena->at : end) - from));
    arena->at = from;
    arena->end = end;
    arena->held = first->bytes;
    HIDE(arena->at, (size_t)(arena->end - arena->at));
}

/* The slow path: the current block cannot give `room` (rounded) bytes. */
static char *from_new_block(struct arena *arena, size_t room)
{
    bool own = room > arena->block_bytes / 4 * 3;
    struct block *block = own ? block_new(sizeof *block + room)
                              : block_take(arena->pool, arena->block_bytes);
    block->older = arena->newest;
    arena->newest = block;
    arena->held += block->bytes;
    char *at = (char *)(block + 1);
    if (!own) {
        arena->at = at + room;
        arena->end = (char *)block + block->bytes;
    }
    return at;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    must(bytes <= PTRDIFF_MAX - BLOCK_MIN);
    size_t room = round_up(bytes) + GAP;
    char *at = arena->at;
    if (__builtin_expect(room <= (size_t)(arena->end - at), 1)) {
        arena->at = at + room;
    } else {
        at = from_new_block(arena, room);
    }
    SHOW(at, bytes);
    return at;
}

void *arena_zero(struct arena *arena, size_t bytes)
{
    void *at = arena_alloc(arena, bytes);
    return memset(at, 0, bytes);
}

void *arena_array(struct arena *arena, size_t count, size_t each)
{
    size_t bytes = 0;
    must(!__builtin_mul_overflow(count, each, &bytes));
    return arena_zero(arena, bytes);
}

struct str arena_str(struct arena *arena, struct str s)
{
    return (struct str){arena_cstr(arena, s), s.len};
}

const char *arena_cstr(struct arena *arena, struct str s)
{
    char *copy = arena_alloc(arena, s.len + 1);
    if (s.len > 0) {
        memcpy(copy, s.at, s.len);
    }
    copy[s.len] = '\0';
    return copy;
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
    char small[256]; /* nearly everything fits: formatted once */
    va_list values;
    va_start(values, format);
    int length = vsnprintf(small, sizeof small, format, values);
    va_end(values);
    must(length >= 0);
    if ((size_t)length < sizeof small) {
        return arena_str(arena, (struct str){small, (size_t)length});
    }
    char *text = arena_alloc(arena, (size_t)length + 1);
    va_start(values, format);
    (void)vsnprintf(text, (size_t)length + 1, format, values);
    va_end(values);
    return (struct str){text, (size_t)length};
}

struct str arena_join(struct arena *arena, const struct str *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += parts[i].len;
    }
    char *to = arena_alloc(arena, len + 1);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0) {
            memcpy(to + at, parts[i].at, parts[i].len);
            at += parts[i].len;
        }
    }
    to[len] = '\0';
    return (struct str){to, len};
}

struct str arena_u64(struct arena *arena, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return arena_str(arena, (struct str){digits + at, sizeof digits - at});
}

void arena_cleanup(struct arena *arena, void (*run)(void *object), void *object)
{
    must(run != NULL);
    struct cleanup *cleanup = arena_new_of(arena, struct cleanup);
    *cleanup = (struct cleanup){arena->cleanups, run, object};
    arena->cleanups = cleanup;
}

size_t arena_bytes(const struct arena *arena)
{
    return arena->held;
}
