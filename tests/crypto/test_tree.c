/* SPDX-License-Identifier: Apache-2.0
 * test_tree.c - appending: roots against published ones and against the definition, what goes into
 * tiles, the right edge over a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/tree_kit.h"

#include <stdio.h>
#include <stdlib.h>

static void shows(struct digest digest, const char *expected)
{
    char hex[2 * DIGEST_BYTES + 1];
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", digest.bytes[i]);
    }
    assert_string_equal(hex, expected);
}

static bool same(struct digest a, struct digest b)
{
    return digest_equal(&a, &b);
}

/* The leaves and roots that implementations of Certificate Transparency are tested with. */
static const struct {
    const char leaf[16];
    size_t len;
    const char *root;
} known[] = {
    {"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"\x50\x51\x52\x53\x54\x55\x56\x57", 8,
     "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}};

static void roots_are_the_published_ones(void **state)
{
    (void)state;
    struct tree tree;
    struct tree_hash stored[TREE_LEVELS];
    tree_init(&tree);
    shows(tree_head(&tree).root,
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct digest leaf = tree_leaf((struct str){known[i].leaf, known[i].len});
        assert_int_equal(tree_append(&tree, &leaf, stored), 1);
        assert_int_equal(tree_head(&tree).size, i + 1);
        shows(tree_head(&tree).root, known[i].root);
    }
}

static void roots_are_as_defined_for_all_sizes(void **state)
{
    (void)state;
    struct plain_tree *plain = plain_new();
    struct tree tree;
    struct tree_hash stored[TREE_LEVELS];
    tree_init(&tree);
    for (size_t size = 1; size <= PLAIN_MAX; size++) {
        (void)tree_append(&tree, &plain->leaves[size - 1], stored);
        assert_true(same(tree_head(&tree).root, plain_root(plain, 0, size)));
    }
    plain_free(plain);
}

/* C2SP tlog-tiles: a tree of 70,000 has 273 whole tiles of level 0 and 112 hashes more, one of
 * level 1 and 17, and 1 hash of level 2. */
static void tiles_get_their_hashes_in_order(void **state)
{
    (void)state;
    struct tree tree;
    struct tiles_kept tiles; /* refuses what is out of order */
    tree_init(&tree);
    tiles_kept_init(&tiles);
    for (unsigned i = 0; i < 70000; i++) {
        struct digest leaf = tree_leaf((struct str){(const char *)&i, sizeof i});
        struct tree_hash stored[TREE_LEVELS];
        size_t count = tree_append(&tree, &leaf, stored);
        assert_int_equal(count, 1 + ((i + 1) % 256 == 0) + ((i + 1) % 65536 == 0));
        tiles_keep(&tiles, stored, count);
    }
    assert_int_equal(tiles.levels[0].len / DIGEST_BYTES, 273 * 256 + 112);
    assert_int_equal(tiles.levels[1].len / DIGEST_BYTES, 256 + 17);
    assert_int_equal(tiles.levels[2].len / DIGEST_BYTES, 1);
    assert_int_equal(tiles.levels[3].len, 0);
    tiles_kept_end(&tiles);
}

static void the_right_edge_survives_a_restart(void **state)
{
    (void)state;
    struct plain_tree *plain = plain_new();
    struct tree tree;
    struct tree_hash stored[TREE_LEVELS];
    struct tree_hash again[TREE_LEVELS];
    struct buf saved;
    buf_init(&saved, TREE_SAVED_MAX);
    tree_init(&tree);
    for (size_t size = 1; size <= PLAIN_MAX; size++) {
        struct tree loaded;
        buf_clear(&saved);
        assert_int_equal(tree_save(&tree, &saved), ERR_OK);
        assert_int_equal(tree_load(&loaded, buf_str(&saved)), ERR_OK);
        size_t count = tree_append(&tree, &plain->leaves[size - 1], stored);
        assert_int_equal(tree_append(&loaded, &plain->leaves[size - 1], again), count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(again[i].level, stored[i].level);
            assert_int_equal(again[i].index, stored[i].index);
            assert_true(same(again[i].hash, stored[i].hash));
        }
        assert_int_equal(tree_head(&loaded).size, size);
        assert_true(same(tree_head(&loaded).root, tree_head(&tree).root));
    }
    buf_end(&saved);
    plain_free(plain);
}

static void a_damaged_edge_is_refused(void **state)
{
    (void)state;
    struct tree tree;
    struct tree_hash stored[TREE_LEVELS];
    struct buf saved;
    buf_init(&saved, TREE_SAVED_MAX);
    tree_init(&tree);
    for (unsigned i = 0; i < 7; i++) {
        struct digest leaf = tree_leaf((struct str){(const char *)&i, sizeof i});
        (void)tree_append(&tree, &leaf, stored);
    }
    assert_int_equal(tree_save(&tree, &saved), ERR_OK);
    assert_int_equal(saved.len, 8 + 3 * DIGEST_BYTES);
    for (size_t len = 0; len < saved.len; len++) {
        assert_int_equal(tree_load(&tree, str_cut(buf_str(&saved), 0, len)), ERR_CORRUPT);
    }
    saved.at[7] = 8; /* one peak, not three */
    assert_int_equal(tree_load(&tree, buf_str(&saved)), ERR_CORRUPT);
    saved.at[0] = 0x50;
    assert_int_equal(tree_load(&tree, buf_str(&saved)), ERR_RANGE);
    assert_int_equal(tree.size, 7);
    buf_end(&saved);
}

/* A buf without room is left as it was. */
static void saving_needs_room(void **state)
{
    (void)state;
    struct tree tree;
    struct tree_hash stored[TREE_LEVELS];
    struct digest leaf = tree_leaf(STR("x"));
    struct buf saved;
    buf_init(&saved, 8 + DIGEST_BYTES - 1);
    tree_init(&tree);
    (void)tree_append(&tree, &leaf, stored);
    assert_int_equal(tree_save(&tree, &saved), ERR_LIMIT);
    assert_int_equal(saved.len, 0);
    buf_end(&saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_the_published_ones),
        cmocka_unit_test(roots_are_as_defined_for_all_sizes),
        cmocka_unit_test(tiles_get_their_hashes_in_order),
        cmocka_unit_test(the_right_edge_survives_a_restart),
        cmocka_unit_test(a_damaged_edge_is_refused),
        cmocka_unit_test(saving_needs_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
