/* SPDX-License-Identifier: Apache-2.0
 * tree.h - the Merkle tree of an append-only list (RFC 9162, section 2.1), over SHA-256: what was
 * appended cannot be changed, removed or reordered without changing the root.
 *
 * `struct tree` is the right edge alone: 2 KiB whatever the size, enough to append and to give the
 * root. Hashes for proofs are the caller's to keep, in the tiles of C2SP tlog-tiles: hash i of
 * level L covers the leaves [i * 256^L, (i + 1) * 256^L) and stands in tile i / 256 at place i %
 * 256. Each append says which hashes became final; they never change again. A tile is partial until
 * it has 256; hashes of a partial tile stay where they are when it fills up.
 */
#ifndef AIRE_CRYPTO_TREE_H
#define AIRE_CRYPTO_TREE_H

#include "base/buf.h"
#include "crypto/digest.h"

#define TREE_SIZE_MAX  (UINT64_C(1) << 62) /* leaves; sizes from outside are refused above it */
#define TREE_HEIGHT    64
#define TREE_LEVELS    8   /* of tiles, 0 to 7 */
#define TREE_TILE      256 /* hashes of a full tile */
#define TREE_PROOF_MAX 64  /* hashes of a proof */

/* H(0x00 || data), H(0x01 || left || right): a leaf is never taken for a node. */
struct digest tree_leaf(struct str data);
struct digest tree_node(const struct digest *left, const struct digest *right);

/* ---- growing ---- */

struct tree {
    uint64_t size;
    struct digest peaks[TREE_HEIGHT]; /* bit h of size: the root of a whole subtree of 2^h leaves */
};

void tree_init(struct tree *tree); /* empty */

struct tree_hash {
    unsigned level;
    uint64_t index; /* within its level */
    struct digest hash;
};
/* Appends one leaf; `stored` gets the hashes that became final, level 0 first. How many: 1 to
 * TREE_LEVELS, a second one for every 256th leaf. */
size_t tree_append(struct tree *tree, const struct digest *leaf,
                   struct tree_hash stored[TREE_LEVELS]);

struct tree_head {
    uint64_t size;
    struct digest root; /* of nothing: SHA-256 of the empty string */
};
struct tree_head tree_head(const struct tree *tree);

/* Over a restart: the size, big-endian in 8 bytes, then the peaks, the highest first. */
#define TREE_SAVED_MAX (8 + TREE_HEIGHT * DIGEST_BYTES)
enum err tree_save(const struct tree *tree, struct buf *to) MUST_USE;
/* CORRUPT: the length does not fit the size; RANGE: the size is above TREE_SIZE_MAX. Whether the
 * peaks are right only a root can tell. */
enum err tree_load(struct tree *tree, struct str saved) MUST_USE;

/* ---- proofs ---- */

struct tree_proof {
    size_t count;
    struct digest hashes[TREE_PROOF_MAX]; /* in the order of RFC 9162 */
};

/* Where the hashes of a tile are read: it appends them, as many as it has. */
struct tree_source {
    void *of;
    enum err (*read)(void *of, unsigned level, uint64_t tile, struct buf *hashes);
};

/* That leaf `index` is in the tree of `size` leaves (2.1.3.1); that the tree of `second` leaves
 * begins with the one of `first` (2.1.4.1; nothing to prove when first is 0 or second). RANGE:
 * there is no such leaf or tree; CORRUPT: a tile is too short or no tile; else what `read` answers.
 */
enum err tree_prove_inclusion(uint64_t index, uint64_t size, const struct tree_source *source,
                              struct tree_proof *proof) MUST_USE;
enum err tree_prove_consistency(uint64_t first, uint64_t second, const struct tree_source *source,
                                struct tree_proof *proof) MUST_USE;
/* The root at a size that has been, by the same tiles. */
enum err tree_root(uint64_t size, const struct tree_source *source, struct digest *root) MUST_USE;

/* Checks of a proof from outside (2.1.3.2, 2.1.4.2). RANGE: no such leaf, or the first tree is the
 * larger; SYNTAX: more or fewer hashes than a proof of these sizes has; INVALID: they lead to
 * another root. `why` (may be NULL) gets the words. */
enum err tree_check_inclusion(const struct tree_proof *proof, uint64_t index,
                              const struct digest *leaf, const struct tree_head *head,
                              struct fault *why) MUST_USE;
enum err tree_check_consistency(const struct tree_proof *proof, const struct tree_head *first,
                                const struct tree_head *second, struct fault *why) MUST_USE;

#endif
