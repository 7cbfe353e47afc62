/* SPDX-License-Identifier: Apache-2.0
 * cli.h - the command line: one table of commands (commands.def), one function a command.
 *
 * A command's usage line is its declaration: `[--name VALUE]` is an option with a value, `[--name]`
 * a flag, words in capitals are arguments; what stands without brackets is required. The parser
 * reads nothing else, so help, reference page and behaviour cannot drift apart. A command's name
 * may have two words ("key create"); the longer name wins. ` -- COMMAND` at the end of a usage
 * line: what follows two dashes is another program's, as it stands.
 */
#ifndef AIRE_CLI_CLI_H
#define AIRE_CLI_CLI_H

#include "base/buf.h"
#include "sys/env.h"

#define CLI_OPTIONS_MAX 16
#define CLI_WORDS_MAX   8

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,       /* a gate did not pass */
    CLI_USAGE = 2,        /* usage or configuration */
    CLI_INCONCLUSIVE = 3, /* not enough evidence */
    CLI_BROKEN = 4,       /* infrastructure: files, sockets, store */
    CLI_LIMIT = 5,        /* time or money */
    CLI_LINT = 6
};

struct cli;

struct command {
    const char *name;
    int (*run)(const struct cli *cli); /* an exit code */
    const char *usage;
    const char *help; /* one line */
    const char *example;
};
extern const struct command cli_commands[];
extern const size_t cli_command_count;

struct cli_given {
    struct str name;   /* with its dashes */
    const char *value; /* "" of a flag */
};

struct cli {
    const struct env *env;
    const struct command *command;
    struct cli_given given[CLI_OPTIONS_MAX];
    size_t given_count;
    const char *words[CLI_WORDS_MAX];
    size_t word_count;
    const char *const *rest; /* behind two dashes, ended by NULL; NULL: none asked for */
};

/* The whole program but for main: parses, runs, returns the exit code. */
int cli_run(const struct env *env, int argc, char *const *argv);

/* Fills `cli` from the arguments behind the program's name. INVALID: `fault` says why; with
 * `--help` the result is OK and cli_flag(cli, "--help") holds. */
enum err cli_parse(int argc, char *const *argv, struct cli *cli, struct fault *fault) MUST_USE;

/* ---- for commands ---- */

const char *cli_option(const struct cli *cli, const char *name, const char *otherwise);
bool cli_flag(const struct cli *cli, const char *name);
const char *cli_word(const struct cli *cli, size_t index); /* NULL: not given */
const char *cli_data(const struct cli *cli);               /* --data, "aire-data" otherwise */
/* --config, else "aire.yaml" where there is one, else NULL: built-in defaults. */
const char *cli_config(const struct cli *cli);
/* An option's number within [min, max]; false after having said what is wrong with it. */
bool cli_number(const struct cli *cli, const char *name, uint64_t min, uint64_t max,
                uint64_t *value);

/* One line "aire COMMAND: words" on standard error; returns `code`, so that `return cli_fail(...)`
 * reads well. */
int cli_fail(const struct cli *cli, int code, const char *format, ...) PRINTF_LIKE(3, 4);
/* Writes to standard output; BROKEN when nobody takes it. */
int cli_print(struct str text);
int cli_printf(const char *format, ...) PRINTF_LIKE(1, 2);

/* The nearest of `count` names, NULL when none is near. */
const char *cli_nearest(struct str given, const char *const *names, size_t count);

/* Does the command's usage line have this option? */
bool cli_takes(const struct command *command, struct str option);

/* help.c: what --help shows of one command; of all (usage lines when `long_form`). */
enum err cli_help_command(const struct command *command, struct buf *to) MUST_USE;
enum err cli_help_all(struct buf *to) MUST_USE;
enum err cli_document(struct buf *to) MUST_USE; /* Markdown reference of all commands */

#define COMMAND(name, function, usage, help, example) int function(const struct cli *cli);
#include "cli/commands.def"
#undef COMMAND

#endif
