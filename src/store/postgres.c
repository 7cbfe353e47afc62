/* SPDX-License-Identifier: Apache-2.0
 * postgres.c - one connection: transactions, pipelines, queries, and a new one when it is lost.
 *
 * Invariants: `link` is NULL exactly while there is no usable connection; whatever finds it lost
 * drops it and says BUSY. `stage` is OPENING from begin() until the first statement takes BEGIN
 * along. A statement is prepared once for each combination of its values' kinds, because a
 * parameter has one type in a prepared statement.
 */
#include "store/postgres.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "base/must.h"
#include "base/num.h"
#include "store/postgres_link.h"
#include "store/postgres_sql.h"
#include "store/postgres_value.h"
#include "store/store.h"
#include "sys/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_BYTES_MAX   ((size_t)256 * 1024)
#define NAME_BYTES      16
#define MAP_MAX         (POSTGRES_KEPT_MAX + STORE_BATCH_MAX)
#define ROWS_AT_FIRST   16
#define ROWS_ARENA_SIZE 4096
#define READ_ONLY       "25006"
#define ROWS_SKIPPED    1000 /* read and dropped at a limit; beyond, the connection is dropped */

enum stage { STAGE_NONE, STAGE_OPENING, STAGE_OPEN };

struct postgres {
    struct database database;
    PGconn *link;
    char *location;
    enum database_use use;
    bool unsafe;
    struct map *prepared; /* names, by a statement's address and its values' kinds */
    unsigned last_name;
    enum stage stage;
    enum database_turn turn; /* of the transaction begun last */
    char writer[40];         /* our row of store_writers */
    int64_t batch;           /* the number of the transaction begun last */
    enum err code;           /* of the last error */
    struct mutex mutex;
    struct condition pause; /* never woken: its time passes */
};

static const struct statement note_batch = {
    "INSERT INTO store_writers (id, batch, at) VALUES (?1, ?2, now())"
    " ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, at = excluded.at",
    2};
/* Waits for whoever is writing the row, then says what it holds. */
static const struct statement read_batch = {
    "INSERT INTO store_writers AS w (id, batch, at) VALUES (?1, 0, now())"
    " ON CONFLICT (id) DO UPDATE SET at = excluded.at RETURNING w.batch",
    1};

static struct postgres *postgres_of(struct database *database)
{
    return LIST_OBJECT(database, struct postgres, database);
}

/* ---- errors ---- */

/* Longer codes stand before their classes. */
static enum err err_of(struct str code)
{
    static const struct {
        const char *code;
        enum err err;
    } known[] = {
        {"23505", ERR_EXISTS}, {"23", ERR_INVALID},      {"22", ERR_INVALID},
        {"42501", ERR_DENIED}, {"42", ERR_INVALID},      {"0A", ERR_INVALID},
        {"54", ERR_INVALID},   {READ_ONLY, ERR_INVALID}, {"40001", ERR_BUSY},
        {"40P01", ERR_BUSY},   {"55P03", ERR_BUSY},      {"57014", ERR_BUSY},
        {"53100", ERR_FULL},   {"57P", ERR_BUSY},        {"25P03", ERR_BUSY},
        {"08", ERR_BUSY},      {"XX001", ERR_CORRUPT},   {"XX002", ERR_CORRUPT},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (str_starts(code, str_of(known[i].code))) {
            return known[i].err;
        }
    }
    return ERR_IO;
}

static void forget_prepared(struct postgres *pg)
{
    size_t at = 0;
    struct str key;
    void *name = NULL;
    while (map_next(pg->prepared, &at, &key, &name)) {
        (void)map_remove(pg->prepared, key);
        free(name);
    }
}

static void drop(struct postgres *pg)
{
    PQfinish(pg->link);
    pg->link = NULL;
    pg->stage = STAGE_NONE;
    forget_prepared(pg);
}

