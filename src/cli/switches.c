/* SPDX-License-Identifier: Apache-2.0
 * switches.c - `aire agent`, `aire route` and `aire tool`: kill switches. */
#include "cli/control.h"

static int move(const struct cli *cli, const char *path)
{
    static const struct column lines[] = {{"kind", "/kind", COLUMN_TEXT, 0},
                                          {"name", "/name", COLUMN_TEXT, 128},
                                          {"stopped", "/stopped", COLUMN_FLAG, 0},
                                          {"by", "/by", COLUMN_TEXT, 0},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    const struct control_member reason = {"reason", CONTROL_TEXT,
                                          cli_option(cli, "--reason", NULL)};
    const struct control_call call = {
        .path = path, .name = cli_word(cli, 0), .members = &reason, .count = 1};
    struct shown shown;
    shown_init(&shown);
    int exit_code = control_post(cli, &call, &shown);
    exit_code = exit_code == CLI_OK ? shown_record(cli, &shown, lines) : exit_code;
    shown_end(&shown);
    return exit_code;
}

int cmd_agent_stop(const struct cli *cli)
{
    return move(cli, "/api/agents/%/stop");
}

int cmd_agent_start(const struct cli *cli)
{
    return move(cli, "/api/agents/%/start");
}

int cmd_route_stop(const struct cli *cli)
{
    return move(cli, "/api/routes/%/stop");
}

int cmd_route_start(const struct cli *cli)
{
    return move(cli, "/api/routes/%/start");
}

int cmd_tool_stop(const struct cli *cli)
{
    return move(cli, "/api/tools/%/stop");
}

int cmd_tool_start(const struct cli *cli)
{
    return move(cli, "/api/tools/%/start");
}
