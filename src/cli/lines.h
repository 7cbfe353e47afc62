/* SPDX-License-Identifier: Apache-2.0
 * lines.h - commands that read JSON lines on standard input and write JSON lines: {id, text, ...}
 * in, {id, ...} out, a line for a line and in order, each written when it is done.
 */
#ifndef AIRE_CLI_LINES_H
#define AIRE_CLI_LINES_H

#include "cli/cli.h"
#include "json/json.h"
#include "json/json_writer.h"

#define LINE_BYTES_MAX ((size_t)64 << 20)

struct line {
    const struct json *json;
    struct str text;     /* decoded */
    struct arena *arena; /* of this line */
};

/* Calls `row` with an open object that has the line's id; it adds members. An exit code: USAGE with
 * the number of the line that cannot be read. */
int lines_each(const struct cli *cli,
               void (*row)(void *object, const struct line *line, struct json_writer *w),
               void *object);

#endif
