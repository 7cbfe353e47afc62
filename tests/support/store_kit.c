/* SPDX-License-Identifier: Apache-2.0
 * store_kit.c - see store_kit.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/store_kit.h"

#include "support/postgres_kit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct migration migrations[] = {
    {1, "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE,"
        " size INTEGER CHECK (size >= 0));"},
};
const struct schema kit_schema = {"kit", migrations, 1};

const struct statement kit_insert = {"INSERT INTO things (id, name, size) VALUES (?1, ?2, ?3)", 3};
const struct statement kit_grow = {"UPDATE things SET size = size + 1 WHERE id = ?1", 1};
const struct statement kit_all = {"SELECT id, name, size FROM things ORDER BY id", 0};
const struct statement kit_count = {"SELECT count(*) FROM things WHERE ?1 IS NOT NULL", 1};
const struct statement kit_has = {"SELECT count(*) FROM things WHERE id = ?1", 1};

char kit_sqlite[] = "sqlite";
char kit_postgres[] = "postgres";

static bool on_postgres;

bool kit_on_postgres(void)
{
    on_postgres = postgres_kit_start();
    return on_postgres;
}

void kit_on_sqlite(void)
{
    on_postgres = false;
}

static const char *last_name(const char *path)
{
    return strrchr(path, '/') + 1;
}

void kit_folder(char path[KIT_PATH])
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(path, KIT_PATH, "%s/aire-store-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(path));
    if (on_postgres) {
        postgres_kit_make(last_name(path));
    }
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void kit_remove(const char *path)
{
    if (on_postgres) {
        postgres_kit_drop(last_name(path));
    }
    (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void kit_location(const char *folder, char location[KIT_PATH])
{
    if (folder == NULL) {
        (void)snprintf(location, KIT_PATH, "memory:");
    } else if (on_postgres) {
        postgres_kit_url(last_name(folder), location, KIT_PATH);
    } else {
        (void)snprintf(location, KIT_PATH, "sqlite:%.200s/data.db", folder);
    }
}

enum err kit_try_open(const char *folder, struct store **store, struct fault *why)
{
    char location[KIT_PATH];
    kit_location(folder, location);
    struct store_options options = {
        .location = str_of(location), .schemas = &kit_schema, .schema_count = 1};
    return store_open(&options, store, why);
}

struct store *kit_open(const char *folder)
{
    struct store *store = NULL;
    struct fault why = {0};
    enum err err = kit_try_open(folder, &store, &why);
    if (err != ERR_OK) {
        fail_msg("open: %s: %s", err_name(err), why.words);
    }
    return store;
}

void kit_done_init(struct kit_done *told)
{
    told->count = 0;
    mutex_init(&told->mutex);
    condition_init(&told->changed);
}

void kit_done_end(struct kit_done *told)
{
    condition_end(&told->changed);
    mutex_end(&told->mutex);
}

static void count_one(struct store_unit *unit)
{
    struct kit_unit *kit = LIST_OBJECT(unit, struct kit_unit, unit);
    struct kit_done *told = kit->told;
    mutex_lock(&told->mutex);
    told->count++;
    kit->turn = told->count;
    condition_wake(&told->changed);
    mutex_unlock(&told->mutex);
}

void kit_wait(struct kit_done *told, size_t count)
{
    mutex_lock(&told->mutex);
    while (told->count < count) {
        (void)condition_wait(&told->changed, &told->mutex, UINT64_MAX);
    }
    mutex_unlock(&told->mutex);
}

void kit_unit_init(struct kit_unit *unit, struct kit_done *told, int64_t id)
{
    memset(unit, 0, sizeof *unit);
    (void)snprintf(unit->name, sizeof unit->name, "thing %lld", (long long)id);
    unit->values[0][0] = value_of_i64(id);
    unit->values[0][1] = value_of_text(str_of(unit->name));
    unit->values[0][2] = value_of_i64(0);
    unit->steps[0] = (struct store_step){&kit_insert, unit->values[0], false};
    unit->told = told;
    unit->unit = (struct store_unit){
        .steps = unit->steps, .count = 1, .bytes = sizeof *unit, .done = count_one};
}

void kit_unit_also(struct kit_unit *unit, const struct statement *statement, int64_t id)
{
    unit->values[1][0] = value_of_i64(id);
    unit->values[1][1] = value_of_text(str_of(unit->name));
    unit->values[1][2] = value_of_i64(0);
    unit->steps[1] = (struct store_step){statement, unit->values[1], true};
    unit->unit.count = 2;
}

void kit_submit(struct store *store, struct kit_unit *unit)
{
    enum err err = store_submit(store, &unit->unit);
    assert_int_equal(err, ERR_OK);
}

int64_t kit_number(struct store *store, const struct statement *statement, int64_t id)
{
    struct value value = value_of_i64(id);
    struct store_query query = {.rows_max = 1};
    enum err err = store_read_now(store, statement, &value, &query);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(query.row_count, 1);
    int64_t number = query.rows[0].integer;
    store_query_end(&query);
    return number;
}

static void hold(struct store_unit *unit)
{
    struct kit_unit *kit = LIST_OBJECT(unit, struct kit_unit, unit);
    struct kit_block *block = LIST_OBJECT(kit, struct kit_block, unit);
    mutex_lock(&block->mutex);
    block->holding = true;
    condition_wake(&block->changed);
    while (!block->released) {
        (void)condition_wait(&block->changed, &block->mutex, UINT64_MAX);
    }
    block->holding = false;
    condition_wake(&block->changed);
    mutex_unlock(&block->mutex);
}

void kit_hold_writer(struct store *store, struct kit_block *block, int64_t id)
{
    kit_unit_init(&block->unit, NULL, id);
    block->unit.unit.done = hold;
    block->holding = false;
    block->released = false;
    mutex_init(&block->mutex);
    condition_init(&block->changed);
    kit_submit(store, &block->unit);
    mutex_lock(&block->mutex);
    while (!block->holding) {
        (void)condition_wait(&block->changed, &block->mutex, UINT64_MAX);
    }
    mutex_unlock(&block->mutex);
}

void kit_release_writer(struct kit_block *block)
{
    mutex_lock(&block->mutex);
    block->released = true;
    condition_wake(&block->changed);
    while (block->holding) {
        (void)condition_wait(&block->changed, &block->mutex, UINT64_MAX);
    }
    mutex_unlock(&block->mutex);
    condition_end(&block->changed);
    mutex_end(&block->mutex);
}
