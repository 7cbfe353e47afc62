/* SPDX-License-Identifier: Apache-2.0
 * sqlite_file.c - what an SQLite file must be before it is served from: ours and whole.
 */
#include "base/log.h"
#include "store/sqlite.h"
#include "store/store.h"

#include <stdio.h>

#define APPLICATION_ID 1095324229 /* "AIRE": bytes 68 to 71 of the file */

static const struct statement read_application = {"PRAGMA application_id", 0};
static const struct statement read_mark = {"PRAGMA user_version", 0};
static const struct statement count_tables = {"SELECT count(*) FROM sqlite_schema", 0};
static const struct statement count_bytes = {
    "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", 0};
static const struct statement quick_check = {"PRAGMA quick_check(1)", 0};

static const char make_ours[] =
    "BEGIN IMMEDIATE; PRAGMA application_id=1095324229;"
    "CREATE TABLE IF NOT EXISTS schema_versions"
    " (area TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID; COMMIT";

/* An empty file becomes ours; a file with another program's tables does not. */
enum err sqlite_claim(struct database *database, struct fault *why)
{
    int64_t application = 0;
    int64_t tables = 0;
    enum err err = database_number(database, &read_application, NULL, &application);
    if (err == ERR_OK) {
        err = database_number(database, &count_tables, NULL, &tables);
    }
    if (err == ERR_OK && application != APPLICATION_ID) {
        if (application != 0 || tables != 0) {
            return fault_set(why, ERR_INVALID, "%s is a database of another program",
                             database->name);
        }
        err = database->kind->script(database, make_ours);
        database->kind->rollback(database);
    }
    return err == ERR_OK ? ERR_OK : database->kind->fault(database, why);
}

/* The answer is "ok", or a heading and one line. */
static enum err check_pages(struct database *database, struct fault *why)
{
    struct store_query query = {.statement = &quick_check, .rows_max = 1};
    database->kind->query(database, &query);
    enum err err = ERR_OK;
    if (query.row_count == 0) {
        err = database->kind->fault(database, why);
    } else if (!str_equal(query.rows[0].bytes, STR("ok"))) {
        struct str answer = query.rows[0].bytes;
        size_t line = str_find_byte(answer, '\n');
        answer = line < answer.len ? str_cut(answer, line + 1, answer.len) : answer;
        answer = str_cut(answer, 0, str_find_byte(answer, '\n'));
        err = fault_set(why, ERR_CORRUPT, "%s is damaged (" STR_FMT "): restore it from a backup",
                        database->name, STR_ARG(str_cut(answer, 0, 80)));
    }
    store_query_end(&query);
    return err;
}

enum err sqlite_check(struct database *database, struct fault *why)
{
    int64_t open = 0;
    int64_t bytes = 0;
    enum err err = database_number(database, &read_mark, NULL, &open);
    if (err == ERR_OK) {
        err = database_number(database, &count_bytes, NULL, &bytes);
    }
    if (err != ERR_OK) {
        return database->kind->fault(database, why);
    }
    if (database->in_memory || open == 0) {
        return ERR_OK;
    }
    if (bytes > SQLITE_CHECK_BYTES_MAX) {
        log_say(database->log, LOG_WARN, "store",
                "%s was not closed cleanly and is too large to be checked now; run"
                " 'PRAGMA quick_check' on it at a quiet time",
                database->name);
        return ERR_OK;
    }
    return check_pages(database, why);
}

enum err sqlite_copy(struct database *database, struct fault *why)
{
    if (database->in_memory) {
        return ERR_OK;
    }
    char path[sizeof database->name];
    int length = snprintf(path, sizeof path, "%s.before-migration", database->name);
    if (length < 0 || (size_t)length >= sizeof path) {
        return fault_set(why, ERR_LIMIT, "the path of the database is too long");
    }
    enum err err = sqlite_backup(database, path);
    if (err != ERR_OK) {
        return fault_set(why, err, "cannot copy the database to %s before migrating: %s", path,
                         err_text(err));
    }
    log_say(database->log, LOG_INFO, "store", "copied the database to %s before migrating", path);
    return ERR_OK;
}

enum err sqlite_mark(struct database *database, bool open)
{
    return database->kind->script(database,
                                  open ? "PRAGMA user_version=1" : "PRAGMA user_version=0");
}
