/* SPDX-License-Identifier: Apache-2.0
 * rows.h - the records of a store in the order of their places. Blocks: for commands.
 */
#ifndef AIRE_AUDIT_ROWS_H
#define AIRE_AUDIT_ROWS_H

#include "gateway/leaf.h"
#include "store/store.h"

struct audit_rows {
    struct store *store;
    struct store_query page;
    size_t at; /* in the page */
    int64_t place;
    int64_t key; /* of the last row that was taken */
};

/* From this place on. */
void audit_rows_init(struct audit_rows *rows, struct store *store, uint64_t from);
void audit_rows_end(struct audit_rows *rows);

struct audit_row {
    uint64_t place;
    bool well_formed; /* else there is no leaf: columns are not what we write */
    struct leaf leaf; /* lasts until the next call */
};
/* NOT_FOUND: there are no more now, ask again when some have come; else what the store says. */
enum err audit_rows_next(struct audit_rows *rows, struct audit_row *row) MUST_USE;

/* The columns that a leaf is made of, in this order; false when they are not what we write. */
#define AUDIT_LEAF_COLUMNS "key, facts, data_key, personal, salt"
bool audit_leaf_of(const struct value *columns, struct leaf *leaf);

#endif
