/* SPDX-License-Identifier: Apache-2.0
 * test_history.c - records and their places: dense whatever fails, in the tree that is signed, over
 * a restart; a history that does not fit together closes the store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/history.h"
#include "support/store_kit.h"

#include <stdio.h>
#include <string.h>

static const struct migration tables[] = {
    {1, "CREATE TABLE notes(id INTEGER PRIMARY KEY, place BIGINT)"},
};
static const struct schema notes_schema = {"notes", tables, 1};
static const struct statement insert = {"INSERT INTO notes(id, place) VALUES(?1, ?2)", 2};
static const struct statement touch = {"UPDATE notes SET place = place WHERE id = ?1", 1};
static const struct statement all = {"SELECT id, place FROM notes ORDER BY place", 0};
static const struct statement spoil_edge = {"UPDATE history_head SET edge = ?1", 1};
static const struct statement forget_head = {"DELETE FROM history_head", 0};

#define UNITS_MAX 700

/* A record of id N has the hash of N's bytes. */
struct noting {
    struct store_unit unit;
    struct store_step steps[2];
    struct value values[2];
    struct value other;
    struct store_record record;
};

struct world {
    char folder[KIT_PATH];
    bool absent; /* no PostgreSQL here */
    struct store *store;
    struct note_signer signer;
    struct noting units[UNITS_MAX];
};
static struct world world;
static struct mutex lock;
static struct condition changed;
static size_t finished;

static struct store *open_at(const char *folder)
{
    char location[KIT_PATH];
    struct store *store;
    struct fault why;
    const struct schema schemas[] = {history_schema, notes_schema};
    kit_location(folder, location);
    const struct store_options options = {
        .location = str_of(location), .schemas = schemas, .schema_count = 2};
    assert_int_equal(store_open(&options, &store, &why), ERR_OK);
    return store;
}

static int set_up(void **state)
{
    static const uint8_t seed[SIGN_SEED_BYTES] = {1};
    kit_on_sqlite();
    world.absent = strcmp(*state, "postgres") == 0 && !kit_on_postgres();
    if (world.absent) {
        return 0;
    }
    kit_folder(world.folder);
    world.store = open_at(world.folder);
    finished = 0;
    mutex_init(&lock);
    condition_init(&changed);
    assert_int_equal(note_signer_of(&world.signer, NOTE_PLAIN, STR("a/log"), seed), ERR_OK);
    store_sign(world.store, &world.signer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (world.absent) {
        return 0;
    }
    store_close(world.store);
    kit_remove(world.folder);
    condition_end(&changed);
    mutex_end(&lock);
    return 0;
}

static void ready(void **state)
{
    (void)state;
    if (world.absent) {
        skip();
    }
}

static void done(struct store_unit *unit)
{
    (void)unit;
    mutex_lock(&lock);
    finished++;
    condition_wake(&changed);
    mutex_unlock(&lock);
}

static void wait_for(size_t count)
{
    mutex_lock(&lock);
    while (finished < count) {
        (void)condition_wait(&changed, &lock, UINT64_MAX);
    }
    finished = 0;
    mutex_unlock(&lock);
}

static struct digest leaf_of(int64_t id)
{
    return tree_leaf((struct str){(const char *)&id, sizeof id});
}

static struct noting *prepare(struct noting *noting, int64_t id)
{
    memset(noting, 0, sizeof *noting);
    noting->values[0] = value_of_i64(id);
    noting->steps[0] = (struct store_step){&insert, noting->values, false};
    noting->record = (struct store_record){leaf_of(id), &noting->values[1]};
    noting->unit = (struct store_unit){.steps = noting->steps,
                                       .count = 1,
                                       .records = &noting->record,
                                       .record_count = 1,
                                       .bytes = 100,
                                       .done = done};
    return noting;
}

/* As facts they wait for each other, so that they are one batch. */
static void submit_all(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        world.units[i].unit.fact = true;
        assert_int_equal(store_submit(world.store, &world.units[i].unit), ERR_OK);
    }
    wait_for(count);
}

/* The tree of the rows as they stand: places from 0 without a gap. */
static struct tree_head head_of_rows(struct store *store)
{
    struct tree tree;
    struct tree_hash stored[TREE_LEVELS];
    struct store_query query = {.rows_max = UNITS_MAX};
    tree_init(&tree);
    assert_int_equal(store_read_now(store, &all, NULL, &query), ERR_OK);
    for (size_t i = 0; i < query.row_count; i++) {
        struct digest leaf = leaf_of(query.rows[2 * i].integer);
        assert_int_equal(query.rows[2 * i + 1].integer, i);
        (void)tree_append(&tree, &leaf, stored);
    }
    store_query_end(&query);
    return tree_head(&tree);
}

/* The signed head is of these rows, and the stored hashes lead to it. */
static void assert_whole(size_t records)
{
    struct arena *arena = arena_new(1024);
    struct history_head head;
    struct note note;
    struct checkpoint checkpoint;
    struct digest root;
    struct tree_head expected = head_of_rows(world.store);
    struct tree_source source = history_source(world.store);
    assert_int_equal(expected.size, records);
    assert_int_equal(history_read(world.store, arena, &head), ERR_OK);
    assert_int_equal(head.size, records);
    assert_int_equal(checkpoint_open(head.note, &world.signer.key, &note, &checkpoint, NULL),
                     ERR_OK);
    assert_int_equal(checkpoint.head.size, records);
    assert_true(digest_equal(&checkpoint.head.root, &expected.root));
    assert_int_equal(tree_root(records, &source, &root), ERR_OK);
    assert_true(digest_equal(&root, &expected.root));
    arena_free(arena);
}

