/* SPDX-License-Identifier: Apache-2.0
 * test_cli.c - arguments against usage lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cli.h"

#include <string.h>

#define ARGUMENTS_MAX 24

/* Parses words parted by single spaces; "_" stands for an empty argument. */
static enum err parse(const char *line, struct cli *cli, struct fault *fault)
{
    static char copy[1024];
    char *argv[ARGUMENTS_MAX];
    int argc = 0;
    assert_true(strlen(line) < sizeof copy);
    strncpy(copy, line, sizeof copy - 1);
    char *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_true(argc < ARGUMENTS_MAX);
        argv[argc++] = word;
    }
    *cli = (struct cli){0};
    *fault = (struct fault){0};
    return cli_parse(argc, argv, cli, fault);
}

static void assert_refused(const char *line, const char *words)
{
    struct cli cli;
    struct fault fault;
    assert_int_not_equal(parse(line, &cli, &fault), ERR_OK);
    if (strstr(fault.words, words) == NULL) {
        fail_msg("'%s' says '%s', not '%s'", line, fault.words, words);
    }
}

static void an_option_has_the_argument_behind_it(void **state)
{
    (void)state;
    struct cli cli;
    struct fault fault;
    assert_int_equal(parse("serve --listen 127.0.0.1:0 --no-record", &cli, &fault), ERR_OK);
    assert_string_equal(cli_option(&cli, "--listen", "none"), "127.0.0.1:0");
    assert_true(cli_flag(&cli, "--no-record"));
    assert_false(cli_flag(&cli, "--threads"));
    assert_string_equal(cli_option(&cli, "--threads", "otherwise"), "otherwise");
}

static void an_option_may_carry_its_value_behind_an_equals_sign(void **state)
{
    (void)state;
    struct cli cli;
    struct fault fault;
    assert_int_equal(parse("serve --data=some/where=else", &cli, &fault), ERR_OK);
    assert_string_equal(cli_data(&cli), "some/where=else");
}

static void a_value_may_begin_with_a_dash(void **state)
{
    (void)state;
    struct cli cli;
    struct fault fault;
    assert_int_equal(parse("reviews edit rv1 --text --help", &cli, &fault), ERR_OK);
    assert_string_equal(cli_option(&cli, "--text", ""), "--help");
    assert_false(cli_flag(&cli, "--help"));
}

static void the_longer_command_name_wins(void **state)
{
    (void)state;
    struct cli cli;
    struct fault fault;
    assert_int_equal(parse("exchanges", &cli, &fault), ERR_OK);
    assert_string_equal(cli.command->name, "exchanges");
    assert_int_equal(parse("exchanges show ex0000000000000001", &cli, &fault), ERR_OK);
    assert_string_equal(cli.command->name, "exchanges show");
    assert_string_equal(cli_word(&cli, 0), "ex0000000000000001");
}

static void everything_behind_two_dashes_is_an_argument(void **state)
{
    (void)state;
    struct cli cli;
    struct fault fault;
    assert_int_equal(parse("key create -- --name", &cli, &fault), ERR_OK);
    assert_string_equal(cli_word(&cli, 0), "--name");
}

static void help_needs_nothing_else(void **state)
{
    (void)state;
    struct cli cli;
    struct fault fault;
    assert_int_equal(parse("key create --help", &cli, &fault), ERR_OK);
    assert_true(cli_flag(&cli, "--help"));
    assert_int_equal(parse("sim -h", &cli, &fault), ERR_OK);
    assert_true(cli_flag(&cli, "--help"));
}

static void mistakes_are_named_with_what_was_meant(void **state)
{
    (void)state;
    assert_refused("serv", "did you mean 'serve'?");
    assert_refused("exchnges", "did you mean 'exchanges'?");
    assert_refused("key creat bob", "did you mean 'key create'?");
    assert_refused("key", "needs a second word: create, list, revoke");
    assert_refused("serve --lisen x", "did you mean '--listen'?");
    assert_refused("serve --frobnicate", "unknown option '--frobnicate' (see");
    assert_refused("qwertyuiop", "unknown command 'qwertyuiop' (see");
}

static void what_is_missing_or_too_much_is_refused(void **state)
{
    (void)state;
    assert_refused("sim", "--listen is missing");
    assert_refused("key create", "NAME is missing");
    assert_refused("reviews edit rv1", "--text is missing");
    assert_refused("serve --data", "'--data' needs a value");
    assert_refused("serve --no-record=yes", "'--no-record' takes no value");
    assert_refused("serve --data a --data b", "'--data' is given twice");
    assert_refused("version please", "unexpected 'please'");
    assert_refused("doctor a b c d e f g h i", "too many arguments");
}

static void a_number_must_be_one_within_its_bounds(void **state)
{
    (void)state;
    struct cli cli;
    struct fault fault;
    uint64_t number = 7;
    assert_int_equal(parse("serve", &cli, &fault), ERR_OK);
    assert_true(cli_number(&cli, "--threads", 1, 8, &number));
    assert_int_equal(number, 7); /* as it was */
    assert_int_equal(parse("serve --threads 8", &cli, &fault), ERR_OK);
    assert_true(cli_number(&cli, "--threads", 1, 8, &number));
    assert_int_equal(number, 8);
    assert_int_equal(parse("serve --threads 9", &cli, &fault), ERR_OK);
    assert_false(cli_number(&cli, "--threads", 1, 8, &number));
    assert_int_equal(parse("serve --threads 2x", &cli, &fault), ERR_OK);
    assert_false(cli_number(&cli, "--threads", 1, 8, &number));
}

static void each_command_stands_in_help_and_reference_with_an_example_of_itself(void **state)
{
    (void)state;
    struct buf all;
    struct buf page;
    buf_init(&all, 1 << 20);
    buf_init(&page, 1 << 20);
    assert_int_equal(cli_help_all(&all), ERR_OK);
    assert_int_equal(cli_document(&page), ERR_OK);
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct command *command = &cli_commands[i];
        assert_non_null(strstr(buf_cstr(&all), command->help));
        assert_non_null(strstr(buf_cstr(&page), command->example));
        assert_true(strncmp(command->example, "aire ", 5) == 0);
        assert_true(strncmp(command->example + 5, command->name, strlen(command->name)) == 0);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(command->name, cli_commands[k].name);
        }
    }
    buf_end(&all);
    buf_end(&page);
}

static void a_near_name_must_be_near(void **state)
{
    (void)state;
    const char *const names[] = {"approve", "reject"};
    assert_string_equal(cli_nearest(str_of("aprove"), names, 2), "approve");
    assert_null(cli_nearest(str_of("zzzzzz"), names, 2));
    assert_null(cli_nearest(str_of("approve"), names, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_option_has_the_argument_behind_it),
        cmocka_unit_test(an_option_may_carry_its_value_behind_an_equals_sign),
        cmocka_unit_test(a_value_may_begin_with_a_dash),
        cmocka_unit_test(the_longer_command_name_wins),
        cmocka_unit_test(everything_behind_two_dashes_is_an_argument),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(mistakes_are_named_with_what_was_meant),
        cmocka_unit_test(what_is_missing_or_too_much_is_refused),
        cmocka_unit_test(a_number_must_be_one_within_its_bounds),
        cmocka_unit_test(each_command_stands_in_help_and_reference_with_an_example_of_itself),
        cmocka_unit_test(a_near_name_must_be_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