static enum err blame(struct postgres *pg, enum err err, const char *message, const char *code)
{
    struct str words = postgres_words(message);
    pg->code = err;
    (void)snprintf(pg->database.why, sizeof pg->database.why, STR_FMT " (PostgreSQL %s)",
                   STR_ARG(str_cut(words, 0, 100)), code);
    return err;
}

static enum err lost(struct postgres *pg)
{
    enum err err = blame(pg, ERR_BUSY, PQerrorMessage(pg->link), "lost");
    drop(pg);
    return err;
}

/* After these words the server says nothing more. */
static bool is_fatal(const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return severity != NULL && (severity[0] == 'F' || severity[0] == 'P');
}

/* CANCELLED: an earlier statement of the pipeline failed. Does not clear `result`. */
static enum err judge(struct postgres *pg, const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
    case PGRES_EMPTY_QUERY:
    case PGRES_PIPELINE_SYNC:
        return ERR_OK;
    case PGRES_PIPELINE_ABORTED:
        return ERR_CANCELLED;
    default:
        break;
    }
    const char *code = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    if (code == NULL) {
        return blame(pg, ERR_BUSY, PQerrorMessage(pg->link), "lost");
    }
    const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    return blame(pg, err_of(str_of(code)), words != NULL ? words : "", code);
}

/* The connection broke (libpq may not say so where it could not write: its own error has no code),
 * says its last words, or has become one that cannot write. */
static bool is_over(const struct postgres *pg, const PGresult *result)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    bool broke = PQresultStatus(result) == PGRES_FATAL_ERROR && code == NULL;
    return broke || PQstatus(pg->link) == CONNECTION_BAD || is_fatal(result) ||
           (pg->use == USE_WRITE && code != NULL && strcmp(code, READ_ONLY) == 0);
}

/* Judges and clears; drops a connection that is of no use any more. */
static enum err settle_result(struct postgres *pg, PGresult *result)
{
    enum err err = judge(pg, result);
    bool over = is_over(pg, result);
    PQclear(result);
    if (over) {
        drop(pg);
        return ERR_BUSY;
    }
    return err;
}

static enum err fault_of(struct database *database, struct fault *why)
{
    return fault_set(why, postgres_of(database)->code, "%s: %s", database->name, database->why);
}

/* ---- connections ---- */

static enum err connect_once(struct postgres *pg, struct fault *why)
{
    const struct postgres_link_options options = {
        .location = pg->location, .name = pg->database.name, .use = pg->use, .unsafe = pg->unsafe};
    char durability[DATABASE_DURABILITY] = "";
    enum err err = postgres_link(&options, &pg->link, durability, why);
    if (pg->database.durability[0] == '\0') {
        (void)memcpy(pg->database.durability, durability, sizeof durability);
    }
    if (err != ERR_OK) {
        pg->code = err;
        (void)snprintf(pg->database.why, sizeof pg->database.why, "%.127s", why->words);
    }
    return err;
}

static void wait_before(struct postgres *pg, int try)
{
    uint64_t pause = num_min((uint64_t)RECONNECT_PAUSE_MS << (try < 8 ? try : 8),
                             RECONNECT_PAUSE_MAX);
    mutex_lock(&pg->mutex);
    (void)condition_wait(&pg->pause, &pg->mutex, pause);
    mutex_unlock(&pg->mutex);
}

static void set_away(struct postgres *pg, bool away)
{
    if (away != atomic_exchange(&pg->database.away, away) && away) {
        log_say(pg->database.log, LOG_ERROR, "store",
                "the server is not reached; commitments are refused until it is: %s",
                pg->database.why);
    }
}

/* REFUSED: it is away. */
static enum err connect_again(struct postgres *pg, int tries_max)
{
    struct fault why = {0};
    if (pg->link == NULL) {
        log_say(pg->database.log, LOG_WARN, "store", "%s: connection lost: %s", pg->database.name,
                pg->database.why);
    }
    for (int try = 0; pg->link == NULL; try++) {
        if (try >= RECONNECT_TRIES_MAX) {
            set_away(pg, true);
        }
        if (try >= tries_max) {
            return ERR_REFUSED;
        }
        if (try > 0) {
            wait_before(pg, try);
        }
        if (connect_once(pg, &why) == ERR_OK) {
            log_say(pg->database.log, LOG_INFO, "store", "%s: connected again", pg->database.name);
        }
    }
    set_away(pg, false);
    return ERR_OK;
}

