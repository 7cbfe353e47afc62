/* SPDX-License-Identifier: Apache-2.0
 * sqlite.c - one connection: opening with a plain reason, prepared statements, errors as words.
 *
 * Invariants: no statement is left un-reset between calls; `why` belongs to the last call that
 * failed. Checkpoints are run by the owner of the connection and never inside COMMIT: an
 * acknowledgement does not wait for them, and a failing one is seen (SQLite's automatic checkpoint
 * drops its error).
 */
#include "store/sqlite.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/must.h"
#include "store/store.h"
#include "sys/file.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENTS_MAX  1024 /* they are static objects, so the program's text bounds them */
#define BUSY_WAIT_MS    1000
#define ROWS_AT_FIRST   16
#define ROWS_ARENA_SIZE 4096

struct sqlite {
    sqlite3 *raw;
    struct map *statements; /* sqlite3_stmt by the bytes of a struct statement's address */
    int log_pages;          /* in the write-ahead log after the last commit */
    int code;               /* of the last error */
    char why[128];
};

static enum err err_of_constraint(int code)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return ERR_EXISTS;
    default:
        return ERR_INVALID;
    }
}

static enum err err_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_OK;
    case SQLITE_CONSTRAINT:
        return err_of_constraint(code);
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
        return ERR_INVALID;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return ERR_CORRUPT;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return ERR_DENIED;
    case SQLITE_NOMEM:
        must_have_memory();
    default:
        return ERR_IO;
    }
}

bool sqlite_error_is_local(enum err code)
{
    return code == ERR_EXISTS || code == ERR_INVALID || code == ERR_NOT_FOUND;
}

/* The reason is kept before anything else can replace it. */
static enum err blame(struct sqlite *database, int code)
{
    enum err err = err_of(code);
    if (err != ERR_OK) {
        database->code = code;
        (void)snprintf(database->why, sizeof database->why, "%s (SQLite %d)",
                       sqlite3_errmsg(database->raw), code);
    }
    return err;
}

const char *sqlite_why(const struct sqlite *database)
{
    return database->why;
}

enum err sqlite_fault(const struct sqlite *database, const char *path, struct fault *why)
{
    enum err err = err_of(database->code);
    switch (err) {
    case ERR_BUSY:
        return fault_set(why, err, "%s is locked by another process", path);
    case ERR_DENIED:
        return fault_set(why, err, "no permission to read and write %s, or it is not a file", path);
    case ERR_FULL:
        return fault_set(why, err, "no space left on the disk of %s", path);
    case ERR_CORRUPT:
        if ((database->code & 0xff) == SQLITE_NOTADB) {
            return fault_set(why, err, "%s is not a database", path);
        }
        return fault_set(why, err, "%s is damaged: restore it from a backup", path);
    default:
        return fault_set(why, err, "%s: %s", path, database->why);
    }
}

/* ---- statements ---- */

/* `address` points to a pointer: its bytes are the key. */
static struct str key_of(const void *address)
{
    return (struct str){address, sizeof(void *)};
}

static enum err prepare(struct sqlite *database, const struct statement *statement,
                        sqlite3_stmt **prepared)
{
    *prepared = map_get(database->statements, key_of(&statement));
    if (*prepared != NULL) {
        return ERR_OK;
    }
    int code = sqlite3_prepare_v3(database->raw, statement->sql, -1, SQLITE_PREPARE_PERSISTENT,
                                  prepared, NULL);
    if (code != SQLITE_OK) {
        return blame(database, code);
    }
    must(*prepared != NULL);
    must((unsigned)sqlite3_bind_parameter_count(*prepared) == statement->parameters);
    enum err err = map_put(database->statements, key_of(&statement), *prepared);
    must(err == ERR_OK);
    return ERR_OK;
}

/* SQLite reads a NULL pointer as NULL; empty text is not NULL. */
static const char *never_null(struct str bytes)
{
    return bytes.at != NULL ? bytes.at : "";
}

/* Bytes are borrowed: values outlive the step, and each statement is bound anew before the next. */
static int bind_one(sqlite3_stmt *prepared, int index, const struct value *value)
{
    switch (value->kind) {
    case VALUE_INTEGER:
        return sqlite3_bind_int64(prepared, index, value->integer);
    case VALUE_REAL:
        return sqlite3_bind_double(prepared, index, value->real);
    case VALUE_TEXT:
        return sqlite3_bind_text64(prepared, index, never_null(value->bytes), value->bytes.len,
                                   SQLITE_STATIC, SQLITE_UTF8);
    case VALUE_BLOB:
        return sqlite3_bind_blob64(prepared, index, never_null(value->bytes), value->bytes.len,
                                   SQLITE_STATIC);
    case VALUE_NULL:
    default:
        return sqlite3_bind_null(prepared, index);
    }
}

