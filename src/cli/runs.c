/* SPDX-License-Identifier: Apache-2.0
 * runs.c - `aire runs`: durable runs and their steps, read from the database. */
#include "base/must.h"
#include "cli/read.h"
#include "cli/run_bodies.h"
#include "console/run_views.h"
#include "console/views.h"
#include "resilience/journal.h"
#include "json/json_path.h"

static const struct column columns[] = {
    {"UPDATED", "/updated_at", COLUMN_TIME, 0},
    {"NUMBER", "/number", COLUMN_TEXT, 0},
    {"ID", "/id", COLUMN_TEXT, 0},
    {"TENANT", "/tenant", COLUMN_TEXT, 16},
    {"AGENT", "/agent", COLUMN_TEXT, 16},
    {"STATE", "/state", COLUMN_TEXT, 0},
    {"TRY", "/try", COLUMN_TEXT, 0},
    {"STEPS", "/steps", COLUMN_TEXT, 0},
    {"BYTES", "/bytes", COLUMN_BYTES, 0},
    {"WHY", "/reason", COLUMN_TEXT, 24},
    {NULL, NULL, COLUMN_TEXT, 0},
};

static const struct column lines[] = {
    {"run", "/run/id", COLUMN_TEXT, 0},
    {"number", "/run/number", COLUMN_TEXT, 0},
    {"tenant", "/run/tenant", COLUMN_TEXT, 128},
    {"agent", "/run/agent", COLUMN_TEXT, 128},
    {"principal", "/run/principal", COLUMN_TEXT, 128},
    {"state", "/run/state", COLUMN_TEXT, 0},
    {"why", "/run/reason", COLUMN_TEXT, 1000},
    {"try", "/run/try", COLUMN_TEXT, 0},
    {"steps", "/run/steps", COLUMN_TEXT, 0},
    {"bytes", "/run/bytes", COLUMN_BYTES, 0},
    {"diverged", "/run/divergences", COLUMN_TEXT, 0},
    {"began at", "/run/created_at", COLUMN_TIME, 0},
    {"updated at", "/run/updated_at", COLUMN_TIME, 0},
    {"erased", "/run/erased", COLUMN_TEXT, 0},
    {NULL, NULL, COLUMN_TEXT, 0},
};

static const struct column step_columns[] = {
    {"SEQ", "/seq", COLUMN_TEXT, 0},
    {"KIND", "/kind", COLUMN_TEXT, 0},
    {"NAME", "/name", COLUMN_TEXT, 32},
    {"EFFECT", "/effect", COLUMN_TEXT, 0},
    {"STATE", "/state", COLUMN_TEXT, 0},
    {"TRY", "/try", COLUMN_TEXT, 0},
    {"EXCHANGE", "/exchange", COLUMN_TEXT, 0},
    {"STATUS", "/status", COLUMN_TEXT, 0},
    {"BEGUN", "/intent_at", COLUMN_TIME, 0},
    {"TOOK", "/took_us", COLUMN_US, 0},
    {"BYTES", "/bytes", COLUMN_BYTES, 0},
    {"KEY", "/idempotency_key", COLUMN_TEXT, 0},
    {NULL, NULL, COLUMN_TEXT, 0},
};

/* ---- list ---- */

static int list(const struct cli *cli, const struct store_query *query)
{
    struct shown shown;
    shown_init(&shown);
    json_begin_array(&shown.w);
    for (size_t i = 0; i < query->row_count; i++) {
        json_begin_object(&shown.w);
        view_run_members(query->rows + i * query->columns, &shown.w);
        json_end_object(&shown.w);
    }
    json_end_array(&shown.w);
    int exit_code = shown_list(cli, &shown, "", columns, "no runs");
    shown_end(&shown);
    return exit_code;
}

int cmd_runs(const struct cli *cli)
{
    uint64_t limit = 50;
    const char *word = cli_option(cli, "--state", "all");
    const char *before = cli_option(cli, "--before", NULL);
    int state = view_run_state(str_of(word));
    int64_t below = before != NULL ? view_run_number_of(str_of(before)) : INT64_MAX;
    if (!cli_number(cli, "--limit", 1, VIEW_LIST_MAX, &limit)) {
        return CLI_USAGE;
    }
    if (state < -1) {
        return cli_fail(cli, CLI_USAGE, "--state: '%.40s' is none of " VIEW_RUN_STATES, word);
    }
    if (below < 0) {
        return cli_fail(cli, CLI_USAGE,
                        "--before: '%.40s' is not the number of a run (rn and 16 digits)", before);
    }
    const struct value values[] = {value_of_text(str_of(cli_option(cli, "--tenant", ""))),
                                   value_of_i64(state),
                                   value_of_text(str_of(cli_option(cli, "--agent", ""))),
                                   value_of_i64(below), value_of_i64((int64_t)limit)};
    struct store_query query;
    int exit_code = read_rows(cli, &run_list, values, (size_t)limit, &query);
    if (exit_code == CLI_OK) {
        exit_code = list(cli, &query);
        store_query_end(&query);
    }
    return exit_code;
}

/* ---- one ---- */

static enum err write_tables(struct shown *shown)
{
    enum err code = table_write_record(&shown->json, JSON_ROOT, lines, &shown->out);
    code = code == ERR_OK ? buf_add_byte(&shown->out, '\n') : code;
    uint32_t steps = json_path(&shown->json, STR("/steps"));
    return code == ERR_OK ? table_write(&shown->json, steps, step_columns, "no steps", &shown->out)
                          : code;
}

static int show(const struct cli *cli, const struct value *run, const struct store_query *steps)
{
    struct shown shown;
    shown_init(&shown);
    json_begin_object(&shown.w);
    json_key(&shown.w, "run");
    json_begin_object(&shown.w);
    view_run_members(run, &shown.w);
    json_end_object(&shown.w);
    json_key(&shown.w, "steps");
    json_begin_array(&shown.w);
    for (size_t i = 0; i < steps->row_count; i++) {
        json_begin_object(&shown.w);
        view_step_members(steps->rows + i * steps->columns, steps->columns, &shown.w);
        json_end_object(&shown.w);
    }
    json_end_array(&shown.w);
    json_end_object(&shown.w);
    int exit_code = CLI_BROKEN;
    if (cli_flag(cli, "--json")) {
        exit_code = shown_record(cli, &shown, lines);
    } else if (shown_parse(cli, &shown)) {
        exit_code = shown_print(cli, &shown, write_tables(&shown));
    }
    shown_end(&shown);
    return exit_code;
}

int cmd_runs_show(const struct cli *cli)
{
    struct store_query run = {0};
    struct store_query steps = {0};
    int exit_code = run_bodies_find(cli, &run);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    must(run.rows != NULL);
    const struct value values[] = {run.rows[0], value_of_i64(0), value_of_i64(RUN_STEPS_MAX)};
    exit_code = read_rows(cli, &step_list, values, RUN_STEPS_MAX, &steps);
    if (exit_code == CLI_OK) {
        exit_code = show(cli, run.rows, &steps);
        store_query_end(&steps);
    }
    store_query_end(&run);
    return exit_code;
}
