/* SPDX-License-Identifier: Apache-2.0
 * test_run_store.c - the tables of durable runs: whoever lost a run writes no more, nothing stands
 * twice, what was written is read back, and what is old goes piece by piece.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resilience/run_store.h"
#include "security/keyring.h"
#include "support/store_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct wall now = {1000};
static const struct part_id no_part = {{0}};
static const struct str sealed = STR_CONST("sealed bytes");

struct world {
    struct store *store;
    struct arena *arena;
    char folder[KIT_PATH]; /* "": in memory */
};

static struct store *opened(const char *folder)
{
    const struct schema schemas[] = {keyring_schema, run_schema};
    char location[KIT_PATH];
    struct store *store;
    struct fault why = {0};
    kit_location(folder[0] != '\0' ? folder : NULL, location);
    const struct store_options options = {
        .location = str_of(location), .schemas = schemas, .schema_count = 2};
    if (store_open(&options, &store, &why) != ERR_OK) {
        fail_msg("open: %s", why.words);
    }
    return store;
}

static int begin_in_memory(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->arena = arena_new(4096);
    w->store = opened(w->folder);
    *state = w;
    return 0;
}

static int begin_in_a_file(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->arena = arena_new(4096);
    kit_folder(w->folder);
    w->store = opened(w->folder);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    store_close(w->store);
    if (w->folder[0] != '\0') {
        kit_remove(w->folder);
    }
    arena_free(w->arena);
    free(w);
    return 0;
}

/* ---- writing ---- */

static enum err write_steps(struct world *w, struct store_step *steps, size_t count)
{
    struct store_unit unit = {.steps = steps, .count = count, .bytes = 64};
    return store_write_now(w->store, &unit);
}

static enum err write_one(struct world *w, struct store_step step)
{
    return write_steps(w, &step, 1);
}

static struct run_row row_of(int64_t number, const char *id)
{
    return (struct run_row){.number = number,
                            .tenant = STR("shop"),
                            .id = str_of(id),
                            .agent = STR("helper"),
                            .principal = STR("svc"),
                            .data_key = STR("rn01"),
                            .owner = STR("first"),
                            .epoch = 1,
                            .created_us = 500};
}

static void make_run(struct world *w, int64_t number, const char *id)
{
    struct run_row row = row_of(number, id);
    assert_int_equal(write_one(w, run_insert(&row, w->arena)), ERR_OK);
}

static const struct statement put_key = {
    "INSERT INTO data_keys(id, kind, tenant, principal, user, session, wrapped, master, created_us)"
    " VALUES(?1, 3, '', '', '', '', x'0102', '', 0)",
    1};

static void make_key(struct world *w, const char *id)
{
    struct value value = value_of_text(str_of(id));
    assert_int_equal(write_one(w, (struct store_step){&put_key, &value, true}), ERR_OK);
}

static struct run_digest digest_of(uint8_t fill)
{
    struct run_digest digest;
    memset(digest.bytes, fill, sizeof digest.bytes);
    return digest;
}

static struct part_id part_of(uint32_t number)
{
    struct part_id id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    return id;
}

/* A step of run 1 that is done; each seq asks for something of its own. */
static struct step_row done_step(uint32_t seq)
{
    struct step_row row = {.run = 1,
                           .epoch = 1,
                           .attempt = 2,
                           .name = STR("gpt"),
                           .exchange = STR("ex01"),
                           .idem = STR("idem-1"),
                           .status = 200,
                           .streamed = true,
                           .head = part_of(7),
                           .rest = part_of(8),
                           .bytes = 300,
                           .answer = sealed};
    row.step = (struct step){.seq = seq,
                             .number = 100 + seq,
                             .state = STEP_DONE,
                             .occurrence = seq,
                             .intent_at = {700},
                             .done_at = {800}};
    row.step.call = (struct step_call){.kind = STEP_TOOL,
                                       .effect = EFFECT_KEYED,
                                       .exact = digest_of(1),
                                       .loose = digest_of(2),
                                       .sort = digest_of(3),
                                       .key = STR("pay")};
    return row;
}

