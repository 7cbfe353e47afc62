/* SPDX-License-Identifier: Apache-2.0
 * test_tree_proof.c - proofs of every leaf and of every pair of sizes, against the definition; what
 * is changed in any byte does not check; the largest trees.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/rng.h"
#include "support/tree_kit.h"

#include <string.h>

/* A tree of PLAIN_MAX leaves, plain and in tiles. */
struct rig {
    struct plain_tree *plain;
    struct tiles_kept tiles;
    struct tree_source source;
};
static struct rig rig;

static int rig_make(void **state)
{
    (void)state;
    struct tree tree;
    tree_init(&tree);
    rig.plain = plain_new();
    tiles_kept_init(&rig.tiles);
    for (size_t i = 0; i < PLAIN_MAX; i++) {
        struct tree_hash stored[TREE_LEVELS];
        size_t count = tree_append(&tree, &rig.plain->leaves[i], stored);
        tiles_keep(&rig.tiles, stored, count);
    }
    rig.source = tiles_source(&rig.tiles);
    return 0;
}

static int rig_drop(void **state)
{
    (void)state;
    plain_free(rig.plain);
    tiles_kept_end(&rig.tiles);
    return 0;
}

static struct tree_head head_of(size_t size)
{
    return (struct tree_head){size, plain_root(rig.plain, 0, size)};
}

static void assert_same_proof(const struct tree_proof *a, const struct tree_proof *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->hashes, b->hashes, a->count * sizeof a->hashes[0]);
}

static void every_leaf_of_every_size_is_proved(void **state)
{
    (void)state;
    for (size_t size = 1; size <= PLAIN_MAX; size++) {
        struct tree_head head = head_of(size);
        rig.tiles.shown = size; /* partial tiles are as wide as that tree has them */
        for (size_t index = 0; index < size; index++) {
            struct tree_proof proof;
            struct tree_proof expected;
            assert_int_equal(tree_prove_inclusion(index, size, &rig.source, &proof), ERR_OK);
            plain_inclusion(rig.plain, index, size, &expected);
            assert_same_proof(&proof, &expected);
            assert_int_equal(
                tree_check_inclusion(&proof, index, &rig.plain->leaves[index], &head, NULL),
                ERR_OK);
        }
    }
    rig.tiles.shown = 0;
}

static void every_pair_of_sizes_is_proved(void **state)
{
    (void)state;
    for (size_t second = 0; second <= PLAIN_MAX; second++) {
        struct tree_head new = head_of(second);
        rig.tiles.shown = second;
        for (size_t first = 0; first <= second; first++) {
            struct tree_head old = head_of(first);
            struct tree_proof proof;
            struct tree_proof expected;
            assert_int_equal(tree_prove_consistency(first, second, &rig.source, &proof), ERR_OK);
            plain_consistency(rig.plain, first, second, &expected);
            assert_same_proof(&proof, &expected);
            assert_int_equal(tree_check_consistency(&proof, &old, &new, NULL), ERR_OK);
        }
    }
    rig.tiles.shown = 0;
}

/* Wider tiles than a size needs change nothing: a tile may have grown since. */
static void old_roots_come_from_grown_tiles(void **state)
{
    (void)state;
    for (size_t size = 0; size <= PLAIN_MAX; size++) {
        struct digest root;
        struct digest expected = plain_root(rig.plain, 0, size);
        assert_int_equal(tree_root(size, &rig.source, &root), ERR_OK);
        assert_true(digest_equal(&root, &expected));
    }
}

static const size_t sizes[] = {1, 2, 3, 5, 6, 7, 8, 21, 64, 65, 255, 256, 257, 300};
#define SIZES (sizeof sizes / sizeof sizes[0])

static void flip(uint8_t *byte)
{
    *byte = (uint8_t)(*byte ^ 0x10U);
}

