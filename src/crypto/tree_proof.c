/* SPDX-License-Identifier: Apache-2.0
 * tree_proof.c - proofs out of tiles, and checks of proofs.
 *
 * A proof is a list of ranges of leaves, found by walking down from the root; each range is hashed
 * from the tiles. What a source gives is trusted to be hashes: a wrong one gives a proof that does
 * not check, never a crash.
 */
#include "base/must.h"
#include "crypto/tree.h"

#include <string.h>

#define TILE_HEIGHT 8
#define TILE_BYTES  ((size_t)TREE_TILE * DIGEST_BYTES)

/* ---- ranges ---- */

/* Leaves [from, to): `from` is a multiple of the smallest power of two that is >= to - from. */
struct range {
    uint64_t from;
    uint64_t to;
};

/* Top down: the root's child first. */
struct ranges {
    struct range at[TREE_PROOF_MAX];
    size_t count;
};

static void ranges_add(struct ranges *ranges, uint64_t from, uint64_t to)
{
    must(ranges->count < TREE_PROOF_MAX);
    ranges->at[ranges->count++] = (struct range){from, to};
}

/* Height of the highest whole subtree of `leaves` >= 1 leaves. */
static unsigned height_of(uint64_t leaves)
{
    return 63U - (unsigned)__builtin_clzll(leaves);
}

/* Where RFC 9162 splits: the largest power of two below `leaves` >= 2. */
static uint64_t left_of(uint64_t leaves)
{
    return UINT64_C(1) << height_of(leaves - 1);
}

/* ---- hashes from tiles ---- */

/* The tile that was read last: neighbours in a proof often share one. */
struct tiles {
    const struct tree_source *source;
    struct buf hashes;
    unsigned level;
    uint64_t tile;
};

static void tiles_init(struct tiles *tiles, const struct tree_source *source)
{
    tiles->source = source;
    tiles->level = TREE_LEVELS; /* none */
    tiles->tile = 0;
    buf_init(&tiles->hashes, TILE_BYTES);
}

/* Has `places` hashes at least. */
static enum err tiles_read(struct tiles *tiles, unsigned level, uint64_t tile, size_t places)
{
    if (tiles->level != level || tiles->tile != tile) {
        buf_clear(&tiles->hashes);
        tiles->level = TREE_LEVELS;
        enum err code = tiles->source->read(tiles->source->of, level, tile, &tiles->hashes);
        if (code != ERR_OK) {
            return code == ERR_LIMIT ? ERR_CORRUPT : code; /* more than a tile holds */
        }
        tiles->level = level;
        tiles->tile = tile;
    }
    bool whole = tiles->hashes.len % DIGEST_BYTES == 0;
    return whole && tiles->hashes.len / DIGEST_BYTES >= places ? ERR_OK : ERR_CORRUPT;
}

/* Root of the whole subtree of 2^height leaves that is the `index`th of its kind: 1 to 128 hashes
 * of one tile. */
static enum err whole_root(struct tiles *tiles, unsigned height, uint64_t index,
                           struct digest *root)
{
    struct digest row[TREE_TILE / 2];
    size_t count = (size_t)1 << height % TILE_HEIGHT;
    uint64_t first = index * count;
    size_t place = first % TREE_TILE;
    enum err code = tiles_read(tiles, height / TILE_HEIGHT, first / TREE_TILE, place + count);
    if (code != ERR_OK) {
        return code;
    }
    memcpy(row, tiles->hashes.at + place * DIGEST_BYTES, count * DIGEST_BYTES);
    for (; count > 1; count /= 2) {
        for (size_t i = 0; i < count / 2; i++) {
            row[i] = tree_node(&row[2 * i], &row[2 * i + 1]);
        }
    }
    *root = row[0];
    return ERR_OK;
}