static struct step_row intent(uint32_t seq)
{
    struct step_row row = done_step(seq);
    row.step.state = STEP_INTENT;
    row.step.done_at = (struct wall){0};
    row.answer = STR("");
    return row;
}

static enum err insert(struct world *w, const struct step_row *row)
{
    return write_one(w, step_insert(row, w->arena));
}

static void insert_done(struct world *w, uint32_t seq)
{
    struct step_row row = done_step(seq);
    assert_int_equal(insert(w, &row), ERR_OK);
}

/* ---- reading ---- */

static void ask(struct world *w, const struct statement *statement, const struct value *values,
                size_t rows_max, struct store_query *query)
{
    *query = (struct store_query){.rows_max = rows_max};
    assert_int_equal(store_read_now(w->store, statement, values, query), ERR_OK);
}

/* Strings of the row live as long as the test. */
static void keep(struct world *w, struct str *text)
{
    *text = arena_str(w->arena, *text);
}

static bool find_run(struct world *w, const char *tenant, const char *id, struct run_row *row)
{
    const struct value values[] = {value_of_text(str_of(tenant)), value_of_text(str_of(id))};
    struct store_query query;
    ask(w, &run_find, values, 1, &query);
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

static struct run_row run_1(struct world *w)
{
    struct run_row row;
    assert_true(find_run(w, "shop", "order", &row));
    return row;
}

static bool find_step(struct world *w, int64_t number, struct step_row *row)
{
    const struct value value = value_of_i64(number);
    struct store_query query;
    ask(w, &step_answer, &value, 1, &query);
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

static struct step_row step_1(struct world *w)
{
    struct step_row row;
    assert_true(find_step(w, 101, &row));
    return row;
}

static void assert_text(struct str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.at, expected, text.len);
}

/* ---- runs ---- */

static void a_run_is_read_back(void **state)
{
    struct world *w = *state;
    make_key(w, "rn01");
    make_run(w, 1, "order");
    insert_done(w, 1);
    struct run_row row = run_1(w);
    assert_int_equal(row.number, 1);
    assert_text(row.tenant, "shop");
    assert_text(row.id, "order");
    assert_text(row.agent, "helper");
    assert_text(row.principal, "svc");
    assert_text(row.data_key, "rn01");
    assert_text(row.wrapped, "\x01\x02");
    assert_text(row.owner, "first");
    assert_text(row.reason, "");
    assert_int_equal(row.attempt, 0);
    assert_int_equal(row.state, RUN_OPEN);
    assert_int_equal(row.epoch, 1);
    assert_int_equal(row.created_us, 500);
    assert_int_equal(row.updated_us, 500);
    assert_int_equal(row.bytes, 0);
    assert_int_equal(row.divergences, 0);
    assert_int_equal(row.steps, 1);
}

static void a_run_whose_key_is_destroyed_has_none(void **state)
{
    struct world *w = *state;
    make_run(w, 1, "order");
    assert_int_equal(run_1(w).wrapped.len, 0);
}

static void an_id_is_one_run_in_its_tenant_only(void **state)
{
    struct world *w = *state;
    struct run_row row = row_of(1, "order");
    assert_int_equal(write_one(w, run_insert(&row, w->arena)), ERR_OK);
    row.number = 2;
    assert_int_equal(write_one(w, run_insert(&row, w->arena)), ERR_EXISTS);
    row.tenant = STR("bank");
    assert_int_equal(write_one(w, run_insert(&row, w->arena)), ERR_OK);
    assert_true(find_run(w, "bank", "order", &row));
    assert_int_equal(row.number, 2);
    assert_false(find_run(w, "bank", "orde", &row));
}

static void the_fence_only_rises(void **state)
{
    struct world *w = *state;
    make_run(w, 1, "order");
    assert_int_equal(write_one(w, run_raise(1, 1, 3, now, w->arena)), ERR_OK);
    assert_int_equal(write_one(w, run_raise(1, 1, 3, now, w->arena)), ERR_OK);
    assert_int_equal(write_one(w, run_raise(1, 1, 2, now, w->arena)), ERR_NOT_FOUND);
    assert_int_equal(write_one(w, run_raise(1, 2, 4, now, w->arena)), ERR_NOT_FOUND);
    assert_int_equal(run_1(w).attempt, 3);
    assert_int_equal(run_1(w).updated_us, now.us);
}

static void a_state_moves_with_its_reason(void **state)
{
    struct world *w = *state;
    make_run(w, 1, "order");
    struct run_row to = {.number = 1,
                         .epoch = 1,
                         .state = RUN_DIVERGED,
                         .divergences = 4,
                         .reason = STR("too many")};
    assert_int_equal(write_one(w, run_move(&to, now, w->arena)), ERR_OK);
    struct run_row row = run_1(w);
    assert_int_equal(row.state, RUN_DIVERGED);
    assert_int_equal(row.divergences, 4);
    assert_text(row.reason, "too many");
    assert_int_equal(row.updated_us, now.us);
}

/* Everything that the owner may write, tried by an owner of before. */
static void whoever_lost_a_run_writes_no_more(void **state)
{
    struct world *w = *state;
    make_run(w, 1, "order");
    struct step_row open = intent(1);
    assert_int_equal(insert(w, &open), ERR_OK);
    assert_int_equal(write_one(w, run_take(1, 1, STR("second"), now, w->arena)), ERR_OK);
    assert_int_equal(run_1(w).epoch, 2);
    assert_text(run_1(w).owner, "second");
    struct step_row more = done_step(2);
    struct step_row result = done_step(1);
    struct run_row closed = {.number = 1, .epoch = 1, .state = RUN_DONE};
    const struct store_step tries[] = {
        run_take(1, 1, STR("third"), now, w->arena),
        run_raise(1, 1, 9, now, w->arena),
        run_move(&closed, now, w->arena),
        step_insert(&more, w->arena),
        step_finish(&result, w->arena),
        step_count(&result, w->arena),
        step_move(101, 1, 1, STEP_SKIPPED, w->arena),
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        assert_int_equal(write_one(w, tries[i]), ERR_NOT_FOUND);
    }
    result.epoch = 2;
    assert_int_equal(write_one(w, step_finish(&result, w->arena)), ERR_OK);
}

static void a_unit_of_a_lost_run_leaves_nothing(void **state)
{
    struct world *w = *state;
    make_run(w, 1, "order");
    struct part_id id = part_of(1);
    struct step_row row = done_step(1);
    row.epoch = 0;
    struct store_step steps[] = {part_insert(1, &id, &no_part, sealed, w->arena),
                                 step_insert(&row, w->arena)};
    assert_int_equal(write_steps(w, steps, 2), ERR_NOT_FOUND);
    const struct value values[] = {value_of_i64(1), value_of_blob(part_id_str(&id))};
    struct store_query query;
    ask(w, &part_one, values, 1, &query);
    assert_int_equal(query.row_count, 0);
    store_query_end(&query);
}

static size_t listed(struct world *w, const char *tenant, int64_t of, int64_t below, size_t most,
                     int64_t numbers[4])
{
    const struct value values[] = {value_of_text(str_of(tenant)), value_of_i64(of),
                                   value_of_i64(below), value_of_i64((int64_t)most)};
    struct store_query query;
    ask(w, &run_list, values, 4, &query);
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
    struct world *w = *state;
    int64_t numbers[4];
    make_run(w, 1, "a");
    make_run(w, 2, "b");
    make_run(w, 3, "c");
    struct run_row other = row_of(4, "a");
    other.tenant = STR("bank");
    assert_int_equal(write_one(w, run_insert(&other, w->arena)), ERR_OK);
    struct run_row done = {.number = 2, .epoch = 1, .state = RUN_DONE};
    assert_int_equal(write_one(w, run_move(&done, now, w->arena)), ERR_OK);
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
    struct world *w = *state;
    make_run(w, 1, "order");
    insert_done(w, 1);
    struct step_row row = step_1(w);
    struct step_row as = done_step(1);
    assert_int_equal(row.run, 1);
    assert_int_equal(row.attempt, 2);
    assert_text(row.name, "gpt");
    assert_text(row.exchange, "ex01");
    assert_text(row.idem, "idem-1");
    assert_int_equal(row.status, 200);
    assert_true(row.streamed);
    assert_memory_equal(&row.head, &as.head, sizeof row.head);
    assert_memory_equal(&row.rest, &as.rest, sizeof row.rest);
    assert_int_equal(row.bytes, 300);
    assert_text(row.answer, "sealed bytes");
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
    assert_text(row.step.call.key, "pay");
}

static void no_place_is_taken_twice(void **state)
{
    struct world *w = *state;
    make_run(w, 1, "order");
    make_run(w, 2, "other");
    insert_done(w, 1);
    struct step_row row = done_step(1);
    row.step.number = 200;
    row.step.occurrence = 5;
    assert_int_equal(insert(w, &row), ERR_EXISTS); /* seq */
    row.step.seq = 2;
    row.step.occurrence = 1;
    assert_int_equal(insert(w, &row), ERR_EXISTS); /* digest and occurrence */
    row.step.call.exact = digest_of(9);
    assert_int_equal(insert(w, &row), ERR_OK);
    row = done_step(1);
    row.step.number = 201;
    row.run = 2;
    assert_int_equal(insert(w, &row), ERR_OK); /* another run's */
}

static void an_intent_gets_its_result_once(void **state)
{
    struct world *w = *state;
    make_run(w, 1, "order");
    struct step_row row = intent(1);
    assert_int_equal(insert(w, &row), ERR_OK);
    assert_int_equal(step_1(w).step.state, STEP_INTENT);
    assert_int_equal(step_1(w).answer.len, 0);
    row = done_step(1);
    row.exchange = STR("ex02");
    row.attempt = 3;
    assert_int_equal(write_one(w, step_finish(&row, w->arena)), ERR_OK);
    struct step_row got = step_1(w);
    assert_int_equal(got.step.state, STEP_DONE);
    assert_text(got.answer, "sealed bytes");
    assert_text(got.exchange, "ex02");
    assert_int_equal(got.attempt, 3);
    assert_int_equal(got.step.done_at.us, 800);
    assert_int_equal(write_one(w, step_finish(&row, w->arena)), ERR_NOT_FOUND);
}

static void a_step_without_a_result_moves(void **state)
{
    static const enum step_state states[] = {STEP_IN_DOUBT, STEP_SKIPPED, STEP_FAILED, STEP_INTENT};
    struct world *w = *state;
    make_run(w, 1, "order");
    struct step_row row = intent(1);
    assert_int_equal(insert(w, &row), ERR_OK);
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        assert_int_equal(write_one(w, step_move(101, 1, 1, states[i], w->arena)), ERR_OK);
        assert_int_equal(step_1(w).step.state, states[i]);
    }
    assert_int_equal(write_one(w, step_move(101, 2, 1, STEP_SKIPPED, w->arena)), ERR_NOT_FOUND);
}