static enum err reach(struct database *database)
{
    struct postgres *pg = postgres_of(database);
    struct fault why = {0};
    if (pg->link == NULL && connect_once(pg, &why) != ERR_OK) {
        return ERR_REFUSED;
    }
    log_say(database->log, LOG_INFO, "store", "%s: the server is reached again", database->name);
    set_away(pg, false);
    return ERR_OK;
}

/* ---- statements ---- */

static enum err prepare_new(struct postgres *pg, const struct statement *statement,
                            const struct postgres_parameters *parameters, const char *name)
{
    struct buf sql;
    buf_init(&sql, SQL_BYTES_MAX);
    enum err err = postgres_statement(str_of(statement->sql), &sql);
    must(err == ERR_OK);
    PGresult *result = PQprepare(pg->link, name, buf_cstr(&sql), parameters->count,
                                 parameters->types);
    buf_end(&sql);
    return settle_result(pg, result);
}

/* `name` stays valid until the connection is dropped. */
static enum err prepare(struct postgres *pg, const struct statement *statement,
                        const struct value *values, const struct postgres_parameters *parameters,
                        const char **name)
{
    char key[sizeof(uintptr_t) + POSTGRES_PARAMETERS_MAX];
    const uintptr_t address = (uintptr_t)statement;
    memcpy(key, &address, sizeof address);
    for (unsigned i = 0; i < statement->parameters; i++) {
        key[sizeof address + i] = (char)values[i].kind;
    }
    struct str bytes = {key, sizeof address + statement->parameters};
    *name = map_get(pg->prepared, bytes);
    if (*name != NULL) {
        return ERR_OK;
    }
    char *made = must_have(calloc(1, NAME_BYTES));
    (void)snprintf(made, NAME_BYTES, "s%u", ++pg->last_name);
    enum err err = prepare_new(pg, statement, parameters, made);
    if (err == ERR_OK) {
        err = map_put(pg->prepared, bytes, made);
    }
    if (err != ERR_OK) {
        free(made);
        return err;
    }
    *name = made;
    return ERR_OK;
}

static enum err prepare_for(struct postgres *pg, const struct statement *statement,
                            const struct value *values)
{
    struct postgres_parameters parameters;
    const char *name = NULL;
    postgres_encode(values, statement->parameters, &parameters);
    return prepare(pg, statement, values, &parameters, &name);
}

static enum err send(struct postgres *pg, const struct statement *statement,
                     const struct value *values)
{
    struct postgres_parameters parameters;
    const char *name = NULL;
    postgres_encode(values, statement->parameters, &parameters);
    enum err err = prepare(pg, statement, values, &parameters, &name);
    if (err != ERR_OK) {
        return err;
    }
    int sent = PQsendQueryPrepared(pg->link, name, parameters.count, parameters.values,
                                   parameters.lengths, parameters.formats, 1);
    return sent == 1 ? ERR_OK : lost(pg);
}

/* ---- the pipeline ---- */

static void count_changed(const PGresult *result, size_t *changed)
{
    uint64_t rows = 0;
    char *text = PQcmdTuples((PGresult *)(uintptr_t)result); /* libpq reads only */
    *changed = num_u64(str_of(text), &rows) == ERR_OK ? (size_t)rows : 0;
}

/* The answer to the next statement of the pipeline, and the end of it. */
static enum err take(struct postgres *pg, size_t *changed)
{
    PGresult *result = PQgetResult(pg->link);
    count_changed(result, changed);
    enum err err = settle_result(pg, result);
    if (pg->link != NULL) {
        PQclear(PQgetResult(pg->link)); /* NULL: where one statement ends */
    }
    return err;
}