static void no_byte_of_an_inclusion_can_change(void **state)
{
    (void)state;
    struct tree_proof proof;
    for (size_t s = 0; s < SIZES; s++) {
        struct tree_head head = head_of(sizes[s]);
        for (size_t index = 0; index < sizes[s]; index += 1 + sizes[s] / 11) {
            struct digest leaf = rig.plain->leaves[index];
            plain_inclusion(rig.plain, index, sizes[s], &proof);
            for (size_t i = 0; i < proof.count * DIGEST_BYTES; i++) {
                uint8_t *byte = &proof.hashes[i / DIGEST_BYTES].bytes[i % DIGEST_BYTES];
                flip(byte);
                assert_int_equal(tree_check_inclusion(&proof, index, &leaf, &head, NULL),
                                 ERR_INVALID);
                flip(byte);
            }
            for (size_t i = 0; i < DIGEST_BYTES; i++) {
                flip(&leaf.bytes[i]);
                assert_int_equal(tree_check_inclusion(&proof, index, &leaf, &head, NULL),
                                 ERR_INVALID);
                flip(&leaf.bytes[i]);
                flip(&head.root.bytes[i]);
                assert_int_equal(tree_check_inclusion(&proof, index, &leaf, &head, NULL),
                                 ERR_INVALID);
                flip(&head.root.bytes[i]);
            }
        }
    }
}

static void no_byte_of_a_consistency_can_change(void **state)
{
    (void)state;
    struct tree_proof proof;
    for (size_t s = 0; s < SIZES; s++) {
        struct tree_head new = head_of(sizes[s]);
        for (size_t first = 1; first < sizes[s]; first += 1 + sizes[s] / 11) {
            struct tree_head old = head_of(first);
            plain_consistency(rig.plain, first, sizes[s], &proof);
            for (size_t i = 0; i < proof.count * DIGEST_BYTES; i++) {
                uint8_t *byte = &proof.hashes[i / DIGEST_BYTES].bytes[i % DIGEST_BYTES];
                flip(byte);
                assert_int_equal(tree_check_consistency(&proof, &old, &new, NULL), ERR_INVALID);
                flip(byte);
            }
            for (size_t i = 0; i < DIGEST_BYTES; i++) {
                flip(&old.root.bytes[i]);
                assert_int_equal(tree_check_consistency(&proof, &old, &new, NULL), ERR_INVALID);
                flip(&old.root.bytes[i]);
                flip(&new.root.bytes[i]);
                assert_int_equal(tree_check_consistency(&proof, &old, &new, NULL), ERR_INVALID);
                flip(&new.root.bytes[i]);
            }
        }
    }
}

static void a_proof_has_exactly_its_length(void **state)
{
    (void)state;
    struct tree_proof proof;
    for (size_t s = 0; s < SIZES; s++) {
        struct tree_head head = head_of(sizes[s]);
        for (size_t other = 0; other < sizes[s]; other++) {
            struct tree_head old = head_of(other);
            plain_inclusion(rig.plain, other, sizes[s], &proof);
            size_t count = proof.count;
            for (proof.count = 0; proof.count <= TREE_PROOF_MAX + 1; proof.count++) {
                enum err expected = proof.count == count ? ERR_OK : ERR_SYNTAX;
                assert_int_equal(
                    tree_check_inclusion(&proof, other, &rig.plain->leaves[other], &head, NULL),
                    expected);
            }
            memset(&proof, 0, sizeof proof);
            plain_consistency(rig.plain, other, sizes[s], &proof);
            count = proof.count;
            for (proof.count = 0; proof.count <= TREE_PROOF_MAX + 1; proof.count++) {
                enum err expected = proof.count == count ? ERR_OK : ERR_SYNTAX;
                assert_int_equal(tree_check_consistency(&proof, &old, &head, NULL), expected);
            }
        }
    }
}

static void another_place_does_not_check(void **state)
{
    (void)state;
    struct tree_head head = head_of(21);
    struct tree_proof proof;
    for (size_t index = 0; index < 21; index++) {
        plain_inclusion(rig.plain, index, 21, &proof);
        for (size_t other = 0; other < 21; other++) {
            enum err code = tree_check_inclusion(&proof, other, &rig.plain->leaves[index], &head,
                                                 NULL);
            assert_true((code == ERR_OK) == (other == index));
        }
    }
}

