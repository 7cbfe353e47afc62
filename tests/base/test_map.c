/* SPDX-License-Identifier: Apache-2.0
 * test_map.c - the hash against its published vectors, the map against a plain array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/rng.h"

#include <stdio.h>
#include <string.h>

static const uint64_t seed[2] = {1, 2};

/* Vectors of the reference implementation: key 00..0f, input 00..n-1 (Aumasson and Bernstein 2012,
 * appendix A gives n = 15). */
static void siphash_gives_the_published_values(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
        {7, UINT64_C(0xab0200f58b01d137)},  {8, UINT64_C(0x93f5f5799a932462)},
        {15, UINT64_C(0xa129ca6149be45e5)}, {63, UINT64_C(0x958a324ceb064572)},
    };
    const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    char input[64];
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (char)i;
    }
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        assert_true(siphash(key, (struct str){input, vectors[i].len}) == vectors[i].hash);
    }
    assert_true(siphash(key, (struct str){NULL, 0}) == vectors[0].hash);
}

static void what_was_put_is_found_and_nothing_else(void **state)
{
    (void)state;
    struct map *map = map_new(seed, 10);
    int a = 0;
    int b = 0;
    assert_null(map_get(map, STR("a")));
    assert_int_equal(map_put(map, STR("a"), &a), ERR_OK);
    assert_int_equal(map_put(map, STR(""), &b), ERR_OK);
    assert_ptr_equal(map_get(map, STR("a")), &a);
    assert_ptr_equal(map_get(map, (struct str){NULL, 0}), &b);
    assert_null(map_get(map, STR("a\0")));
    assert_null(map_get(map, STR("A")));
    assert_int_equal(map_count(map), 2);
    map_free(map);
}

static void keys_are_copied(void **state)
{
    (void)state;
    struct map *map = map_new(seed, 10);
    char key[] = "key";
    assert_int_equal(map_put(map, str_of(key), key), ERR_OK);
    key[0] = 'x';
    assert_non_null(map_get(map, STR("key")));
    assert_null(map_get(map, STR("xey")));
    map_free(map);
}

static void the_limit_counts_entries_not_puts(void **state)
{
    (void)state;
    struct map *map = map_new(seed, 2);
    int a = 0;
    int b = 0;
    assert_int_equal(map_put(map, STR("1"), &a), ERR_OK);
    assert_int_equal(map_put(map, STR("2"), &a), ERR_OK);
    assert_int_equal(map_put(map, STR("3"), &a), ERR_LIMIT);
    assert_int_equal(map_put(map, STR("2"), &b), ERR_OK);
    assert_ptr_equal(map_get(map, STR("2")), &b);
    assert_ptr_equal(map_remove(map, STR("1")), &a);
    assert_null(map_remove(map, STR("1")));
    assert_int_equal(map_put(map, STR("3"), &a), ERR_OK);
    assert_int_equal(map_count(map), 2);
    map_free(map);
    map = map_new(seed, 0);
    assert_int_equal(map_put(map, STR("1"), &a), ERR_LIMIT);
    map_free(map);
}

static struct str key_of(size_t number, char room[24])
{
    int len = snprintf(room, 24, "key-%zu", number);
    return (struct str){room, (size_t)len};
}

static void any_sequence_of_changes_matches_a_plain_array(void **state)
{
    (void)state;
    enum { KEYS = 700 };
    static int values[KEYS];
    bool present[KEYS] = {false};
    size_t count = 0;
    struct map *map = map_new(seed, KEYS);
    struct rng rng;
    rng_seed(&rng, 5);
    for (int round = 0; round < 100000; round++) {
        /* The working set drifts from small to large and back: growth, marks and sweeps. */
        size_t span = 1 + (size_t)(round / 100) % KEYS;
        size_t i = (size_t)rng_below(&rng, span);
        char room[24];
        struct str key = key_of(i, room);
        assert_ptr_equal(map_get(map, key), present[i] ? &values[i] : NULL);
        if (rng_below(&rng, 2) == 0) {
            assert_int_equal(map_put(map, key, &values[i]), ERR_OK);
            count += !present[i];
            present[i] = true;
        } else {
            assert_ptr_equal(map_remove(map, key), present[i] ? &values[i] : NULL);
            count -= present[i];
            present[i] = false;
        }
        assert_int_equal(map_count(map), count);
    }
    map_free(map);
}

static void churn_at_constant_size_ends_every_search(void **state)
{
    (void)state;
    struct map *map = map_new(seed, 8);
    int value = 0;
    char room[24];
    for (size_t i = 0; i < 50000; i++) {
        assert_int_equal(map_put(map, key_of(i, room), &value), ERR_OK);
        if (i >= 7) {
            assert_non_null(map_remove(map, key_of(i - 7, room)));
        }
        assert_null(map_get(map, STR("absent")));
    }
    map_free(map);
}

static void a_walk_visits_every_entry_once_and_may_remove(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static int seen[COUNT];
    struct map *map = map_new(seed, COUNT);
    char room[24];
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(map_put(map, key_of(i, room), &seen[i]), ERR_OK);
    }
    size_t at = 0;
    struct str key;
    void *value = NULL;
    while (map_next(map, &at, &key, &value)) {
        int *mark = value;
        assert_true(str_equal(key, key_of((size_t)(mark - seen), room)));
        ++*mark;
        if ((mark - seen) % 3 == 0) {
            assert_ptr_equal(map_remove(map, key), mark);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(seen[i], 1);
        assert_int_equal(map_get(map, key_of(i, room)) == NULL, i % 3 == 0);
    }
    map_free(map);
}

static void an_empty_map_walks_nowhere_and_freeing_nothing_is_fine(void **state)
{
    (void)state;
    struct map *map = map_new(seed, 1);
    size_t at = 0;
    struct str key;
    void *value = NULL;
    assert_false(map_next(map, &at, &key, &value));
    assert_null(map_remove(map, STR("a")));
    map_free(map);
    map_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_published_values),
        cmocka_unit_test(what_was_put_is_found_and_nothing_else),
        cmocka_unit_test(keys_are_copied),
        cmocka_unit_test(the_limit_counts_entries_not_puts),
        cmocka_unit_test(any_sequence_of_changes_matches_a_plain_array),
        cmocka_unit_test(churn_at_constant_size_ends_every_search),
        cmocka_unit_test(a_walk_visits_every_entry_once_and_may_remove),
        cmocka_unit_test(an_empty_map_walks_nowhere_and_freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
