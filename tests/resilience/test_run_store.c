/* SPDX-License-Identifier: Apache-2.0
 * test_run_store.c - the tables of durable runs: whoever lost a run writes no more, nothing stands
 * twice, and what was written is read back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/run_kit.h"

#include <string.h>

static struct step_row intent(uint32_t seq)
{
    struct step_row row = run_kit_step(seq);
    row.step.state = STEP_INTENT;
    row.step.done_at = (struct wall){0};
    row.answer = STR("");
    return row;
}

/* Strings of the row live as long as the test. */
static void keep(struct run_kit *w, struct str *text)
{
    *text = arena_str(w->arena, *text);
}

static bool find_run(struct run_kit *w, const char *tenant, const char *id, struct run_row *row)
{
    const struct value values[] = {value_of_text(str_of(tenant)), value_of_text(str_of(id))};
    struct store_query query;
    run_kit_ask(w, &run_find, values, 1, &query);
    bool found = query.row_count == 1;
    if (found) {
        run_read(query.rows, row);
        struct str *const texts[] = {&row->tenant,   &row->id,      &row->agent, &row->principal,
                                     &row->data_key, &row->wrapped, &row->owner, &row->reason};
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            keep(w, texts[i]);
        }
    }
    store_query_end(&query);
    return found;
}

static struct run_row run_1(struct run_kit *w)
{
    struct run_row row;
    assert_true(find_run(w, "shop", "order", &row));
    return row;
}

static bool find_step(struct run_kit *w, int64_t number, struct step_row *row)
{
    const struct value value = value_of_i64(number);
    struct store_query query;
    run_kit_ask(w, &step_answer, &value, 1, &query);
    bool found = query.row_count == 1;
    if (found) {
        assert_int_equal(step_read(query.rows, query.columns, row), ERR_OK);
        keep(w, &row->name);
        keep(w, &row->exchange);
        keep(w, &row->idem);
        keep(w, &row->answer);
        keep(w, &row->step.call.key);
    }
    store_query_end(&query);
    return found;
}

static struct step_row step_1(struct run_kit *w)
{
    struct step_row row;
    assert_true(find_step(w, 101, &row));
    return row;
}

/* ---- runs ---- */

static void a_run_is_read_back(void **state)
{
    struct run_kit *w = *state;
    run_kit_key(w, "rn01");
    run_kit_make(w, 1, "order");
    run_kit_insert_done(w, 1);
    struct run_row row = run_1(w);
    assert_int_equal(row.number, 1);
    run_kit_text(row.tenant, "shop");
    run_kit_text(row.id, "order");
    run_kit_text(row.agent, "helper");
    run_kit_text(row.principal, "svc");
    run_kit_text(row.data_key, "rn01");
    run_kit_text(row.wrapped, "\x01\x02");
    run_kit_text(row.owner, "first");
    run_kit_text(row.reason, "");
    assert_int_equal(row.attempt, 0);
    assert_int_equal(row.state, RUN_OPEN);
    assert_int_equal(row.epoch, 1);
    assert_int_equal(row.created_us, 500);
    assert_int_equal(row.updated_us, 500);
    assert_int_equal(row.bytes + row.divergences, 0);
    assert_int_equal(row.steps, 1);
}

static void a_run_whose_key_is_destroyed_has_none(void **state)
{
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    assert_int_equal(run_1(w).wrapped.len, 0);
}

static void an_id_is_one_run_in_its_tenant_only(void **state)
{
    struct run_kit *w = *state;
    struct run_row row = run_kit_row(1, "order");
    assert_int_equal(run_kit_write_one(w, run_insert(&row, w->arena)), ERR_OK);
    row.number = 2;
    assert_int_equal(run_kit_write_one(w, run_insert(&row, w->arena)), ERR_EXISTS);
    row.tenant = STR("bank");
    assert_int_equal(run_kit_write_one(w, run_insert(&row, w->arena)), ERR_OK);
    assert_true(find_run(w, "bank", "order", &row));
    assert_int_equal(row.number, 2);
    assert_false(find_run(w, "bank", "orde", &row));
}

static void the_fence_only_rises(void **state)
{
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    assert_int_equal(run_kit_write_one(w, run_raise(1, 1, 3, run_kit_now, w->arena)), ERR_OK);
    assert_int_equal(run_kit_write_one(w, run_raise(1, 1, 3, run_kit_now, w->arena)), ERR_OK);
    assert_int_equal(run_kit_write_one(w, run_raise(1, 1, 2, run_kit_now, w->arena)),
                     ERR_NOT_FOUND);
    assert_int_equal(run_kit_write_one(w, run_raise(1, 2, 4, run_kit_now, w->arena)),
                     ERR_NOT_FOUND);
    assert_int_equal(run_1(w).attempt, 3);
    assert_int_equal(run_1(w).updated_us, run_kit_now.us);
}

