/* SPDX-License-Identifier: Apache-2.0
 * reviews.c - `aire reviews`: read from the database, decided through the API. */
#include "cli/control.h"
#include "cli/read.h"
#include "cli/unseal.h"
#include "console/views.h"

static const struct column columns[] = {
    {"TIME", "/at", COLUMN_TIME, 0},
    {"ID", "/id", COLUMN_TEXT, 0},
    {"STATE", "/state", COLUMN_TEXT, 0},
    {"ROUTE", "/route", COLUMN_TEXT, 16},
    {"AGENT", "/agent", COLUMN_TEXT, 16},
    {"WHY", "/failure", COLUMN_TEXT, 16},
    {"QUESTION", "/question", COLUMN_TEXT, 60},
    {NULL, NULL, COLUMN_TEXT, 0},
};

static const struct column lines[] = {
    {"id", "/id", COLUMN_TEXT, 0},
    {"state", "/state", COLUMN_TEXT, 0},
    {"asked at", "/at", COLUMN_TIME, 0},
    {"exchange", "/exchange", COLUMN_TEXT, 0},
    {"route", "/route", COLUMN_TEXT, 128},
    {"agent", "/agent", COLUMN_TEXT, 128},
    {"why", "/failure", COLUMN_TEXT, 0},
    {"question", "/question", COLUMN_TEXT, 1000},
    {"answer", "/answer", COLUMN_TEXT, 1000},
    {"decided by", "/decided_by", COLUMN_TEXT, 128},
    {"decided at", "/decided_at", COLUMN_TIME, 0},
    {"sealed", "/sealed", COLUMN_TEXT, 0},
    {NULL, NULL, COLUMN_TEXT, 0},
};

int cmd_reviews(const struct cli *cli)
{
    uint64_t limit = 50;
    const char *word = cli_option(cli, "--state", "all");
    int state = view_review_state(str_of(word));
    if (!cli_number(cli, "--limit", 1, VIEW_LIST_MAX, &limit)) {
        return CLI_USAGE;
    }
    if (state < -1) {
        return cli_fail(cli, CLI_USAGE,
                        "--state: '%.40s' is none of pending, approved, rejected, edited, all",
                        word);
    }
    const struct value values[] = {value_of_i64(state), value_of_i64((int64_t)limit)};
    struct store_query query;
    int exit_code = read_rows(cli, &review_list, values, (size_t)limit, &query);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    struct shown shown;
    struct keyring *keyring = unseal_keyring(cli);
    shown_init(&shown);
    json_begin_array(&shown.w);
    for (size_t i = 0; i < query.row_count; i++) {
        view_review(query.rows + i * query.columns, keyring, &shown.w);
    }
    json_end_array(&shown.w);
    keyring_free(keyring);
    exit_code = shown_list(cli, &shown, "", columns, "no reviews");
    shown_end(&shown);
    store_query_end(&query);
    return exit_code;
}

int cmd_reviews_show(const struct cli *cli)
{
    const struct value values[] = {value_of_text(str_of(cli_word(cli, 0)))};
    struct store_query query;
    int exit_code = read_rows(cli, &review_show, values, 1, &query);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    if (query.row_count == 0) {
        exit_code = cli_fail(cli, CLI_FAILED, "there is no review '%.60s'", cli_word(cli, 0));
    } else {
        struct shown shown;
        struct keyring *keyring = unseal_keyring(cli);
        shown_init(&shown);
        view_review(query.rows, keyring, &shown.w);
        keyring_free(keyring);
        exit_code = shown_record(cli, &shown, lines);
        shown_end(&shown);
    }
    store_query_end(&query);
    return exit_code;
}

/* ---- deciding ---- */

static int decide(const struct cli *cli, const char *decision)
{
    static const struct column done[] = {{"id", "/id", COLUMN_TEXT, 0},
                                         {"state", "/state", COLUMN_TEXT, 0},
                                         {"decided by", "/decided_by", COLUMN_TEXT, 0},
                                         {NULL, NULL, COLUMN_TEXT, 0}};
    const struct control_member members[] = {
        {"decision", CONTROL_TEXT, decision},
        {"edit", CONTROL_TEXT, cli_option(cli, "--text", NULL)},
        {"reason", CONTROL_TEXT, cli_option(cli, "--reason", NULL)}};
    const struct control_call call = {.path = "/api/reviews/%/decision",
                                      .name = cli_word(cli, 0),
                                      .members = members,
                                      .count = 3};
    struct shown shown;
    shown_init(&shown);
    int exit_code = control_post(cli, &call, &shown);
    if (exit_code == CLI_OK) {
        exit_code = shown_record(cli, &shown, done);
    }
    shown_end(&shown);
    return exit_code;
}

int cmd_reviews_approve(const struct cli *cli)
{
    return decide(cli, "approve");
}

int cmd_reviews_reject(const struct cli *cli)
{
    return decide(cli, "reject");
}

int cmd_reviews_edit(const struct cli *cli)
{
    return decide(cli, "edit");
}
