/* SPDX-License-Identifier: Apache-2.0
 * test_store.c - what a store promises, of SQLite on disk, in memory, and of PostgreSQL alike.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/store_kit.h"

#include <string.h>

struct world {
    char folder[KIT_PATH];
    bool on_disk;
    bool absent; /* no PostgreSQL here */
    struct store *store;
    struct kit_done told;
};

static int set_up(void **state)
{
    static struct world world; /* one test at a time */
    world.on_disk = strcmp(*state, "memory") != 0;
    kit_on_sqlite();
    world.absent = strcmp(*state, "postgres") == 0 && !kit_on_postgres();
    if (world.absent) {
        *state = &world;
        return 0;
    }
    if (world.on_disk) {
        kit_folder(world.folder);
    }
    kit_done_init(&world.told);
    world.store = kit_open(world.on_disk ? world.folder : NULL);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    if (world->absent) {
        return 0;
    }
    store_close(world->store);
    kit_done_end(&world->told);
    if (world->on_disk) {
        kit_remove(world->folder);
    }
    return 0;
}

static struct world *ready(void **state)
{
    struct world *world = *state;
    if (world->absent) {
        skip();
    }
    return world;
}

static void units_are_written_and_told_in_order(void **state)
{
    enum { N = 200 };
    static const struct statement by_turn = {"SELECT l.id FROM log l ORDER BY l.turn", 0};
    static const struct statement append = {
        "INSERT INTO log (id, turn) SELECT ?1, 1 + count(*) FROM log", 1};
    static const struct statement make = {"CREATE TABLE log (id INTEGER, turn INTEGER)", 0};
    static struct kit_unit units[N];
    struct world *world = ready(state);
    struct store_step step = {&make, NULL, false};
    struct store_unit table = {.steps = &step, .count = 1};
    assert_int_equal(store_write_now(world->store, &table), ERR_OK);
    for (int i = 0; i < N; i++) {
        kit_unit_init(&units[i], &world->told, (i * 7919) % N);
        units[i].steps[0] = (struct store_step){&append, units[i].values[0], true};
        units[i].unit.fact = i % 3 == 0;
        kit_submit(world->store, &units[i]);
    }
    kit_wait(&world->told, N);
    struct store_query query = {.rows_max = N};
    assert_int_equal(store_read_now(world->store, &by_turn, NULL, &query), ERR_OK);
    assert_int_equal(query.row_count, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(units[i].unit.result, ERR_OK);
        assert_int_equal(units[i].turn, i + 1);
        assert_int_equal(query.rows[i].integer, (i * 7919) % N);
    }
    store_query_end(&query);
}

static void steps_happen_together_or_not_at_all(void **state)
{
    struct world *world = ready(state);
    struct kit_unit unit;
    kit_unit_init(&unit, &world->told, 1);
    kit_unit_also(&unit, &kit_insert, 2);
    unit.values[1][1] = value_of_text(STR("another name"));
    assert_int_equal(store_write_now(world->store, &unit.unit), ERR_OK);

    kit_unit_init(&unit, &world->told, 3);
    kit_unit_also(&unit, &kit_insert, 2); /* taken */
    assert_int_equal(store_write_now(world->store, &unit.unit), ERR_EXISTS);
    assert_int_equal(kit_number(world->store, &kit_has, 3), 0);

    kit_unit_init(&unit, &world->told, 4);
    kit_unit_also(&unit, &kit_grow, 99); /* missing */
    assert_int_equal(store_write_now(world->store, &unit.unit), ERR_NOT_FOUND);
    assert_int_equal(kit_number(world->store, &kit_has, 4), 0);
    assert_int_equal(kit_number(world->store, &kit_count, 0), 2);
}

