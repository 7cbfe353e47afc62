/* SPDX-License-Identifier: Apache-2.0
 * schema.c - recognises our databases, checks them after a crash, brings them to today's schema.
 *
 * Order: is it ours; is it newer than this program; is it whole; copy; mark it open; migrate.
 * Nothing is written before the first three questions are answered.
 */
#include "store/schema.h"

#include "base/must.h"
#include "store/database.h"

#include <inttypes.h>

static const struct statement read_version = {"SELECT version FROM schema_versions WHERE area = ?1",
                                              1};
static const struct statement write_version = {
    "INSERT INTO schema_versions (area, version) VALUES (?1, ?2)"
    " ON CONFLICT (area) DO UPDATE SET version = excluded.version",
    2};

static enum err version_of(struct database *database, const struct schema *schema, int64_t *version)
{
    struct value area = value_of_text(str_of(schema->area));
    *version = 0;
    return database_number(database, &read_version, &area, version);
}

static unsigned newest(const struct schema *schema)
{
    return schema->count > 0 ? schema->migrations[schema->count - 1].version : 0;
}

/* Counts what stands in the database and what is still to be done. */
static enum err compare(struct database *database, const struct schema_plan *plan, size_t *present,
                        size_t *behind, struct fault *why)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct schema *schema = &plan->schemas[i];
        int64_t version = 0;
        enum err err = version_of(database, schema, &version);
        if (err != ERR_OK) {
            return database->kind->fault(database, why);
        }
        if (version > (int64_t)newest(schema)) {
            return fault_set(why, ERR_UNSUPPORTED,
                             "%s was written by a newer version of this program: its schema '%s' is"
                             " at %" PRId64 ", this program knows up to %u",
                             database->name, schema->area, version, newest(schema));
        }
        *present += version > 0 ? 1 : 0;
        *behind += version < (int64_t)newest(schema) ? 1 : 0;
    }
    return ERR_OK;
}

/* Inside a transaction that no other process shares: it may have migrated since we compared. */
static enum err run_migrations(struct database *database, const struct schema *schema)
{
    int64_t version = 0;
    enum err err = version_of(database, schema, &version);
    if (err != ERR_OK || version >= (int64_t)newest(schema)) {
        return err;
    }
    for (size_t i = 0; i < schema->count && err == ERR_OK; i++) {
        must(schema->migrations[i].version == i + 1);
        if ((int64_t)schema->migrations[i].version > version) {
            err = database->kind->script(database, schema->migrations[i].sql);
        }
    }
    if (err == ERR_OK) {
        struct value values[2] = {value_of_text(str_of(schema->area)),
                                  value_of_i64(newest(schema))};
        err = database->kind->execute(database, &write_version, values);
    }
    return err;
}

static enum err migrate(struct database *database, const struct schema_plan *plan,
                        struct fault *why)
{
    for (size_t i = 0; i < plan->count; i++) {
        enum err err = database->kind->begin(database, TURN_MIGRATION);
        if (err == ERR_OK) {
            err = run_migrations(database, &plan->schemas[i]);
        }
        if (err == ERR_OK) {
            err = database->kind->commit(database);
        }
        database->kind->rollback(database);
        if (err != ERR_OK) {
            return fault_set(why, err, "%s: migration of schema '%s' failed: %s", database->name,
                             plan->schemas[i].area, database->why);
        }
    }
    return ERR_OK;
}

enum err schema_prepare(struct database *database, const struct schema_plan *plan,
                        struct fault *why)
{
    const struct database_kind *kind = database->kind;
    size_t present = 0;
    size_t behind = 0;
    enum err err = kind->claim(database, why);
    if (err == ERR_OK) {
        err = compare(database, plan, &present, &behind, why);
    }
    if (err == ERR_OK) {
        err = kind->check(database, why);
    }
    if (err == ERR_OK && present > 0 && behind > 0) {
        err = kind->copy(database, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    err = kind->mark(database, true);
    if (err != ERR_OK) {
        return kind->fault(database, why);
    }
    return behind > 0 ? migrate(database, plan, why) : ERR_OK;
}
