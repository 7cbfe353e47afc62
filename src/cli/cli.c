/* SPDX-License-Identifier: Apache-2.0
 * cli.c - arguments against the usage line of their command.
 *
 * Invariant: after cli_parse every option given is one of the usage line's, those with a value have
 * one, and required ones are there - or `--help` was given and nothing else counts.
 */
#include "cli/cli.h"

#include "base/must.h"
#include "base/num.h"
#include "sys/file.h"
#include "sys/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct command cli_commands[] = {
#define COMMAND(name, function, usage, help, example) {name, function, usage, help, example},
#include "cli/commands.def"
#undef COMMAND
};
const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];

/* ---- the usage line ---- */

struct usage_part {
    struct str name; /* "--listen" or "FILE" */
    bool option;
    bool takes_value;
    bool required;
};

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

#define REST STR("--")

/* Takes the next part off the front of a usage line; false at its end, or where another program's
 * arguments begin. */
static bool next_part(struct str *usage, struct usage_part *part)
{
    struct str word;
    while (str_split(usage, ' ', &word) && !str_equal(word, REST)) {
        if (word.len == 0) {
            continue;
        }
        bool open = word.at[0] == '[';
        bool closed = word.at[word.len - 1] == ']';
        part->required = !open;
        part->name = str_cut(word, open ? 1 : 0, word.len - (closed ? 1 : 0));
        part->option = str_starts(part->name, STR("--"));
        part->takes_value = false;
        if (part->option && !(open && closed) && usage->len > 0 && is_capital(usage->at[0])) {
            part->takes_value = true;
            (void)str_split(usage, ' ', &word);
        }
        return true;
    }
    return false;
}

static bool find_option(const struct command *command, struct str name, struct usage_part *found)
{
    struct str usage = str_of(command->usage);
    while (next_part(&usage, found)) {
        if (found->option && str_equal(found->name, name)) {
            return true;
        }
    }
    return false;
}

bool cli_takes(const struct command *command, struct str option)
{
    struct usage_part part;
    return find_option(command, option, &part);
}

const char *cli_nearest(struct str given, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = given.len / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        size_t distance = str_distance(given, str_of(names[i]));
        if (distance < best_distance) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}

/* ---- which command ---- */

static const struct command *find_command(struct str name)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        if (str_equal(str_of(cli_commands[i].name), name)) {
            return &cli_commands[i];
        }
    }
    return NULL;
}

#define NAMES_MAX 64
_Static_assert(sizeof cli_commands / sizeof cli_commands[0] <= NAMES_MAX, "room for all names");

/* "aire config": the first word of several commands. */
static bool add_seconds(struct str first, char *to, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < cli_command_count; i++) {
        struct str name = str_of(cli_commands[i].name);
        if (str_starts(name, first) && name.len > first.len && name.at[first.len] == ' ') {
            int length = snprintf(to + used, room - used, "%s%s", used > 0 ? ", " : "",
                                  name.at + first.len + 1);
            used += length > 0 && (size_t)length < room - used ? (size_t)length : 0;
        }
    }
    return used > 0;
}

static const char *nearest_command(struct str name)
{
    const char *names[NAMES_MAX];
    for (size_t i = 0; i < cli_command_count; i++) {
        names[i] = cli_commands[i].name;
    }
    return cli_nearest(name, names, cli_command_count);
}

static enum err unknown_command(struct str name, struct fault *fault)
{
    char seconds[128];
    struct str first = str_cut(name, 0, str_find_byte(name, ' '));
    if (first.len == name.len && add_seconds(first, seconds, sizeof seconds)) {
        return fault_set(fault, ERR_INVALID, "'" STR_FMT "' needs a second word: %s",
                         STR_ARG(str_cut(name, 0, 64)), seconds);
    }
    const char *near = nearest_command(name);
    return fault_set(fault, ERR_INVALID, "unknown command '" STR_FMT "'%s%s%s (see aire help)",
                     STR_ARG(str_cut(name, 0, 64)), near != NULL ? "; did you mean '" : "",
                     near != NULL ? near : "", near != NULL ? "'?" : "");
}

/* The longer name wins; *used tells how many arguments it took. */
static enum err choose(int argc, char *const *argv, struct cli *cli, int *used, struct fault *fault)
{
    char two[96];
    bool has_second = argc > 1 && argv[1][0] != '-';
    (void)snprintf(two, sizeof two, "%.40s%s%.40s", argv[0], has_second ? " " : "",
                   has_second ? argv[1] : "");
    cli->command = find_command(str_of(two));
    *used = has_second ? 2 : 1;
    if (cli->command == NULL) {
        cli->command = find_command(str_of(argv[0]));
        *used = 1;
    }
    return cli->command != NULL ? ERR_OK : unknown_command(str_of(two), fault);
}

