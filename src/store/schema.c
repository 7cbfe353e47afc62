/* SPDX-License-Identifier: Apache-2.0
 * schema.c - recognises our databases, checks them after a crash, brings them to today's schema.
 *
 * Order: is it ours; is it newer than this program; is it whole; mark it open; copy; migrate.
 * Nothing is written before the first three questions are answered.
 */
#include "store/schema.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/must.h"
#include "store/sqlite.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>

#define APPLICATION_ID 1095324229 /* "AIRE": bytes 68 to 71 of the file */

static const struct statement read_application = {"PRAGMA application_id", 0};
static const struct statement read_mark = {"PRAGMA user_version", 0};
static const struct statement count_tables = {"SELECT count(*) FROM sqlite_schema", 0};
static const struct statement count_bytes = {
    "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", 0};
static const struct statement quick_check = {"PRAGMA quick_check(1)", 0};
static const struct statement read_version = {"SELECT version FROM schema_versions WHERE area = ?1",
                                              1};
static const struct statement write_version = {
    "INSERT INTO schema_versions (area, version) VALUES (?1, ?2)"
    " ON CONFLICT (area) DO UPDATE SET version = excluded.version",
    2};

static const char make_ours[] =
    "BEGIN IMMEDIATE; PRAGMA application_id=1095324229;"
    "CREATE TABLE IF NOT EXISTS schema_versions"
    " (area TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID; COMMIT";

static const char *shown(const struct schema_plan *plan)
{
    return plan->path != NULL ? plan->path : "memory:";
}

/* An empty file becomes ours; a file with another program's tables does not. */
static enum err claim(struct sqlite *database, const struct schema_plan *plan, struct fault *why)
{
    int64_t application = 0;
    int64_t tables = 0;
    enum err err = sqlite_number(database, &read_application, NULL, &application);
    if (err == ERR_OK) {
        err = sqlite_number(database, &count_tables, NULL, &tables);
    }
    if (err == ERR_OK && application != APPLICATION_ID) {
        if (application != 0 || tables != 0) {
            return fault_set(why, ERR_INVALID, "%s is a database of another program", shown(plan));
        }
        err = sqlite_script(database, make_ours);
        sqlite_rollback(database);
    }
    return err == ERR_OK ? ERR_OK : sqlite_fault(database, shown(plan), why);
}

static enum err version_of(struct sqlite *database, const struct schema *schema, int64_t *version)
{
    struct value area = value_of_text(str_of(schema->area));
    *version = 0;
    return sqlite_number(database, &read_version, &area, version);
}

static unsigned newest(const struct schema *schema)
{
    return schema->count > 0 ? schema->migrations[schema->count - 1].version : 0;
}

/* Counts what stands in the file and what is still to be done. */
static enum err compare(struct sqlite *database, const struct schema_plan *plan, size_t *present,
                        size_t *behind, struct fault *why)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct schema *schema = &plan->schemas[i];
        int64_t version = 0;
        enum err err = version_of(database, schema, &version);
        if (err != ERR_OK) {
            return sqlite_fault(database, shown(plan), why);
        }
        if (version > (int64_t)newest(schema)) {
            return fault_set(why, ERR_UNSUPPORTED,
                             "%s was written by a newer version of this program: its schema '%s' is"
                             " at %" PRId64 ", this program knows up to %u",
                             shown(plan), schema->area, version, newest(schema));
        }
        *present += version > 0 ? 1 : 0;
        *behind += version < (int64_t)newest(schema) ? 1 : 0;
    }
    return ERR_OK;
}

/* The answer is "ok", or a heading and one line. */
static enum err check_pages(struct sqlite *database, const struct schema_plan *plan,
                            struct fault *why)
{
    struct store_query query = {.statement = &quick_check, .rows_max = 1};
    sqlite_query(database, &query);
    enum err err = ERR_OK;
    if (query.row_count == 0) {
        err = sqlite_fault(database, shown(plan), why);
    } else if (!str_equal(query.rows[0].bytes, STR("ok"))) {
        struct str answer = query.rows[0].bytes;
        size_t line = str_find_byte(answer, '\n');
        answer = line < answer.len ? str_cut(answer, line + 1, answer.len) : answer;
        answer = str_cut(answer, 0, str_find_byte(answer, '\n'));
        err = fault_set(why, ERR_CORRUPT, "%s is damaged (" STR_FMT "): restore it from a backup",
                        shown(plan), STR_ARG(str_cut(answer, 0, 80)));
    }
    store_query_end(&query);
    return err;
}