static void a_state_moves_with_its_reason(void **state)
{
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    struct run_row to = {.number = 1,
                         .epoch = 1,
                         .state = RUN_DIVERGED,
                         .divergences = 4,
                         .reason = STR("too many")};
    assert_int_equal(run_kit_write_one(w, run_move(&to, run_kit_now, w->arena)), ERR_OK);
    struct run_row row = run_1(w);
    assert_int_equal(row.state, RUN_DIVERGED);
    assert_int_equal(row.divergences, 4);
    run_kit_text(row.reason, "too many");
    assert_int_equal(row.updated_us, run_kit_now.us);
}

/* Everything that the owner may write, tried by an owner of before. */
static void whoever_lost_a_run_writes_no_more(void **state)
{
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    struct step_row open = intent(1);
    assert_int_equal(run_kit_insert(w, &open), ERR_OK);
    assert_int_equal(run_kit_write_one(w, run_take(1, 1, STR("second"), run_kit_now, w->arena)),
                     ERR_OK);
    assert_int_equal(run_1(w).epoch, 2);
    run_kit_text(run_1(w).owner, "second");
    struct step_row more = run_kit_step(2);
    struct step_row result = run_kit_step(1);
    struct run_row closed = {.number = 1, .epoch = 1, .state = RUN_DONE};
    const struct store_step tries[] = {
        run_take(1, 1, STR("third"), run_kit_now, w->arena),
        run_raise(1, 1, 9, run_kit_now, w->arena),
        run_move(&closed, run_kit_now, w->arena),
        step_insert(&more, w->arena),
        step_finish(&result, w->arena),
        step_count(&result, w->arena),
        step_move(101, 1, 1, STEP_SKIPPED, w->arena),
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        assert_int_equal(run_kit_write_one(w, tries[i]), ERR_NOT_FOUND);
    }
    result.epoch = 2;
    assert_int_equal(run_kit_write_one(w, step_finish(&result, w->arena)), ERR_OK);
}

static void a_unit_of_a_lost_run_leaves_nothing(void **state)
{
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    struct part_id id = run_kit_part(1);
    struct step_row row = run_kit_step(1);
    row.epoch = 0;
    struct store_step steps[] = {part_insert(1, &id, &run_kit_no_part, run_kit_sealed, w->arena),
                                 step_insert(&row, w->arena)};
    assert_int_equal(run_kit_write(w, steps, 2), ERR_NOT_FOUND);
    const struct value values[] = {value_of_i64(1), value_of_blob(part_id_str(&id))};
    struct store_query query;
    run_kit_ask(w, &part_one, values, 1, &query);
    assert_int_equal(query.row_count, 0);
    store_query_end(&query);
}

static size_t listed(struct run_kit *w, const char *tenant, int64_t of, int64_t below, size_t most,
                     int64_t numbers[4])
{
    const struct value values[] = {value_of_text(str_of(tenant)), value_of_i64(of),
                                   value_of_text(STR("")), value_of_i64(below),
                                   value_of_i64((int64_t)most)};
    struct store_query query;
    run_kit_ask(w, &run_list, values, 5, &query);
    for (size_t i = 0; i < query.row_count; i++) {
        struct run_row row;
        run_read(&query.rows[i * query.columns], &row);
        numbers[i] = row.number;
    }
    size_t count = query.row_count;
    store_query_end(&query);
    return count;
}

static void runs_are_listed_newest_first(void **state)
{
    struct run_kit *w = *state;
    int64_t numbers[4];
    run_kit_make(w, 1, "a");
    run_kit_make(w, 2, "b");
    run_kit_make(w, 3, "c");
    struct run_row other = run_kit_row(4, "a");
    other.tenant = STR("bank");
    assert_int_equal(run_kit_write_one(w, run_insert(&other, w->arena)), ERR_OK);
    struct run_row done = {.number = 2, .epoch = 1, .state = RUN_DONE};
    assert_int_equal(run_kit_write_one(w, run_move(&done, run_kit_now, w->arena)), ERR_OK);
    assert_int_equal(listed(w, "", -1, INT64_MAX, 4, numbers), 4);
    assert_int_equal(numbers[0], 4);
    assert_int_equal(listed(w, "shop", -1, INT64_MAX, 2, numbers), 2);
    assert_int_equal(numbers[0], 3);
    assert_int_equal(numbers[1], 2);
    assert_int_equal(listed(w, "shop", -1, 2, 4, numbers), 1);
    assert_int_equal(numbers[0], 1);
    assert_int_equal(listed(w, "shop", RUN_DONE, INT64_MAX, 4, numbers), 1);
    assert_int_equal(numbers[0], 2);
    assert_int_equal(listed(w, "bank", RUN_DONE, INT64_MAX, 4, numbers), 0);
}