static enum err prepare_and_bind(struct sqlite *database, const struct statement *statement,
                                 const struct value *values, sqlite3_stmt **prepared)
{
    enum err err = prepare(database, statement, prepared);
    if (err != ERR_OK) {
        return err;
    }
    for (unsigned i = 0; i < statement->parameters; i++) {
        int code = bind_one(*prepared, (int)i + 1, &values[i]);
        if (code != SQLITE_OK) {
            return blame(database, code);
        }
    }
    return ERR_OK;
}

enum err sqlite_script(struct sqlite *database, const char *sql)
{
    return blame(database, sqlite3_exec(database->raw, sql, NULL, NULL, NULL));
}

enum err sqlite_execute(struct sqlite *database, const struct statement *statement,
                        const struct value *values, size_t *changed)
{
    sqlite3_stmt *prepared = NULL;
    enum err err = prepare_and_bind(database, statement, values, &prepared);
    if (err != ERR_OK) {
        return err;
    }
    int code = sqlite3_step(prepared);
    while (code == SQLITE_ROW) {
        code = sqlite3_step(prepared);
    }
    err = blame(database, code);
    if (changed != NULL) {
        *changed = (size_t)sqlite3_changes64(database->raw);
    }
    (void)sqlite3_reset(prepared);
    return err;
}

enum err sqlite_number(struct sqlite *database, const struct statement *statement,
                       const struct value *values, int64_t *number)
{
    sqlite3_stmt *prepared = NULL;
    enum err err = prepare_and_bind(database, statement, values, &prepared);
    if (err != ERR_OK) {
        return err;
    }
    int code = sqlite3_step(prepared);
    if (code == SQLITE_ROW) {
        *number = sqlite3_column_int64(prepared, 0);
    }
    err = blame(database, code);
    (void)sqlite3_reset(prepared);
    return err;
}

/* ---- queries ---- */

static struct str column_bytes(struct arena *arena, const void *at, int len)
{
    return arena_str(arena, (struct str){at, (size_t)len});
}

static struct value column_value(sqlite3_stmt *prepared, int column, struct arena *arena)
{
    switch (sqlite3_column_type(prepared, column)) {
    case SQLITE_INTEGER:
        return value_of_i64(sqlite3_column_int64(prepared, column));
    case SQLITE_FLOAT:
        return value_of_real(sqlite3_column_double(prepared, column));
    case SQLITE_TEXT: {
        const void *text = sqlite3_column_text(prepared, column);
        return value_of_text(column_bytes(arena, text, sqlite3_column_bytes(prepared, column)));
    }
    case SQLITE_BLOB: {
        const void *blob = sqlite3_column_blob(prepared, column);
        return value_of_blob(column_bytes(arena, blob, sqlite3_column_bytes(prepared, column)));
    }
    default:
        return value_null();
    }
}

/* Doubles in the arena: what is left behind is at most what is kept. */
static void rows_reserve(struct store_query *query, size_t *room)
{
    if (query->row_count < *room) {
        return;
    }
    size_t more = *room == 0 ? ROWS_AT_FIRST : *room * 2;
    struct value *rows = arena_array_of(query->arena, struct value, more * query->columns);
    if (query->row_count > 0) {
        memcpy(rows, query->rows, query->row_count * query->columns * sizeof *rows);
    }
    query->rows = rows;
    *room = more;
}

static enum err rows_read(struct sqlite *database, sqlite3_stmt *prepared,
                          struct store_query *query)
{
    size_t room = 0;
    int code = sqlite3_step(prepared);
    while (code == SQLITE_ROW) {
        if (query->row_count == query->rows_max || arena_bytes(query->arena) > QUERY_BYTES_MAX) {
            return ERR_LIMIT;
        }
        rows_reserve(query, &room);
        struct value *row = query->rows + query->row_count * query->columns;
        for (size_t c = 0; c < query->columns; c++) {
            row[c] = column_value(prepared, (int)c, query->arena);
        }
        query->row_count++;
        code = sqlite3_step(prepared);
    }
    return blame(database, code);
}

void sqlite_query(struct sqlite *database, struct store_query *query)
{
    sqlite3_stmt *prepared = NULL;
    query->arena = arena_new(ROWS_ARENA_SIZE);
    query->rows = NULL;
    query->row_count = 0;
    query->columns = 0;
    query->result = prepare_and_bind(database, query->statement, query->values, &prepared);
    if (query->result != ERR_OK) {
        return;
    }
    if (sqlite3_stmt_readonly(prepared) == 0) {
        query->result = ERR_INVALID;
        return;
    }
    query->columns = (size_t)sqlite3_column_count(prepared);
    query->result = rows_read(database, prepared, query);
    (void)sqlite3_reset(prepared);
}

/* ---- transactions and the log ---- */

void sqlite_rollback(struct sqlite *database)
{
    if (sqlite3_get_autocommit(database->raw) == 0) {
        (void)sqlite3_exec(database->raw, "ROLLBACK", NULL, NULL, NULL);
    }
}

