/* SPDX-License-Identifier: Apache-2.0
 * test_arena.c - memory that stays put, does not overlap, and is cleaned up newest first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/rng.h"
#include "base/wipe.h"

#include <string.h>

static void objects_are_aligned_distinct_and_stay_put(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static unsigned char *at[COUNT];
    static size_t len[COUNT];
    struct arena *arena = arena_new(512);
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < COUNT; i++) {
        len[i] = (size_t)rng_below(&rng, i % 50 == 0 ? 3000 : 60);
        at[i] = arena_alloc(arena, len[i]);
        assert_int_equal((uintptr_t)at[i] % 16, 0);
        memset(at[i], (int)(i % 251), len[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < len[i]; k++) {
            assert_int_equal(at[i][k], i % 251);
        }
    }
    arena_free(arena);
}

static void zeroed_memory_is_zero(void **state)
{
    (void)state;
    struct arena *arena = arena_new(256);
    for (size_t i = 0; i < 200; i++) {
        memset(arena_alloc(arena, 8), 0xFF, 8);
        unsigned char *at = arena_zero(arena, i);
        for (size_t k = 0; k < i; k++) {
            assert_int_equal(at[k], 0);
        }
    }
    uint32_t *numbers = arena_array_of(arena, uint32_t, 100);
    assert_int_equal(numbers[99], 0);
    arena_free(arena);
}

static void the_smallest_arena_serves_the_largest_request(void **state)
{
    (void)state;
    struct arena *arena = arena_new(256);
    char *large = arena_alloc(arena, 1 << 20);
    large[0] = 'a';
    large[(1 << 20) - 1] = 'z';
    assert_non_null(arena_alloc(arena, 0));
    arena_free(arena);
}

static void a_large_request_does_not_waste_the_current_block(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    char *before = arena_alloc(arena, 16);
    (void)arena_alloc(arena, 100000);
    char *after = arena_alloc(arena, 16);
    assert_true(after > before && after - before <= 64);
    arena_free(arena);
}

static void held_bytes_are_accounted(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    assert_int_equal(arena_bytes(arena), 1024);
    (void)arena_alloc(arena, 100);
    assert_int_equal(arena_bytes(arena), 1024);
    (void)arena_alloc(arena, 5000);
    assert_in_range(arena_bytes(arena), 6024, 6200);
    arena_free(arena);
}

static void copies_are_independent_and_terminated(void **state)
{
    (void)state;
    struct arena *arena = arena_new(256);
    char source[] = "a\0b";
    struct str copy = arena_str(arena, (struct str){source, 3});
    source[0] = 'x';
    assert_memory_equal(copy.at, "a\0b", 4);
    assert_string_equal(arena_cstr(arena, (struct str){NULL, 0}), "");
    arena_free(arena);
}

static void formatted_text_has_any_length(void **state)
{
    (void)state;
    struct arena *arena = arena_new(256);
    struct str text = arena_printf(arena, "%s-%d", "a", 42);
    assert_true(str_equal(text, STR("a-42")));
    text = arena_printf(arena, "%01000d", 7);
    assert_int_equal(text.len, 1000);
    assert_int_equal(text.at[1000], 0);
    assert_int_equal(arena_printf(arena, "%s", "").len, 0);
    arena_free(arena);
}

struct step {
    int *clock;
    int ran;
};

static void note(void *object)
{
    struct step *step = object;
    step->ran = ++*step->clock;
}

static void cleanups_run_once_newest_first(void **state)
{
    (void)state;
    int clock = 0;
    struct step steps[3] = {{&clock, 0}, {&clock, 0}, {&clock, 0}};
    struct arena *arena = arena_new(256);
    for (size_t i = 0; i < 3; i++) {
        arena_cleanup(arena, note, &steps[i]);
        (void)arena_alloc(arena, 300);
    }
    assert_int_equal(clock, 0);
    arena_free(arena);
    assert_int_equal(clock, 3);
    assert_int_equal(steps[0].ran, 3);
    assert_int_equal(steps[2].ran, 1);
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    arena_free(NULL);
}

static void a_pool_serves_again_what_came_back(void **state)
{
    (void)state;
    struct arena_pool *pool = arena_pool_new(1024, 2);
    struct arena *first = arena_new_in(pool);
    arena_free(first);
    struct arena *second = arena_new_in(pool);
    assert_ptr_equal(first, second);
    memset(arena_alloc(second, 500), 1, 500);
    memset(arena_alloc(second, 700), 1, 700);
    memset(arena_alloc(second, 5000), 1, 5000);
    arena_free(second);
    arena_pool_free(pool);
}

static void a_pool_outlives_its_end_for_its_arenas(void **state)
{
    (void)state;
    struct arena_pool *pool = arena_pool_new(1024, 1);
    struct arena *one = arena_new_in(pool);
    struct arena *two = arena_new_in(pool);
    arena_free(one);
    arena_pool_free(pool);
    memset(arena_alloc(two, 3000), 1, 3000);
    arena_free(two);
    arena_pool_free(NULL);
}

static void a_pool_keeps_nothing_of_what_came_back(void **state)
{
    (void)state;
    struct arena_pool *pool = arena_pool_new(1024, 8);
    wipe_begin();
    for (int round = 0; round < 3; round++) {
        struct arena *arena = arena_new_in(pool);
        for (int i = 0; i < 30; i++) {
            unsigned char *at = arena_alloc(arena, 100);
            for (size_t k = 0; k < 100 && round > 0; k++) {
                assert_int_equal(at[k], 0);
            }
            memset(at, 'x', 100);
        }
        arena_free(arena);
    }
    arena_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_aligned_distinct_and_stay_put),
        cmocka_unit_test(zeroed_memory_is_zero),
        cmocka_unit_test(the_smallest_arena_serves_the_largest_request),
        cmocka_unit_test(a_large_request_does_not_waste_the_current_block),
        cmocka_unit_test(held_bytes_are_accounted),
        cmocka_unit_test(copies_are_independent_and_terminated),
        cmocka_unit_test(formatted_text_has_any_length),
        cmocka_unit_test(cleanups_run_once_newest_first),
        cmocka_unit_test(freeing_nothing_is_fine),
        cmocka_unit_test(a_pool_serves_again_what_came_back),
        cmocka_unit_test(a_pool_keeps_nothing_of_what_came_back),
        cmocka_unit_test(a_pool_outlives_its_end_for_its_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