/* The locks' numbers are ours: "AIRE", and the one after it. */
static const char *const openings[][4] = {
    [TURN_NONE] = {"BEGIN"},
    [TURN_RECORDS] = {"BEGIN", "SELECT pg_advisory_xact_lock(1095324230)"},
    [TURN_MIGRATION] = {"BEGIN", "SET LOCAL lock_timeout='10min'", POSTGRES_MIGRATION_LOCK},
};

static enum err send_opening(struct postgres *pg)
{
    struct value values[2] = {value_of_text(str_of(pg->writer)), value_of_i64(pg->batch)};
    for (const char *const *sql = openings[pg->turn]; *sql != NULL; sql++) {
        if (PQsendQueryParams(pg->link, *sql, 0, NULL, NULL, NULL, NULL, 1) != 1) {
            return lost(pg);
        }
    }
    return send(pg, &note_batch, values);
}

static enum err take_opening(struct postgres *pg)
{
    enum err worst = ERR_OK;
    size_t left = 1; /* note_batch */
    for (const char *const *sql = openings[pg->turn]; *sql != NULL; sql++) {
        left++;
    }
    for (; left > 0 && pg->link != NULL; left--) {
        size_t changed = 0;
        enum err err = take(pg, &changed);
        worst = worst == ERR_OK ? err : worst;
    }
    pg->stage = pg->link != NULL ? STAGE_OPEN : STAGE_NONE;
    return worst;
}

/* Before the pipeline, where nothing may wait: BEGIN is not yet sent, or a savepoint stands. */
static enum err prepare_units(struct postgres *pg, struct store_unit *first,
                              const struct store_unit *end)
{
    struct value values[2] = {value_of_text(str_of(pg->writer)), value_of_i64(0)};
    enum err err = prepare_for(pg, &note_batch, values);
    for (struct store_unit *unit = first; unit != end && err == ERR_OK; unit = unit->next) {
        for (size_t i = 0; i < unit->count && err == ERR_OK; i++) {
            err = prepare_for(pg, unit->steps[i].statement, unit->steps[i].values);
        }
        unit->result = err;
    }
    return database_error_is_local(err) ? ERR_AGAIN : err;
}

static enum err send_units(struct postgres *pg, const struct store_unit *first,
                           const struct store_unit *end)
{
    enum err err = pg->stage == STAGE_OPENING ? send_opening(pg) : ERR_OK;
    for (const struct store_unit *unit = first; unit != end && err == ERR_OK; unit = unit->next) {
        for (size_t i = 0; i < unit->count && err == ERR_OK; i++) {
            err = send(pg, unit->steps[i].statement, unit->steps[i].values);
        }
    }
    if (err == ERR_OK && PQpipelineSync(pg->link) != 1) {
        return lost(pg);
    }
    return err;
}

/* AGAIN: something of the unit must be undone. The first step that failed gives the result. */
static enum err take_unit(struct postgres *pg, struct store_unit *unit)
{
    enum err worst = ERR_OK;
    unit->result = ERR_OK;
    for (size_t i = 0; i < unit->count && pg->link != NULL; i++) {
        size_t changed = 0;
        enum err err = take(pg, &changed);
        if (err == ERR_OK && unit->steps[i].must_change && changed == 0) {
            err = ERR_NOT_FOUND;
            worst = unit->count > 1 && worst == ERR_OK ? ERR_AGAIN : worst;
        } else if (err != ERR_OK && err != ERR_CANCELLED) {
            worst = database_error_is_local(err) ? ERR_AGAIN : err;
        }
        if (unit->result == ERR_OK && err != ERR_CANCELLED) {
            unit->result = err;
        }
    }
    return pg->link != NULL ? worst : ERR_BUSY;
}

static enum err take_units(struct postgres *pg, struct store_unit *first,
                           const struct store_unit *end)
{
    enum err worst = pg->stage == STAGE_OPENING ? take_opening(pg) : ERR_OK;
    for (struct store_unit *unit = first; unit != end && pg->link != NULL; unit = unit->next) {
        enum err err = take_unit(pg, unit);
        worst = worst == ERR_OK ? err : worst;
    }
    if (pg->link == NULL) {
        return ERR_BUSY;
    }
    enum err err = settle_result(pg, PQgetResult(pg->link)); /* the end of the pipeline */
    return worst == ERR_OK ? err : worst;
}

