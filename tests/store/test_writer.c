/* SPDX-License-Identifier: Apache-2.0
 * test_writer.c - the queue: groups, limits, lingering, closing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/store_kit.h"

#include <stdlib.h>
#include <string.h>

struct world {
    char folder[KIT_PATH];
    bool absent; /* no PostgreSQL here */
    struct store *store;
    struct kit_done told;
};

static int set_up(void **state)
{
    static struct world world; /* one test at a time */
    kit_on_sqlite();
    world.absent = strcmp(*state, "postgres") == 0 && !kit_on_postgres();
    if (world.absent) {
        *state = &world;
        return 0;
    }
    kit_folder(world.folder);
    kit_done_init(&world.told);
    world.store = kit_open(world.folder);
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
    kit_remove(world->folder);
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

static uint64_t commits(struct store *store)
{
    struct store_health health;
    store_health(store, &health);
    return health.commits;
}

enum { THREADS = 4, EACH = 50 };

struct producer {
    struct thread thread;
    struct store *store;
    struct kit_unit units[EACH];
};

static void produce(void *object)
{
    struct producer *producer = object;
    for (int i = 0; i < EACH; i++) {
        kit_submit(producer->store, &producer->units[i]);
    }
}

static void what_waits_shares_one_commit(void **state)
{
    static struct producer producers[THREADS];
    struct world *world = ready(state);
    struct kit_block block;
    kit_hold_writer(world->store, &block, -1);
    uint64_t before = commits(world->store);
    for (int t = 0; t < THREADS; t++) {
        producers[t].store = world->store;
        for (int i = 0; i < EACH; i++) {
            kit_unit_init(&producers[t].units[i], &world->told, t * EACH + i);
        }
        assert_int_equal(thread_start(&producers[t].thread, "producer", produce, &producers[t]),
                         ERR_OK);
    }
    for (int t = 0; t < THREADS; t++) {
        thread_join(&producers[t].thread);
    }
    kit_release_writer(&block);
    kit_wait(&world->told, THREADS * EACH);
    assert_int_equal(commits(world->store), before + 1);
    assert_int_equal(kit_number(world->store, &kit_count, 0), THREADS * EACH + 1);
}

static void a_batch_is_bounded(void **state)
{
    enum { N = STORE_BATCH_MAX + 1 };
    struct world *world = ready(state);
    struct kit_unit *units = calloc(N, sizeof *units);
    struct kit_block block;
    kit_hold_writer(world->store, &block, -1);
    uint64_t before = commits(world->store);
    for (int i = 0; i < N; i++) {
        kit_unit_init(&units[i], &world->told, i);
        kit_submit(world->store, &units[i]);
    }
    kit_release_writer(&block);
    kit_wait(&world->told, N);
    assert_int_equal(commits(world->store), before + 2);
    free(units);
}

static void a_commitment_takes_waiting_facts_along(void **state)
{
    struct world *world = ready(state);
    struct kit_unit units[3];
    uint64_t before = commits(world->store);
    for (int i = 0; i < 3; i++) {
        kit_unit_init(&units[i], &world->told, i);
        units[i].unit.fact = i < 2;
    }
    struct kit_block block;
    kit_hold_writer(world->store, &block, -1);
    for (int i = 0; i < 3; i++) {
        kit_submit(world->store, &units[i]);
    }
    kit_release_writer(&block);
    kit_wait(&world->told, 3);
    assert_int_equal(commits(world->store), before + 2); /* the block's and theirs */
}

static void facts_alone_are_written_after_lingering(void **state)
{
    struct world *world = ready(state);
    struct kit_unit unit;
    kit_unit_init(&unit, &world->told, 1);
    unit.unit.fact = true;
    kit_submit(world->store, &unit);
    kit_wait(&world->told, 1);
    assert_int_equal(unit.unit.result, ERR_OK);
    assert_int_equal(kit_number(world->store, &kit_has, 1), 1);
}

static void commitments_have_a_limit(void **state)
{
    struct world *world = ready(state);
    struct kit_unit *units = calloc(COMMIT_QUEUE_MAX + 1, sizeof *units);
    struct kit_block block;
    kit_hold_writer(world->store, &block, -1);
    for (int i = 0; i < COMMIT_QUEUE_MAX; i++) {
        kit_unit_init(&units[i], &world->told, i);
        kit_submit(world->store, &units[i]);
    }
    kit_unit_init(&units[COMMIT_QUEUE_MAX], &world->told, COMMIT_QUEUE_MAX);
    assert_int_equal(store_submit(world->store, &units[COMMIT_QUEUE_MAX].unit), ERR_LIMIT);
    kit_release_writer(&block);
    kit_wait(&world->told, COMMIT_QUEUE_MAX);
    kit_submit(world->store, &units[COMMIT_QUEUE_MAX]); /* there is room again */
    kit_wait(&world->told, COMMIT_QUEUE_MAX + 1);
    free(units);
}

static void commitments_have_a_limit_in_bytes(void **state)
{
    struct world *world = ready(state);
    struct kit_unit units[2];
    struct kit_block block;
    kit_hold_writer(world->store, &block, -1);
    for (int i = 0; i < 2; i++) {
        kit_unit_init(&units[i], &world->told, i);
        units[i].unit.bytes = COMMIT_QUEUE_BYTES;
    }
    kit_submit(world->store, &units[0]);
    assert_int_equal(store_submit(world->store, &units[1].unit), ERR_LIMIT);
    kit_release_writer(&block);
    kit_wait(&world->told, 1);
}

static void facts_beyond_the_cap_are_lost_and_counted(void **state)
{
    enum { N = 4 };
    struct world *world = ready(state);
    struct kit_unit units[N + 2];
    struct kit_block block;
    struct store_health health;
    kit_hold_writer(world->store, &block, -1);
    for (int i = 0; i < N + 2; i++) {
        kit_unit_init(&units[i], &world->told, i);
        units[i].unit.fact = true;
        units[i].unit.bytes = FACT_QUEUE_BYTES / N;
    }
    for (int i = 0; i < N; i++) {
        kit_submit(world->store, &units[i]);
    }
    assert_int_equal(store_submit(world->store, &units[N].unit), ERR_LIMIT);
    assert_int_equal(store_submit(world->store, &units[N + 1].unit), ERR_LIMIT);
    store_health(world->store, &health);
    assert_int_equal(health.queued_bytes, FACT_QUEUE_BYTES);
    assert_int_equal(health.facts_lost, 2);
    kit_release_writer(&block);
    kit_wait(&world->told, N);
    store_health(world->store, &health);
    assert_int_equal(health.facts_written, N);
    assert_int_equal(health.facts_lost, 2);
    assert_int_equal(health.queued_bytes, 0);
}

static void closing_writes_what_is_queued(void **state)
{
    enum { N = 100 };
    struct world *world = ready(state);
    static struct kit_unit units[N];
    for (int i = 0; i < N; i++) {
        kit_unit_init(&units[i], &world->told, i);
        units[i].unit.fact = true;
        kit_submit(world->store, &units[i]);
    }
    store_close(world->store);
    assert_int_equal(world->told.count, N);
    world->store = kit_open(world->folder);
    assert_int_equal(kit_number(world->store, &kit_count, 0), N);
}

struct asking {
    struct store_query query;
    struct kit_done *told;
    struct kit_done *gate; /* NULL: open */
};

static void count_up(struct kit_done *told)
{
    mutex_lock(&told->mutex);
    told->count++;
    condition_wake(&told->changed);
    mutex_unlock(&told->mutex);
}

static void asked(struct store_query *query)
{
    struct asking *asking = LIST_OBJECT(query, struct asking, query);
    store_query_end(query);
    count_up(asking->told);
    if (asking->gate != NULL) {
        kit_wait(asking->gate, 1);
    }
}

static struct store_query a_query(void)
{
    static const struct statement nothing = {"SELECT 1", 0};
    return (struct store_query){.statement = &nothing, .rows_max = 1, .done = asked};
}

static void queries_have_a_limit(void **state)
{
    static struct asking asking[QUERY_QUEUE_MAX + 1];
    struct world *world = ready(state);
    struct kit_done gate;
    struct kit_done held;
    kit_done_init(&gate);
    kit_done_init(&held);
    struct asking holder = {a_query(), &held, &gate};
    assert_int_equal(store_submit_query(world->store, &holder.query), ERR_OK);
    kit_wait(&held, 1); /* the reader is inside, and its account empty */
    for (int i = 0; i <= QUERY_QUEUE_MAX; i++) {
        asking[i] = (struct asking){a_query(), &world->told, NULL};
        assert_int_equal(store_submit_query(world->store, &asking[i].query),
                         i < QUERY_QUEUE_MAX ? ERR_OK : ERR_LIMIT);
    }
    count_up(&gate);
    kit_wait(&world->told, QUERY_QUEUE_MAX);
    store_close(world->store); /* ends the reader, which uses the gate */
    world->store = NULL;
    kit_done_end(&gate);
    kit_done_end(&held);
}

#define BOTH(test) KIT_BOTH(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(what_waits_shares_one_commit),
        BOTH(a_batch_is_bounded),
        BOTH(a_commitment_takes_waiting_facts_along),
        BOTH(facts_alone_are_written_after_lingering),
        BOTH(commitments_have_a_limit),
        BOTH(commitments_have_a_limit_in_bytes),
        BOTH(facts_beyond_the_cap_are_lost_and_counted),
        BOTH(closing_writes_what_is_queued),
        BOTH(queries_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