static void a_result_is_final(void **state)
{
    struct world *w = *state;
    make_run(w, 1, "order");
    insert_done(w, 1);
    assert_int_equal(write_one(w, step_move(101, 1, 1, STEP_INTENT, w->arena)), ERR_NOT_FOUND);
    assert_int_equal(step_1(w).step.state, STEP_DONE);
}

static void bytes_of_steps_count_for_the_run(void **state)
{
    struct world *w = *state;
    make_run(w, 1, "order");
    struct step_row row = done_step(1);
    assert_int_equal(write_one(w, step_count(&row, w->arena)), ERR_OK);
    assert_int_equal(write_one(w, step_count(&row, w->arena)), ERR_OK);
    assert_int_equal(run_1(w).bytes, 600);
    assert_int_equal(run_1(w).updated_us, 800);
}

static size_t page(struct world *w, int64_t above, size_t most, uint32_t *last)
{
    const struct value values[] = {value_of_i64(1), value_of_i64(above),
                                   value_of_i64((int64_t)most)};
    struct store_query query;
    ask(w, &step_list, values, most, &query);
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
    struct world *w = *state;
    uint32_t last;
    make_run(w, 1, "order");
    for (uint32_t seq = 7; seq > 0; seq--) {
        insert_done(w, seq);
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
        {"UPDATE steps SET kind = 6", 0},      {"UPDATE steps SET effect = 4", 0},
        {"UPDATE steps SET state = 5", 0},     {"UPDATE steps SET seq = 0", 0},
        {"UPDATE steps SET kind = -1", 0}};
    struct world *w = *state;
    make_run(w, 1, "order");
    const struct value value = value_of_i64(101);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct step_row row;
        struct store_query query;
        insert_done(w, 1);
        assert_int_equal(write_one(w, (struct store_step){&damages[i], NULL, true}), ERR_OK);
        ask(w, &step_answer, &value, 1, &query);
        assert_int_equal(step_read(query.rows, query.columns, &row), ERR_CORRUPT);
        store_query_end(&query);
        static const struct statement all = {"DELETE FROM steps", 0};
        assert_int_equal(write_one(w, (struct store_step){&all, NULL, true}), ERR_OK);
    }
}

