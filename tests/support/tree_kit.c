/* SPDX-License-Identifier: Apache-2.0
 * tree_kit.c - the definitions, and tiles. */
#include "support/tree_kit.h"

#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

struct plain_tree *plain_new(void)
{
    struct plain_tree *plain = must_have(calloc(1, sizeof *plain));
    for (size_t i = 0; i < PLAIN_MAX; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "leaf %zu", i);
        plain->leaves[i] = tree_leaf(str_of(text));
    }
    return plain;
}

void plain_free(struct plain_tree *plain)
{
    free(plain);
}

/* The largest power of two below n >= 2. */
static size_t split(size_t n)
{
    size_t k = 1;
    while (2 * k < n) {
        k *= 2;
    }
    return k;
}

/* Section 2.1.1. */
struct digest plain_root(struct plain_tree *plain, size_t from, size_t to)
{
    if (to == from) {
        return digest_of(STR(""));
    }
    if (to == from + 1) {
        return plain->leaves[from];
    }
    if (!plain->known[from][to]) {
        size_t middle = from + split(to - from);
        char text[1 + 2 * DIGEST_BYTES] = {1};
        struct digest left = plain_root(plain, from, middle);
        struct digest right = plain_root(plain, middle, to);
        for (size_t i = 0; i < DIGEST_BYTES; i++) {
            text[1 + i] = (char)left.bytes[i];
            text[1 + DIGEST_BYTES + i] = (char)right.bytes[i];
        }
        plain->roots[from][to] = digest_of((struct str){text, sizeof text});
        plain->known[from][to] = true;
    }
    return plain->roots[from][to];
}

static void put(struct tree_proof *proof, struct digest hash)
{
    must(proof->count < TREE_PROOF_MAX);
    proof->hashes[proof->count++] = hash;
}

/* Section 2.1.3.1: PATH(m, D[from:to]). */
static void path(struct plain_tree *plain, size_t m, size_t from, size_t to,
                 struct tree_proof *proof)
{
    if (to - from < 2) {
        return;
    }
    size_t k = split(to - from);
    if (m < k) {
        path(plain, m, from, from + k, proof);
        put(proof, plain_root(plain, from + k, to));
    } else {
        path(plain, m - k, from + k, to, proof);
        put(proof, plain_root(plain, from, from + k));
    }
}

void plain_inclusion(struct plain_tree *plain, size_t index, size_t size, struct tree_proof *proof)
{
    proof->count = 0;
    path(plain, index, 0, size, proof);
}

struct part {
    size_t from;
    size_t to;
};

/* Section 2.1.4.1: SUBPROOF(m, D[from:to], b). */
static void subproof(struct plain_tree *plain, size_t m, struct part d, bool b,
                     struct tree_proof *proof)
{
    if (m == d.to - d.from) {
        if (!b) {
            put(proof, plain_root(plain, d.from, d.to));
        }
        return;
    }
    size_t k = split(d.to - d.from);
    if (m <= k) {
        subproof(plain, m, (struct part){d.from, d.from + k}, b, proof);
        put(proof, plain_root(plain, d.from + k, d.to));
    } else {
        subproof(plain, m - k, (struct part){d.from + k, d.to}, false, proof);
        put(proof, plain_root(plain, d.from, d.from + k));
    }
}

void plain_consistency(struct plain_tree *plain, size_t first, size_t second,
                       struct tree_proof *proof)
{
    proof->count = 0;
    if (first > 0) {
        subproof(plain, first, (struct part){0, second}, true, proof);
    }
}

/* ---- tiles ---- */

void tiles_kept_init(struct tiles_kept *tiles)
{
    *tiles = (struct tiles_kept){.shown = 0};
    for (size_t level = 0; level < TREE_LEVELS; level++) {
        buf_init(&tiles->levels[level], (size_t)64 << 20);
    }
}

void tiles_kept_end(struct tiles_kept *tiles)
{
    for (size_t level = 0; level < TREE_LEVELS; level++) {
        buf_end(&tiles->levels[level]);
    }
}

void tiles_keep(struct tiles_kept *tiles, const struct tree_hash *stored, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf *level = &tiles->levels[stored[i].level];
        must(level->len == stored[i].index * DIGEST_BYTES);
        must(buf_add(level, digest_str(&stored[i].hash)) == ERR_OK);
    }
}

static enum err read_tile(void *of, unsigned level, uint64_t tile, struct buf *hashes)
{
    struct tiles_kept *tiles = of;
    must(level < TREE_LEVELS);
    tiles->reads++;
    if (tiles->fail != ERR_OK) {
        return tiles->fail;
    }
    size_t len = tiles->levels[level].len;
    if (tiles->shown > 0 && (tiles->shown >> 8 * level) * DIGEST_BYTES < len) {
        len = (size_t)(tiles->shown >> 8 * level) * DIGEST_BYTES;
    }
    size_t bytes = TREE_TILE * DIGEST_BYTES;
    struct str row = str_cut(buf_str(&tiles->levels[level]), 0, len);
    struct str part = str_cut(row, (size_t)tile * bytes, ((size_t)tile + 1) * bytes);
    return buf_add(hashes,
                   str_cut(part, 0, part.len > tiles->short_by ? part.len - tiles->short_by : 0));
}

struct tree_source tiles_source(struct tiles_kept *tiles)
{
    return (struct tree_source){tiles, read_tile};
}
