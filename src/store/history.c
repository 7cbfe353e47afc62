/* SPDX-License-Identifier: Apache-2.0
 * history.c - the history's part of a transaction.
 *
 * Nothing is kept from one batch to the next: the right edge of the tree is read within each
 * transaction. So a rollback needs no undoing, and another writer of the same database is followed.
 * Hashes are stored as they come, a row for what one batch adds to one tile: nothing is rewritten.
 */
#include "store/history.h"

#include "base/must.h"
#include "store/database.h"

#include <stdio.h>

static const struct migration migrations[] = {
    {1, "CREATE TABLE history_head(id INTEGER PRIMARY KEY, size BIGINT NOT NULL,"
        " edge BLOB NOT NULL, note TEXT NOT NULL, verifier TEXT NOT NULL);"
        "CREATE TABLE history_hashes(level INTEGER NOT NULL, first BIGINT NOT NULL,"
        " hashes BLOB NOT NULL, PRIMARY KEY(level, first)) WITHOUT ROWID;"},
};
const struct schema history_schema = {"history", migrations, 1};

static const struct statement read_edge = {"SELECT edge FROM history_head WHERE id = 1", 0};
static const struct statement write_edge = {
    "INSERT INTO history_head(id, size, edge, note, verifier) VALUES(1, ?1, ?2, '', '')"
    " ON CONFLICT(id) DO UPDATE SET size = excluded.size, edge = excluded.edge",
    2};
static const struct statement write_head = {
    "INSERT INTO history_head(id, size, edge, note, verifier) VALUES(1, ?1, ?2, ?3, ?4)"
    " ON CONFLICT(id) DO UPDATE SET size = excluded.size, edge = excluded.edge,"
    " note = excluded.note, verifier = excluded.verifier",
    4};
static const struct statement write_hashes = {
    "INSERT INTO history_hashes(level, first, hashes) VALUES(?1, ?2, ?3)", 3};

void history_end(struct history *history)
{
    note_signer_wipe(&history->signer);
}

void history_sign(struct history *history, const struct note_signer *signer)
{
    history->signer = *signer;
    history->is_signed = true;
}

static enum err corrupt(struct database *database)
{
    (void)snprintf(database->why, sizeof database->why,
                   "the history does not fit together; see aire audit verify");
    return ERR_CORRUPT;
}

/* ---- places ---- */

bool history_has(const struct store_unit *unit)
{
    return unit->record_count > 0;
}

enum err history_begin(struct history *history, struct database *database)
{
    struct store_query query = {.statement = &read_edge, .rows_max = 1};
    database->kind->query(database, &query);
    enum err code = query.result;
    tree_init(&history->tree);
    if (code == ERR_OK && query.row_count == 1) {
        bool good = query.rows[0].kind == VALUE_BLOB &&
                    tree_load(&history->tree, query.rows[0].bytes) == ERR_OK;
        code = good ? ERR_OK : corrupt(database);
    }
    history->next = history->tree.size;
    store_query_end(&query);
    return code;
}

void history_place(struct history *history, struct store_unit *first, const struct store_unit *end)
{
    for (struct store_unit *unit = first; unit != end; unit = unit->next) {
        for (size_t i = 0; i < unit->record_count; i++) {
            *unit->records[i].place = value_of_i64((int64_t)history->next++);
        }
    }
}

void history_take_back(struct history *history, const struct store_unit *unit)
{
    must(history->next >= history->tree.size + unit->record_count);
    history->next -= unit->record_count;
}

/* ---- appending ---- */

/* New hashes of one tile, not yet written. */
struct chunk {
    uint64_t first;
    struct buf hashes;
};

struct appending {
    struct history *history;
    struct database *database;
    struct chunk chunks[TREE_LEVELS];
};