/* With no units: opens the transaction alone. */
static enum err flow(struct postgres *pg, struct store_unit *first, const struct store_unit *end)
{
    enum err err = prepare_units(pg, first, end);
    if (err != ERR_OK) {
        return err;
    }
    if (PQenterPipelineMode(pg->link) != 1) {
        return lost(pg);
    }
    err = send_units(pg, first, end);
    if (err == ERR_OK) {
        err = take_units(pg, first, end);
    }
    if (pg->link != NULL && PQexitPipelineMode(pg->link) != 1) {
        return lost(pg);
    }
    return err;
}

static enum err run(struct database *database, struct store_unit *first,
                    const struct store_unit *end)
{
    struct postgres *pg = postgres_of(database);
    return pg->link != NULL ? flow(pg, first, end) : ERR_BUSY;
}

static enum err open_now(struct postgres *pg)
{
    if (pg->link == NULL) {
        return ERR_BUSY;
    }
    return pg->stage == STAGE_OPENING ? flow(pg, NULL, NULL) : ERR_OK;
}

static enum err execute(struct database *database, const struct statement *statement,
                        const struct value *values)
{
    struct postgres *pg = postgres_of(database);
    enum err err = open_now(pg);
    if (err == ERR_OK) {
        err = send(pg, statement, values);
    }
    if (err == ERR_OK) {
        size_t changed = 0;
        err = take(pg, &changed);
    }
    return err;
}

/* ---- transactions ---- */

static enum err command(struct postgres *pg, const char *sql)
{
    return pg->link != NULL ? settle_result(pg, PQexec(pg->link, sql)) : ERR_BUSY;
}

static enum err begin(struct database *database, enum database_turn turn)
{
    struct postgres *pg = postgres_of(database);
    enum err err = connect_again(pg, RECONNECT_TRIES_MAX);
    if (err != ERR_OK) {
        return err;
    }
    if (map_count(pg->prepared) > POSTGRES_KEPT_MAX) {
        forget_prepared(pg);
        err = command(pg, "DEALLOCATE ALL");
    }
    pg->batch++;
    pg->turn = turn;
    pg->stage = STAGE_OPENING;
    return err;
}

static void rollback(struct database *database)
{
    struct postgres *pg = postgres_of(database);
    if (pg->stage == STAGE_OPEN) {
        err_ignore(command(pg, "ROLLBACK"));
    }
    pg->stage = STAGE_NONE;
}

/* OK: the transaction is durable. BUSY: it is not and never will be. */
static enum err look_up_outcome(struct postgres *pg)
{
    struct value writer = value_of_text(str_of(pg->writer));
    int64_t batch = 0;
    enum err err = ERR_BUSY;
    for (int try = 0; err == ERR_BUSY && try < LOOK_UP_TRIES_MAX; try++) {
        err = connect_again(pg, DOUBT_TRIES_MAX);
        if (err == ERR_OK) {
            err = database_number(&pg->database, &read_batch, &writer, &batch);
        }
    }
    if (err != ERR_OK) {
        return ERR_UNKNOWN;
    }
    log_say(pg->database.log, LOG_INFO, "store", "%s: the commit under way %s", pg->database.name,
            batch == pg->batch ? "was made" : "was not made and runs again");
    return batch == pg->batch ? ERR_OK : ERR_BUSY;
}

