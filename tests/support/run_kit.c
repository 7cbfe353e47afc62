/* SPDX-License-Identifier: Apache-2.0
 * run_kit.c - see run_kit.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/run_kit.h"

#include "resilience/queue_store.h"
#include "resilience/workflow_store.h"

#include "security/keyring.h"

#include <stdlib.h>
#include <string.h>

const struct wall run_kit_now = {1000};
const struct part_id run_kit_no_part = {{0}};
const struct str run_kit_sealed = STR_CONST("sealed bytes");

static struct store *opened(const char *folder)
{
    const struct schema schemas[] = {keyring_schema, run_schema, workflow_schema, queue_schema};
    char location[KIT_PATH];
    struct store *store;
    struct fault why = {0};
    kit_location(folder[0] != '\0' ? folder : NULL, location);
    const struct store_options options = {
        .location = str_of(location), .schemas = schemas, .schema_count = 4};
    if (store_open(&options, &store, &why) != ERR_OK) {
        fail_msg("open: %s", why.words);
    }
    return store;
}

static struct run_kit *begin(bool in_a_file)
{
    struct run_kit *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->arena = arena_new(4096);
    if (in_a_file) {
        kit_folder(w->folder);
    }
    w->store = opened(w->folder);
    return w;
}

int run_kit_in_memory(void **state)
{
    *state = begin(false);
    return 0;
}

int run_kit_in_a_file(void **state)
{
    *state = begin(true);
    return 0;
}

int run_kit_end(void **state)
{
    struct run_kit *w = *state;
    store_close(w->store);
    if (w->folder[0] != '\0') {
        kit_remove(w->folder);
    }
    arena_free(w->arena);
    free(w);
    return 0;
}

enum err run_kit_write(struct run_kit *w, struct store_step *steps, size_t count)
{
    struct store_unit unit = {.steps = steps, .count = count, .bytes = 64};
    return store_write_now(w->store, &unit);
}

enum err run_kit_write_one(struct run_kit *w, struct store_step step)
{
    return run_kit_write(w, &step, 1);
}

struct run_row run_kit_row(int64_t number, const char *id)
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

void run_kit_make(struct run_kit *w, int64_t number, const char *id)
{
    struct run_row row = run_kit_row(number, id);
    assert_int_equal(run_kit_write_one(w, run_insert(&row, w->arena)), ERR_OK);
}

static const struct statement put_key = {
    "INSERT INTO data_keys(id, kind, tenant, principal, user, session, wrapped, master, created_us)"
    " VALUES(?1, 3, '', '', '', '', x'0102', '', 0)",
    1};

void run_kit_key(struct run_kit *w, const char *id)
{
    struct value value = value_of_text(str_of(id));
    assert_int_equal(run_kit_write_one(w, (struct store_step){&put_key, &value, true}), ERR_OK);
}

struct run_digest run_kit_digest(uint8_t fill)
{
    struct run_digest digest;
    memset(digest.bytes, fill, sizeof digest.bytes);
    return digest;
}

struct part_id run_kit_part(uint32_t number)
{
    struct part_id id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    return id;
}

/* A step of run 1 that is done; each seq asks for something of its own. */
struct step_row run_kit_step(uint32_t seq)
{
    struct step_row row = {.run = 1,
                           .epoch = 1,
                           .name = STR("gpt"),
                           .exchange = STR("ex01"),
                           .idem = STR("idem-1"),
                           .status = 200,
                           .streamed = true,
                           .head = run_kit_part(7),
                           .rest = run_kit_part(8),
                           .bytes = 300,
                           .answer = run_kit_sealed};
    row.step = (struct step){.seq = seq,
                             .number = 100 + seq,
                             .state = STEP_DONE,
                             .occurrence = seq,
                             .attempt = 2,
                             .intent_at = {700},
                             .done_at = {800}};
    row.step.call = (struct step_call){.kind = STEP_TOOL,
                                       .effect = EFFECT_KEYED,
                                       .exact = run_kit_digest(1),
                                       .loose = run_kit_digest(2),
                                       .sort = run_kit_digest(3),
                                       .key = STR("pay")};
    return row;
}

enum err run_kit_insert(struct run_kit *w, const struct step_row *row)
{
    return run_kit_write_one(w, step_insert(row, w->arena));
}

void run_kit_insert_done(struct run_kit *w, uint32_t seq)
{
    struct step_row row = run_kit_step(seq);
    assert_int_equal(run_kit_insert(w, &row), ERR_OK);
}

void run_kit_ask(struct run_kit *w, const struct statement *statement, const struct value *values,
                 size_t rows_max, struct store_query *query)
{
    *query = (struct store_query){.rows_max = rows_max};
    assert_int_equal(store_read_now(w->store, statement, values, query), ERR_OK);
}

void run_kit_text(struct str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.at, expected, text.len);
}
