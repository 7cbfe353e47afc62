/* SPDX-License-Identifier: Apache-2.0
 * store.c - puts connections, writer and reader together; opening, closing, blocking calls.
 *
 * A store in memory has one connection and no threads; all others have two of each, so that a long
 * query never delays a commit.
 */
#include "store/store.h"

#include "base/must.h"
#include "store/database.h"
#include "store/history.h"
#include "store/reader.h"
#include "store/writer.h"

#include <stdio.h>
#include <stdlib.h>

struct store {
    struct database *writing; /* NULL: opened for reading only */
    struct database *reading; /* the same as `writing` in memory */
    struct writer *writer;    /* NULL: opened for reading only */
    struct reader *reader;
    bool threaded; /* not in memory */
};

static struct store *store_make(void)
{
    struct store *store = must_have(calloc(1, sizeof *store));
    return store;
}

static enum err open_connections(struct store *store, const struct store_options *options,
                                 struct fault *why)
{
    struct database_options opening = {options->location, USE_WRITE, options->unsafe, options->log};
    enum err err = database_open(&opening, &store->writing, why);
    if (err == ERR_OK) {
        struct schema_plan plan = {options->schemas, options->schema_count};
        store->threaded = !store->writing->in_memory;
        err = schema_prepare(store->writing, &plan, why);
    }
    if (err == ERR_OK && store->threaded) {
        opening.use = USE_READ;
        err = database_open(&opening, &store->reading, why);
    } else if (err == ERR_OK) {
        store->reading = store->writing;
    }
    return err;
}

static enum err start_threads(struct store *store, const struct store_options *options,
                              struct fault *why)
{
    enum err err = writer_new(store->writing, options, store->threaded, &store->writer);
    if (err == ERR_OK) {
        struct mutex *serial = store->threaded ? NULL : writer_mutex(store->writer);
        err = reader_new(store->reading, serial, &store->reader);
    }
    return err == ERR_OK ? ERR_OK : fault_set(why, err, "cannot start the threads of the store");
}

enum err store_shown(struct str location, char *to, size_t room)
{
    return database_shown(location, to, room);
}

enum err store_open(const struct store_options *options, struct store **store, struct fault *why)
{
    struct store *made = store_make();
    *store = NULL;
    enum err err = open_connections(made, options, why);
    if (err == ERR_OK) {
        err = start_threads(made, options, why);
    }
    if (err != ERR_OK) {
        store_close(made);
        return err;
    }
    *store = made;
    return ERR_OK;
}

enum err store_open_read(struct str location, struct store **store, struct fault *why)
{
    struct store *made = store_make();
    *store = NULL;
    const struct database_options opening = {.location = location, .use = USE_READ};
    enum err err = database_open(&opening, &made->reading, why);
    if (err == ERR_OK && made->reading->in_memory) {
        err = fault_set(why, ERR_UNSUPPORTED, "memory: is nothing another process could read");
    }
    if (err == ERR_OK) {
        err = reader_new(made->reading, NULL, &made->reader);
    }
    if (err != ERR_OK) {
        store_close(made);
        return err;
    }
    *store = made;
    return ERR_OK;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    bool open = writer_free(store->writer);
    reader_free(store->reader);
    if (store->reading != store->writing) {
        database_close(store->reading);
    }
    if (open && store->writing->kind->mark(store->writing, false) != ERR_OK) {
        store->writing->kind->abandon(store->writing); /* found open, and checked, at next start */
    }
    database_close(store->writing);
    free(store);
}

enum err store_submit(struct store *store, struct store_unit *unit)
{
    return store->writer != NULL ? writer_submit(store->writer, unit) : ERR_DENIED;
}

enum err store_submit_query(struct store *store, struct store_query *query)
{
    return reader_submit(store->reader, query);
}

void store_query_end(struct store_query *query)
{
    arena_free(query->arena);
    query->arena = NULL;
    query->rows = NULL;
    query->row_count = 0;
}

void store_health(struct store *store, struct store_health *health)
{
    *health = (struct store_health){.open = true};
    if (store->writer != NULL) {
        writer_health(store->writer, health);
    }
    (void)snprintf(health->durability, sizeof health->durability, "%s", store->reading->durability);
    health->name = store->reading->name;
}

void store_sign(struct store *store, const struct note_signer *signer)
{
    must(store->writer != NULL);
    writer_sign(store->writer, signer);
}

/* ---- blocking ---- */

struct gate {
    struct mutex mutex;
    struct condition opened;
    bool open;
};

static void gate_init(struct gate *gate)
{
    gate->open = false;
    mutex_init(&gate->mutex);
    condition_init(&gate->opened);
}

/* The waiter may return, and the gate be gone, as soon as the mutex is free. */
static void gate_open(struct gate *gate)
{
    mutex_lock(&gate->mutex);
    gate->open = true;
    condition_wake(&gate->opened);
    mutex_unlock(&gate->mutex);
}

static void gate_pass(struct gate *gate, bool wait)
{
    mutex_lock(&gate->mutex);
    while (wait && !gate->open) {
        (void)condition_wait(&gate->opened, &gate->mutex, UINT64_MAX);
    }
    mutex_unlock(&gate->mutex);
    condition_end(&gate->opened);
    mutex_end(&gate->mutex);
}

struct reading_now {
    struct store_query query;
    struct gate gate;
};

static void read_is_done(struct store_query *query)
{
    gate_open(&LIST_OBJECT(query, struct reading_now, query)->gate);
}

enum err store_read_now(struct store *store, const struct statement *statement,
                        const struct value *values, struct store_query *result)
{
    struct reading_now now = {.query = *result};
    now.query.statement = statement;
    now.query.values = values;
    now.query.home = NULL;
    now.query.done = read_is_done;
    gate_init(&now.gate);
    enum err err = store_submit_query(store, &now.query);
    gate_pass(&now.gate, err == ERR_OK);
    if (err != ERR_OK) {
        return err;
    }
    result->result = now.query.result;
    result->arena = now.query.arena;
    result->rows = now.query.rows;
    result->row_count = now.query.row_count;
    result->columns = now.query.columns;
    return result->result;
}

struct writing_now {
    struct store_unit unit;
    struct gate gate;
};

static void write_is_done(struct store_unit *unit)
{
    gate_open(&LIST_OBJECT(unit, struct writing_now, unit)->gate);
}

enum err store_write_now(struct store *store, struct store_unit *unit)
{
    struct writing_now now = {.unit = *unit};
    now.unit.home = NULL;
    now.unit.done = write_is_done;
    gate_init(&now.gate);
    enum err err = store_submit(store, &now.unit);
    gate_pass(&now.gate, err == ERR_OK);
    if (err == ERR_OK) {
        err = now.unit.result;
    }
    unit->result = err;
    return err;
}
