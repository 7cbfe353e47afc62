/* SPDX-License-Identifier: Apache-2.0
 * tree_kit.h - a Merkle tree written from the definition of RFC 9162 alone, slow and plain, and
 * tiles in memory, for tests of crypto/tree.h.
 */
#ifndef AIRE_TESTS_TREE_KIT_H
#define AIRE_TESTS_TREE_KIT_H

#include "crypto/tree.h"

#define PLAIN_MAX 300

/* MTH(D[from:to]) and the proofs, as their recursive definitions say, over leaf hashes. */
struct plain_tree {
    struct digest leaves[PLAIN_MAX];
    struct digest roots[PLAIN_MAX + 1][PLAIN_MAX + 1]; /* [from][to], once they are known */
    bool known[PLAIN_MAX + 1][PLAIN_MAX + 1];
};
struct plain_tree *plain_new(void); /* leaf i is the hash of "leaf i" */
void plain_free(struct plain_tree *plain);
struct digest plain_root(struct plain_tree *plain, size_t from, size_t to);
void plain_inclusion(struct plain_tree *plain, size_t index, size_t size, struct tree_proof *proof);
void plain_consistency(struct plain_tree *plain, size_t first, size_t second,
                       struct tree_proof *proof);

/* Tiles as a caller keeps them: a row of hashes a level. */
struct tiles_kept {
    struct buf levels[TREE_LEVELS];
    uint64_t shown;  /* hashes of level 0 that a reader sees, and above what follows; 0: all */
    enum err fail;   /* what reading answers, unless OK */
    size_t short_by; /* bytes that are missing at the end of a tile */
    size_t reads;
};
void tiles_kept_init(struct tiles_kept *tiles);
void tiles_kept_end(struct tiles_kept *tiles);
void tiles_keep(struct tiles_kept *tiles, const struct tree_hash *stored, size_t count);
struct tree_source tiles_source(struct tiles_kept *tiles);

#endif
