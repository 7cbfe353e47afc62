/* SPDX-License-Identifier: Apache-2.0
 * history_read.c - the history for those who check it: rows are taken as they are, hashes of a tile
 * must follow each other. */
#include "store/history.h"

static const struct statement read_head = {
    "SELECT size, note, verifier FROM history_head WHERE id = 1", 0};
static const struct statement read_tile = {
    "SELECT first, hashes FROM history_hashes WHERE level = ?1 AND first >= ?2 AND first < ?3"
    " ORDER BY first",
    3};

static bool is_head(const struct store_query *query)
{
    return query->rows[0].kind == VALUE_INTEGER && query->rows[0].integer >= 0 &&
           query->rows[1].kind == VALUE_TEXT && query->rows[2].kind == VALUE_TEXT;
}

enum err history_read(struct store *store, struct arena *arena, struct history_head *head)
{
    struct store_query query = {.rows_max = 1};
    enum err code = store_read_now(store, &read_head, NULL, &query);
    *head = (struct history_head){.note = STR(""), .verifier = STR("")};
    if (code == ERR_OK && query.row_count == 1) {
        if (is_head(&query)) {
            head->size = (uint64_t)query.rows[0].integer;
            head->note = arena_str(arena, query.rows[1].bytes);
            head->verifier = arena_str(arena, query.rows[2].bytes);
        } else {
            code = ERR_CORRUPT;
        }
    }
    store_query_end(&query);
    return code;
}

static enum err read_hashes(void *of, unsigned level, uint64_t tile, struct buf *hashes)
{
    uint64_t from = tile * TREE_TILE;
    const struct value values[] = {value_of_i64(level), value_of_i64((int64_t)from),
                                   value_of_i64((int64_t)(from + TREE_TILE))};
    struct store_query query = {.rows_max = TREE_TILE};
    enum err code = store_read_now(of, &read_tile, values, &query);
    for (size_t i = 0; i < query.row_count && code == ERR_OK; i++) {
        const struct value *row = &query.rows[i * query.columns];
        bool follows = row[0].kind == VALUE_INTEGER && row[1].kind == VALUE_BLOB &&
                       (uint64_t)row[0].integer == from + hashes->len / DIGEST_BYTES;
        code = follows ? buf_add(hashes, row[1].bytes) : ERR_CORRUPT;
    }
    store_query_end(&query);
    return code == ERR_LIMIT ? ERR_CORRUPT : code;
}

struct tree_source history_source(struct store *store)
{
    return (struct tree_source){store, read_hashes};
}