/* ---- parts ---- */

/* Parts 1..count of a run, each the parent of the next. */
static void insert_chain(struct world *w, int64_t run, uint32_t count)
{
    struct store_step *steps = arena_array_of(w->arena, struct store_step, count);
    struct part_id *ids = arena_array_of(w->arena, struct part_id, count + 1);
    ids[0] = no_part;
    for (uint32_t i = 1; i <= count; i++) {
        ids[i] = part_of(i);
        steps[i - 1] = part_insert(run, &ids[i], &ids[i - 1], part_id_str(&ids[i]), w->arena);
    }
    assert_int_equal(write_steps(w, steps, count), ERR_OK);
}

/* How many parts come, from `head` down; *whole: down to the first. */
static uint32_t walk_chain(struct world *w, int64_t run, uint32_t head, uint32_t most, bool *whole)
{
    struct part_id id = part_of(head);
    const struct value values[] = {value_of_i64(run), value_of_blob(part_id_str(&id)),
                                   value_of_i64(most)};
    struct store_query query;
    ask(w, &part_chain, values, head + 1, &query);
    *whole = false;
    for (uint32_t i = 0; i < query.row_count; i++) {
        struct body_part part;
        struct part_id own = part_of(head - i);
        assert_int_equal(part_read(&query.rows[i * query.columns], &part), ERR_OK);
        assert_memory_equal(&part.id, &own, sizeof own);
        assert_memory_equal(part.bytes.at, &own, sizeof own);
        *whole = memcmp(&part.parent, &no_part, sizeof no_part) == 0;
    }
    uint32_t count = (uint32_t)query.row_count;
    store_query_end(&query);
    return count;
}

