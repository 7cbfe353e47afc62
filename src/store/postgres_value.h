/* SPDX-License-Identifier: Apache-2.0
 * postgres_value.h - values in PostgreSQL's binary format.
 *
 * Integers go as int8, reals as float8, text as text, blobs as bytea; NULL goes without a type and
 * must stand where the statement gives it one. Coming back, all integers and booleans are INTEGER,
 * and so is a numeric without a fraction that fits (the sum of a BIGINT column).
 * Source: PostgreSQL 15, src/backend/utils/adt/{int,float,numeric}.c, *send functions.
 */
#ifndef AIRE_STORE_POSTGRES_VALUE_H
#define AIRE_STORE_POSTGRES_VALUE_H

#include "base/arena.h"
#include "store/value.h"

#include <libpq-fe.h>
#include <stdbool.h>

#define POSTGRES_PARAMETERS_MAX 64

/* What PQprepare and PQsendQueryPrepared ask for; borrows the bytes of the values. */
struct postgres_parameters {
    int count;
    Oid types[POSTGRES_PARAMETERS_MAX];
    const char *values[POSTGRES_PARAMETERS_MAX];
    int lengths[POSTGRES_PARAMETERS_MAX];
    int formats[POSTGRES_PARAMETERS_MAX];
    char numbers[POSTGRES_PARAMETERS_MAX][8];
};
void postgres_encode(const struct value *values, unsigned count, struct postgres_parameters *to);

/* False: of a type that no value can hold. */
bool postgres_decode(const PGresult *result, int row, int column, struct arena *arena,
                     struct value *to);

#endif
