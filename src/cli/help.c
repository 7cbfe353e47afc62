/* SPDX-License-Identifier: Apache-2.0
 * help.c - the table of commands as help texts and as a reference page. */
#include "cli/cli.h"

#include <stdio.h>

static const struct {
    const char *usage; /* "--name VALUE" */
    const char *help;
} options[] = {
#define OPTION(usage, help) {usage, help},
#include "cli/options.def"
#undef OPTION
};
#define OPTIONS (sizeof options / sizeof options[0])

static enum err help_options(const struct command *command, struct buf *to)
{
    const char *heading = "\nOptions:\n\n";
    enum err code = ERR_OK;
    for (size_t i = 0; i < OPTIONS && code == ERR_OK; i++) {
        struct str usage = str_of(options[i].usage);
        if (cli_takes(command, str_cut(usage, 0, str_find_byte(usage, ' ')))) {
            code = buf_printf(to, "%s  %-20s %s\n", heading, options[i].usage, options[i].help);
            heading = "";
        }
    }
    return code;
}

enum err cli_help_command(const struct command *command, struct buf *to)
{
    const char *gap = command->usage[0] != '\0' ? " " : "";
    enum err code = buf_printf(to, "%s\n\n  aire %s%s%s\n", command->help, command->name, gap,
                               command->usage);
    code = code == ERR_OK ? help_options(command, to) : code;
    return code == ERR_OK ? buf_printf(to, "\nExample:\n\n  %s\n", command->example) : code;
}

enum err cli_help_all(struct buf *to)
{
    enum err code = buf_add(to, STR("aire - the AIRE Governor: calls to models that survive their "
                                    "providers\n\nCommands:\n\n"));
    for (size_t i = 0; i < cli_command_count && code == ERR_OK; i++) {
        code = buf_printf(to, "  %-16s %s\n", cli_commands[i].name, cli_commands[i].help);
    }
    return code == ERR_OK ? buf_add(to, STR("\naire COMMAND --help shows options and an example.\n"
                                            "\nExit codes: 0 fine, 1 a check did not pass, 2 usage "
                                            "or configuration,\n4 files, sockets or the store.\n"))
                          : code;
}

enum err cli_document(struct buf *to)
{
    enum err code = buf_add(
        to, STR("# Commands\n\n"
                "Every command prints its usage and an example with `--help`.\n\n"
                "Exit codes: 0 pass, 1 gate failed, 2 usage or configuration, 3 inconclusive, "
                "4 infrastructure, 5 limit (time, money), 6 lint.\n\n"
                "| Option | Meaning |\n|---|---|\n"));
    for (size_t i = 0; i < OPTIONS && code == ERR_OK; i++) {
        code = buf_printf(to, "| `%s` | %s |\n", options[i].usage, options[i].help);
    }
    for (size_t i = 0; i < cli_command_count && code == ERR_OK; i++) {
        const struct command *command = &cli_commands[i];
        const char *gap = command->usage[0] != '\0' ? " " : "";
        code = buf_printf(to, "\n## aire %s\n\n%s.\n\n```text\naire %s%s%s\n```\n\nExample: `%s`\n",
                          command->name, command->help, command->name, gap, command->usage,
                          command->example);
    }
    return code;
}

int cmd_help(const struct cli *cli)
{
    struct cli wanted = {.env = cli->env};
    struct fault fault = {0};
    struct buf text;
    char words[3][64];
    char *const argv[] = {words[0], words[1], words[2]};
    int argc = (int)cli->word_count;
    for (int i = 0; i < argc; i++) {
        (void)snprintf(words[i], sizeof words[i], "%s", cli->words[i]);
    }
    (void)snprintf(words[argc], sizeof words[argc], "--help");
    buf_init(&text, (size_t)64 * 1024);
    enum err code = ERR_OK;
    if (argc == 0) {
        code = cli_help_all(&text);
    } else if (cli_parse(argc + 1, argv, &wanted, &fault) == ERR_OK) {
        code = cli_help_command(wanted.command, &text);
    } else {
        return cli_fail(cli, CLI_USAGE, "%s", fault.words);
    }
    int exit_code = code == ERR_OK ? cli_print(buf_str(&text)) : CLI_BROKEN;
    buf_end(&text);
    return exit_code;
}

int cmd_version(const struct cli *cli)
{
    return cli_printf(cli_flag(cli, "--json") ? "{\"version\":\"%s\"}\n" : "aire %s\n",
                      AIRE_VERSION);
}
