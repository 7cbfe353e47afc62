/* SPDX-License-Identifier: Apache-2.0
 * test_store_fault.c - a disk that fails: nothing acknowledged is lost, nothing refused appears.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/fault_vfs.h"
#include "support/store_kit.h"

#include <string.h>

struct world {
    char folder[KIT_PATH];
    struct kit_done told;
};

static int set_up(void **state)
{
    static struct world world; /* one test at a time */
    kit_folder(world.folder);
    kit_done_init(&world.told);
    fault_vfs_install();
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    fault_vfs_remove();
    kit_done_end(&world->told);
    kit_remove(world->folder);
    return 0;
}

enum { UNITS = 6 };

struct outcome {
    enum err opened;
    enum err results[UNITS];
    bool hit;
};

/* One life of a store with the nth write or sync failing; its outcome as the caller saw it. */
static struct outcome live(struct world *world, unsigned nth, enum fault_kind kind, bool sticky)
{
    struct outcome outcome = {0};
    struct store *store = NULL;
    struct fault why = {0};
    fault_vfs_arm(nth, kind, sticky);
    outcome.opened = kit_try_open(world->folder, &store, &why);
    if (outcome.opened != ERR_OK) {
        assert_true(strlen(why.words) > 0);
    }
    for (int i = 0; i < UNITS && store != NULL; i++) {
        struct kit_unit unit;
        kit_unit_init(&unit, &world->told, i);
        if (i % 2 == 1) {
            kit_unit_also(&unit, &kit_grow, i - 1);
            unit.steps[1].must_change = false;
        }
        outcome.results[i] = store_write_now(store, &unit.unit);
    }
    store_close(store);
    outcome.hit = fault_vfs_hit();
    fault_vfs_disarm();
    return outcome;
}

static void check(struct world *world, const struct outcome *outcome)
{
    struct store *store = kit_open(world->folder);
    for (int i = 0; i < UNITS && outcome->opened == ERR_OK; i++) {
        int64_t there = kit_number(store, &kit_has, i);
        switch (outcome->results[i]) {
        case ERR_OK:
            assert_int_equal(there, 1);
            break;
        case ERR_IO:
        case ERR_FULL:
            assert_int_equal(there, 0);
            break;
        default:
            assert_int_equal(outcome->results[i], ERR_UNKNOWN);
        }
    }
    store_close(store);
}

static void fail_each_call_in_turn(struct world *world, enum fault_kind kind, bool sticky)
{
    bool hit = true;
    unsigned unknown = 0;
    for (unsigned nth = 1; hit; nth++) {
        struct outcome outcome = live(world, nth, kind, sticky);
        check(world, &outcome);
        hit = outcome.hit;
        for (int i = 0; i < UNITS; i++) {
            unknown += outcome.results[i] == ERR_UNKNOWN ? 1 : 0;
        }
        kit_remove(world->folder);
        assert_true(nth < 1000);
    }
    assert_true(unknown > 0);
}

static void one_failing_call_loses_nothing_acknowledged(void **state)
{
    fail_each_call_in_turn(*state, FAULT_EIO, false);
}

static void a_dying_disk_loses_nothing_acknowledged(void **state)
{
    fail_each_call_in_turn(*state, FAULT_EIO, true);
}

static void a_full_disk_loses_nothing_acknowledged(void **state)
{
    fail_each_call_in_turn(*state, FAULT_ENOSPC, true);
}

static void an_acknowledged_unit_was_synced(void **state)
{
    struct world *world = *state;
    struct store *store = kit_open(world->folder);
    for (int i = 0; i < 5; i++) {
        struct kit_unit unit;
        kit_unit_init(&unit, &world->told, i);
        unsigned before = fault_vfs_syncs();
        assert_int_equal(store_write_now(store, &unit.unit), ERR_OK);
        assert_int_equal(fault_vfs_syncs(), before + 1);
    }
    store_close(store);
}