static enum err commit(struct database *database)
{
    struct postgres *pg = postgres_of(database);
    if (pg->stage == STAGE_OPENING) {
        pg->stage = STAGE_NONE; /* nothing was asked for */
        return ERR_OK;
    }
    if (pg->link == NULL) {
        return ERR_BUSY; /* lost before */
    }
    PGresult *result = PQexec(pg->link, "COMMIT");
    bool made = PQresultStatus(result) == PGRES_COMMAND_OK &&
                strcmp(PQcmdStatus(result), "COMMIT") == 0;
    enum err err = settle_result(pg, result);
    pg->stage = STAGE_NONE;
    if (made) {
        return ERR_OK; /* said so before it broke, if it did */
    }
    if (pg->link == NULL) {
        return look_up_outcome(pg);
    }
    return err == ERR_OK ? ERR_IO : err; /* it was a ROLLBACK: nothing was written */
}

/* ---- queries ---- */

/* Doubles in the arena: what is left behind is at most what is kept. */
static struct value *next_row(struct store_query *query, size_t *room)
{
    if (query->row_count == *room) {
        size_t more = *room == 0 ? ROWS_AT_FIRST : *room * 2;
        struct value *rows = arena_array_of(query->arena, struct value, more * query->columns);
        if (query->row_count > 0) {
            memcpy(rows, query->rows, query->row_count * query->columns * sizeof *rows);
        }
        query->rows = rows;
        *room = more;
    }
    return query->rows + query->row_count * query->columns;
}

static enum err read_row(struct postgres *pg, const PGresult *result, struct store_query *query,
                         size_t *room)
{
    if (query->row_count == query->rows_max || arena_bytes(query->arena) > QUERY_BYTES_MAX) {
        return ERR_LIMIT;
    }
    query->columns = (size_t)PQnfields(result);
    struct value *row = next_row(query, room);
    for (size_t c = 0; c < query->columns; c++) {
        if (!postgres_decode(result, 0, (int)c, query->arena, &row[c])) {
            return blame(pg, ERR_INVALID, "a column has a type that is not read here", "");
        }
    }
    query->row_count++;
    return ERR_OK;
}

/* One row a result, so that what is over a limit is never held. */
static enum err read_rows(struct postgres *pg, struct store_query *query)
{
    enum err worst = ERR_OK;
    size_t room = 0;
    size_t skipped = 0;
    bool over = false;
    for (PGresult *result = PQgetResult(pg->link); result != NULL; result = PQgetResult(pg->link)) {
        enum err err = judge(pg, result);
        if (err == ERR_OK && PQresultStatus(result) == PGRES_SINGLE_TUPLE) {
            err = worst == ERR_OK ? read_row(pg, result, query, &room) : worst;
            skipped += err != ERR_OK ? 1 : 0;
        } else if (err == ERR_OK) {
            query->columns = (size_t)PQnfields(result);
        }
        worst = worst == ERR_OK ? err : worst;
        over = over || is_over(pg, result);
        PQclear(result);
        if (skipped > ROWS_SKIPPED) {
            drop(pg);
            return worst;
        }
    }
    if (over || PQstatus(pg->link) == CONNECTION_BAD) {
        drop(pg);
        return ERR_BUSY;
    }
    return worst;
}

static enum err ask(struct postgres *pg, struct store_query *query)
{
    query->row_count = 0;
    query->columns = 0;
    query->rows = NULL;
    enum err err = send(pg, query->statement, query->values);
    if (err != ERR_OK) {
        return err;
    }
    return PQsetSingleRowMode(pg->link) == 1 ? read_rows(pg, query) : lost(pg);
}

/* Reading may be repeated: a lost connection is replaced once, without waiting. Inside a
 * transaction it is not. */
static void query_rows(struct database *database, struct store_query *query)
{
    struct postgres *pg = postgres_of(database);
    query->arena = arena_new(ROWS_ARENA_SIZE);
    enum err err = pg->stage == STAGE_OPENING ? open_now(pg) : ERR_OK;
    bool alone = pg->stage == STAGE_NONE;
    if (err == ERR_OK) {
        err = pg->link != NULL ? ask(pg, query) : ERR_BUSY;
    }
    struct fault why = {0};
    if (err == ERR_BUSY && pg->link == NULL && alone && connect_once(pg, &why) == ERR_OK) {
        err = ask(pg, query);
    }
    query->result = err == ERR_BUSY && pg->use == USE_READ ? ERR_IO : err;
}

