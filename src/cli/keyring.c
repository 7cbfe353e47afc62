/* SPDX-License-Identifier: Apache-2.0
 * keyring.c - `aire keyring`: rotated and forgotten through the API, looked at in the database. */
#include "cli/control.h"
#include "cli/unseal.h"

int cmd_keyring_rotate(const struct cli *cli)
{
    static const struct column lines[] = {{"master key", "/master", COLUMN_TEXT, 0},
                                          {"data keys wrapped anew", "/wrapped", COLUMN_TEXT, 0},
                                          {"unreadable", "/unreadable", COLUMN_TEXT, 0},
                                          {"old master key kept", "/old_kept", COLUMN_FLAG, 0},
                                          {"to do", "/to_do", COLUMN_TEXT, 300},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    const struct control_call call = {.path = "/api/keyring/rotate"};
    struct shown shown;
    shown_init(&shown);
    int exit_code = control_post(cli, &call, &shown);
    exit_code = exit_code == CLI_OK ? shown_record(cli, &shown, lines) : exit_code;
    shown_end(&shown);
    return exit_code;
}

int cmd_keyring_forget(const struct cli *cli)
{
    static const struct column lines[] = {{"forgotten", "/forgotten", COLUMN_FLAG, 0},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    const struct control_member members[] = {
        {"session", CONTROL_TEXT, cli_option(cli, "--session", NULL)},
        {"user", CONTROL_TEXT, cli_option(cli, "--user", NULL)},
        {"tenant", CONTROL_TEXT, cli_option(cli, "--tenant", NULL)},
        {"principal", CONTROL_TEXT, cli_option(cli, "--principal", NULL)}};
    const struct control_call call = {
        .path = "/api/keyring/forget", .members = members, .count = 4};
    struct shown shown;
    shown_init(&shown);
    int exit_code = control_post(cli, &call, &shown);
    exit_code = exit_code == CLI_OK ? shown_record(cli, &shown, lines) : exit_code;
    shown_end(&shown);
    return exit_code;
}

static void write_status(const struct keyring_status *status, struct json_writer *w)
{
    json_begin_object(w);
    json_member_cstr(w, "master", status->masters > 0 ? status->master : NULL);
    json_member_bool(w, "rotating", status->masters > 1);
    json_member_u64(w, "sessions", status->sessions);
    json_member_u64(w, "exchanges", status->exchanges);
    json_member_u64(w, "reviews", status->reviews);
    json_member_u64(w, "subjects", status->subjects);
    json_member_u64(w, "values", status->values);
    json_member_u64(w, "foreign", status->foreign);
    json_end_object(w);
}

int cmd_keyring_status(const struct cli *cli)
{
    static const struct column lines[] = {{"master key", "/master", COLUMN_TEXT, 0},
                                          {"rotation not ended", "/rotating", COLUMN_FLAG, 0},
                                          {"keys of sessions", "/sessions", COLUMN_TEXT, 0},
                                          {"keys of exchanges", "/exchanges", COLUMN_TEXT, 0},
                                          {"keys of reviews", "/reviews", COLUMN_TEXT, 0},
                                          {"keys of subjects", "/subjects", COLUMN_TEXT, 0},
                                          {"sealed rows of vaults", "/values", COLUMN_TEXT, 0},
                                          {"under another master key", "/foreign", COLUMN_TEXT, 0},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    struct store *store;
    int exit_code = read_open(cli, &store);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    struct keyring_status status;
    struct keyring *keyring = unseal_keyring(cli);
    enum err code = keyring_status(keyring, store, &status);
    keyring_free(keyring);
    store_close(store);
    if (code != ERR_OK) {
        return cli_fail(cli, CLI_BROKEN, "the keys cannot be read: %s", err_text(code));
    }
    struct shown shown;
    shown_init(&shown);
    write_status(&status, &shown.w);
    exit_code = shown_record(cli, &shown, lines);
    shown_end(&shown);
    return exit_code;
}
