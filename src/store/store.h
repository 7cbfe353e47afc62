/* SPDX-License-Identifier: Apache-2.0
 * store.h - durable data behind one asynchronous engine with group commit.
 *
 * Facts are written without an answer and may be lost within FACT_LINGER_MS; commitments are
 * durable before `done` runs. Units are written in the order in which they were submitted. One
 * writer thread drains the queue, runs all units of a batch in one transaction and commits. A
 * unit's steps happen together or not at all. Statements and schemas belong to their owners.
 *
 * When a commit fails its outcome is unknown: every unit of the batch gets ERR_UNKNOWN, the store
 * is closed until the process restarts, commitments answer ERR_IO, facts wait in the queue up to
 * its cap and are then counted as lost. A storage error before the commit closes the store as well,
 * but nothing was written: the batch gets ERR_IO or ERR_FULL. A server that is not reached makes it
 * `away`: commitments get ERR_IO at once, facts wait, until it is reached again.
 */
#ifndef AIRE_STORE_STORE_H
#define AIRE_STORE_STORE_H

#include "base/arena.h"
#include "io/loop.h"
#include "store/schema.h"
#include "store/value.h"

#include <stdint.h>

struct store;

struct store_step {
    const struct statement *statement;
    struct value *values; /* statement->parameters of them */
    bool must_change;     /* changing no row makes the unit fail with NOT_FOUND */
};

/* A unit of writing. The caller allocates; the store borrows it and all it points to until `done`,
 * which runs on `home` (or, home == NULL, on the writer thread: for facts, to free them). */
struct store_unit {
    struct message message; /* internal */
    struct store_unit *next;
    struct store_step *steps;
    size_t count;
    struct store_record *records;
    size_t record_count;
    size_t bytes; /* counted against the queue's cap */
    bool fact;    /* may linger; never refused for a closed store while there is room */
    struct loop *home;
    void (*done)(struct store_unit *unit); /* `result` is set; while away: inside store_submit */
    enum err result; /* OK, EXISTS (unique), NOT_FOUND (must_change), INVALID (other constraint or a
                      * statement that cannot run), UNKNOWN, IO, FULL */
};

#define FACT_LINGER_MS     20
#define FACT_QUEUE_BYTES   ((size_t)32 << 20)
#define COMMIT_QUEUE_BYTES ((size_t)64 << 20)
#define COMMIT_QUEUE_MAX   4096
#define STORE_BATCH_MAX    2048
#define QUERY_QUEUE_MAX    1024
#define QUERY_BYTES_MAX    ((size_t)32 << 20)

/* LIMIT: the queue is full (the unit stays the caller's). DENIED: opened for reading only. */
enum err store_submit(struct store *store, struct store_unit *unit) MUST_USE;

/* A reading query. Rows arrive in `rows`, in an arena that store_query_end frees. The caller
 * allocates, the store borrows until `done` (on `home`, or on the reader thread). */
struct store_query {
    struct message message; /* internal */
    struct store_query *next;
    const struct statement *statement;
    const struct value *values;
    size_t rows_max; /* result LIMIT when there are more; the first rows_max are there */
    struct loop *home;
    void (*done)(struct store_query *query);
    enum err result;
    struct arena *arena;
    struct value *rows; /* row-major: rows[r * columns + c] */
    size_t row_count;
    size_t columns;
};
enum err store_submit_query(struct store *store, struct store_query *query) MUST_USE; /* LIMIT */
void store_query_end(struct store_query *query);

/* ---- life ---- */

struct store_options {
    struct str location; /* "sqlite:PATH", "postgres://..." (postgres_link.h), "memory:" (inline) */
    bool unsafe;         /* serve from a server with fsync=off, too */
    const struct schema *schemas;
    size_t schema_count;
    const struct log *log; /* may be NULL */
    const struct env *env; /* its clock times the commits; may be NULL: they are not timed */
};

enum err store_shown(struct str location, char *to,
                     size_t room) MUST_USE; /* no password; INVALID */
/* Opens, checks, migrates. `why` names the database and what is wrong with it, as its kind says. */
enum err store_open(const struct store_options *options, struct store **store,
                    struct fault *why) MUST_USE;
/* Read-only view of a store that another process may be serving from (commands that list). */
enum err store_open_read(struct str location, struct store **store, struct fault *why) MUST_USE;
void store_close(struct store *store); /* writes what is queued, then closes; NULL is fine */

/* Blocking read and write, before serving begins and for commands: never on a loop. */
enum err store_read_now(struct store *store, const struct statement *statement,
                        const struct value *values, struct store_query *result) MUST_USE;
enum err store_write_now(struct store *store, struct store_unit *unit) MUST_USE;

struct store_health {
    bool open; /* takes commitments */
    bool away; /* only because its server is not reached */
    size_t queued_bytes;
    uint64_t facts_written;
    uint64_t facts_lost;
    uint64_t commits;
    uint64_t commit_us_last; /* a whole batch, from its first statement to durable */
    uint64_t commit_us_max;
    char why[128];       /* why it is closed or away */
    char durability[96]; /* the settings found when it was opened */
    const char *name;    /* for messages, without a password; lives as long as the store */
};
void store_health(struct store *store, struct store_health *health); /* any thread */

#endif
