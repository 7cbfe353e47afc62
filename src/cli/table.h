/* SPDX-License-Identifier: Apache-2.0
 * table.h - JSON for people: lists as aligned columns, objects as aligned lines; and lists for
 * programs, one object a line.
 *
 * What stands in the JSON may come from strangers: control characters never reach the terminal.
 */
#ifndef AIRE_CLI_TABLE_H
#define AIRE_CLI_TABLE_H

#include "base/buf.h"
#include "json/json.h"

enum column_kind {
    COLUMN_TEXT, /* texts and numbers as they are, true as yes; an array joined by commas */
    COLUMN_FLAG, /* yes or no */
    COLUMN_US,   /* microseconds, shown with a unit */
    COLUMN_MICROUSD,
    COLUMN_BYTES,
    COLUMN_TIME /* RFC 3339, shown to the second */
};

struct column {
    const char *heading;
    const char *pointer; /* into the row, RFC 6901 */
    enum column_kind kind;
    unsigned width_max; /* in characters; longer values end with an ellipsis. 0: 40 */
};

#define TABLE_COLUMNS_MAX 16

/* Numbers are aligned to the right. Without rows: `none` as a line. */
enum err table_write(const struct json *json, uint32_t rows, const struct column *columns,
                     const char *none, struct buf *to) MUST_USE;
/* One line for each of the columns (heading and value); empty values are left out. */
enum err table_write_record(const struct json *json, uint32_t object, const struct column *columns,
                            struct buf *to) MUST_USE;
/* Each element of an array as it is, a line each. */
enum err table_write_lines(const struct json *json, uint32_t rows, struct buf *to) MUST_USE;
/* " name=value" for all members of an object but those without a value and those in `but`. */
enum err table_write_members(const struct json *json, uint32_t object, const char *const *but,
                             struct buf *to) MUST_USE;

#endif
