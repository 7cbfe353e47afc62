/* SPDX-License-Identifier: Apache-2.0
 * tree.c - the right edge: appending and the root.
 *
 * Invariant: peaks[h] is the root of a whole subtree where bit h of size is set, and means nothing
 * elsewhere. Appending is binary addition: a carry joins two subtrees of one height.
 */
#include "crypto/tree.h"

#include "base/must.h"

#include <string.h>

#define TILE_HEIGHT 8 /* log2 of TREE_TILE */

struct digest tree_leaf(struct str data)
{
    const struct str parts[] = {{"\0", 1}, data};
    return digest_of_parts(parts, 2);
}

struct digest tree_node(const struct digest *left, const struct digest *right)
{
    const struct str parts[] = {{"\1", 1}, digest_str(left), digest_str(right)};
    return digest_of_parts(parts, 3);
}

void tree_init(struct tree *tree)
{
    memset(tree, 0, sizeof *tree);
}

size_t tree_append(struct tree *tree, const struct digest *leaf,
                   struct tree_hash stored[TREE_LEVELS])
{
    must(tree->size < 2 * TREE_SIZE_MAX);
    struct digest hash = *leaf;
    uint64_t after = tree->size + 1;
    size_t count = 0;
    unsigned height = 0;
    stored[count++] = (struct tree_hash){0, tree->size, hash};
    for (; tree->size >> height & 1; height++) {
        hash = tree_node(&tree->peaks[height], &hash);
        unsigned done = height + 1;
        if (done % TILE_HEIGHT == 0) {
            stored[count++] = (struct tree_hash){done / TILE_HEIGHT, (after >> done) - 1, hash};
        }
    }
    tree->peaks[height] = hash;
    tree->size = after;
    return count;
}

/* RFC 9162 section 2.1.1: split at the largest power of two, which makes the smaller peaks the
 * right side of all larger ones. */
struct tree_head tree_head(const struct tree *tree)
{
    struct tree_head head = {tree->size, digest_of(STR(""))};
    bool any = false;
    for (unsigned height = 0; height < TREE_HEIGHT; height++) {
        if (tree->size >> height & 1) {
            const struct digest *peak = &tree->peaks[height];
            head.root = any ? tree_node(peak, &head.root) : *peak;
            any = true;
        }
    }
    return head;
}

enum err tree_save(const struct tree *tree, struct buf *to)
{
    size_t before = to->len;
    enum err code = ERR_OK;
    for (int shift = 56; shift >= 0 && code == ERR_OK; shift -= 8) {
        code = buf_add_byte(to, (char)(unsigned char)(tree->size >> shift));
    }
    for (unsigned height = TREE_HEIGHT; height-- > 0 && code == ERR_OK;) {
        if (tree->size >> height & 1) {
            code = buf_add(to, digest_str(&tree->peaks[height]));
        }
    }
    to->len = code == ERR_OK ? to->len : before;
    return code;
}

enum err tree_load(struct tree *tree, struct str saved)
{
    if (saved.len < 8) {
        return ERR_CORRUPT;
    }
    uint64_t size = 0;
    for (size_t i = 0; i < 8; i++) {
        size = size << 8 | (unsigned char)saved.at[i];
    }
    if (size > TREE_SIZE_MAX) {
        return ERR_RANGE;
    }
    if (saved.len != 8 + (size_t)__builtin_popcountll(size) * DIGEST_BYTES) {
        return ERR_CORRUPT;
    }
    tree_init(tree);
    tree->size = size;
    const char *at = saved.at + 8;
    for (unsigned height = TREE_HEIGHT; height-- > 0;) {
        if (size >> height & 1) {
            memcpy(tree->peaks[height].bytes, at, DIGEST_BYTES);
            at += DIGEST_BYTES;
        }
    }
    return ERR_OK;
}
