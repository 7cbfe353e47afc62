/* SPDX-License-Identifier: Apache-2.0
 * keys.c - `aire key`: made and revoked through the API, listed from the database. */
#include "cli/control.h"
#include "console/views.h"
#include "json/json_path.h"

static const struct column columns[] = {
    {"ID", "/id", COLUMN_TEXT, 0},
    {"NAME", "/name", COLUMN_TEXT, 24},
    {"TENANT", "/tenant", COLUMN_TEXT, 16},
    {"AGENT", "/agent", COLUMN_TEXT, 24},
    {"STATE", "/state", COLUMN_TEXT, 0},
    {"ADMIN", "/admin", COLUMN_TEXT, 0},
    {"VOUCHES", "/may_vouch", COLUMN_TEXT, 0},
    {"RATE", "/limits/rate", COLUMN_TEXT, 0},
    {"PER DAY", "/limits/day_microusd", COLUMN_MICROUSD, 0},
    {"CREATED", "/created", COLUMN_TIME, 0},
    {"EXPIRES", "/expires", COLUMN_TIME, 0},
    {NULL, NULL, COLUMN_TEXT, 0},
};

/* People get the key on a line of its own on standard output, the words around it on the other. */
static int show_made(const struct cli *cli, struct shown *shown)
{
    static const struct column whole[] = {{"key", "/key", COLUMN_TEXT, 0},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    if (cli_flag(cli, "--json")) {
        return shown_record(cli, shown, whole);
    }
    if (!shown_parse(cli, shown)) {
        return CLI_BROKEN;
    }
    struct str key = json_inner(&shown->json, json_path(&shown->json, STR("/key")));
    (void)cli_fail(cli, CLI_OK, "this key is shown once and kept nowhere:");
    return shown_print(cli, shown, buf_printf(&shown->out, STR_FMT "\n", STR_ARG(key)));
}

int cmd_key_create(const struct cli *cli)
{
    const struct control_member members[] = {
        {"name", CONTROL_TEXT, cli_word(cli, 0)},
        {"tenant", CONTROL_TEXT, cli_option(cli, "--tenant", NULL)},
        {"agent", CONTROL_TEXT, cli_option(cli, "--agent", NULL)},
        {"may_vouch", CONTROL_FLAG, cli_option(cli, "--may-vouch", NULL)},
        {"admin", CONTROL_FLAG, cli_option(cli, "--admin", NULL)},
        {"rate", CONTROL_TEXT, cli_option(cli, "--rate", NULL)},
        {"spend_day", CONTROL_TEXT, cli_option(cli, "--spend-day", NULL)},
        {"spend_month", CONTROL_TEXT, cli_option(cli, "--spend-month", NULL)},
        {"tokens_day", CONTROL_NUMBER, cli_option(cli, "--tokens-day", NULL)},
        {"tokens_month", CONTROL_NUMBER, cli_option(cli, "--tokens-month", NULL)},
        {"expires", CONTROL_TEXT, cli_option(cli, "--expires", NULL)},
    };
    const struct control_call call = {
        .path = "/api/keys", .members = members, .count = sizeof members / sizeof members[0]};
    struct shown shown;
    shown_init(&shown);
    int exit_code = control_post(cli, &call, &shown);
    exit_code = exit_code == CLI_OK ? show_made(cli, &shown) : exit_code;
    shown_end(&shown);
    return exit_code;
}

int cmd_key_revoke(const struct cli *cli)
{
    static const struct column lines[] = {{"id", "/id", COLUMN_TEXT, 0},
                                          {"state", "/state", COLUMN_TEXT, 0},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    const struct control_call call = {.path = "/api/keys/%/revoke", .name = cli_word(cli, 0)};
    struct shown shown;
    shown_init(&shown);
    int exit_code = control_post(cli, &call, &shown);
    exit_code = exit_code == CLI_OK ? shown_record(cli, &shown, lines) : exit_code;
    shown_end(&shown);
    return exit_code;
}

int cmd_key_list(const struct cli *cli)
{
    struct store *store;
    int exit_code = read_open(cli, &store);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    struct shown shown;
    struct key_entry *entries = NULL;
    size_t count = 0;
    shown_init(&shown);
    enum err code = identity_list(store, shown.arena, &entries, &count);
    store_close(store);
    json_begin_array(&shown.w);
    for (size_t i = 0; i < count; i++) {
        view_key(&entries[i], env_wall(cli->env), &shown.w);
    }
    json_end_array(&shown.w);
    exit_code = code == ERR_OK
                    ? shown_list(cli, &shown, "", columns, "no keys")
                    : cli_fail(cli, CLI_BROKEN, "the keys cannot be read: %s", err_text(code));
    shown_end(&shown);
    return exit_code;
}