/* ---- steps ---- */

static void a_step_is_read_back(void **state)
{
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    run_kit_insert_done(w, 1);
    struct step_row row = step_1(w);
    struct step_row as = run_kit_step(1);
    assert_int_equal(row.run, 1);
    assert_int_equal(row.step.attempt, 2);
    run_kit_text(row.name, "gpt");
    run_kit_text(row.exchange, "ex01");
    run_kit_text(row.idem, "idem-1");
    assert_int_equal(row.status, 200);
    assert_true(row.streamed);
    assert_memory_equal(&row.head, &as.head, sizeof row.head);
    assert_memory_equal(&row.rest, &as.rest, sizeof row.rest);
    assert_int_equal(row.bytes, 300);
    run_kit_text(row.answer, "sealed bytes");
    assert_int_equal(row.step.seq, 1);
    assert_int_equal(row.step.number, 101);
    assert_int_equal(row.step.state, STEP_DONE);
    assert_int_equal(row.step.occurrence, 1);
    assert_int_equal(row.step.intent_at.us, 700);
    assert_int_equal(row.step.done_at.us, 800);
    assert_int_equal(row.step.call.kind, STEP_TOOL);
    assert_int_equal(row.step.call.effect, EFFECT_KEYED);
    assert_memory_equal(&row.step.call.exact, &as.step.call.exact, 16);
    assert_memory_equal(&row.step.call.loose, &as.step.call.loose, 16);
    assert_memory_equal(&row.step.call.sort, &as.step.call.sort, 16);
    run_kit_text(row.step.call.key, "pay");
}

static void no_place_is_taken_twice(void **state)
{
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    run_kit_make(w, 2, "other");
    run_kit_insert_done(w, 1);
    struct step_row row = run_kit_step(1);
    row.step.number = 200;
    row.step.occurrence = 5;
    assert_int_equal(run_kit_insert(w, &row), ERR_EXISTS); /* seq */
    row.step.seq = 2;
    row.step.occurrence = 1;
    assert_int_equal(run_kit_insert(w, &row), ERR_EXISTS); /* digest and occurrence */
    row.step.call.exact = run_kit_digest(9);
    assert_int_equal(run_kit_insert(w, &row), ERR_OK);
    row = run_kit_step(1);
    row.step.number = 201;
    row.run = 2;
    assert_int_equal(run_kit_insert(w, &row), ERR_OK); /* another run's */
}

static void an_intent_gets_its_result_once(void **state)
{
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    struct step_row row = intent(1);
    assert_int_equal(run_kit_insert(w, &row), ERR_OK);
    assert_int_equal(step_1(w).step.state, STEP_INTENT);
    assert_int_equal(step_1(w).answer.len, 0);
    row = run_kit_step(1);
    row.exchange = STR("ex02");
    row.step.attempt = 3;
    assert_int_equal(run_kit_write_one(w, step_finish(&row, w->arena)), ERR_OK);
    struct step_row got = step_1(w);
    assert_int_equal(got.step.state, STEP_DONE);
    run_kit_text(got.answer, "sealed bytes");
    run_kit_text(got.exchange, "ex02");
    assert_int_equal(got.step.attempt, 3);
    assert_int_equal(got.step.done_at.us, 800);
    assert_int_equal(run_kit_write_one(w, step_finish(&row, w->arena)), ERR_NOT_FOUND);
}

static void a_step_without_a_result_moves(void **state)
{
    static const enum step_state states[] = {STEP_IN_DOUBT, STEP_SKIPPED, STEP_FAILED, STEP_INTENT};
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    struct step_row row = intent(1);
    assert_int_equal(run_kit_insert(w, &row), ERR_OK);
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        assert_int_equal(run_kit_write_one(w, step_move(101, 1, 1, states[i], w->arena)), ERR_OK);
        assert_int_equal(step_1(w).step.state, states[i]);
    }
    assert_int_equal(run_kit_write_one(w, step_move(101, 2, 1, STEP_SKIPPED, w->arena)),
                     ERR_NOT_FOUND);
}

