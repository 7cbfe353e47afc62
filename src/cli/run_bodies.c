/* SPDX-License-Identifier: Apache-2.0
 * run_bodies.c - parts joined, answers opened; one body in memory at a time. */
#include "cli/run_bodies.h"

#include "base/must.h"
#include "cli/control.h"
#include "cli/unseal.h"
#include "gateway/run_seal.h"
#include "resilience/journal.h"
#include "resilience/run_body.h"

#define BODY_MAX ((size_t)1 << 30)

int run_bodies_find(const struct cli *cli, struct store_query *query)
{
    const char *id = cli_word(cli, 0);
    const char *tenant = cli_option(cli, "--tenant", "default");
    const struct value values[] = {value_of_text(str_of(tenant)), value_of_text(str_of(id))};
    if (!run_id_is_valid(str_of(id))) {
        return cli_fail(cli, CLI_USAGE, "'%.70s' is no name of a run", id);
    }
    int exit_code = read_rows(cli, &run_find, values, 1, query);
    if (exit_code == CLI_OK && query->row_count == 0) {
        store_query_end(query);
        exit_code = cli_fail(cli, CLI_FAILED, "tenant '%.64s' has no run '%.64s'", tenant, id);
    }
    return exit_code;
}

int run_bodies_open(const struct cli *cli, const struct value *run, struct run_bodies *bodies)
{
    struct run_row row;
    *bodies = (struct run_bodies){0};
    run_read(run, &row);
    if (row.wrapped.len == 0) {
        return cli_fail(cli, CLI_FAILED, "the key of this run is gone: what it held was erased");
    }
    struct keyring *keyring = unseal_keyring(cli);
    enum err code = keyring == NULL
                        ? ERR_NOT_FOUND
                        : keyring_unwrap(keyring, row.data_key, row.wrapped, &bodies->key);
    keyring_free(keyring);
    if (code != ERR_OK) {
        return cli_fail(cli, CLI_BROKEN,
                        "the key of this run is under a master key that is not here");
    }
    int exit_code = read_open(cli, &bodies->store);
    if (exit_code != CLI_OK) {
        seal_key_wipe(&bodies->key.key);
        return exit_code;
    }
    bodies->run = row.number;
    bodies->arena = arena_new((size_t)64 * 1024);
    return CLI_OK;
}

void run_bodies_close(struct run_bodies *bodies)
{
    seal_key_wipe(&bodies->key.key);
    store_close(bodies->store);
    arena_free(bodies->arena);
}

/* ---- requests ---- */

/* The part's plain bytes, in the arena; "" where it does not open. */
static enum err open_part(struct run_bodies *bodies, const struct value *row,
                          struct body_part *part)
{
    struct buf plain;
    enum err code = part_read(row, part);
    if (code != ERR_OK) {
        return code;
    }
    buf_init(&plain, BODY_MAX);
    code = run_unseal(&bodies->key, RUN_PART, part->bytes, &plain);
    part->bytes = arena_str(bodies->arena, buf_str(&plain));
    buf_end(&plain);
    return code;
}

static bool is_none(const struct part_id *id)
{
    static const struct part_id none;
    return str_equal(part_id_str(id), part_id_str(&none));
}

/* The rows come from the last turn to the first. */
static enum err open_turns(struct run_bodies *bodies, const struct store_query *rows,
                           struct str *turns)
{
    struct body_part part = {0};
    for (size_t i = 0; i < rows->row_count; i++) {
        enum err code = open_part(bodies, rows->rows + i * rows->columns, &part);
        if (code != ERR_OK) {
            return code;
        }
        turns[rows->row_count - 1 - i] = part.bytes;
    }
    bool whole = rows->row_count > 0 && is_none(&part.parent);
    return whole ? ERR_OK : ERR_NOT_FOUND;
}