static void a_failed_commit_closes_the_store_for_good(void **state)
{
    enum { FACTS = 4 };
    struct world *world = *state;
    struct store *store = kit_open(world->folder);
    struct store_health health;
    struct kit_unit unit;
    kit_unit_init(&unit, &world->told, 1);
    assert_int_equal(store_write_now(store, &unit.unit), ERR_OK);

    fault_vfs_arm(1, FAULT_EIO, false);
    kit_unit_init(&unit, &world->told, 2);
    assert_int_equal(store_write_now(store, &unit.unit), ERR_UNKNOWN);
    store_health(store, &health);
    assert_false(health.open);
    assert_true(strlen(health.why) > 0);

    /* The disk is well again, the store stays closed: commitments are refused, reading goes on. */
    kit_unit_init(&unit, &world->told, 3);
    assert_int_equal(store_write_now(store, &unit.unit), ERR_IO);
    assert_int_equal(kit_number(store, &kit_has, 1), 1);

    struct kit_unit facts[FACTS + 1];
    for (int i = 0; i <= FACTS; i++) {
        kit_unit_init(&facts[i], &world->told, 10 + i);
        facts[i].unit.fact = true;
        facts[i].unit.bytes = FACT_QUEUE_BYTES / FACTS;
        assert_int_equal(store_submit(store, &facts[i].unit), i < FACTS ? ERR_OK : ERR_LIMIT);
    }
    kit_unit_init(&unit, &world->told, 3); /* behind the facts, and answered all the same */
    assert_int_equal(store_write_now(store, &unit.unit), ERR_IO);
    store_health(store, &health);
    assert_int_equal(health.queued_bytes, FACT_QUEUE_BYTES);
    assert_int_equal(health.facts_lost, 1);
    assert_int_equal(world->told.count, 0);

    store_close(store);
    assert_int_equal(world->told.count, FACTS); /* given back to their owners */
    for (int i = 0; i < FACTS; i++) {
        assert_int_equal(facts[i].unit.result, ERR_IO);
    }
    store = kit_open(world->folder);
    assert_int_equal(kit_number(store, &kit_has, 1), 1);
    assert_int_equal(kit_number(store, &kit_has, 3), 0);
    store_close(store);
}

static void every_unit_of_a_failed_batch_is_unknown(void **state)
{
    enum { N = 5 };
    struct world *world = *state;
    struct store *store = kit_open(world->folder);
    struct kit_unit units[N];
    struct kit_block block;
    kit_hold_writer(store, &block, 1000);
    for (int i = 0; i < N; i++) {
        kit_unit_init(&units[i], &world->told, i);
        units[i].unit.fact = i == 0;
        kit_submit(store, &units[i]);
    }
    fault_vfs_arm(1, FAULT_EIO, false);
    kit_release_writer(&block);
    kit_wait(&world->told, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(units[i].unit.result, ERR_UNKNOWN);
    }
    struct store_health health;
    store_health(store, &health);
    assert_int_equal(health.facts_lost, 1);
    store_close(store);
}

/* A log of more than CHECKPOINT_PAGES is copied into the database, after the answer. */
static void a_failed_checkpoint_closes_but_loses_nothing(void **state)
{
    enum { BYTES = 18 * 1024 * 1024 };
    static const struct statement fill = {
        "INSERT INTO things (id, size, name) VALUES (?1, 0, CAST(zeroblob(?2) AS TEXT))", 2};
    struct world *world = *state;
    struct store *store = kit_open(world->folder);
    struct value values[2] = {value_of_i64(7), value_of_i64(BYTES)};
    struct store_step step = {&fill, values, true};
    struct store_unit unit = {.steps = &step, .count = 1};
    fault_vfs_arm_file("data.db", 1, FAULT_EIO); /* commits write to data.db-wal only */
    assert_int_equal(store_write_now(store, &unit), ERR_OK);
    struct kit_unit next;
    kit_unit_init(&next, &world->told, 8);
    assert_int_equal(store_write_now(store, &next.unit), ERR_IO);
    assert_true(fault_vfs_hit());
    store_close(store);
    fault_vfs_disarm();
    store = kit_open(world->folder);
    assert_int_equal(kit_number(store, &kit_has, 7), 1);
    assert_int_equal(kit_number(store, &kit_has, 8), 0);
    store_close(store);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(one_failing_call_loses_nothing_acknowledged),
        ONE(a_dying_disk_loses_nothing_acknowledged),
        ONE(a_full_disk_loses_nothing_acknowledged),
        ONE(an_acknowledged_unit_was_synced),
        ONE(a_failed_commit_closes_the_store_for_good),
        ONE(every_unit_of_a_failed_batch_is_unknown),
        ONE(a_failed_checkpoint_closes_but_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