static void a_result_is_final(void **state)
{
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    run_kit_insert_done(w, 1);
    assert_int_equal(run_kit_write_one(w, step_move(101, 1, 1, STEP_INTENT, w->arena)),
                     ERR_NOT_FOUND);
    assert_int_equal(step_1(w).step.state, STEP_DONE);
}

static void bytes_of_steps_count_for_the_run(void **state)
{
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    struct step_row row = run_kit_step(1);
    assert_int_equal(run_kit_write_one(w, step_count(&row, w->arena)), ERR_OK);
    assert_int_equal(run_kit_write_one(w, step_count(&row, w->arena)), ERR_OK);
    assert_int_equal(run_1(w).bytes, 600);
    assert_int_equal(run_1(w).updated_us, 800);
}

static size_t page(struct run_kit *w, int64_t above, size_t most, uint32_t *last)
{
    const struct value values[] = {value_of_i64(1), value_of_i64(above),
                                   value_of_i64((int64_t)most)};
    struct store_query query;
    run_kit_ask(w, &step_list, values, most, &query);
    uint32_t seq = (uint32_t)above;
    for (size_t i = 0; i < query.row_count; i++) {
        struct step_row row;
        const struct value *at = &query.rows[i * query.columns];
        assert_int_equal(step_read(at, query.columns, &row), ERR_OK);
        assert_int_equal(row.step.seq, ++seq);
        assert_int_equal(row.answer.len, 0);
    }
    size_t count = query.row_count;
    *last = seq;
    store_query_end(&query);
    return count;
}

static void steps_come_in_pages_in_order(void **state)
{
    struct run_kit *w = *state;
    uint32_t last;
    run_kit_make(w, 1, "order");
    for (uint32_t seq = 7; seq > 0; seq--) {
        run_kit_insert_done(w, seq);
    }
    assert_int_equal(page(w, 0, 3, &last), 3);
    assert_int_equal(page(w, last, 3, &last), 3);
    assert_int_equal(page(w, last, 3, &last), 1);
    assert_int_equal(page(w, last, 3, &last), 0);
    assert_int_equal(last, 7);
}

static void a_damaged_step_is_said_to_be(void **state)
{
    static const struct statement damages[] = {
        {"UPDATE steps SET exact = x'00'", 0}, {"UPDATE steps SET head = x''", 0},
        {"UPDATE steps SET kind = 8", 0},      {"UPDATE steps SET effect = 4", 0},
        {"UPDATE steps SET state = 5", 0},     {"UPDATE steps SET seq = 0", 0},
        {"UPDATE steps SET kind = -1", 0}};
    struct run_kit *w = *state;
    run_kit_make(w, 1, "order");
    const struct value value = value_of_i64(101);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct step_row row;
        struct store_query query;
        run_kit_insert_done(w, 1);
        assert_int_equal(run_kit_write_one(w, (struct store_step){&damages[i], NULL, true}),
                         ERR_OK);
        run_kit_ask(w, &step_answer, &value, 1, &query);
        assert_int_equal(step_read(query.rows, query.columns, &row), ERR_CORRUPT);
        store_query_end(&query);
        static const struct statement all = {"DELETE FROM steps", 0};
        assert_int_equal(run_kit_write_one(w, (struct store_step){&all, NULL, true}), ERR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_KIT_BOTH(a_run_is_read_back),
        RUN_KIT_BOTH(a_run_whose_key_is_destroyed_has_none),
        RUN_KIT_BOTH(an_id_is_one_run_in_its_tenant_only),
        RUN_KIT_BOTH(the_fence_only_rises),
        RUN_KIT_BOTH(a_state_moves_with_its_reason),
        RUN_KIT_BOTH(whoever_lost_a_run_writes_no_more),
        RUN_KIT_BOTH(a_unit_of_a_lost_run_leaves_nothing),
        RUN_KIT_BOTH(runs_are_listed_newest_first),
        RUN_KIT_BOTH(a_step_is_read_back),
        RUN_KIT_BOTH(no_place_is_taken_twice),
        RUN_KIT_BOTH(an_intent_gets_its_result_once),
        RUN_KIT_BOTH(a_step_without_a_result_moves),
        RUN_KIT_BOTH(a_result_is_final),
        RUN_KIT_BOTH(bytes_of_steps_count_for_the_run),
        RUN_KIT_BOTH(steps_come_in_pages_in_order),
        RUN_KIT_BOTH(a_damaged_step_is_said_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
