/* SPDX-License-Identifier: Apache-2.0
 * database.c - which kind a location names, and what is the same for all kinds.
 */
#include "store/database.h"

#include "store/sqlite.h"
#include "store/store.h"

enum err database_open(struct str location, enum database_use use, struct database **database,
                       struct fault *why)
{
    *database = NULL;
    if (str_find_byte(location, '\0') != SIZE_MAX) {
        return fault_set(why, ERR_INVALID, "the path of the store contains a NUL byte");
    }
    if (str_equal(location, STR("memory:"))) {
        return sqlite_open(STR(""), use, database, why);
    }
    struct str scheme = STR("sqlite:");
    if (str_starts(location, scheme) && location.len > scheme.len) {
        return sqlite_open(str_cut(location, scheme.len, location.len), use, database, why);
    }
    return fault_set(why, ERR_UNSUPPORTED, "store '" STR_FMT "' is neither sqlite:PATH nor memory:",
                     STR_ARG(str_cut(location, 0, 80)));
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
