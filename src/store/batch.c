/* SPDX-License-Identifier: Apache-2.0
 * batch.c - one transaction for many units.
 *
 * A unit of one step needs no savepoint: SQLite undoes a failing statement by itself, and a
 * statement that changed no row left nothing to undo. Facts are not expected to fail, so even
 * several steps of a fact go without; should one fail half-way, the whole batch is rolled back and
 * run again with savepoints. Until COMMIT nothing is visible or durable, so running again is free
 * of effects.
 */
#include "store/batch.h"

#include "store/sqlite.h"
#include "store/store.h"
#include "sys/notify.h"

#include <stdbool.h>

#define BEGIN_TRIES 10

static const struct statement begin = {"BEGIN IMMEDIATE", 0};
static const struct statement commit = {"COMMIT", 0};
static const struct statement savepoint = {"SAVEPOINT unit", 0};
static const struct statement keep = {"RELEASE unit", 0};
static const struct statement undo = {"ROLLBACK TO unit", 0};

static enum err run_step(struct sqlite *database, const struct store_step *step)
{
    size_t changed = 0;
    enum err err = sqlite_execute(database, step->statement, step->values, &changed);
    if (err == ERR_OK && step->must_change && changed == 0) {
        return ERR_NOT_FOUND;
    }
    return err;
}

/* `done` is the number of steps that succeeded. */
static enum err run_steps(struct sqlite *database, const struct store_unit *unit, size_t *done)
{
    for (*done = 0; *done < unit->count; (*done)++) {
        enum err err = run_step(database, &unit->steps[*done]);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err run_guarded(struct sqlite *database, struct store_unit *unit)
{
    size_t done = 0;
    enum err err = sqlite_execute(database, &savepoint, NULL, NULL);
    if (err != ERR_OK) {
        return err;
    }
    unit->result = run_steps(database, unit, &done);
    if (unit->result != ERR_OK && !sqlite_error_is_local(unit->result)) {
        return unit->result;
    }
    if (unit->result != ERR_OK) {
        err = sqlite_execute(database, &undo, NULL, NULL);
    }
    return err == ERR_OK ? sqlite_execute(database, &keep, NULL, NULL) : err;
}

/* OK: the unit has its result. AGAIN: half of a fact was done. Otherwise the storage failed. */
static enum err run_unit(struct sqlite *database, struct store_unit *unit, bool careful)
{
    if (unit->count > 1 && (careful || !unit->fact)) {
        return run_guarded(database, unit);
    }
    size_t done = 0;
    unit->result = run_steps(database, unit, &done);
    if (unit->result != ERR_OK && !sqlite_error_is_local(unit->result)) {
        return unit->result;
    }
    return unit->result != ERR_OK && done > 0 ? ERR_AGAIN : ERR_OK;
}

/* Each try waits a second: an operator's shell may hold the write lock for a moment. */
static enum err start(struct sqlite *database)
{
    enum err err = sqlite_execute(database, &begin, NULL, NULL);
    for (int tries = 1; err == ERR_BUSY && tries < BEGIN_TRIES; tries++) {
        err = sqlite_execute(database, &begin, NULL, NULL);
    }
    return err;
}

static enum err run_all(struct sqlite *database, struct store_unit *first, bool careful)
{
    enum err err = start(database);
    for (struct store_unit *unit = first; unit != NULL && err == ERR_OK; unit = unit->next) {
        err = run_unit(database, unit, careful);
    }
    return err;
}

static void set_all(struct store_unit *first, enum err result)
{
    for (struct store_unit *unit = first; unit != NULL; unit = unit->next) {
        unit->result = result;
    }
}

enum err batch_write(struct sqlite *database, struct store_unit *first)
{
    enum err err = run_all(database, first, false);
    if (err == ERR_AGAIN) {
        sqlite_rollback(database);
        err = run_all(database, first, true);
    }
    if (err != ERR_OK) {
        set_all(first, err == ERR_FULL ? ERR_FULL : ERR_IO); /* known: nothing was written */
        sqlite_abandon(database);
        return err;
    }
    crash_at(CRASH_POINT(store_before_commit));
    err = sqlite_execute(database, &commit, NULL, NULL);
    if (err != ERR_OK) {
        set_all(first, ERR_UNKNOWN); /* the commit may have reached the disk, or not */
        sqlite_abandon(database);
        return err;
    }
    crash_at(CRASH_POINT(store_after_commit));
    return ERR_OK;
}
