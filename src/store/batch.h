/* SPDX-License-Identifier: Apache-2.0
 * batch.h - many units in one transaction, each of them whole or not at all.
 */
#ifndef AIRE_STORE_BATCH_H
#define AIRE_STORE_BATCH_H

#include "base/err.h"

struct sqlite;
struct store_unit;

/* Runs the units from `first` on (linked by `next`) and commits; every unit has its result then.
 * Anything but OK: the storage failed and the connection has been abandoned (sqlite_abandon). */
enum err batch_write(struct sqlite *database, struct store_unit *first) MUST_USE;

#endif
