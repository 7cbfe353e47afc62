/* SPDX-License-Identifier: Apache-2.0
 * test_registry.c - what outlives configurations is found again by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/registry.h"

#include <stdio.h>
#include <string.h>

static const struct breaker_options options = {2, 1, 1, 60000};

static void test_a_name_has_one_state_of_each_kind(void **state)
{
    struct registry *registry = registry_new();
    struct target_state *a;
    struct target_state *b;
    struct target_state *other;
    struct provider_state *provider;
    struct route_state *route;
    struct route_state *again;
    (void)state;
    assert_int_equal(registry_target(registry, STR("x"), &options, &a), ERR_OK);
    assert_int_equal(registry_target(registry, STR("x"), &options, &b), ERR_OK);
    assert_int_equal(registry_target(registry, STR("y"), &options, &other), ERR_OK);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, other);
    assert_true(str_equal(a->name, STR("x")));
    assert_int_equal(registry_provider(registry, STR("x"), &provider), ERR_OK);
    assert_int_equal(registry_route(registry, STR("x"), 0.2, &route), ERR_OK);
    assert_int_equal(registry_route(registry, STR("x"), 0.5, &again), ERR_OK);
    assert_ptr_equal(route, again);
    registry_free(registry);
}

static void test_a_name_is_kept_by_value(void **state)
{
    struct registry *registry = registry_new();
    struct target_state *a;
    struct target_state *b;
    char name[] = "abc";
    (void)state;
    assert_int_equal(registry_target(registry, str_of(name), &options, &a), ERR_OK);
    name[0] = 'z';
    assert_int_equal(registry_target(registry, STR("abc"), &options, &b), ERR_OK);
    assert_ptr_equal(a, b);
    registry_free(registry);
}

static void test_new_breaker_settings_hold_and_the_state_stays(void **state)
{
    const struct breaker_options patient = {5, 1, 1, 60000};
    struct registry *registry = registry_new();
    struct instant now = {NS_PER_S};
    struct target_state *target;
    struct breaker_ticket ticket;
    struct breaker_view view;
    (void)state;
    assert_int_equal(registry_target(registry, STR("t"), &options, &target), ERR_OK);
    for (int i = 0; i < 2; i++) {
        assert_true(breaker_admit(target->breaker, now, &ticket, NULL));
        breaker_settle(target->breaker, now, ticket, BREAKER_FAILURE, NULL);
    }
    assert_int_equal(registry_target(registry, STR("t"), &patient, &target), ERR_OK);
    breaker_look(target->breaker, now, &view);
    assert_int_equal(view.state, BREAKER_OPEN);
    assert_int_equal(registry_target(registry, STR("u"), &options, &target), ERR_OK);
    assert_int_equal(registry_target(registry, STR("u"), &patient, &target), ERR_OK);
    for (int i = 0; i < 4; i++) {
        assert_true(breaker_admit(target->breaker, now, &ticket, NULL));
        breaker_settle(target->breaker, now, ticket, BREAKER_FAILURE, NULL);
    }
    breaker_look(target->breaker, now, &view);
    assert_int_equal(view.state, BREAKER_CLOSED);
    registry_free(registry);
}

static void test_there_are_at_most_so_many_names(void **state)
{
    struct registry *registry = registry_new();
    struct provider_state *provider;
    char name[32];
    (void)state;
    for (int i = 0; i < REGISTRY_MAX; i++) {
        (void)snprintf(name, sizeof name, "p%d", i);
        assert_int_equal(registry_provider(registry, str_of(name), &provider), ERR_OK);
    }
    assert_int_equal(registry_provider(registry, STR("one-more"), &provider), ERR_LIMIT);
    assert_int_equal(registry_provider(registry, STR("p7"), &provider), ERR_OK);
    registry_free(registry);
}

static void test_the_last_error_is_kept_as_far_as_there_is_room(void **state)
{
    struct registry *registry = registry_new();
    struct target_state *target;
    char words[500];
    (void)state;
    memset(words, 'w', sizeof words);
    assert_int_equal(registry_target(registry, STR("t"), &options, &target), ERR_OK);
    target_state_failed(target, (struct wall){7}, (struct str){words, sizeof words});
    assert_int_equal(strlen(target->last_error), sizeof target->last_error - 1);
    assert_int_equal(target->last_error_at.us, 7);
    target_state_failed(target, (struct wall){8}, STR("short"));
    assert_string_equal(target->last_error, "short");
    registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_has_one_state_of_each_kind),
        cmocka_unit_test(test_a_name_is_kept_by_value),
        cmocka_unit_test(test_new_breaker_settings_hold_and_the_state_stays),
        cmocka_unit_test(test_there_are_at_most_so_many_names),
        cmocka_unit_test(test_the_last_error_is_kept_as_far_as_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