static enum err check_after_crash(struct sqlite *database, const struct schema_plan *plan,
                                  struct fault *why)
{
    int64_t open = 0;
    int64_t bytes = 0;
    enum err err = sqlite_number(database, &read_mark, NULL, &open);
    if (err == ERR_OK) {
        err = sqlite_number(database, &count_bytes, NULL, &bytes);
    }
    if (err != ERR_OK) {
        return sqlite_fault(database, shown(plan), why);
    }
    if (open == 0) {
        return ERR_OK;
    }
    if (bytes > SCHEMA_CHECK_BYTES_MAX) {
        if (plan->log != NULL) {
            log_say(plan->log, LOG_WARN, "store",
                    "%s was not closed cleanly and is too large to be checked now; run"
                    " 'PRAGMA quick_check' on it at a quiet time",
                    shown(plan));
        }
        return ERR_OK;
    }
    return check_pages(database, plan, why);
}

static enum err copy_before(struct sqlite *database, const struct schema_plan *plan,
                            struct fault *why)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s.before-migration", plan->path);
    if (length < 0 || (size_t)length >= sizeof path) {
        return fault_set(why, ERR_LIMIT, "the path of the database is too long");
    }
    enum err err = sqlite_backup(database, path);
    if (err != ERR_OK) {
        return fault_set(why, err, "cannot copy the database to %s before migrating: %s", path,
                         err_text(err));
    }
    if (plan->log != NULL) {
        log_say(plan->log, LOG_INFO, "store", "copied the database to %s before migrating", path);
    }
    return ERR_OK;
}

static enum err migrate_area(struct sqlite *database, const struct schema *schema)
{
    int64_t version = 0;
    enum err err = version_of(database, schema, &version);
    if (err != ERR_OK || version == (int64_t)newest(schema)) {
        return err;
    }
    err = sqlite_script(database, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < schema->count && err == ERR_OK; i++) {
        must(schema->migrations[i].version == i + 1);
        if ((int64_t)schema->migrations[i].version > version) {
            err = sqlite_script(database, schema->migrations[i].sql);
        }
    }
    if (err == ERR_OK) {
        struct value values[2] = {value_of_text(str_of(schema->area)),
                                  value_of_i64(newest(schema))};
        err = sqlite_execute(database, &write_version, values, NULL);
    }
    if (err == ERR_OK) {
        err = sqlite_script(database, "COMMIT");
    }
    sqlite_rollback(database);
    return err;
}

static enum err migrate(struct sqlite *database, const struct schema_plan *plan, struct fault *why)
{
    for (size_t i = 0; i < plan->count; i++) {
        enum err err = migrate_area(database, &plan->schemas[i]);
        if (err != ERR_OK) {
            return fault_set(why, err, "%s: migration of schema '%s' failed: %s", shown(plan),
                             plan->schemas[i].area, sqlite_why(database));
        }
    }
    return ERR_OK;
}

enum err schema_prepare(struct sqlite *database, const struct schema_plan *plan, struct fault *why)
{
    size_t present = 0;
    size_t behind = 0;
    enum err err = claim(database, plan, why);
    if (err == ERR_OK) {
        err = compare(database, plan, &present, &behind, why);
    }
    if (err == ERR_OK && plan->path != NULL) {
        err = check_after_crash(database, plan, why);
    }
    if (err == ERR_OK && plan->path != NULL && present > 0 && behind > 0) {
        err = copy_before(database, plan, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    err = sqlite_script(database, "PRAGMA user_version=1");
    return err == ERR_OK ? migrate(database, plan, why) : sqlite_fault(database, shown(plan), why);
}

enum err schema_close(struct sqlite *database)
{
    return sqlite_script(database, "PRAGMA user_version=0");
}