/* ---- options and words ---- */

static enum err unknown_option(const struct command *command, struct str name, struct fault *fault)
{
    char texts[CLI_OPTIONS_MAX][32];
    const char *names[CLI_OPTIONS_MAX];
    size_t count = 0;
    struct str usage = str_of(command->usage);
    struct usage_part part;
    while (count < CLI_OPTIONS_MAX && next_part(&usage, &part)) {
        if (part.option && str_copy(part.name, texts[count], sizeof texts[count])) {
            names[count] = texts[count];
            count++;
        }
    }
    const char *near = cli_nearest(name, names, count);
    return fault_set(fault, ERR_INVALID, "unknown option '" STR_FMT "'%s%s%s (see aire %s --help)",
                     STR_ARG(str_cut(name, 0, 64)), near != NULL ? "; did you mean '" : "",
                     near != NULL ? near : "", near != NULL ? "'?" : "", command->name);
}

/* One argument that begins with a dash; *at may move over its value. */
static enum err take_option(int argc, char *const *argv, int *at, struct cli *cli,
                            struct fault *fault)
{
    struct str whole = str_of(argv[*at]);
    size_t equals = str_find_byte(whole, '=');
    struct str name = str_cut(whole, 0, equals);
    const char *value = equals != SIZE_MAX ? argv[*at] + equals + 1 : NULL;
    struct usage_part part;
    if (!find_option(cli->command, name, &part)) {
        return unknown_option(cli->command, name, fault);
    }
    if (!part.takes_value && value != NULL) {
        return fault_set(fault, ERR_INVALID, "option '" STR_FMT "' takes no value", STR_ARG(name));
    }
    if (part.takes_value && value == NULL) {
        if (*at + 1 >= argc) {
            return fault_set(fault, ERR_INVALID, "option '" STR_FMT "' needs a value",
                             STR_ARG(name));
        }
        value = argv[++*at];
    }
    if (cli->given_count == CLI_OPTIONS_MAX) {
        return fault_set(fault, ERR_INVALID, "too many options");
    }
    for (size_t i = 0; i < cli->given_count; i++) {
        if (str_equal(cli->given[i].name, part.name)) {
            return fault_set(fault, ERR_INVALID, "option '" STR_FMT "' is given twice",
                             STR_ARG(name));
        }
    }
    cli->given[cli->given_count++] = (struct cli_given){part.name, value != NULL ? value : ""};
    return ERR_OK;
}

static bool takes_rest(const struct command *command)
{
    return str_find(str_of(command->usage), STR(" -- ")) != SIZE_MAX;
}

static enum err take_arguments(int argc, char *const *argv, struct cli *cli, struct fault *fault)
{
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0 && takes_rest(cli->command)) {
            cli->rest = (const char *const *)&argv[i + 1];
            return i + 1 < argc ? ERR_OK : fault_set(fault, ERR_INVALID, "no command behind --");
        } else if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (!options_end && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            cli->given[0] = (struct cli_given){STR("--help"), ""};
            cli->given_count = 1;
            return ERR_OK;
        } else if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
            enum err code = take_option(argc, argv, &i, cli, fault);
            if (code != ERR_OK) {
                return code;
            }
        } else if (cli->word_count == CLI_WORDS_MAX) {
            return fault_set(fault, ERR_INVALID, "too many arguments");
        } else {
            cli->words[cli->word_count++] = argv[i];
        }
    }
    return ERR_OK;
}

/* Is all there that the usage line asks for, and nothing else? */
static enum err check_complete(const struct cli *cli, struct fault *fault)
{
    struct str usage = str_of(cli->command->usage);
    struct usage_part part;
    char name[32];
    size_t words = 0;
    while (next_part(&usage, &part)) {
        (void)str_copy(part.name, name, sizeof name);
        bool there = part.option ? cli_option(cli, name, NULL) != NULL : words < cli->word_count;
        words += part.option ? 0 : 1;
        if (part.required && !there) {
            return fault_set(fault, ERR_INVALID, "%s is missing (see aire %s --help)", name,
                             cli->command->name);
        }
    }
    if (cli->rest == NULL && takes_rest(cli->command)) {
        return fault_set(fault, ERR_INVALID, "-- COMMAND is missing (see aire %s --help)",
                         cli->command->name);
    }
    if (cli->word_count > words) {
        char two[96];
        (void)snprintf(two, sizeof two, "%.40s %.40s", cli->command->name, cli->words[words]);
        const char *near = nearest_command(str_of(two));
        if (words == 0 && near != NULL && strchr(near, ' ') != NULL) {
            return fault_set(fault, ERR_INVALID, "unexpected '%.64s'; did you mean '%s'?",
                             cli->words[words], near);
        }
        return fault_set(fault, ERR_INVALID, "unexpected '%.64s' (see aire %s --help)",
                         cli->words[words], cli->command->name);
    }
    return ERR_OK;
}

