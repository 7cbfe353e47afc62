/* SPDX-License-Identifier: Apache-2.0
 * sqlite.c - one connection: opening with a plain reason, prepared statements, errors as words.
 *
 * Invariants: no statement is left un-reset between calls; `database.why` is of the last call that
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
    struct database database;
    sqlite3 *raw;
    struct map *statements; /* sqlite3_stmt by the bytes of a struct statement's address */
    int log_pages;          /* in the write-ahead log after the last commit */
    int code;               /* of the last error */
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

static struct sqlite *sqlite_of(struct database *database)
{
    return LIST_OBJECT(database, struct sqlite, database);
}

/* The reason is kept before anything else can replace it. */
static enum err blame(struct sqlite *sqlite, int code)
{
    enum err err = err_of(code);
    if (err != ERR_OK) {
        sqlite->code = code;
        (void)snprintf(sqlite->database.why, sizeof sqlite->database.why, "%s (SQLite %d)",
                       sqlite3_errmsg(sqlite->raw), code);
    }
    return err;
}

static enum err fault_of(struct database *database, struct fault *why)
{
    const struct sqlite *sqlite = sqlite_of(database);
    const char *path = database->name;
    enum err err = err_of(sqlite->code);
    switch (err) {
    case ERR_BUSY:
        return fault_set(why, err, "%s is locked by another process", path);
    case ERR_DENIED:
        return fault_set(why, err, "no permission to read and write %s, or it is not a file", path);
    case ERR_FULL:
        return fault_set(why, err, "no space left on the disk of %s", path);
    case ERR_CORRUPT:
        if ((sqlite->code & 0xff) == SQLITE_NOTADB) {
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

static enum err prepare(struct sqlite *sqlite, const struct statement *statement,
                        sqlite3_stmt **prepared)
{
    *prepared = map_get(sqlite->statements, key_of(&statement));
    if (*prepared != NULL) {
        return ERR_OK;
    }
    int code = sqlite3_prepare_v3(sqlite->raw, statement->sql, -1, SQLITE_PREPARE_PERSISTENT,
                                  prepared, NULL);
    if (code != SQLITE_OK) {
        return blame(sqlite, code);
    }
    must(*prepared != NULL);
    must((unsigned)sqlite3_bind_parameter_count(*prepared) == statement->parameters);
    enum err err = map_put(sqlite->statements, key_of(&statement), *prepared);
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

static enum err prepare_and_bind(struct sqlite *sqlite, const struct statement *statement,
                                 const struct value *values, sqlite3_stmt **prepared)
{
    enum err err = prepare(sqlite, statement, prepared);
    if (err != ERR_OK) {
        return err;
    }
    for (unsigned i = 0; i < statement->parameters; i++) {
        int code = bind_one(*prepared, (int)i + 1, &values[i]);
        if (code != SQLITE_OK) {
            return blame(sqlite, code);
        }
    }
    return ERR_OK;
}

static enum err script(struct database *database, const char *sql)
{
    struct sqlite *sqlite = sqlite_of(database);
    return blame(sqlite, sqlite3_exec(sqlite->raw, sql, NULL, NULL, NULL));
}

static enum err step_through(struct sqlite *sqlite, const struct statement *statement,
                             const struct value *values)
{
    sqlite3_stmt *prepared = NULL;
    enum err err = prepare_and_bind(sqlite, statement, values, &prepared);
    if (err != ERR_OK) {
        return err;
    }
    int code = sqlite3_step(prepared);
    while (code == SQLITE_ROW) {
        code = sqlite3_step(prepared);
    }
    err = blame(sqlite, code);
    (void)sqlite3_reset(prepared);
    return err;
}

static enum err execute(struct database *database, const struct statement *statement,
                        const struct value *values)
{
    return step_through(sqlite_of(database), statement, values);
}

/* ---- units ---- */

static enum err run_step(struct sqlite *sqlite, const struct store_step *step)
{
    enum err err = step_through(sqlite, step->statement, step->values);
    if (err == ERR_OK && step->must_change && sqlite3_changes64(sqlite->raw) == 0) {
        return ERR_NOT_FOUND;
    }
    return err;
}

/* A statement that failed or changed no row left nothing to undo. */
static enum err run_unit(struct sqlite *sqlite, struct store_unit *unit)
{
    size_t done = 0;
    unit->result = ERR_OK;
    while (done < unit->count && unit->result == ERR_OK) {
        unit->result = run_step(sqlite, &unit->steps[done]);
        done += unit->result == ERR_OK ? 1 : 0;
    }
    if (unit->result != ERR_OK && !database_error_is_local(unit->result)) {
        return unit->result;
    }
    return unit->result != ERR_OK && done > 0 ? ERR_AGAIN : ERR_OK;
}

static enum err run_units(struct database *database, struct store_unit *first,
                          const struct store_unit *end)
{
    enum err err = ERR_OK;
    for (struct store_unit *unit = first; unit != end && err == ERR_OK; unit = unit->next) {
        err = run_unit(sqlite_of(database), unit);
    }
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

static enum err rows_read(struct sqlite *sqlite, sqlite3_stmt *prepared, struct store_query *query)
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
    return blame(sqlite, code);
}

static void answer(struct database *database, struct store_query *query)
{
    struct sqlite *sqlite = sqlite_of(database);
    sqlite3_stmt *prepared = NULL;
    query->arena = arena_new(ROWS_ARENA_SIZE);
    query->rows = NULL;
    query->row_count = 0;
    query->columns = 0;
    query->result = prepare_and_bind(sqlite, query->statement, query->values, &prepared);
    if (query->result != ERR_OK) {
        return;
    }
    if (sqlite3_stmt_readonly(prepared) == 0) {
        query->result = ERR_INVALID;
        return;
    }
    query->columns = (size_t)sqlite3_column_count(prepared);
    query->result = rows_read(sqlite, prepared, query);
    (void)sqlite3_reset(prepared);
}

/* ---- transactions and the log ---- */

/* An operator's shell may hold the write lock for a moment: each try waits BUSY_WAIT_MS. */
static enum err begin(struct database *database, enum database_turn turn)
{
    static const struct statement immediate = {"BEGIN IMMEDIATE", 0};
    (void)turn; /* whoever writes is alone */
    return execute(database, &immediate, NULL);
}

static enum err commit(struct database *database)
{
    static const struct statement ending = {"COMMIT", 0};
    return execute(database, &ending, NULL) == ERR_OK ? ERR_OK : ERR_UNKNOWN;
}

static void rollback(struct database *database)
{
    struct sqlite *sqlite = sqlite_of(database);
    if (sqlite3_get_autocommit(sqlite->raw) == 0) {
        (void)sqlite3_exec(sqlite->raw, "ROLLBACK", NULL, NULL, NULL);
    }
}

static int note_log_pages(void *object, sqlite3 *raw, const char *name, int pages)
{
    (void)raw;
    (void)name;
    ((struct sqlite *)object)->log_pages = pages;
    return SQLITE_OK;
}

/* OK also when readers are in the way. */
static enum err checkpoint(struct database *database)
{
    struct sqlite *sqlite = sqlite_of(database);
    if (sqlite->log_pages < SQLITE_CHECKPOINT_PAGES) {
        return ERR_OK;
    }
    sqlite->log_pages = 0;
    int code = sqlite3_wal_checkpoint_v2(sqlite->raw, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    enum err err = blame(sqlite, code);
    return err == ERR_BUSY ? ERR_OK : err;
}

static void abandon(struct database *database)
{
    rollback(database);
    (void)sqlite3_db_config(sqlite_of(database)->raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

static enum err copy_pages(struct sqlite *sqlite, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", sqlite->raw, "main");
    if (backup == NULL) {
        return err_of(sqlite3_errcode(to));
    }
    int code = sqlite3_backup_step(backup, -1);
    int finished = sqlite3_backup_finish(backup);
    return err_of(code == SQLITE_DONE ? finished : code);
}

enum err sqlite_backup(struct database *database, const char *path)
{
    enum err err = file_write_atomic(path, STR(""), 0600);
    if (err != ERR_OK) {
        return err;
    }
    sqlite3 *to = NULL;
    int code = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    err = code == SQLITE_OK ? copy_pages(sqlite_of(database), to) : err_of(code);
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
enum setup { SETUP_MEMORY, SETUP_WRITE, SETUP_READ };
static const char *const setup[] = {
    [SETUP_MEMORY] = "PRAGMA temp_store=MEMORY",
    [SETUP_WRITE] = "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4096;"
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                    "PRAGMA journal_size_limit=67108864; PRAGMA foreign_keys=OFF;"
                    "PRAGMA secure_delete=ON;" /* what is forgotten leaves no free page behind */
                    "SELECT count(*) FROM sqlite_schema",
    [SETUP_READ] = "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY;"
                   "SELECT count(*) FROM sqlite_schema",
};

static enum err configure(struct sqlite *sqlite, enum database_use use)
{
    /* SQL is ours alone: a misspelt name in double quotes is an error, not a string. */
    (void)sqlite3_db_config(sqlite->raw, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(sqlite->raw, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(sqlite->raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_busy_timeout(sqlite->raw, BUSY_WAIT_MS);
    (void)sqlite3_wal_hook(sqlite->raw, note_log_pages, sqlite);
    enum setup on_disk = use == USE_WRITE ? SETUP_WRITE : SETUP_READ;
    return script(&sqlite->database, setup[sqlite->database.in_memory ? SETUP_MEMORY : on_disk]);
}

static void shut(struct database *database)
{
    struct sqlite *sqlite = sqlite_of(database);
    size_t at = 0;
    struct str key;
    void *prepared = NULL;
    while (map_next(sqlite->statements, &at, &key, &prepared)) {
        (void)sqlite3_finalize(prepared);
    }
    map_free(sqlite->statements);
    int code = sqlite3_close(sqlite->raw);
    must(code == SQLITE_OK);
    free(sqlite);
}

static const struct database_kind kind = {
    .close = shut,
    .abandon = abandon,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .run = run_units,
    .execute = execute,
    .script = script,
    .query = answer,
    .tidy = checkpoint,
    .claim = sqlite_claim,
    .check = sqlite_check,
    .copy = sqlite_copy,
    .mark = sqlite_mark,
    .fault = fault_of,
};

static enum err find_file(struct sqlite *sqlite, enum database_use use, struct fault *why)
{
    const char *path = sqlite->database.name;
    if (sqlite->database.in_memory) {
        return ERR_OK;
    }
    if (use == USE_READ && !file_exists(path)) {
        return fault_set(why, ERR_NOT_FOUND, "%s does not exist", path);
    }
    return use == USE_WRITE ? make_file(path, why) : ERR_OK;
}

static enum err open_file(struct sqlite *sqlite, enum database_use use, struct fault *why)
{
    const char *path = sqlite->database.in_memory ? ":memory:" : sqlite->database.name;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    enum err err = blame(sqlite, sqlite3_open_v2(path, &sqlite->raw, flags, NULL));
    if (err == ERR_OK) {
        err = configure(sqlite, use);
    }
    return err == ERR_OK ? ERR_OK : fault_of(&sqlite->database, why);
}

enum err sqlite_open(const struct database_options *options, struct database **database,
                     struct fault *why)
{
    struct str path = str_cut(options->location, STR("sqlite:").len, options->location.len);
    static const uint64_t no_seed[2] = {0, 0}; /* keys are addresses of our own objects */
    struct sqlite *opened = must_have(calloc(1, sizeof *opened));
    opened->database.kind = &kind;
    opened->database.log = options->log;
    opened->database.in_memory = str_equal(options->location, STR("memory:"));
    opened->statements = map_new(no_seed, STATEMENTS_MAX);
    struct str name = opened->database.in_memory ? options->location : path;
    enum err err = ERR_OK;
    if (!str_copy(name, opened->database.name, sizeof opened->database.name)) {
        err = fault_set(why, ERR_LIMIT, "the path of the store is too long");
    }
    if (err == ERR_OK) {
        err = find_file(opened, options->use, why);
    }
    if (err == ERR_OK) {
        err = open_file(opened, options->use, why);
    }
    if (err != ERR_OK) {
        shut(&opened->database);
        return err;
    }
    (void)snprintf(opened->database.durability, DATABASE_DURABILITY, "%s",
                   opened->database.in_memory ? "none: in memory"
                                              : "journal_mode=wal, synchronous=full");
    *database = &opened->database;
    return ERR_OK;
}
