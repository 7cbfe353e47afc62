/* SPDX-License-Identifier: Apache-2.0
 * test_run_parts.c - parts of requests as they are stored, and what is old goes piece by piece.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/run_kit.h"

#include <string.h>

/* ---- parts ---- */

/* Parts 1..count of a run, each the parent of the next. */
static void insert_chain(struct run_kit *w, int64_t run, uint32_t count)
{
    struct store_step *steps = arena_array_of(w->arena, struct store_step, count);
    struct part_id *ids = arena_array_of(w->arena, struct part_id, count + 1);
    ids[0] = run_kit_no_part;
    for (uint32_t i = 1; i <= count; i++) {
        ids[i] = run_kit_part(i);
        steps[i - 1] = part_insert(run, &ids[i], &ids[i - 1], part_id_str(&ids[i]), w->arena);
    }
    assert_int_equal(run_kit_write(w, steps, count), ERR_OK);
}

/* How many parts come, from `head` down; *whole: down to the first. */
static uint32_t walk_chain(struct run_kit *w, int64_t run, uint32_t head, uint32_t most,
                           bool *whole)
{
    struct part_id id = run_kit_part(head);
    const struct value values[] = {value_of_i64(run), value_of_blob(part_id_str(&id)),
                                   value_of_i64(most)};
    struct store_query query;
    run_kit_ask(w, &part_chain, values, head + 1, &query);
    *whole = false;
    for (uint32_t i = 0; i < query.row_count; i++) {
        struct body_part part;
        struct part_id own = run_kit_part(head - i);
        assert_int_equal(part_read(&query.rows[i * query.columns], &part), ERR_OK);
        assert_memory_equal(&part.id, &own, sizeof own);
        assert_memory_equal(part.bytes.at, &own, sizeof own);
        *whole = memcmp(&part.parent, &run_kit_no_part, sizeof run_kit_no_part) == 0;
    }
    uint32_t count = (uint32_t)query.row_count;
    store_query_end(&query);
    return count;
}

static void a_chain_comes_from_the_last_to_the_first(void **state)
{
    struct run_kit *w = *state;
    bool whole;
    insert_chain(w, 1, 5);
    insert_chain(w, 2, 3);
    assert_int_equal(walk_chain(w, 1, 5, 100, &whole), 5);
    assert_true(whole);
    assert_int_equal(walk_chain(w, 1, 3, 100, &whole), 3);
    assert_true(whole);
    assert_int_equal(walk_chain(w, 2, 5, 100, &whole), 0);
    assert_false(whole);
}

static void a_chain_longer_than_asked_for_is_not_whole(void **state)
{
    struct run_kit *w = *state;
    bool whole;
    insert_chain(w, 1, 1000);
    assert_int_equal(walk_chain(w, 1, 1000, 999, &whole), 999);
    assert_false(whole);
    assert_int_equal(walk_chain(w, 1, 1000, 1000, &whole), 1000);
    assert_true(whole);
}

static void a_ring_of_parts_ends(void **state)
{
    struct run_kit *w = *state;
    struct part_id ids[] = {run_kit_part(1), run_kit_part(2)};
    struct store_step steps[] = {part_insert(1, &ids[0], &ids[1], run_kit_sealed, w->arena),
                                 part_insert(1, &ids[1], &ids[0], run_kit_sealed, w->arena)};
    assert_int_equal(run_kit_write(w, steps, 2), ERR_OK);
    const struct value values[] = {value_of_i64(1), value_of_blob(part_id_str(&ids[0])),
                                   value_of_i64(50)};
    struct store_query query;
    run_kit_ask(w, &part_chain, values, 100, &query);
    assert_int_equal(query.row_count, 50);
    store_query_end(&query);
}

static void a_part_stands_once(void **state)
{
    struct run_kit *w = *state;
    struct part_id id = run_kit_part(1);
    const struct str texts[] = {STR_CONST("first"), STR_CONST("second")};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            run_kit_write_one(w, part_insert(1, &id, &run_kit_no_part, texts[i], w->arena)),
            ERR_OK);
    }
    const struct value values[] = {value_of_i64(1), value_of_blob(part_id_str(&id))};
    struct store_query query;
    struct body_part part;
    run_kit_ask(w, &part_one, values, 2, &query);
    assert_int_equal(query.row_count, 1);
    assert_int_equal(part_read(query.rows, &part), ERR_OK);
    run_kit_text(part.bytes, "first");
    store_query_end(&query);
}

/* ---- retention ---- */

