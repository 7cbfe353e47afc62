/* SPDX-License-Identifier: Apache-2.0
 * batch.c - one transaction for many units.
 *
 * Units that are expected to succeed run without savepoints, in stretches as long as possible.
 * Where a failing statement undoes itself (SQLite), these are units of one step, and facts; where
 * it undoes the transaction (PostgreSQL), all units. So do units that write records (history.h).
 * When one fails half-way, or one with records at all, the whole batch is rolled back and run again
 * with care. Until COMMIT nothing is visible or durable, so running again is free of effects.
 */
#include "store/batch.h"

#include "store/database.h"
#include "store/history.h"
#include "store/store.h"
#include "sys/notify.h"

static const struct statement savepoint = {"SAVEPOINT unit", 0};
static const struct statement keep = {"RELEASE unit", 0};
static const struct statement undo = {"ROLLBACK TO unit", 0};

static bool needs_guard(const struct database *database, const struct store_unit *unit,
                        bool careful)
{
    if (database->kind->failure_spreads || history_has(unit)) {
        return careful;
    }
    return unit->count > 1 && (careful || !unit->fact);
}

static enum err run_guarded(struct database *database, struct store_unit *unit)
{
    enum err err = database->kind->execute(database, &savepoint, NULL);
    if (err != ERR_OK) {
        return err;
    }
    err = database->kind->run(database, unit, unit->next);
    if (err != ERR_OK && err != ERR_AGAIN) {
        return err;
    }
    err = unit->result == ERR_OK ? ERR_OK : database->kind->execute(database, &undo, NULL);
    return err == ERR_OK ? database->kind->execute(database, &keep, NULL) : err;
}

/* Behind the units that can run together with this one. */
static struct store_unit *stretch_end(const struct database *database, struct store_unit *unit,
                                      bool careful)
{
    do {
        unit = unit->next;
    } while (unit != NULL && !needs_guard(database, unit, careful));
    return unit;
}

static bool any_records(const struct store_unit *first)
{
    bool any = false;
    for (const struct store_unit *unit = first; unit != NULL && !any; unit = unit->next) {
        any = history_has(unit);
    }
    return any;
}

/* Its records have places while it runs; when it fails the next unit gets them. */
static enum err run_placed(struct database *database, struct history *history,
                           struct store_unit *unit, bool careful)
{
    if (!careful || !history_has(unit)) {
        return run_guarded(database, unit);
    }
    history_place(history, unit, unit->next);
    enum err err = run_guarded(database, unit);
    if (err == ERR_OK && unit->result != ERR_OK) {
        history_take_back(history, unit);
    }
    return err;
}

/* AGAIN: half of a unit was done without a guard, or one with records failed. */
static enum err run_all(struct database *database, struct history *history,
                        struct store_unit *first, bool careful)
{
    bool records = any_records(first);
    enum err err = database->kind->begin(database, records ? TURN_RECORDS : TURN_NONE);
    if (err == ERR_OK && records) {
        err = history_begin(history, database);
    }
    if (err == ERR_OK && records && !careful) {
        history_place(history, first, NULL);
    }
    for (struct store_unit *unit = first, *end; unit != NULL && err == ERR_OK; unit = end) {
        if (needs_guard(database, unit, careful)) {
            end = unit->next;
            err = run_placed(database, history, unit, careful);
        } else {
            end = stretch_end(database, unit, careful);
            err = database->kind->run(database, unit, end);
        }
    }
    return err == ERR_OK && records ? history_append(history, database, first) : err;
}

static enum err run_and_commit(struct database *database, struct history *history,
                               struct store_unit *first)
{
    enum err err = run_all(database, history, first, false);
    if (err == ERR_AGAIN) {
        database->kind->rollback(database);
        err = run_all(database, history, first, true);
    }
    if (err != ERR_OK) {
        return err;
    }
    crash_at(CRASH_POINT(store_before_commit));
    err = database->kind->commit(database);
    if (err == ERR_OK) {
        crash_at(CRASH_POINT(store_after_commit));
    }
    return err;
}

static void set_all(struct store_unit *first, enum err result)
{
    for (struct store_unit *unit = first; unit != NULL; unit = unit->next) {
        unit->result = result;
    }
}

enum err batch_write(struct database *database, struct history *history, struct store_unit *first)
{
    enum err err = run_and_commit(database, history, first);
    for (int tries = 1; err == ERR_BUSY && tries < BATCH_TRIES_MAX; tries++) {
        database->kind->rollback(database);
        err = run_and_commit(database, history, first);
    }
    if (err == ERR_REFUSED) {
        database->kind->rollback(database);
    } else if (err != ERR_OK) {
        /* UNKNOWN: it may have reached the disk, or not. Otherwise nothing was written. */
        set_all(first, err == ERR_FULL || err == ERR_UNKNOWN ? err : ERR_IO);
        database->kind->abandon(database);
    }
    return err;
}
