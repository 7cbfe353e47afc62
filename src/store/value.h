/* SPDX-License-Identifier: Apache-2.0
 * value.h - what goes into a database and comes out of it: statements and typed values.
 *
 * A value borrows its bytes. A statement is a static const object of the module that owns the table
 * and is identified by its address, so it is prepared once a connection.
 */
#ifndef AIRE_STORE_VALUE_H
#define AIRE_STORE_VALUE_H

#include "base/str.h"
#include "crypto/digest.h"

#include <stdint.h>

enum value_kind { VALUE_NULL, VALUE_INTEGER, VALUE_REAL, VALUE_TEXT, VALUE_BLOB };

struct value {
    enum value_kind kind;
    union {
        int64_t integer;
        double real;
        struct str bytes; /* TEXT (UTF-8) and BLOB */
    };
};

/* One SQL statement with ?1..?n. */
struct statement {
    const char *sql;
    unsigned parameters;
};

/* A record that a unit writes: what it is in the history (history.h). */
struct store_record {
    struct digest leaf;  /* its hash */
    struct value *place; /* one of the values of its step; set before the step runs */
};

static inline struct value value_null(void)
{
    return (struct value){.kind = VALUE_NULL};
}

static inline struct value value_of_i64(int64_t integer)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = integer};
}

static inline struct value value_of_real(double real)
{
    return (struct value){.kind = VALUE_REAL, .real = real};
}

static inline struct value value_of_text(struct str text)
{
    return (struct value){.kind = VALUE_TEXT, .bytes = text};
}

static inline struct value value_of_blob(struct str bytes)
{
    return (struct value){.kind = VALUE_BLOB, .bytes = bytes};
}

#endif