static void a_chain_comes_from_the_last_to_the_first(void **state)
{
    struct world *w = *state;
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
    struct world *w = *state;
    bool whole;
    insert_chain(w, 1, 1000);
    assert_int_equal(walk_chain(w, 1, 1000, 999, &whole), 999);
    assert_false(whole);
    assert_int_equal(walk_chain(w, 1, 1000, 1000, &whole), 1000);
    assert_true(whole);
}

static void a_ring_of_parts_ends(void **state)
{
    struct world *w = *state;
    struct part_id ids[] = {part_of(1), part_of(2)};
    struct store_step steps[] = {part_insert(1, &ids[0], &ids[1], sealed, w->arena),
                                 part_insert(1, &ids[1], &ids[0], sealed, w->arena)};
    assert_int_equal(write_steps(w, steps, 2), ERR_OK);
    const struct value values[] = {value_of_i64(1), value_of_blob(part_id_str(&ids[0])),
                                   value_of_i64(50)};
    struct store_query query;
    ask(w, &part_chain, values, 100, &query);
    assert_int_equal(query.row_count, 50);
    store_query_end(&query);
}

static void a_part_stands_once(void **state)
{
    struct world *w = *state;
    struct part_id id = part_of(1);
    const struct str texts[] = {STR_CONST("first"), STR_CONST("second")};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(write_one(w, part_insert(1, &id, &no_part, texts[i], w->arena)), ERR_OK);
    }
    const struct value values[] = {value_of_i64(1), value_of_blob(part_id_str(&id))};
    struct store_query query;
    struct body_part part;
    ask(w, &part_one, values, 2, &query);
    assert_int_equal(query.row_count, 1);
    assert_int_equal(part_read(query.rows, &part), ERR_OK);
    assert_text(part.bytes, "first");
    store_query_end(&query);
}