static void a_refused_unit_leaves_its_neighbours_alone(void **state)
{
    static const enum err expected[] = {ERR_OK,        ERR_EXISTS, ERR_OK,
                                        ERR_NOT_FOUND, ERR_OK,     ERR_INVALID};
    enum { N = sizeof expected / sizeof *expected };
    struct world *world = ready(state);
    struct kit_block block;
    struct kit_unit units[N];
    for (int i = 0; i < N; i++) {
        kit_unit_init(&units[i], &world->told, i);
    }
    units[1].values[0][0] = value_of_i64(0); /* the id of the first */
    kit_unit_also(&units[3], &kit_grow, 99);
    kit_unit_also(&units[4], &kit_grow, 4);
    units[5].values[0][2] = value_of_i64(-1); /* CHECK (size >= 0) */
    if (world->on_disk) {
        kit_hold_writer(world->store, &block, 1000); /* so that all share a batch */
    }
    for (int i = 0; i < N; i++) {
        kit_submit(world->store, &units[i]);
    }
    if (world->on_disk) {
        kit_release_writer(&block);
    }
    kit_wait(&world->told, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(units[i].unit.result, expected[i]);
        assert_int_equal(kit_number(world->store, &kit_has, i), expected[i] == ERR_OK ? 1 : 0);
    }
}

static void half_a_fact_is_never_kept(void **state)
{
    enum { N = 5 };
    struct world *world = ready(state);
    struct kit_block block;
    struct kit_unit units[N];
    struct store_health health;
    for (int i = 0; i < N; i++) {
        kit_unit_init(&units[i], &world->told, i);
        units[i].unit.fact = true;
    }
    kit_unit_also(&units[2], &kit_insert, 0); /* second step fails */
    kit_unit_also(&units[3], &kit_grow, 1);   /* works, and must not happen twice */
    if (world->on_disk) {
        kit_hold_writer(world->store, &block, 1000);
    }
    for (int i = 0; i < N; i++) {
        kit_submit(world->store, &units[i]);
    }
    if (world->on_disk) {
        kit_release_writer(&block);
    }
    kit_wait(&world->told, N);
    assert_int_equal(units[2].unit.result, ERR_EXISTS);
    assert_int_equal(kit_number(world->store, &kit_has, 2), 0);
    assert_int_equal(kit_number(world->store, &kit_has, 3), 1);
    assert_int_equal(kit_number(world->store, &kit_has, 4), 1);
    static const struct statement size = {"SELECT size FROM things WHERE id = ?1", 1};
    assert_int_equal(kit_number(world->store, &size, 1), 1);
    store_health(world->store, &health);
    assert_true(health.open);
    assert_int_equal(health.facts_written, N - 1);
    assert_int_equal(health.facts_lost, 1);
    assert_int_equal(health.queued_bytes, 0);
}

static void a_statement_that_cannot_run_is_invalid_and_harmless(void **state)
{
    static const struct statement wrong = {"INSERT INTO nowhere VALUES (?1)", 1};
    struct world *world = ready(state);
    struct kit_unit unit;
    kit_unit_init(&unit, &world->told, 1);
    unit.steps[0].statement = &wrong;
    assert_int_equal(store_write_now(world->store, &unit.unit), ERR_INVALID);
    kit_unit_init(&unit, &world->told, 1);
    assert_int_equal(store_write_now(world->store, &unit.unit), ERR_OK);
}

static void rows_max_bounds_a_query(void **state)
{
    struct world *world = ready(state);
    struct kit_unit unit;
    for (int i = 0; i < 40; i++) {
        kit_unit_init(&unit, &world->told, i);
        assert_int_equal(store_write_now(world->store, &unit.unit), ERR_OK);
    }
    static const size_t maxima[] = {0, 1, 39, 40, 41};
    for (size_t m = 0; m < sizeof maxima / sizeof *maxima; m++) {
        struct store_query query = {.rows_max = maxima[m]};
        enum err err = store_read_now(world->store, &kit_all, NULL, &query);
        assert_int_equal(err, maxima[m] < 40 ? ERR_LIMIT : ERR_OK);
        assert_int_equal(query.row_count, maxima[m] < 40 ? maxima[m] : 40);
        assert_int_equal(query.columns, 3);
        for (size_t r = 0; r < query.row_count; r++) {
            assert_int_equal(query.rows[r * 3].integer, r);
        }
        store_query_end(&query);
    }
}

