/* SPDX-License-Identifier: Apache-2.0
 * test_stops.c - what is stopped stays stopped, over a restart too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operations/stops.h"

#include <stdio.h>

static void nothing_is_stopped_at_first(void **state)
{
    (void)state;
    struct stops *stops = stops_new();
    assert_false(stops_has(stops, STOP_AGENT, STR("refund-agent")));
    assert_false(stops_has(stops, STOP_ROUTE, STR("support")));
    stops_free(stops);
}

static void agents_and_routes_are_apart(void **state)
{
    (void)state;
    struct stops *stops = stops_new();
    assert_int_equal(stops_set(stops, STOP_AGENT, STR("a"), true), ERR_OK);
    assert_true(stops_has(stops, STOP_AGENT, STR("a")));
    assert_false(stops_has(stops, STOP_ROUTE, STR("a")));
    assert_false(stops_has(stops, STOP_AGENT, STR("b")));
    stops_free(stops);
}

static void repeating_is_harmless(void **state)
{
    (void)state;
    struct stops *stops = stops_new();
    assert_int_equal(stops_set(stops, STOP_ROUTE, STR("r"), false), ERR_OK);
    assert_int_equal(stops_set(stops, STOP_ROUTE, STR("r"), true), ERR_OK);
    assert_int_equal(stops_set(stops, STOP_ROUTE, STR("r"), true), ERR_OK);
    assert_int_equal(stops_set(stops, STOP_ROUTE, STR("r"), false), ERR_OK);
    assert_false(stops_has(stops, STOP_ROUTE, STR("r")));
    stops_free(stops);
}

static void senseless_names_are_refused(void **state)
{
    (void)state;
    struct stops *stops = stops_new();
    assert_int_equal(stops_set(stops, STOP_AGENT, STR(""), true), ERR_INVALID);
    assert_int_equal(stops_set(stops, STOP_AGENT, STR("a b"), true), ERR_INVALID);
    stops_free(stops);
}

static struct str numbered(char room[32], unsigned i)
{
    (void)snprintf(room, 32, "agent-%u", i);
    return str_of(room);
}

static void there_is_a_most(void **state)
{
    (void)state;
    struct stops *stops = stops_new();
    char room[32];
    for (unsigned i = 0; i < STOPS_MAX; i++) {
        enum stop_kind kind = i % 2 == 0 ? STOP_AGENT : STOP_ROUTE;
        assert_int_equal(stops_set(stops, kind, numbered(room, i), true), ERR_OK);
    }
    assert_int_equal(stops_set(stops, STOP_ROUTE, STR("one-more"), true), ERR_LIMIT);
    assert_int_equal(stops_set(stops, STOP_AGENT, numbered(room, 0), false), ERR_OK);
    assert_int_equal(stops_set(stops, STOP_ROUTE, STR("one-more"), true), ERR_OK);
    stops_free(stops);
}

struct listing {
    struct stops *stops;
    unsigned agents;
    unsigned routes;
};

static void start_it_again(void *object, enum stop_kind kind, struct str name)
{
    struct listing *listing = object;
    listing->agents += kind == STOP_AGENT;
    listing->routes += kind == STOP_ROUTE;
    assert_int_equal(stops_set(listing->stops, kind, name, false), ERR_OK);
}

static void each_may_change_what_it_lists(void **state)
{
    (void)state;
    struct stops *stops = stops_new();
    struct listing listing = {.stops = stops};
    assert_int_equal(stops_set(stops, STOP_AGENT, STR("a"), true), ERR_OK);
    assert_int_equal(stops_set(stops, STOP_AGENT, STR("b"), true), ERR_OK);
    assert_int_equal(stops_set(stops, STOP_ROUTE, STR("r"), true), ERR_OK);
    stops_each(stops, start_it_again, &listing);
    assert_int_equal(listing.agents, 2);
    assert_int_equal(listing.routes, 1);
    assert_false(stops_has(stops, STOP_AGENT, STR("a")));
    stops_free(stops);
}

static enum err try_stop(struct store *store, enum stop_kind kind, const char *name, bool stopped)
{
    struct arena *arena = arena_new(1024);
    struct stop stop = {kind, str_of(name), stopped, STR("ann"), STR("refunds run wild")};
    struct store_unit unit;
    stops_unit(&stop, (struct wall){1}, arena, &unit);
    enum err err = store_write_now(store, &unit);
    arena_free(arena);
    return err;
}

static void write_stop(struct store *store, enum stop_kind kind, const char *name, bool stopped)
{
    assert_int_equal(try_stop(store, kind, name, stopped), ERR_OK);
}

static void the_store_remembers(void **state)
{
    (void)state;
    struct store *store = NULL;
    struct store_options options = {
        .location = STR("memory:"), .schemas = &stops_schema, .schema_count = 1};
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    write_stop(store, STOP_AGENT, "a", true);
    write_stop(store, STOP_AGENT, "a", true);
    write_stop(store, STOP_ROUTE, "r", true);
    write_stop(store, STOP_ROUTE, "gone", true);
    write_stop(store, STOP_ROUTE, "gone", false);
    write_stop(store, STOP_ROUTE, "never", false);
    struct stops *stops = stops_new();
    assert_int_equal(stops_load(stops, store), ERR_OK);
    assert_true(stops_has(stops, STOP_AGENT, STR("a")));
    assert_true(stops_has(stops, STOP_ROUTE, STR("r")));
    assert_false(stops_has(stops, STOP_ROUTE, STR("gone")));
    assert_false(stops_has(stops, STOP_ROUTE, STR("never")));
    stops_free(stops);
    store_close(store);
}

/* What is durable can be loaded again. */
static void the_store_takes_no_more_than_fits(void **state)
{
    (void)state;
    static const struct statement fill = {
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
        " INSERT INTO stops SELECT 'agent', 'a' || i, 'ann', '', 1 FROM n",
        1};
    struct store *store = NULL;
    struct store_options options = {
        .location = STR("memory:"), .schemas = &stops_schema, .schema_count = 1};
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    struct value most = value_of_i64(STOPS_MAX);
    struct store_step step = {.statement = &fill, .values = &most};
    struct store_unit unit = {.steps = &step, .count = 1};
    assert_int_equal(store_write_now(store, &unit), ERR_OK);
    assert_int_equal(try_stop(store, STOP_ROUTE, "r", true), ERR_NOT_FOUND);
    write_stop(store, STOP_AGENT, "a7", true);
    struct stops *stops = stops_new();
    assert_int_equal(stops_load(stops, store), ERR_OK);
    write_stop(store, STOP_AGENT, "a7", false);
    write_stop(store, STOP_ROUTE, "r", true);
    stops_free(stops);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_stopped_at_first),
        cmocka_unit_test(agents_and_routes_are_apart),
        cmocka_unit_test(repeating_is_harmless),
        cmocka_unit_test(senseless_names_are_refused),
        cmocka_unit_test(there_is_a_most),
        cmocka_unit_test(each_may_change_what_it_lists),
        cmocka_unit_test(the_store_remembers),
        cmocka_unit_test(the_store_takes_no_more_than_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
