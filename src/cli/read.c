/* SPDX-License-Identifier: Apache-2.0
 * read.c - reading the store beside a server, and showing what was read. */
#include "cli/read.h"

#include "base/must.h"
#include "cli/where.h"
#include "sys/file.h"
#include "json/json_path.h"

#define SHOWN_BYTES_MAX ((size_t)64 << 20)

/* ---- the store ---- */

int read_open(const struct cli *cli, struct store **store)
{
    struct where_store where;
    struct fault fault = {0};
    *store = NULL;
    if (!where_store(cli, &where)) {
        return CLI_USAGE;
    }
    struct str path = str_of(where.location);
    if (str_starts(path, STR("sqlite:")) && !file_exists(where.location + 7)) {
        return cli_fail(cli, CLI_BROKEN,
                        "%.300s is not there: nothing was recorded yet, or --data "
                        "names another folder",
                        where.location + 7);
    }
    if (store_open_read(path, store, &fault) != ERR_OK) {
        return cli_fail(cli, CLI_BROKEN, "%s", fault.words);
    }
    return CLI_OK;
}

int read_rows(const struct cli *cli, const struct statement *statement, const struct value *values,
              size_t rows_max, struct store_query *query)
{
    struct store *store;
    *query = (struct store_query){.rows_max = rows_max};
    int exit_code = read_open(cli, &store);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    enum err code = store_read_now(store, statement, values, query);
    store_close(store);
    /* LIMIT: there are more, which is not asked for here. */
    if (code == ERR_OK || code == ERR_LIMIT) {
        return CLI_OK;
    }
    store_query_end(query);
    return cli_fail(cli, CLI_BROKEN, "the database cannot be read: %s", err_text(code));
}

/* ---- showing ---- */

void shown_init(struct shown *shown)
{
    *shown = (struct shown){.arena = arena_new((size_t)64 * 1024)};
    buf_init(&shown->text, SHOWN_BYTES_MAX);
    buf_init(&shown->out, SHOWN_BYTES_MAX);
    json_writer_init(&shown->w, &shown->text);
}

void shown_end(struct shown *shown)
{
    buf_end(&shown->text);
    buf_end(&shown->out);
    arena_free(shown->arena);
}

bool shown_parse(const struct cli *cli, struct shown *shown)
{
    bool written = !shown->w.has_root || json_writer_end(&shown->w) == ERR_OK;
    if (written &&
        json_parse(&shown->json, buf_str(&shown->text), NULL, shown->arena, NULL) == ERR_OK) {
        return true;
    }
    (void)cli_fail(cli, CLI_BROKEN, "the answer is too large or malformed; ask for less");
    return false;
}

int shown_print(const struct cli *cli, struct shown *shown, enum err written)
{
    if (written != ERR_OK) {
        return cli_fail(cli, CLI_BROKEN, "the answer is too large; ask for less");
    }
    return cli_print(buf_str(&shown->out));
}

int shown_list(const struct cli *cli, struct shown *shown, const char *pointer,
               const struct column *columns, const char *none)
{
    if (!shown_parse(cli, shown)) {
        return CLI_BROKEN;
    }
    uint32_t rows = json_path(&shown->json, str_of(pointer));
    enum err code = cli_flag(cli, "--json")
                        ? table_write_lines(&shown->json, rows, &shown->out)
                        : table_write(&shown->json, rows, columns, none, &shown->out);
    return shown_print(cli, shown, code);
}

int shown_record(const struct cli *cli, struct shown *shown, const struct column *columns)
{
    if (!shown_parse(cli, shown)) {
        return CLI_BROKEN;
    }
    enum err code;
    if (cli_flag(cli, "--json")) {
        code = buf_add(&shown->out, buf_str(&shown->text));
        code = code == ERR_OK ? buf_add_byte(&shown->out, '\n') : code;
    } else {
        code = table_write_record(&shown->json, JSON_ROOT, columns, &shown->out);
    }
    return shown_print(cli, shown, code);
}
