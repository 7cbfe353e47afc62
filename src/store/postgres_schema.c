/* SPDX-License-Identifier: Apache-2.0
 * postgres_schema.c - whose database it is, and the tables that every one of ours begins with.
 */
#include "store/postgres.h"

#include "store/store.h"

/* One transaction; whoever comes second finds the tables. */
static const char first_tables[] = POSTGRES_MIGRATION_LOCK
    ";"
    "CREATE TABLE IF NOT EXISTS schema_versions"
    " (area TEXT PRIMARY KEY, version INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS store_writers (id TEXT PRIMARY KEY,"
    " batch INTEGER NOT NULL, at TIMESTAMPTZ NOT NULL) WITH (fillfactor=50)";

static enum err make_ours(struct database *database, struct fault *why)
{
    static const struct statement tables = {"SELECT count(*) FROM pg_class WHERE relkind = 'r'"
                                            " AND relnamespace = current_schema()::regnamespace",
                                            0};
    int64_t count = 0;
    enum err err = database_number(database, &tables, NULL, &count);
    if (err == ERR_OK && count > 0) {
        return fault_set(why, ERR_INVALID,
                         "%s holds tables of another program; give this one a database or a schema "
                         "of its own",
                         database->name);
    }
    err = err == ERR_OK ? database->kind->script(database, first_tables) : err;
    return err == ERR_OK ? ERR_OK : database->kind->fault(database, why);
}

/* A writer's row outlives a crash; those of 30 days ago are nobody's any more. */
static enum err sign_in(struct database *database, char *writer, size_t room, struct fault *why)
{
    static const struct statement new_row = {
        "WITH gone AS (DELETE FROM store_writers WHERE at < now() - interval '30 days')"
        " INSERT INTO store_writers (id, batch, at) VALUES (gen_random_uuid()::text, 0, now())"
        " RETURNING id",
        0};
    struct store_query query = {.statement = &new_row, .rows_max = 1};
    database->kind->query(database, &query);
    bool done = query.result == ERR_OK && query.row_count == 1 &&
                str_copy(query.rows[0].bytes, writer, room);
    store_query_end(&query);
    return done ? ERR_OK : database->kind->fault(database, why);
}

enum err postgres_claim(struct database *database, char *writer, size_t room, struct fault *why)
{
    static const struct statement present = {"SELECT to_regclass('schema_versions') IS NOT NULL"
                                             " AND to_regclass('store_writers') IS NOT NULL",
                                             0};
    int64_t ours = 0;
    enum err err = database_number(database, &present, NULL, &ours);
    if (err != ERR_OK) {
        return database->kind->fault(database, why);
    }
    err = ours != 0 ? ERR_OK : make_ours(database, why);
    return err == ERR_OK ? sign_in(database, writer, room, why) : err;
}