enum err cli_parse(int argc, char *const *argv, struct cli *cli, struct fault *fault)
{
    must(argc > 0);
    int used;
    enum err code = choose(argc, argv, cli, &used, fault);
    if (code == ERR_OK) {
        code = take_arguments(argc - used, argv + used, cli, fault);
    }
    if (code == ERR_OK && !cli_flag(cli, "--help")) {
        code = check_complete(cli, fault);
    }
    return code;
}

/* ---- running ---- */

static int print_help(const struct command *command)
{
    struct buf text;
    buf_init(&text, (size_t)64 * 1024);
    enum err code = command != NULL ? cli_help_command(command, &text) : cli_help_all(&text);
    must(code == ERR_OK);
    int exit_code = cli_print(buf_str(&text));
    buf_end(&text);
    return exit_code;
}

int cli_run(const struct env *env, int argc, char *const *argv)
{
    struct cli cli = {.env = env};
    struct fault fault = {0};
    if (crash_init() != ERR_OK) {
        return cli_fail(&cli, CLI_USAGE,
                        "AIRE_CRASH_AT names no crash point (see aire doctor --crash-points)");
    }
    if (argc < 2) {
        (void)print_help(NULL);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        return print_help(NULL);
    }
    char word[] = "version";
    char *const version[] = {word};
    bool wants_version = strcmp(argv[1], "--version") == 0;
    enum err code = wants_version ? cli_parse(1, version, &cli, &fault)
                                  : cli_parse(argc - 1, argv + 1, &cli, &fault);
    if (code != ERR_OK) {
        return cli_fail(&cli, CLI_USAGE, "%s", fault.words);
    }
    return cli_flag(&cli, "--help") ? print_help(cli.command) : cli.command->run(&cli);
}

/* ---- for commands ---- */

const char *cli_option(const struct cli *cli, const char *name, const char *otherwise)
{
    for (size_t i = 0; i < cli->given_count; i++) {
        if (str_equal(cli->given[i].name, str_of(name))) {
            return cli->given[i].value;
        }
    }
    return otherwise;
}

bool cli_flag(const struct cli *cli, const char *name)
{
    return cli_option(cli, name, NULL) != NULL;
}

const char *cli_word(const struct cli *cli, size_t index)
{
    return index < cli->word_count ? cli->words[index] : NULL;
}

const char *cli_data(const struct cli *cli)
{
    return cli_option(cli, "--data", "aire-data");
}

const char *cli_config(const struct cli *cli)
{
    return cli_option(cli, "--config", file_exists("aire.yaml") ? "aire.yaml" : NULL);
}

bool cli_number(const struct cli *cli, const char *name, uint64_t min, uint64_t max,
                uint64_t *value)
{
    const char *given = cli_option(cli, name, NULL);
    if (given == NULL) {
        return true;
    }
    if (num_u64(str_of(given), value) != ERR_OK || *value < min || *value > max) {
        (void)cli_fail(cli, CLI_USAGE, "%s: '%.40s' is not a whole number from %llu to %llu", name,
                       given, (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    return true;
}

int cli_fail(const struct cli *cli, int code, const char *format, ...)
{
    char words[1024];
    char line[1200];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(words, sizeof words, format, values);
    va_end(values);
    int length = snprintf(line, sizeof line, "aire%s%s: %s\n", cli->command != NULL ? " " : "",
                          cli->command != NULL ? cli->command->name : "", words);
    must(length > 0 && (size_t)length < sizeof line);
    err_ignore(file_print_error((struct str){line, (size_t)length}));
    return code;
}

int cli_print(struct str text)
{
    return file_print(text) == ERR_OK ? CLI_OK : CLI_BROKEN;
}

int cli_printf(const char *format, ...)
{
    char text[2048];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    must(length >= 0);
    return cli_print(str_cut((struct str){text, sizeof text - 1}, 0, (size_t)length));
}