static int note_log_pages(void *object, sqlite3 *raw, const char *name, int pages)
{
    (void)raw;
    (void)name;
    ((struct sqlite *)object)->log_pages = pages;
    return SQLITE_OK;
}

enum err sqlite_checkpoint(struct sqlite *database)
{
    if (database->log_pages < CHECKPOINT_PAGES) {
        return ERR_OK;
    }
    database->log_pages = 0;
    int code = sqlite3_wal_checkpoint_v2(database->raw, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                         NULL);
    enum err err = blame(database, code);
    return err == ERR_BUSY ? ERR_OK : err;
}

void sqlite_abandon(struct sqlite *database)
{
    sqlite_rollback(database);
    (void)sqlite3_db_config(database->raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

static enum err copy_pages(struct sqlite *database, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", database->raw, "main");
    if (backup == NULL) {
        return err_of(sqlite3_errcode(to));
    }
    int code = sqlite3_backup_step(backup, -1);
    int finished = sqlite3_backup_finish(backup);
    return err_of(code == SQLITE_DONE ? finished : code);
}

enum err sqlite_backup(struct sqlite *database, const char *path)
{
    enum err err = file_write_atomic(path, STR(""), 0600);
    if (err != ERR_OK) {
        return err;
    }
    sqlite3 *to = NULL;
    int code = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    err = code == SQLITE_OK ? copy_pages(database, to) : err_of(code);
    code = sqlite3_close(to);
    return err != ERR_OK ? err : err_of(code);
}

/* ---- opening ---- */

/* The folder with 0700 and an empty file with 0600: SQLite gives its side files the same mode. */
static enum err make_file(const char *path, struct fault *why)
{
    if (file_exists(path)) {
        return ERR_OK;
    }
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    if (!str_copy((struct str){path, len}, folder, sizeof folder)) {
        return fault_set(why, ERR_LIMIT, "the path of the database is too long");
    }
    enum err err = len > 0 ? file_make_folder(folder, 0700) : ERR_OK;
    if (err != ERR_OK) {
        return fault_set(why, err, "cannot create the folder %s: %s", folder, err_text(err));
    }
    err = file_write_atomic(path, STR(""), 0600);
    if (err != ERR_OK) {
        return fault_set(why, err, "cannot create %s: %s", path, err_text(err));
    }
    return ERR_OK;
}

/* Reading the schema is what first touches the file. NORMAL locking lets readers in beside us. */
static const char *const setup[] = {
    [USE_MEMORY] = "PRAGMA temp_store=MEMORY",
    [USE_WRITE] = "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4096;"
                  "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                  "PRAGMA journal_size_limit=67108864; PRAGMA foreign_keys=OFF;"
                  "PRAGMA secure_delete=ON;" /* what is forgotten leaves no free page behind */
                  "SELECT count(*) FROM sqlite_schema",
    [USE_READ] = "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY;"
                 "SELECT count(*) FROM sqlite_schema",
};

static enum err configure(struct sqlite *database, enum sqlite_use use)
{
    /* SQL is ours alone: a misspelt name in double quotes is an error, not a string. */
    (void)sqlite3_db_config(database->raw, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(database->raw, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(database->raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_busy_timeout(database->raw, BUSY_WAIT_MS);
    (void)sqlite3_wal_hook(database->raw, note_log_pages, database);
    return sqlite_script(database, setup[use]);
}

enum err sqlite_open(const char *path, enum sqlite_use use, struct sqlite **database,
                     struct fault *why)
{
    static const uint64_t no_seed[2] = {0, 0}; /* keys are addresses of our own objects */
    *database = NULL;
    if (use == USE_READ && !file_exists(path)) {
        return fault_set(why, ERR_NOT_FOUND, "%s does not exist", path);
    }
    enum err err = use == USE_WRITE ? make_file(path, why) : ERR_OK;
    if (err != ERR_OK) {
        return err;
    }
    struct sqlite *opened = must_have(calloc(1, sizeof *opened));
    opened->statements = map_new(no_seed, STATEMENTS_MAX);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(use == USE_MEMORY ? ":memory:" : path, &opened->raw, flags, NULL);
    err = blame(opened, code);
    if (err == ERR_OK) {
        err = configure(opened, use);
    }
    if (err != ERR_OK) {
        err = sqlite_fault(opened, path, why);
        sqlite_close(opened);
        return err;
    }
    *database = opened;
    return ERR_OK;
}

void sqlite_close(struct sqlite *database)
{
    if (database == NULL) {
        return;
    }
    size_t at = 0;
    struct str key;
    void *prepared = NULL;
    while (map_next(database->statements, &at, &key, &prepared)) {
        (void)sqlite3_finalize(prepared);
    }
    map_free(database->statements);
    int code = sqlite3_close(database->raw);
    must(code == SQLITE_OK);
    free(database);
}
