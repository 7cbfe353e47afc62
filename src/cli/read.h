/* SPDX-License-Identifier: Apache-2.0
 * read.h - the database of a data folder, read-only, also while a server writes to it; and answers
 * as JSON documents that are then shown in one of two forms.
 */
#ifndef AIRE_CLI_READ_H
#define AIRE_CLI_READ_H

#include "cli/cli.h"
#include "cli/table.h"
#include "store/store.h"
#include "json/json_writer.h"

/* A document that a command puts together and then shows. */
struct shown {
    struct buf text;
    struct buf out;
    struct json_writer w; /* writes into `text` */
    struct json json;     /* of `text`, after shown_parse */
    struct arena *arena;
};
void shown_init(struct shown *shown);
void shown_end(struct shown *shown);
/* After writing: parses what was written (or was put into `text`). False: it has said why not. */
bool shown_parse(const struct cli *cli, struct shown *shown);

/* The array of that pointer: with --json a line an element, else a table. Returns an exit code. */
int shown_list(const struct cli *cli, struct shown *shown, const char *pointer,
               const struct column *columns, const char *none);
/* The whole document: with --json as it is, else as lines. */
int shown_record(const struct cli *cli, struct shown *shown, const struct column *columns);
int shown_print(const struct cli *cli, struct shown *shown, enum err written); /* `out` */

/* Opens the store to read, runs one statement. CLI_OK: rows are in `query`, to be ended with
 * store_query_end, then the store closed. */
int read_rows(const struct cli *cli, const struct statement *statement, const struct value *values,
              size_t rows_max, struct store_query *query);
int read_open(const struct cli *cli, struct store **store);

#endif
