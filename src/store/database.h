/* SPDX-License-Identifier: Apache-2.0
 * database.h - one connection to a database, used by one thread at a time: what the store needs of
 * it, whichever database it is.
 *
 * Inside the store only. Each kind is one const struct (sqlite.c, postgres.c). All calls block.
 * Every statement is prepared once a connection and kept by its address. Errors come as `enum err`:
 * those that database_error_is_local() names concern one statement, BUSY is a transaction that may
 * be tried again, all others the storage.
 */
#ifndef AIRE_STORE_DATABASE_H
#define AIRE_STORE_DATABASE_H

#include "base/err.h"
#include "store/value.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct database_kind;
struct log;
struct store_query;
struct store_unit;

#define DATABASE_DURABILITY 96

struct database {
    const struct database_kind *kind;
    const struct log *log;                /* may be NULL */
    bool in_memory;                       /* there can be no second connection */
    _Atomic bool away;                    /* its server is not reached; any thread may look */
    char name[4096];                      /* for messages, without passwords; of a file its path */
    char why[128];                        /* the last error, in words */
    char durability[DATABASE_DURABILITY]; /* the settings found: "synchronous=FULL" */
};

enum database_use {
    USE_WRITE, /* makes what is missing */
    USE_READ   /* beside a writer, of this process or another */
};

/* Of a database that several processes write: who takes a turn is alone in it until the end of the
 * transaction. */
enum database_turn { TURN_NONE, TURN_RECORDS, TURN_MIGRATION };

struct database_kind {
    bool failure_spreads; /* a failing statement undoes its transaction and not itself alone */

    void (*close)(struct database *database);
    /* After this, close leaves all as a crash would: for a commit whose outcome is unknown. */
    void (*abandon)(struct database *database);

    /* BUSY: another holds what this needs. REFUSED: it is away. */
    enum err (*begin)(struct database *database, enum database_turn turn);
    /* UNKNOWN: it may be durable or not. Any other error: nothing was written. */
    enum err (*commit)(struct database *database);
    void (*rollback)(struct database *database); /* harmless outside a transaction */

    /* Runs the units from `first` to before `end`, without savepoints. OK: each has its result.
     * AGAIN: half of a unit was done, which the caller must undo; `result` of the last one run says
     * why. Otherwise the transaction failed. */
    enum err (*run)(struct database *database, struct store_unit *first,
                    const struct store_unit *end);
    enum err (*execute)(struct database *database, const struct statement *statement,
                        const struct value *values);
    enum err (*script)(struct database *database, const char *sql); /* several statements */
    /* Fills the result fields of `query`, `result` included. INVALID: it would write. */
    void (*query)(struct database *database, struct store_query *query);
    /* What need not happen before an acknowledgement; called after each batch. */
    enum err (*tidy)(struct database *database);
    /* One try to reach a server that is away. */
    enum err (*reach)(struct database *database);

    /* In this order by schema.c. */
    enum err (*claim)(struct database *database, struct fault *why); /* an empty one becomes ours */
    enum err (*check)(struct database *database, struct fault *why); /* whole, after a crash */
    enum err (*copy)(struct database *database, struct fault *why);  /* before migrating */
    enum err (*mark)(struct database *database, bool open); /* not open: the close was clean */

    /* The last error as one line for a person, with the database's name. */
    enum err (*fault)(struct database *database, struct fault *why);
};

struct database_options {
    struct str location; /* "sqlite:PATH", "postgres://...", "memory:" */
    enum database_use use;
    bool unsafe;           /* a server that does not keep what it acknowledges will do */
    const struct log *log; /* may be NULL */
};
enum err database_open(const struct database_options *options, struct database **database,
                       struct fault *why) MUST_USE;
enum err database_shown(struct str location, char *to, size_t room) MUST_USE; /* see store_shown */
void database_close(struct database *database);                               /* NULL is fine */
/* First column of the first row; untouched when there is no row. */
enum err database_number(struct database *database, const struct statement *statement,
                         const struct value *values, int64_t *number) MUST_USE;
bool database_error_is_local(enum err code);

#endif