/* Its whole subtrees, the last and smallest first, folded to the left. */
static enum err range_root(struct tiles *tiles, struct range range, struct digest *root)
{
    uint64_t to = range.to;
    enum err code = ERR_OK;
    while (to > range.from && code == ERR_OK) {
        unsigned height = (unsigned)__builtin_ctzll(to - range.from);
        uint64_t from = to - (UINT64_C(1) << height);
        struct digest left;
        code = whole_root(tiles, height, from >> height, &left);
        if (code == ERR_OK) {
            *root = to == range.to ? left : tree_node(&left, root);
        }
        to = from;
    }
    return code;
}

/* A proof has them bottom up. */
static enum err prove(const struct ranges *ranges, const struct tree_source *source,
                      struct tree_proof *proof)
{
    struct tiles tiles;
    tiles_init(&tiles, source);
    enum err code = ERR_OK;
    proof->count = 0;
    for (size_t i = ranges->count; i-- > 0 && code == ERR_OK;) {
        code = range_root(&tiles, ranges->at[i], &proof->hashes[proof->count++]);
    }
    buf_end(&tiles.hashes);
    return code;
}

enum err tree_prove_inclusion(uint64_t index, uint64_t size, const struct tree_source *source,
                              struct tree_proof *proof)
{
    if (size > TREE_SIZE_MAX || index >= size) {
        return ERR_RANGE;
    }
    struct ranges ranges = {.count = 0};
    struct range in = {0, size};
    while (in.to - in.from > 1) {
        uint64_t middle = in.from + left_of(in.to - in.from);
        if (index < middle) {
            ranges_add(&ranges, middle, in.to);
            in.to = middle;
        } else {
            ranges_add(&ranges, in.from, middle);
            in.from = middle;
        }
    }
    return prove(&ranges, source, proof);
}

enum err tree_prove_consistency(uint64_t first, uint64_t second, const struct tree_source *source,
                                struct tree_proof *proof)
{
    if (second > TREE_SIZE_MAX || first > second) {
        return ERR_RANGE;
    }
    struct ranges ranges = {.count = 0};
    struct range in = {0, second};
    while (first > 0 && in.to != first) {
        uint64_t middle = in.from + left_of(in.to - in.from);
        if (first <= middle) {
            ranges_add(&ranges, middle, in.to);
            in.to = middle;
        } else {
            ranges_add(&ranges, in.from, middle);
            in.from = middle;
        }
    }
    if (in.from > 0) { /* else it is the first tree itself, whose root is known */
        ranges_add(&ranges, in.from, in.to);
    }
    return prove(&ranges, source, proof);
}

enum err tree_root(uint64_t size, const struct tree_source *source, struct digest *root)
{
    if (size > TREE_SIZE_MAX) {
        return ERR_RANGE;
    }
    struct tiles tiles;
    tiles_init(&tiles, source);
    *root = digest_of(STR(""));
    enum err code = range_root(&tiles, (struct range){0, size}, root);
    buf_end(&tiles.hashes);
    return code;
}

/* ---- checks ---- */

/* The walk of RFC 9162 section 2.1.3.2 and 2.1.4.2: `node` climbs from a leaf's place, `last` from
 * the last leaf's. */
struct climb {
    uint64_t node;
    uint64_t last;
};

/* Is the hash of the proof to the left of what has been climbed so far? */
static bool climb_is_left(const struct climb *climb)
{
    return (climb->node & 1) != 0 || climb->node == climb->last;
}

static void climb_step(struct climb *climb)
{
    /* At the right edge levels without a sibling are passed. */
    while ((climb->node & 1) == 0 && climb->node == climb->last && climb->node != 0) {
        climb->node >>= 1;
        climb->last >>= 1;
    }
    climb->node >>= 1;
    climb->last >>= 1;
}

static enum err length_is_wrong(const struct tree_proof *proof, struct fault *why)
{
    return fault_set(why, ERR_SYNTAX, "a proof of %zu hashes does not fit these sizes",
                     proof->count);
}