static void values_come_back_as_they_went_in(void **state)
{
    static const struct statement echo = {"SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7", 7};
    struct world *world = ready(state);
    struct value values[7] = {
        value_null(),
        value_of_i64(INT64_MIN),
        value_of_real(0.1),
        value_of_text(STR("h\303\251llo")),
        value_of_text((struct str){NULL, 0}),
        value_of_blob(STR("a\0b")),
        value_of_blob((struct str){NULL, 0}),
    };
    struct store_query query = {.rows_max = 1};
    assert_int_equal(store_read_now(world->store, &echo, values, &query), ERR_OK);
    assert_int_equal(query.columns, 7);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(query.rows[i].kind, values[i].kind);
    }
    assert_true(query.rows[1].integer == INT64_MIN);
    assert_true(query.rows[2].real == 0.1);
    for (int i = 3; i < 7; i++) {
        assert_true(str_equal(query.rows[i].bytes, values[i].bytes));
    }
    store_query_end(&query);
}

static void a_query_cannot_write(void **state)
{
    static const struct statement sneaky = {"DELETE FROM things RETURNING id", 0};
    struct world *world = ready(state);
    struct kit_unit unit;
    kit_unit_init(&unit, &world->told, 1);
    assert_int_equal(store_write_now(world->store, &unit.unit), ERR_OK);
    struct store_query query = {.rows_max = 1};
    assert_int_equal(store_read_now(world->store, &sneaky, NULL, &query), ERR_INVALID);
    store_query_end(&query);
    assert_int_equal(kit_number(world->store, &kit_has, 1), 1);
}

struct homeward {
    struct kit_unit unit;
    struct loop *loop;
    int64_t found;
    struct store_query query;
    struct world *world;
};

static void read_back(struct store_query *query)
{
    struct homeward *homeward = LIST_OBJECT(query, struct homeward, query);
    homeward->found = query->result == ERR_OK ? query->rows[0].integer : -1;
    store_query_end(query);
    loop_stop(homeward->loop);
}

static void written(struct store_unit *unit)
{
    struct homeward *homeward = LIST_OBJECT(LIST_OBJECT(unit, struct kit_unit, unit),
                                            struct homeward, unit);
    assert_int_equal(unit->result, ERR_OK);
    homeward->query = (struct store_query){.statement = &kit_has,
                                           .values = homeward->unit.values[0],
                                           .rows_max = 1,
                                           .home = homeward->loop,
                                           .done = read_back};
    assert_int_equal(store_submit_query(homeward->world->store, &homeward->query), ERR_OK);
}

static void results_arrive_on_the_home_loop(void **state)
{
    struct world *world = ready(state);
    struct env env;
    env_init_real(&env);
    struct homeward homeward = {.loop = loop_new(&env), .world = world, .found = -2};
    kit_unit_init(&homeward.unit, NULL, 5);
    homeward.unit.unit.home = homeward.loop;
    homeward.unit.unit.done = written;
    kit_submit(world->store, &homeward.unit);
    assert_int_equal(homeward.found, -2); /* not called back from inside */
    loop_run(homeward.loop);
    assert_int_equal(homeward.found, 1);
    store_close(world->store); /* loops outlive the store that posts to them */
    world->store = NULL;
    loop_free(homeward.loop);
}

#define ALL(test)                                                                                  \
    {#test " (disk)", test, set_up, tear_down, disk},                                              \
        {#test " (memory)", test, set_up, tear_down, memory},                                      \
    {                                                                                              \
#test " (postgres)", test, set_up, tear_down, postgres                                     \
    }

int main(void)
{
    static char disk[] = "disk";
    static char memory[] = "memory";
    static char postgres[] = "postgres";
    const struct CMUnitTest tests[] = {
        ALL(units_are_written_and_told_in_order),
        ALL(steps_happen_together_or_not_at_all),
        ALL(a_refused_unit_leaves_its_neighbours_alone),
        ALL(half_a_fact_is_never_kept),
        ALL(a_statement_that_cannot_run_is_invalid_and_harmless),
        ALL(rows_max_bounds_a_query),
        ALL(values_come_back_as_they_went_in),
        ALL(a_query_cannot_write),
        ALL(results_arrive_on_the_home_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