static enum err flush(struct appending *appending, unsigned level)
{
    struct chunk *chunk = &appending->chunks[level];
    if (chunk->hashes.len == 0) {
        return ERR_OK;
    }
    const struct value values[] = {value_of_i64(level), value_of_i64((int64_t)chunk->first),
                                   value_of_blob(buf_str(&chunk->hashes))};
    enum err code = appending->database->kind->execute(appending->database, &write_hashes, values);
    buf_clear(&chunk->hashes);
    return database_error_is_local(code) ? corrupt(appending->database) : code;
}

static enum err keep(struct appending *appending, const struct tree_hash *hash)
{
    struct chunk *chunk = &appending->chunks[hash->level];
    enum err code = hash->index % TREE_TILE == 0 ? flush(appending, hash->level) : ERR_OK;
    if (chunk->hashes.len == 0) {
        chunk->first = hash->index;
    }
    return code == ERR_OK ? buf_add(&chunk->hashes, digest_str(&hash->hash)) : code;
}

static enum err append_unit(struct appending *appending, const struct store_unit *unit)
{
    struct tree *tree = &appending->history->tree;
    enum err code = ERR_OK;
    for (size_t i = 0; i < unit->record_count && code == ERR_OK; i++) {
        struct tree_hash stored[TREE_LEVELS];
        must((uint64_t)unit->records[i].place->integer == tree->size);
        size_t count = tree_append(tree, &unit->records[i].leaf, stored);
        for (size_t k = 0; k < count && code == ERR_OK; k++) {
            code = keep(appending, &stored[k]);
        }
    }
    return code;
}

static enum err append_all(struct appending *appending, const struct store_unit *first)
{
    enum err code = ERR_OK;
    for (const struct store_unit *unit = first; unit != NULL && code == ERR_OK; unit = unit->next) {
        code = unit->result == ERR_OK ? append_unit(appending, unit) : ERR_OK;
    }
    for (unsigned level = 0; level < TREE_LEVELS && code == ERR_OK; level++) {
        code = flush(appending, level);
    }
    return code;
}

static enum err write(struct history *history, struct database *database)
{
    struct buf edge;
    struct buf note;
    struct buf verifier;
    buf_init(&edge, TREE_SAVED_MAX);
    buf_init(&note, NOTE_BYTES_MAX);
    buf_init(&verifier, NOTE_KEY_TEXT_MAX);
    const struct tree_head head = tree_head(&history->tree);
    enum err code = tree_save(&history->tree, &edge);
    if (code == ERR_OK && history->is_signed) {
        code = checkpoint_sign(&head, &history->signer, &note);
        code = code == ERR_OK ? note_key_write(&history->signer.key, &verifier) : code;
    }
    must(code == ERR_OK);
    const struct value values[] = {value_of_i64((int64_t)head.size), value_of_blob(buf_str(&edge)),
                                   value_of_text(buf_str(&note)),
                                   value_of_text(buf_str(&verifier))};
    code = database->kind->execute(database, history->is_signed ? &write_head : &write_edge,
                                   values);
    buf_end(&edge);
    buf_end(&note);
    buf_end(&verifier);
    return code;
}

/* Has every unit with places succeeded? Those that were taken back count for nothing. */
static bool is_dense(const struct history *history, const struct store_unit *first)
{
    uint64_t records = 0;
    for (const struct store_unit *unit = first; unit != NULL; unit = unit->next) {
        records += unit->result == ERR_OK ? unit->record_count : 0;
    }
    return history->tree.size + records == history->next;
}

enum err history_append(struct history *history, struct database *database,
                        const struct store_unit *first)
{
    if (!is_dense(history, first)) {
        return ERR_AGAIN;
    }
    if (history->next == history->tree.size) {
        return ERR_OK; /* none of them succeeded */
    }
    struct appending appending = {history, database, {{0}}};
    for (size_t i = 0; i < TREE_LEVELS; i++) {
        buf_init(&appending.chunks[i].hashes, (size_t)TREE_TILE * DIGEST_BYTES);
    }
    enum err code = append_all(&appending, first);
    for (size_t i = 0; i < TREE_LEVELS; i++) {
        buf_end(&appending.chunks[i].hashes);
    }
    return code == ERR_OK ? write(history, database) : code;
}