/* ---- retention ---- */

static int64_t count_of(struct world *w, const struct statement *statement)
{
    struct store_query query;
    ask(w, statement, NULL, 1, &query);
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

static void prune(struct world *w, const struct statement *statement, int64_t before)
{
    struct value value = value_of_i64(before);
    assert_int_equal(write_one(w, (struct store_step){statement, &value, false}), ERR_OK);
}

/* Run 1 was touched at 600 and has 1001 steps and parts, run 2 at 1000 and has one of each. */
static void fill(struct world *w)
{
    make_key(w, "rn01");
    make_key(w, "rn02");
    make_run(w, 1, "order");
    struct run_row row = row_of(2, "other");
    row.data_key = STR("rn02");
    row.created_us = 1000;
    assert_int_equal(write_one(w, run_insert(&row, w->arena)), ERR_OK);
    struct store_step *steps = arena_array_of(w->arena, struct store_step, 1001);
    for (uint32_t i = 0; i < 1001; i++) {
        struct step_row *step = arena_new_of(w->arena, struct step_row);
        *step = done_step(i + 1);
        steps[i] = step_insert(step, w->arena);
    }
    assert_int_equal(write_steps(w, steps, 1001), ERR_OK);
    struct step_row step = done_step(1);
    step.run = 2;
    step.step.number = 9999;
    assert_int_equal(insert(w, &step), ERR_OK);
    insert_chain(w, 1, 1001);
    insert_chain(w, 2, 1);
}

static void what_is_old_goes_a_thousand_at_once(void **state)
{
    struct world *w = *state;
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
    struct world *w = *state;
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
    struct run_row row;
    assert_true(find_run(w, "shop", "other", &row));
    assert_text(row.wrapped, "\x01\x02");
}

#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, begin_in_memory, end)
#define IN_A_FILE(test)                                                                            \
    {                                                                                              \
#test " (file)", test, begin_in_a_file, end, NULL                                          \
    }
#define BOTH(test) IN_MEMORY(test), IN_A_FILE(test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_run_is_read_back),
        BOTH(a_run_whose_key_is_destroyed_has_none),
        BOTH(an_id_is_one_run_in_its_tenant_only),
        BOTH(the_fence_only_rises),
        BOTH(a_state_moves_with_its_reason),
        BOTH(whoever_lost_a_run_writes_no_more),
        BOTH(a_unit_of_a_lost_run_leaves_nothing),
        BOTH(runs_are_listed_newest_first),
        BOTH(a_step_is_read_back),
        BOTH(no_place_is_taken_twice),
        BOTH(an_intent_gets_its_result_once),
        BOTH(a_step_without_a_result_moves),
        BOTH(a_result_is_final),
        BOTH(bytes_of_steps_count_for_the_run),
        BOTH(steps_come_in_pages_in_order),
        BOTH(a_damaged_step_is_said_to_be),
        BOTH(a_chain_comes_from_the_last_to_the_first),
        BOTH(a_chain_longer_than_asked_for_is_not_whole),
        BOTH(a_ring_of_parts_ends),
        BOTH(a_part_stands_once),
        BOTH(what_is_old_goes_a_thousand_at_once),
        BOTH(a_run_goes_after_all_that_is_its),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