static int64_t count_of(struct run_kit *w, const struct statement *statement)
{
    struct store_query query;
    run_kit_ask(w, statement, NULL, 1, &query);
    int64_t count = query.rows[0].integer;
    store_query_end(&query);
    return count;
}

static const struct statement count_answers = {
    "SELECT count(*) FROM steps WHERE answer IS NOT NULL", 0};
static const struct statement count_parts = {"SELECT count(*) FROM run_parts", 0};
static const struct statement count_steps = {"SELECT count(*) FROM steps", 0};
static const struct statement count_keys = {"SELECT count(*) FROM data_keys", 0};
static const struct statement count_runs = {"SELECT count(*) FROM runs", 0};

static void prune(struct run_kit *w, const struct statement *statement, int64_t before)
{
    struct value values[] = {value_of_i64(before), value_of_i64(0)};
    assert_int_equal(run_kit_write_one(w, (struct store_step){statement, values, false}), ERR_OK);
}

/* Run 1 was touched at 600 and has 1001 steps and parts, run 2 at 1000 and has one of each. */
static void fill(struct run_kit *w)
{
    run_kit_key(w, "rn01");
    run_kit_key(w, "rn02");
    run_kit_make(w, 1, "order");
    struct run_row row = run_kit_row(2, "other");
    row.data_key = STR("rn02");
    row.created_us = 1000;
    assert_int_equal(run_kit_write_one(w, run_insert(&row, w->arena)), ERR_OK);
    struct store_step *steps = arena_array_of(w->arena, struct store_step, 1001);
    for (uint32_t i = 0; i < 1001; i++) {
        struct step_row *step = arena_new_of(w->arena, struct step_row);
        *step = run_kit_step(i + 1);
        steps[i] = step_insert(step, w->arena);
    }
    assert_int_equal(run_kit_write(w, steps, 1001), ERR_OK);
    struct step_row step = run_kit_step(1);
    step.run = 2;
    step.step.number = 9999;
    assert_int_equal(run_kit_insert(w, &step), ERR_OK);
    insert_chain(w, 1, 1001);
    insert_chain(w, 2, 1);
}

static void what_is_old_goes_a_thousand_at_once(void **state)
{
    struct run_kit *w = *state;
    const struct {
        const struct statement *prune;
        const struct statement *count;
    } kinds[] = {{&run_prune_answers, &count_answers},
                 {&run_prune_parts, &count_parts},
                 {&run_prune_steps, &count_steps}};
    fill(w);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_int_equal(count_of(w, kinds[i].count), 1002);
        prune(w, kinds[i].prune, 500);
        assert_int_equal(count_of(w, kinds[i].count), 1002);
        prune(w, kinds[i].prune, 501);
        assert_int_equal(count_of(w, kinds[i].count), 2);
        prune(w, kinds[i].prune, 501);
        prune(w, kinds[i].prune, 501);
        assert_int_equal(count_of(w, kinds[i].count), 1);
    }
}

static void a_run_goes_after_all_that_is_its(void **state)
{
    struct run_kit *w = *state;
    const struct statement *const order[] = {&run_prune_steps, &run_prune_steps, &run_prune_parts,
                                             &run_prune_parts};
    fill(w);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        prune(w, &run_prune_keys, 501);
        prune(w, &run_prune_runs, 501);
        assert_int_equal(count_of(w, &count_keys), 2);
        assert_int_equal(count_of(w, &count_runs), 2);
        prune(w, order[i], 501);
    }
    prune(w, &run_prune_runs, 501);
    assert_int_equal(count_of(w, &count_runs), 2); /* its key still opens it */
    prune(w, &run_prune_keys, 501);
    prune(w, &run_prune_runs, 501);
    assert_int_equal(count_of(w, &count_keys), 1);
    assert_int_equal(count_of(w, &count_runs), 1);
    const struct value values[] = {value_of_text(STR("shop")), value_of_text(STR("other"))};
    struct store_query query;
    struct run_row row;
    run_kit_ask(w, &run_find, values, 1, &query);
    assert_int_equal(query.row_count, 1);
    run_read(query.rows, &row);
    run_kit_text(row.wrapped, "\x01\x02");
    store_query_end(&query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_KIT_BOTH(a_chain_comes_from_the_last_to_the_first),
        RUN_KIT_BOTH(a_chain_longer_than_asked_for_is_not_whole),
        RUN_KIT_BOTH(a_ring_of_parts_ends),
        RUN_KIT_BOTH(a_part_stands_once),
        RUN_KIT_BOTH(what_is_old_goes_a_thousand_at_once),
        RUN_KIT_BOTH(a_run_goes_after_all_that_is_its),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
