/* SPDX-License-Identifier: Apache-2.0
 * batch.h - many units in one transaction, each of them whole or not at all.
 */
#ifndef AIRE_STORE_BATCH_H
#define AIRE_STORE_BATCH_H

#include "base/err.h"

struct database;
struct history;
struct store_unit;

#define BATCH_TRIES_MAX 10 /* of a transaction that met another's; each may wait (database.h) */

/* Runs the units from `first` on (linked by `next`), appends their records to the history and
 * commits; every unit has its result then. REFUSED: the database is away, nothing was written, no
 * unit has a result. Any other error: the storage failed and the connection has been abandoned. */
enum err batch_write(struct database *database, struct history *history,
                     struct store_unit *first) MUST_USE;

#endif