static enum err read_turns(struct run_bodies *bodies, const struct part_id *head,
                           struct str **turns, size_t *count)
{
    struct store_query query = {.rows_max = RUN_STEPS_MAX};
    const struct value values[] = {value_of_i64(bodies->run), value_of_blob(part_id_str(head)),
                                   value_of_i64(RUN_STEPS_MAX)};
    *count = 0;
    if (is_none(head)) {
        return ERR_OK;
    }
    enum err code = store_read_now(bodies->store, &part_chain, values, &query);
    if (code == ERR_OK) {
        *count = query.row_count;
        *turns = arena_array_of(bodies->arena, struct str, query.row_count + 1);
        code = open_turns(bodies, &query, *turns);
    }
    store_query_end(&query);
    return code;
}

enum err run_bodies_request(struct run_bodies *bodies, const struct step_row *step, struct buf *to)
{
    struct store_query query = {.rows_max = 1};
    struct body_part rest;
    struct str *turns = NULL;
    size_t count;
    const struct value values[] = {value_of_i64(bodies->run),
                                   value_of_blob(part_id_str(&step->rest))};
    arena_reset(bodies->arena);
    enum err code = store_read_now(bodies->store, &part_one, values, &query);
    if (code == ERR_OK) {
        code = query.row_count == 0 ? ERR_NOT_FOUND : open_part(bodies, query.rows, &rest);
    }
    store_query_end(&query);
    code = code == ERR_OK ? read_turns(bodies, &step->head, &turns, &count) : code;
    return code == ERR_OK ? run_body_join(rest.bytes, turns, count, to) : code;
}

/* ---- answers ---- */

enum err run_bodies_answer(struct run_bodies *bodies, const struct step_row *step, struct buf *to)
{
    struct store_query query = {.rows_max = 1};
    struct step_row row;
    const struct value values[] = {value_of_i64(step->step.number)};
    enum err code = store_read_now(bodies->store, &step_answer, values, &query);
    if (code == ERR_OK) {
        code = query.row_count == 0 ? ERR_NOT_FOUND : step_read(query.rows, query.columns, &row);
    }
    if (code == ERR_OK) {
        code = row.answer.len == 0 ? ERR_NOT_FOUND
                                   : run_unseal(&bodies->key, RUN_ANSWER, row.answer, to);
    }
    store_query_end(&query);
    return code;
}

/* ---- all steps ---- */

int run_bodies_tell(const struct cli *cli)
{
    const struct control_member members[] = {
        {"reason", CONTROL_TEXT, cli_option(cli, "--reason", NULL)},
        {"tenant", CONTROL_TEXT, cli_option(cli, "--tenant", NULL)}};
    const struct control_call call = {
        .path = "/api/runs/%/export", .name = cli_word(cli, 0), .members = members, .count = 2};
    struct shown shown;
    shown_init(&shown);
    int exit_code = control_post(cli, &call, &shown);
    shown_end(&shown);
    return exit_code;
}

int run_bodies_each(const struct cli *cli, struct run_bodies *bodies,
                    void (*each)(void *object, const struct value *row, size_t columns),
                    void *object, const int *exit_code)
{
    int64_t last = 0;
    size_t count = STEPS_PAGE;
    while (count == STEPS_PAGE && *exit_code == CLI_OK) {
        struct store_query query = {.rows_max = STEPS_PAGE};
        const struct value values[] = {value_of_i64(bodies->run), value_of_i64(last),
                                       value_of_i64(STEPS_PAGE)};
        enum err code = store_read_now(bodies->store, &step_list, values, &query);
        count = query.row_count;
        for (size_t i = 0; i < count && *exit_code == CLI_OK; i++) {
            const struct value *row = query.rows + i * query.columns;
            last = row[2].integer; /* seq */
            each(object, row, query.columns);
        }
        store_query_end(&query);
        if (code != ERR_OK) {
            return cli_fail(cli, CLI_BROKEN, "the database cannot be read: %s", err_text(code));
        }
    }
    return *exit_code;
}
