/* SPDX-License-Identifier: Apache-2.0
 * runs_steer.c - `aire runs cancel|resume|resolve|branch`: decisions about runs, made through the
 * API. */
#include "base/num.h"
#include "base/utf8.h"
#include "cli/control.h"
#include "resilience/journal.h"
#include "sys/file.h"

#include <stdio.h>

#define ANSWER_BYTES_MAX ((size_t)1 << 20)

static int post(const struct cli *cli, const char *path, const struct control_member *members,
                size_t count)
{
    static const struct column lines[] = {
        {"run", "/id", COLUMN_TEXT, 64},     {"from", "/from", COLUMN_TEXT, 64},
        {"up to", "/at", COLUMN_TEXT, 0},    {"step", "/step", COLUMN_TEXT, 0},
        {"state", "/state", COLUMN_TEXT, 0}, {"by", "/by", COLUMN_TEXT, 0},
        {NULL, NULL, COLUMN_TEXT, 0}};
    const struct control_call call = {
        .path = path, .name = cli_word(cli, 0), .members = members, .count = count};
    struct shown shown;
    shown_init(&shown);
    int exit_code = control_post(cli, &call, &shown);
    exit_code = exit_code == CLI_OK ? shown_record(cli, &shown, lines) : exit_code;
    shown_end(&shown);
    return exit_code;
}

static int move(const struct cli *cli, const char *path)
{
    const struct control_member members[] = {
        {"reason", CONTROL_TEXT, cli_option(cli, "--reason", NULL)},
        {"tenant", CONTROL_TEXT, cli_option(cli, "--tenant", NULL)}};
    return post(cli, path, members, 2);
}

int cmd_runs_cancel(const struct cli *cli)
{
    return move(cli, "/api/runs/%/cancel");
}

int cmd_runs_resume(const struct cli *cli)
{
    return move(cli, "/api/runs/%/resume");
}

int cmd_runs_branch(const struct cli *cli)
{
    const struct control_member members[] = {
        {"at", CONTROL_NUMBER, cli_option(cli, "--at", NULL)},
        {"as", CONTROL_TEXT, cli_option(cli, "--as", NULL)},
        {"reason", CONTROL_TEXT, cli_option(cli, "--reason", NULL)},
        {"tenant", CONTROL_TEXT, cli_option(cli, "--tenant", NULL)}};
    return post(cli, "/api/runs/%/branch", members, 4);
}

/* ---- a signal ---- */

int cmd_runs_signal(const struct cli *cli)
{
    static const struct column lines[] = {{"run", "/run", COLUMN_TEXT, 0},
                                          {"signal", "/signal", COLUMN_TEXT, 0},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    const char *tenant = cli_option(cli, "--tenant", NULL);
    const struct control_call call = {.path = tenant != NULL ? "/api/runs/%/signals/%?tenant=%"
                                                             : "/api/runs/%/signals/%",
                                      .name = cli_word(cli, 0),
                                      .second = cli_word(cli, 1),
                                      .third = tenant,
                                      .value = cli_option(cli, "--value", "null")};
    struct shown shown;
    shown_init(&shown);
    int exit_code = control_post(cli, &call, &shown);
    exit_code = exit_code == CLI_OK ? shown_record(cli, &shown, lines) : exit_code;
    shown_end(&shown);
    return exit_code;
}

/* ---- a step ---- */

/* NULL, after having said why: none or several were given. */
static const char *decision_of(const struct cli *cli)
{
    static const char *const words[][2] = {
        {"--happened", "happened"}, {"--again", "again"}, {"--skip", "skip"}};
    const char *decision = NULL;
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        if (cli_flag(cli, words[i][0])) {
            decision = words[i][1];
            count++;
        }
    }
    if (count == 1) {
        return decision;
    }
    (void)cli_fail(cli, CLI_USAGE, "say one of --happened, --again, --skip");
    return NULL;
}

/* As a string in `text`; CLI_OK, or after having said why not. */
static int read_answer(const struct cli *cli, const char *path, struct buf *text)
{
    enum err code = file_read(path, text);
    if (code != ERR_OK) {
        return cli_fail(cli, code == ERR_LIMIT ? CLI_USAGE : CLI_BROKEN, "%.200s: %s", path,
                        code == ERR_LIMIT ? "an answer has at most 1 MiB" : err_text(code));
    }
    if (!utf8_valid(buf_str(text)) || str_find_byte(buf_str(text), '\0') != SIZE_MAX) {
        return cli_fail(cli, CLI_USAGE, "%.200s is not UTF-8 text", path);
    }
    return buf_add_byte(text, '\0') == ERR_OK
               ? CLI_OK
               : cli_fail(cli, CLI_USAGE, "%.200s is too long", path);
}

int cmd_runs_resolve(const struct cli *cli)
{
    char path[64];
    struct buf answer;
    uint64_t seq;
    const char *decision = decision_of(cli);
    const char *file = cli_option(cli, "--answer", NULL);
    if (decision == NULL) {
        return CLI_USAGE;
    }
    if (file != NULL && !cli_flag(cli, "--happened")) {
        return cli_fail(cli, CLI_USAGE, "--answer goes with --happened");
    }
    if (num_u64(str_of(cli_word(cli, 1)), &seq) != ERR_OK || seq < 1 || seq > RUN_STEPS_MAX) {
        return cli_fail(cli, CLI_USAGE, "'%.40s' is not the number of a step (1 to %d)",
                        cli_word(cli, 1), RUN_STEPS_MAX);
    }
    (void)snprintf(path, sizeof path, "/api/runs/%%/steps/%u/decision", (unsigned)seq);
    buf_init(&answer, ANSWER_BYTES_MAX);
    int exit_code = file != NULL ? read_answer(cli, file, &answer) : CLI_OK;
    if (exit_code == CLI_OK) {
        const struct control_member members[] = {
            {"decision", CONTROL_TEXT, decision},
            {"answer", CONTROL_TEXT, file != NULL ? answer.at : NULL},
            {"reason", CONTROL_TEXT, cli_option(cli, "--reason", NULL)},
            {"tenant", CONTROL_TEXT, cli_option(cli, "--tenant", NULL)}};
        exit_code = post(cli, path, members, 4);
    }
    buf_end(&answer);
    return exit_code;
}
