/* SPDX-License-Identifier: Apache-2.0
 * store.h - durable data behind one asynchronous engine with group commit.
 *
 * Facts are written without an answer and may be lost within FACT_LINGER_MS; commitments are durable
 * before `done` runs. One writer thread drains the queue, runs all units of a batch in one transaction
 * and commits (SQLite: WAL, synchronous=FULL). A unit's steps happen together or not at all.
 *
 * When a commit fails its outcome is unknown: every unit of the batch gets ERR_UNKNOWN, the store is
 * closed until the process restarts, commitments answer ERR_IO, facts wait in the queue up to its cap and
 * are then counted as lost. Statements and schemas belong to their owners; this engine knows none.
 */
#ifndef AIRE_STORE_STORE_H
#define AIRE_STORE_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "io/loop.h"

#include <stdint.h>

struct store;

enum value_kind { VALUE_NULL, VALUE_INTEGER, VALUE_REAL, VALUE_TEXT, VALUE_BLOB };

struct value {
    enum value_kind kind;
    union {
        int64_t integer;
        double real;
        struct str bytes; /* TEXT and BLOB */
    };
};

/* One SQL statement with ?1..?n; a static const object, identified by its address. */
struct statement {
    const char *sql;
    unsigned parameters;
};

struct store_step {
    const struct statement *statement;
    struct value *values; /* statement->parameters of them */
    bool must_change;     /* changing no row makes the unit fail with NOT_FOUND */
};

/* A unit of writing. The caller allocates; the store borrows it and everything it points to until
 * `done`, which runs on `home` (or, home == NULL, on the writer thread: for facts, to free them). */
struct store_unit {
    struct message message; /* internal */
    struct store_unit *next;
    struct store_step *steps;
    size_t count;
    size_t bytes;  /* counted against the queue's cap */
    bool fact;     /* may linger; never refused for a closed store while there is room */
    struct loop *home;
    void (*done)(struct store_unit *unit); /* `result` is set */
    enum err result; /* OK, EXISTS (unique), NOT_FOUND (must_change), UNKNOWN, IO, FULL */
};

#define FACT_LINGER_MS      20
#define FACT_QUEUE_BYTES    (32u * 1024 * 1024)
#define COMMIT_QUEUE_MAX    4096
#define STORE_BATCH_MAX     2048

/* LIMIT: the queue is full (the unit stays the caller's; lost facts are counted). */
enum err store_submit(struct store *store, struct store_unit *unit) MUST_USE;

/* A reading query on the store's reader thread. Rows arrive in `rows`, in an arena that store_query_end
 * frees. The caller allocates, the store borrows until `done` (on `home`). */
struct store_query {
    struct message message; /* internal */
    struct store_query *next;
    const struct statement *statement;
    const struct value *values;
    size_t rows_max; /* LIMIT beyond */
    struct loop *home;
    void (*done)(struct store_query *query);
    enum err result;
    struct arena *arena;
    struct value *rows; /* row-major: rows[r * columns + c] */
    size_t row_count;
    size_t columns;
};
enum err store_submit_query(struct store *store, struct store_query *query) MUST_USE;
void store_query_end(struct store_query *query);

/* ---- life ---- */

struct migration {
    unsigned version; /* 1, 2, ... within its area */
    const char *sql;  /* may hold several statements */
};
struct schema {
    const char *area; /* the owner: "exchange", "identity" */
    const struct migration *migrations;
    size_t count;
};

struct store_options {
    struct str location; /* "sqlite:PATH", or "memory:" (runs inline, for tests and the simulator) */
    const struct schema *schemas;
    size_t schema_count;
    const struct log *log;
};

/* Opens, checks, migrates. `why` names the file and what is wrong: missing folder, no permission, locked,
 * not a database, damaged, full disk, schema newer than this program. */
enum err store_open(const struct store_options *options, struct store **store, struct fault *why) MUST_USE;
void store_close(struct store *store); /* writes what is queued, then closes; NULL is fine */

/* Blocking read on the calling thread, before serving begins and for commands (never on a loop). */
enum err store_read_now(struct store *store, const struct statement *statement,
                        const struct value *values, struct store_query *result) MUST_USE;
/* Blocking unit, the same way: for commands without a server. */
enum err store_write_now(struct store *store, struct store_unit *unit) MUST_USE;
/* Read-only view of a store that another process may be serving from (commands that list). */
enum err store_open_read(struct str location, struct store **store, struct fault *why) MUST_USE;

struct store_health {
    bool open;
    size_t queued_bytes;
    uint64_t facts_written;
    uint64_t facts_lost;
    uint64_t commits;
    uint64_t commit_us_last;
    uint64_t commit_us_max;
    char why[128]; /* why it is closed */
};
void store_health(struct store *store, struct store_health *health); /* any thread */

static inline struct value value_of_i64(int64_t integer)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = integer};
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