static void what_cannot_be_is_out_of_range(void **state)
{
    (void)state;
    struct tree_proof proof = {.count = 0};
    struct tree_head head = head_of(5);
    struct tree_head large = {TREE_SIZE_MAX + 1, head.root};
    struct digest root;
    struct fault why;
    assert_int_equal(tree_prove_inclusion(5, 5, &rig.source, &proof), ERR_RANGE);
    assert_int_equal(tree_prove_inclusion(0, 0, &rig.source, &proof), ERR_RANGE);
    assert_int_equal(tree_prove_inclusion(0, large.size, &rig.source, &proof), ERR_RANGE);
    assert_int_equal(tree_prove_consistency(6, 5, &rig.source, &proof), ERR_RANGE);
    assert_int_equal(tree_prove_consistency(6, large.size, &rig.source, &proof), ERR_RANGE);
    assert_int_equal(tree_root(large.size, &rig.source, &root), ERR_RANGE);
    assert_int_equal(tree_check_inclusion(&proof, 5, &root, &head, &why), ERR_RANGE);
    assert_string_equal(why.words, "a tree of 5 leaves has no leaf 5");
    assert_int_equal(tree_check_inclusion(&proof, 5, &root, &large, &why), ERR_RANGE);
    assert_int_equal(tree_check_consistency(&proof, &large, &head, &why), ERR_RANGE);
    assert_int_equal(tree_check_consistency(&proof, &head, &large, &why), ERR_RANGE);
}

static void forks_and_wrong_beginnings_are_named(void **state)
{
    (void)state;
    struct tree_proof proof = {.count = 0};
    struct tree_head a = head_of(5);
    struct tree_head b = {5, head_of(6).root};
    struct tree_head empty = {0, head_of(5).root};
    struct fault why;
    assert_int_equal(tree_check_consistency(&proof, &a, &b, &why), ERR_INVALID);
    assert_string_equal(why.words, "two roots for one size, 5: the history is forked");
    assert_int_equal(tree_check_consistency(&proof, &empty, &a, &why), ERR_INVALID);
    assert_string_equal(why.words, "the root of the empty tree is another");
    struct tree_head old = {3, head_of(4).root};
    plain_consistency(rig.plain, 3, 5, &proof);
    assert_int_equal(tree_check_consistency(&proof, &old, &a, &why), ERR_INVALID);
    assert_string_equal(why.words, "the proof leads to another root of 3 leaves");
    old = head_of(3);
    assert_int_equal(tree_check_consistency(&proof, &old, &b, &why), ERR_INVALID);
    assert_string_equal(why.words, "the proof leads to another root of 5 leaves");
}

static void a_source_may_fail(void **state)
{
    (void)state;
    struct tree_proof proof;
    struct digest root;
    rig.tiles.fail = ERR_IO;
    assert_int_equal(tree_prove_inclusion(3, 300, &rig.source, &proof), ERR_IO);
    rig.tiles.fail = ERR_OK;
    for (rig.tiles.short_by = 1; rig.tiles.short_by <= DIGEST_BYTES; rig.tiles.short_by++) {
        assert_int_equal(tree_prove_inclusion(0, 300, &rig.source, &proof), ERR_CORRUPT);
        assert_int_equal(tree_prove_consistency(7, 300, &rig.source, &proof), ERR_CORRUPT);
        assert_int_equal(tree_root(300, &rig.source, &root), ERR_CORRUPT);
    }
    rig.tiles.short_by = 0;
}

static enum err read_too_much(void *of, unsigned level, uint64_t tile, struct buf *hashes)
{
    (void)of;
    (void)level;
    (void)tile;
    struct digest hash = {{0}};
    for (int i = 0; i < TREE_TILE; i++) {
        must(buf_add(hashes, digest_str(&hash)) == ERR_OK);
    }
    return buf_add_byte(hashes, 'x');
}