/* ---- schema ---- */

/* What is sealed or packed gains nothing from the server's compression, which takes milliseconds
 * for 16 KiB. Tables of this schema only. */
static const char keep_bodies_plain[] =
    "DO $$ DECLARE c record; BEGIN FOR c IN SELECT a.attrelid::regclass AS t, a.attname AS n"
    " FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid WHERE r.relkind = 'r'"
    " AND r.relnamespace = current_schema()::regnamespace AND a.atttypid = 'bytea'::regtype"
    " AND a.attstorage = 'x' AND NOT a.attisdropped LOOP"
    " EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE EXTERNAL', c.t, c.n);"
    " END LOOP; END $$";

static enum err script(struct database *database, const char *sql)
{
    struct postgres *pg = postgres_of(database);
    struct buf translated;
    buf_init(&translated, SQL_BYTES_MAX);
    enum err err = postgres_migration(str_of(sql), &translated);
    must(err == ERR_OK);
    err = open_now(pg);
    err = err == ERR_OK ? command(pg, buf_cstr(&translated)) : err;
    buf_end(&translated);
    return err == ERR_OK ? command(pg, keep_bodies_plain) : err;
}

static enum err claim(struct database *database, struct fault *why)
{
    struct postgres *pg = postgres_of(database);
    return postgres_claim(database, pg->writer, sizeof pg->writer, why);
}

static enum err check(struct database *database, struct fault *why)
{
    (void)database; /* the server does, after each crash of its own */
    (void)why;
    return ERR_OK;
}

static enum err copy(struct database *database, struct fault *why)
{
    (void)why;
    log_say(database->log, LOG_WARN, "store",
            "%s is migrated now; a copy of a server's database is made by pg_dump, not here",
            database->name);
    return ERR_OK;
}

static enum err mark(struct database *database, bool open)
{
    static const struct statement sign_out = {"DELETE FROM store_writers WHERE id = ?1", 1};
    struct value writer = value_of_text(str_of(postgres_of(database)->writer));
    return open ? ERR_OK : execute(database, &sign_out, &writer);
}

static enum err tidy(struct database *database)
{
    (void)database; /* the server's checkpoints are its own */
    return ERR_OK;
}

/* ---- life ---- */

static void abandon(struct database *database)
{
    drop(postgres_of(database));
}

static void shut(struct database *database)
{
    struct postgres *pg = postgres_of(database);
    drop(pg);
    map_free(pg->prepared);
    condition_end(&pg->pause);
    mutex_end(&pg->mutex);
    free(pg->location);
    free(pg);
}

static const struct database_kind kind = {
    .failure_spreads = true,
    .close = shut,
    .abandon = abandon,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .run = run,
    .execute = execute,
    .script = script,
    .query = query_rows,
    .tidy = tidy,
    .reach = reach,
    .claim = claim,
    .check = check,
    .copy = copy,
    .mark = mark,
    .fault = fault_of,
};

enum err postgres_open(const struct database_options *options, struct database **database,
                       struct fault *why)
{
    static const uint64_t no_seed[2] = {0, 0}; /* keys are addresses of our own objects */
    struct postgres *pg = must_have(calloc(1, sizeof *pg));
    struct str location = options->location;
    pg->database.kind = &kind;
    pg->database.log = options->log;
    pg->use = options->use;
    pg->unsafe = options->unsafe;
    pg->prepared = map_new(no_seed, MAP_MAX);
    pg->location = must_have(calloc(1, location.len + 1));
    mutex_init(&pg->mutex);
    condition_init(&pg->pause);
    must(str_copy(location, pg->location, location.len + 1));
    enum err err = postgres_name(location, pg->database.name, sizeof pg->database.name, why);
    struct fault unread;
    if (err == ERR_OK) {
        err = connect_once(pg, why != NULL ? why : &unread);
    }
    if (err != ERR_OK) {
        shut(&pg->database);
        return err;
    }
    *database = &pg->database;
    return ERR_OK;
}
