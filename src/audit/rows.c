/* SPDX-License-Identifier: Apache-2.0
 * rows.c - pages of rows; the key tells two rows of one place apart. */
#include "audit/rows.h"

#define PAGE_ROWS 1000

static const struct statement read_page = {"SELECT place, " AUDIT_LEAF_COLUMNS
                                           " FROM exchanges WHERE (place, key) > (?1, ?2)"
                                           " ORDER BY place, key LIMIT ?3",
                                           3};

void audit_rows_init(struct audit_rows *rows, struct store *store, uint64_t from)
{
    *rows = (struct audit_rows){.store = store, .place = (int64_t)from - 1, .key = INT64_MAX};
}

void audit_rows_end(struct audit_rows *rows)
{
    store_query_end(&rows->page);
}

static struct str bytes_of(const struct value *value)
{
    return value->kind == VALUE_NULL ? STR("") : value->bytes;
}

bool audit_leaf_of(const struct value *columns, struct leaf *leaf)
{
    const struct value *facts = &columns[1];
    const struct value *data_key = &columns[2];
    const struct value *personal = &columns[3];
    const struct value *salt = &columns[4];
    bool good = columns[0].kind == VALUE_INTEGER && facts->kind == VALUE_BLOB &&
                (data_key->kind == VALUE_TEXT || data_key->kind == VALUE_NULL) &&
                (personal->kind == VALUE_BLOB || personal->kind == VALUE_NULL) &&
                salt->kind == VALUE_BLOB && salt->bytes.len == LEAF_SALT_BYTES;
    if (good) {
        *leaf = (struct leaf){columns[0].integer, salt->bytes, bytes_of(data_key),
                              bytes_of(personal), facts->bytes};
    }
    return good;
}

static enum err next_page(struct audit_rows *rows)
{
    const struct value values[] = {value_of_i64(rows->place), value_of_i64(rows->key),
                                   value_of_i64(PAGE_ROWS)};
    store_query_end(&rows->page);
    rows->page = (struct store_query){.rows_max = PAGE_ROWS};
    rows->at = 0;
    enum err code = store_read_now(rows->store, &read_page, values, &rows->page);
    /* Rows too large for one answer: those that are there come first. */
    code = code == ERR_LIMIT && rows->page.row_count > 0 ? ERR_OK : code;
    return code == ERR_OK && rows->page.row_count == 0 ? ERR_NOT_FOUND : code;
}

enum err audit_rows_next(struct audit_rows *rows, struct audit_row *row)
{
    if (rows->at == rows->page.row_count) {
        enum err code = next_page(rows);
        if (code != ERR_OK) {
            return code;
        }
    }
    const struct value *columns = &rows->page.rows[rows->at * rows->page.columns];
    rows->at++;
    if (columns[0].kind != VALUE_INTEGER || columns[1].kind != VALUE_INTEGER) {
        return ERR_CORRUPT;
    }
    rows->place = columns[0].integer;
    rows->key = columns[1].integer;
    row->place = (uint64_t)rows->place;
    row->well_formed = audit_leaf_of(columns + 1, &row->leaf);
    return ERR_OK;
}