static void a_tile_is_no_longer_than_a_tile(void **state)
{
    (void)state;
    struct tree_proof proof;
    struct tree_source source = {NULL, read_too_much};
    assert_int_equal(tree_prove_inclusion(0, 2, &source, &proof), ERR_CORRUPT);
}

/* ---- trees as large as they may be: all leaves alike, so that every hash is known ---- */

static struct digest alike[TREE_HEIGHT]; /* roots of 2^h leaves */

static enum err read_alike(void *of, unsigned level, uint64_t tile, struct buf *hashes)
{
    (void)of;
    (void)tile;
    for (int i = 0; i < TREE_TILE; i++) {
        must(buf_add(hashes, digest_str(&alike[8 * level])) == ERR_OK);
    }
    return ERR_OK;
}

static struct tree tree_alike(uint64_t size)
{
    struct tree tree;
    tree_init(&tree);
    tree.size = size;
    memcpy(tree.peaks, alike, sizeof tree.peaks);
    return tree;
}

static void the_largest_trees_are_proved(void **state)
{
    (void)state;
    struct tree_source source = {NULL, read_alike};
    struct rng rng;
    rng_seed(&rng, 9162);
    alike[0] = tree_leaf(STR("x"));
    for (size_t h = 1; h < TREE_HEIGHT; h++) {
        alike[h] = tree_node(&alike[h - 1], &alike[h - 1]);
    }
    const uint64_t large[] = {TREE_SIZE_MAX, TREE_SIZE_MAX - 1, (TREE_SIZE_MAX >> 1) + 1,
                              UINT64_C(1) << 33, UINT64_C(0x123456789abcdef)};
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        struct tree tree = tree_alike(large[i]);
        struct tree_head head = tree_head(&tree);
        struct digest root;
        assert_int_equal(tree_root(large[i], &source, &root), ERR_OK);
        assert_true(digest_equal(&root, &head.root));
        for (int n = 0; n < 20; n++) {
            struct tree_proof proof;
            uint64_t index = n == 0 ? large[i] - 1 : rng_below(&rng, large[i]);
            struct tree before = tree_alike(index);
            struct tree_head old = tree_head(&before);
            assert_int_equal(tree_prove_inclusion(index, large[i], &source, &proof), ERR_OK);
            assert_int_equal(tree_check_inclusion(&proof, index, &alike[0], &head, NULL), ERR_OK);
            assert_int_equal(tree_prove_consistency(index, large[i], &source, &proof), ERR_OK);
            assert_int_equal(tree_check_consistency(&proof, &old, &head, NULL), ERR_OK);
        }
    }
}

static void an_append_fills_tiles_of_all_levels(void **state)
{
    (void)state;
    struct tree tree = tree_alike((UINT64_C(1) << 56) - 1);
    struct tree_hash stored[TREE_LEVELS];
    assert_int_equal(tree_append(&tree, &alike[0], stored), TREE_LEVELS);
    for (unsigned level = 0; level < TREE_LEVELS; level++) {
        assert_int_equal(stored[level].level, level);
        assert_int_equal(stored[level].index, (UINT64_C(1) << (56 - 8 * level)) - 1);
        assert_true(digest_equal(&stored[level].hash, &alike[8 * level]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_leaf_of_every_size_is_proved),
        cmocka_unit_test(every_pair_of_sizes_is_proved),
        cmocka_unit_test(old_roots_come_from_grown_tiles),
        cmocka_unit_test(no_byte_of_an_inclusion_can_change),
        cmocka_unit_test(no_byte_of_a_consistency_can_change),
        cmocka_unit_test(a_proof_has_exactly_its_length),
        cmocka_unit_test(another_place_does_not_check),
        cmocka_unit_test(what_cannot_be_is_out_of_range),
        cmocka_unit_test(forks_and_wrong_beginnings_are_named),
        cmocka_unit_test(a_source_may_fail),
        cmocka_unit_test(a_tile_is_no_longer_than_a_tile),
        cmocka_unit_test(the_largest_trees_are_proved),
        cmocka_unit_test(an_append_fills_tiles_of_all_levels),
    };
    return cmocka_run_group_tests(tests, rig_make, rig_drop);
}