enum err tree_check_inclusion(const struct tree_proof *proof, uint64_t index,
                              const struct digest *leaf, const struct tree_head *head,
                              struct fault *why)
{
    if (head->size > TREE_SIZE_MAX || index >= head->size) {
        return fault_set(why, ERR_RANGE, "a tree of %llu leaves has no leaf %llu",
                         (unsigned long long)head->size, (unsigned long long)index);
    }
    struct climb climb = {index, head->size - 1};
    struct digest root = *leaf;
    for (size_t i = 0; i < proof->count && i < TREE_PROOF_MAX; i++) {
        const struct digest *hash = &proof->hashes[i];
        if (climb.last == 0) {
            return length_is_wrong(proof, why);
        }
        root = climb_is_left(&climb) ? tree_node(hash, &root) : tree_node(&root, hash);
        climb_step(&climb);
    }
    if (climb.last != 0 || proof->count > TREE_PROOF_MAX) {
        return length_is_wrong(proof, why);
    }
    if (!digest_equal(&root, &head->root)) {
        return fault_set(why, ERR_INVALID, "leaf %llu and its proof lead to another root",
                         (unsigned long long)index);
    }
    return ERR_OK;
}

/* Trees of which one is empty, or both the same size: nothing but the roots to compare. */
static enum err check_trivial(const struct tree_proof *proof, const struct tree_head *first,
                              const struct tree_head *second, struct fault *why)
{
    struct digest nothing = digest_of(STR(""));
    if (proof->count != 0) {
        return length_is_wrong(proof, why);
    }
    if (first->size == 0 && !digest_equal(&first->root, &nothing)) {
        return fault_set(why, ERR_INVALID, "the root of the empty tree is another");
    }
    if (first->size == second->size && !digest_equal(&first->root, &second->root)) {
        return fault_set(why, ERR_INVALID, "two roots for one size, %llu: the history is forked",
                         (unsigned long long)first->size);
    }
    return ERR_OK;
}

enum err tree_check_consistency(const struct tree_proof *proof, const struct tree_head *first,
                                const struct tree_head *second, struct fault *why)
{
    if (second->size > TREE_SIZE_MAX || first->size > second->size) {
        return fault_set(why, ERR_RANGE, "a tree of %llu leaves cannot begin with %llu",
                         (unsigned long long)second->size, (unsigned long long)first->size);
    }
    if (first->size == 0 || first->size == second->size) {
        return check_trivial(proof, first, second, why);
    }
    /* A first tree that is whole is where the climb starts; else the proof says it. */
    bool whole = (first->size & (first->size - 1)) == 0;
    if ((!whole && proof->count == 0) || proof->count > TREE_PROOF_MAX) {
        return length_is_wrong(proof, why);
    }
    struct climb climb = {first->size - 1, second->size - 1};
    unsigned below = (unsigned)__builtin_ctzll(first->size); /* ones at the end of size - 1 */
    climb.node >>= below;
    climb.last >>= below;
    struct digest old_root = whole ? first->root : proof->hashes[0];
    struct digest new_root = old_root;
    for (size_t i = whole ? 0 : 1; i < proof->count; i++) {
        const struct digest *hash = &proof->hashes[i];
        if (climb.last == 0) {
            return length_is_wrong(proof, why);
        }
        if (climb_is_left(&climb)) {
            old_root = tree_node(hash, &old_root);
            new_root = tree_node(hash, &new_root);
        } else {
            new_root = tree_node(&new_root, hash);
        }
        climb_step(&climb);
    }
    if (climb.last != 0) {
        return length_is_wrong(proof, why);
    }
    if (!digest_equal(&old_root, &first->root)) {
        return fault_set(why, ERR_INVALID, "the proof leads to another root of %llu leaves",
                         (unsigned long long)first->size);
    }
    if (!digest_equal(&new_root, &second->root)) {
        return fault_set(why, ERR_INVALID, "the proof leads to another root of %llu leaves",
                         (unsigned long long)second->size);
    }
    return ERR_OK;
}
