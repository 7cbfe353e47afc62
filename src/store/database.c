/* SPDX-License-Identifier: Apache-2.0
 * database.c - which kind a location names, and what is the same for all kinds.
 */
#include "store/database.h"

#include "store/postgres.h"
#include "store/postgres_link.h"
#include "store/sqlite.h"
#include "store/store.h"

/* "sqlite:" needs a path behind it. */
static bool is_sqlite(struct str location)
{
    struct str scheme = STR("sqlite:");
    return str_equal(location, STR("memory:")) ||
           (str_starts(location, scheme) && location.len > scheme.len);
}

enum err database_open(const struct database_options *options, struct database **database,
                       struct fault *why)
{
    struct str location = options->location;
    *database = NULL;
    if (str_find_byte(location, '\0') != SIZE_MAX) {
        return fault_set(why, ERR_INVALID, "the path of the store contains a NUL byte");
    }
    if (postgres_is_location(location)) {
        return postgres_open(options, database, why);
    }
    if (is_sqlite(location)) {
        return sqlite_open(options, database, why);
    }
    /* What stands behind the scheme may hold a password. */
    size_t colon = str_find_byte(location, ':');
    return fault_set(why, ERR_UNSUPPORTED,
                     "store '" STR_FMT "' is neither sqlite:PATH, postgres://... nor memory:",
                     STR_ARG(str_cut(location, 0, colon < 80 ? colon + 1 : 80)));
}

enum err database_shown(struct str location, char *to, size_t room)
{
    if (postgres_is_location(location)) {
        return postgres_name(location, to, room, NULL);
    }
    return is_sqlite(location) && str_copy(location, to, room) ? ERR_OK : ERR_INVALID;
}

void database_close(struct database *database)
{
    if (database != NULL) {
        database->kind->close(database);
    }
}

enum err database_number(struct database *database, const struct statement *statement,
                         const struct value *values, int64_t *number)
{
    struct store_query query = {.statement = statement, .values = values, .rows_max = 1};
    database->kind->query(database, &query);
    enum err err = query.result;
    if (err == ERR_OK && query.row_count > 0) {
        *number = query.rows[0].kind == VALUE_INTEGER ? query.rows[0].integer : 0;
    }
    store_query_end(&query);
    return err;
}

bool database_error_is_local(enum err code)
{
    return code == ERR_EXISTS || code == ERR_INVALID || code == ERR_NOT_FOUND;
}