static void records_stand_in_the_order_of_their_commits(void **state)
{
    ready(state);
    size_t written = 0;
    for (size_t batch = 1; written + batch < UNITS_MAX; batch = batch * 2 + 1) {
        for (size_t i = 0; i < batch; i++) {
            (void)prepare(&world.units[i], (int64_t)(written + i) + 1);
        }
        submit_all(batch);
        written += batch;
        assert_whole(written);
    }
}

static void every_record_is_proved_out_of_the_store(void **state)
{
    ready(state);
    enum { N = 300 };
    for (int64_t i = 0; i < N; i++) {
        (void)prepare(&world.units[i], i + 1);
    }
    submit_all(N);
    struct tree_head head = head_of_rows(world.store);
    struct tree_source source = history_source(world.store);
    for (uint64_t i = 0; i < N; i += 7) {
        struct tree_proof proof;
        struct digest leaf = leaf_of((int64_t)i + 1);
        assert_int_equal(tree_prove_inclusion(i, N, &source, &proof), ERR_OK);
        assert_int_equal(tree_check_inclusion(&proof, i, &leaf, &head, NULL), ERR_OK);
    }
}

/* A record that exists already, and a unit whose second step fails: neither leaves a gap. */
static void what_fails_leaves_no_gap(void **state)
{
    ready(state);
    enum { N = 20 };
    for (int64_t i = 0; i < N; i++) {
        struct noting *noting = prepare(&world.units[i], i == 7 ? 3 : i + 1);
        if (i == 11) {
            noting->other = value_of_i64(999);
            noting->steps[1] = (struct store_step){&touch, &noting->other, true};
            noting->unit.count = 2;
        }
    }
    submit_all(N);
    assert_int_equal(world.units[7].unit.result, ERR_EXISTS);
    assert_int_equal(world.units[11].unit.result, ERR_NOT_FOUND);
    assert_int_equal(world.units[10].values[1].integer, 9);
    assert_int_equal(world.units[12].values[1].integer, 10);
    assert_whole(N - 2);
}

static void a_batch_of_failures_alone_changes_nothing(void **state)
{
    ready(state);
    assert_int_equal(store_write_now(world.store, &prepare(&world.units[0], 1)->unit), ERR_OK);
    assert_int_equal(store_write_now(world.store, &prepare(&world.units[1], 1)->unit), ERR_EXISTS);
    assert_whole(1);
}

static void the_history_goes_on_after_a_restart(void **state)
{
    ready(state);
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(store_write_now(world.store, &prepare(&world.units[i], i + 1)->unit),
                         ERR_OK);
        store_close(world.store);
        world.store = open_at(world.folder);
        store_sign(world.store, &world.signer);
        assert_whole((size_t)i + 1);
    }
}

static void without_a_signer_records_gather_unsigned(void **state)
{
    ready(state);
    struct arena *arena = arena_new(1024);
    struct history_head head;
    struct store *store = open_at(NULL);
    assert_int_equal(history_read(store, arena, &head), ERR_OK);
    assert_int_equal(head.size, 0);
    assert_int_equal(store_write_now(store, &prepare(&world.units[0], 1)->unit), ERR_OK);
    assert_int_equal(history_read(store, arena, &head), ERR_OK);
    assert_int_equal(head.size, 1);
    assert_int_equal(head.note.len, 0);
    store_sign(store, &world.signer);
    assert_int_equal(store_write_now(store, &prepare(&world.units[1], 2)->unit), ERR_OK);
    assert_int_equal(history_read(store, arena, &head), ERR_OK);
    assert_int_equal(head.size, 2);
    assert_true(head.note.len > 0);
    store_close(store);
    arena_free(arena);
}

static void run_now(const struct statement *statement, struct value *values)
{
    struct store_step step = {statement, values, false};
    struct store_unit unit = {.steps = &step, .count = 1, .bytes = 100};
    assert_int_equal(store_write_now(world.store, &unit), ERR_OK);
}

static void assert_closed(void)
{
    struct store_health health;
    store_health(world.store, &health);
    assert_false(health.open);
    assert_string_equal(health.why, "the history does not fit together; see aire audit verify");
}

static void a_damaged_edge_closes_the_store(void **state)
{
    ready(state);
    struct value edge = value_of_blob(STR("edge"));
    assert_int_equal(store_write_now(world.store, &prepare(&world.units[0], 1)->unit), ERR_OK);
    run_now(&spoil_edge, &edge);
    assert_int_equal(store_write_now(world.store, &prepare(&world.units[1], 2)->unit), ERR_IO);
    assert_closed();
}

static void a_head_that_went_back_closes_the_store(void **state)
{
    ready(state);
    assert_int_equal(store_write_now(world.store, &prepare(&world.units[0], 1)->unit), ERR_OK);
    run_now(&forget_head, NULL);
    assert_int_equal(store_write_now(world.store, &prepare(&world.units[1], 2)->unit), ERR_IO);
    assert_closed();
}

#define BOTH(test) KIT_BOTH(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(records_stand_in_the_order_of_their_commits),
        BOTH(every_record_is_proved_out_of_the_store),
        BOTH(what_fails_leaves_no_gap),
        BOTH(a_batch_of_failures_alone_changes_nothing),
        BOTH(the_history_goes_on_after_a_restart),
        BOTH(without_a_signer_records_gather_unsigned),
        BOTH(a_damaged_edge_closes_the_store),
        BOTH(a_head_that_went_back_closes_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
