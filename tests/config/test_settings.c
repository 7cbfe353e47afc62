/* SPDX-License-Identifier: Apache-2.0
 * test_settings.c - typed loading: every kind, defaults, bounds at their edge, refusals by example.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/sample.h"
#include "support/config_files.h"

#include <stdlib.h>

static struct arena *arena;
static struct fault fault;
static struct settings_load load;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(4096);
    fault = (struct fault){0};
    load = (struct settings_load){&sample_secrets, arena, &fault};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Reads `text` as the map under the key "support". */
static enum err read_text(struct str text, struct sample *sample)
{
    const struct yaml *root = NULL;
    assert_int_equal(yaml_parse(text, arena, &root, &fault), ERR_OK);
    struct yaml map = *root;
    map.key = STR("support");
    return settings_read(&load, &sample_section, &map, sample);
}

static void read_well(const char *text, struct sample *sample)
{
    if (read_text(str_of(text), sample) != ERR_OK) {
        fail_msg("%u:%u %s", fault.line, fault.column, fault.words);
    }
}

static void assert_text(struct str got, const char *expected)
{
    if (!str_equal(got, str_of(expected))) {
        fail_msg("'" STR_FMT "' is not '%s'", STR_ARG(got), expected);
    }
}

static void what_is_left_out_gets_its_default(void **state)
{
    (void)state;
    struct sample sample;
    read_well("name: x", &sample);
    assert_false(sample.flag);
    assert_int_equal(sample.count, 3);
    assert_true(sample.share == 0.5);
    assert_int_equal(sample.wait_ms, 5000);
    assert_int_equal(sample.body_bytes, 65536);
    assert_int_equal(sample.price_microusd, -1);
    assert_int_equal(sample.rate.count, 0);
    assert_true(sample.budget == 0.2);
    assert_int_equal(sample.mode, 2);
    assert_int_equal(sample.listen.count, 2);
    assert_text(sample.listen.items[0], "127.0.0.1:8080");
    assert_text(sample.listen.items[1], "[::1]:8080");
    assert_int_equal(sample.keys.count, 0);
    assert_int_equal(sample.timeouts.connect_ms, 2000);
    assert_int_equal(sample.timeouts.total_ms, 120000);
    assert_null(sample.path);
}

static void every_kind_is_read(void **state)
{
    (void)state;
    struct sample sample;
    read_well("name: 'a b'\nflag: on\ncount: 10\nshare: 1e-1\nwait: 250ms\nbody: 1GiB\n"
              "price: $2.50\nrate: 600/min\nbudget: 0.5%\nmode: observe\nlisten: [a, b]\n"
              "keys: ['${TOKEN}', 'file:one.key', literal]\ntimeouts: {connect: 1s, total: 1m}\n"
              "path: [big, [small]]\nhedge: off\n",
              &sample);
    assert_text(sample.name, "a b");
    assert_true(sample.flag);
    assert_int_equal(sample.count, 10);
    assert_true(sample.share == 0.1);
    assert_int_equal(sample.wait_ms, 250);
    assert_int_equal(sample.body_bytes, 1 << 30);
    assert_int_equal(sample.price_microusd, 2500000);
    assert_int_equal(sample.rate.count, 600);
    assert_int_equal(sample.rate.period_ms, 60000);
    assert_true(sample.budget == 0.005);
    assert_int_equal(sample.mode, 1);
    assert_int_equal(sample.listen.count, 2);
    assert_int_equal(sample.keys.count, 3);
    assert_text(sample.keys.items[0], "sk-sample-0123");
    assert_text(sample.keys.items[1], "from-file");
    assert_text(sample.keys.items[2], "literal");
    assert_int_equal(sample.timeouts.connect_ms, 1000);
    assert_int_equal(sample.timeouts.total_ms, 60000);
    assert_int_equal(sample.path->count, 2);
}

static void one_text_is_a_list_of_one(void **state)
{
    (void)state;
    struct sample sample;
    read_well("name: x\nlisten: 0.0.0.0:80\n", &sample);
    assert_int_equal(sample.listen.count, 1);
    assert_text(sample.listen.items[0], "0.0.0.0:80");
}

static void null_is_the_default(void **state)
{
    (void)state;
    struct sample sample;
    read_well("name: x\ncount: ~\ntimeouts:\npath: null\nhedge: ~\n", &sample);
    assert_int_equal(sample.count, 3);
    assert_int_equal(sample.timeouts.connect_ms, 2000);
    assert_null(sample.path);
}

static void bounds_belong_to_what_is_allowed(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "count: 1",  "count: 10",      "share: 0",    "share: 1",    "wait: 1ms",
        "wait: 10m", "body: 1KiB",     "body: 1GiB",  "price: $0",   "price: $1000",
        "rate: 1/d", "budget: 0%",     "budget: 50%", "listen: [a]", "listen: [a, b, c, d]",
        "keys: []",  "keys: [a, b, c]"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct sample sample;
        struct str text = arena_printf(arena, "name: x\n%s\n", lines[i]);
        read_well(text.at, &sample);
    }
}

static void example_files_are_refused_as_they_say(void **state)
{
    (void)state;
    size_t files = 0;
    struct config_file file;
    for (size_t at = 0; config_files_next("tests/data/config", "settings-", &at, &file); files++) {
        struct sample sample;
        fault = (struct fault){0};
        enum err err = read_text(file.text, &sample);
        config_files_check(&file, err, &fault);
    }
    assert_true(files >= 40);
}

static void the_code_says_what_kind_of_error_it_is(void **state)
{
    (void)state;
    struct sample sample;
    assert_int_equal(read_text(STR("nam: x"), &sample), ERR_INVALID);
    assert_int_equal(read_text(STR("{name: x, count: z}"), &sample), ERR_SYNTAX);
    assert_int_equal(read_text(STR("{name: x, count: 11}"), &sample), ERR_RANGE);
    assert_int_equal(read_text(STR("{name: x, keys: '${NO}'}"), &sample), ERR_NOT_FOUND);
    assert_int_equal(read_text(STR("{name: x, hedge: 1s}"), &sample), ERR_UNSUPPORTED);
}

static void without_a_map_all_are_defaults_but_what_is_required(void **state)
{
    (void)state;
    struct sample_timeouts timeouts;
    struct setting settings[] = {timeout_settings[0]};
    struct section section = timeout_section;
    section.settings = settings;
    section.count = 1;
    assert_int_equal(settings_read(&load, &section, NULL, &timeouts), ERR_OK);
    assert_int_equal(timeouts.connect_ms, 2000);
    assert_int_equal(settings_read(&load, &timeout_section, NULL, &timeouts), ERR_INVALID);
    assert_int_equal(fault.line, 0);
    assert_string_equal(fault.words, "missing key 'total' in timeouts; it is a duration");
}

static void the_file_itself_needs_no_name(void **state)
{
    (void)state;
    struct section section = timeout_section;
    section.name = "";
    const struct yaml *root = NULL;
    struct sample_timeouts timeouts;
    assert_int_equal(yaml_parse(STR("conect: 1s"), arena, &root, &fault), ERR_OK);
    assert_int_equal(settings_read(&load, &section, root, &timeouts), ERR_INVALID);
    assert_string_equal(fault.words, "unknown key 'conect'; did you mean 'connect'?");
    assert_int_equal(yaml_parse(STR("total: x"), arena, &root, &fault), ERR_OK);
    assert_int_equal(settings_read(&load, &section, root, &timeouts), ERR_SYNTAX);
    assert_string_equal(fault.words, "total: 'x' is not a duration (250ms, 5s, 2m, 24h, 7d)");
}

/* min == max asks for that one value, which is not the same as no bounds. */
static void one_value_may_be_all_that_is_allowed(void **state)
{
    (void)state;
    static const struct setting settings[] = {
        {"version", SETTING_U64, .min = 1, .max = 1, .required = true, .help = "of the format"},
        {"form", SETTING_CHOICE, offsetof(struct rate, period_ms), .choices = "a|b",
         .required = true, .help = "a form"}};
    static const struct section section = {"", settings, 2, sizeof(struct rate), ""};
    const struct yaml *root = NULL;
    struct rate out;
    assert_int_equal(yaml_parse(STR("version: 2"), arena, &root, &fault), ERR_OK);
    assert_int_equal(settings_read(&load, &section, root, &out), ERR_RANGE);
    assert_string_equal(fault.words, "version: 2 is out of bounds; allowed is 1");
    assert_int_equal(yaml_parse(STR("version: 1"), arena, &root, &fault), ERR_OK);
    assert_int_equal(settings_read(&load, &section, root, &out), ERR_INVALID);
    assert_string_equal(fault.words, "missing key 'form'; it is one of a|b");
}

static void a_fault_is_not_required(void **state)
{
    (void)state;
    struct sample sample;
    load.fault = NULL;
    assert_int_equal(read_text(STR("nam: x"), &sample), ERR_INVALID);
    assert_int_equal(read_text(STR("{name: x, keys: '${NO}'}"), &sample), ERR_NOT_FOUND);
}

static void names_are_plain(void **state)
{
    (void)state;
    char longest[65];
    memset(longest, 'a', sizeof longest);
    assert_true(settings_name_valid(STR("gpt-4.1_mini")));
    assert_true(settings_name_valid((struct str){longest, 64}));
    assert_false(settings_name_valid((struct str){longest, 65}));
    assert_false(settings_name_valid(STR("")));
    assert_false(settings_name_valid(STR("a b")));
    assert_false(settings_name_valid(STR("a/b")));
    assert_false(settings_name_valid(STR("\xC3\xA4")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_left_out_gets_its_default),
        TEST(every_kind_is_read),
        TEST(one_text_is_a_list_of_one),
        TEST(null_is_the_default),
        TEST(bounds_belong_to_what_is_allowed),
        TEST(example_files_are_refused_as_they_say),
        TEST(the_code_says_what_kind_of_error_it_is),
        TEST(without_a_map_all_are_defaults_but_what_is_required),
        TEST(the_file_itself_needs_no_name),
        TEST(one_value_may_be_all_that_is_allowed),
        TEST(a_fault_is_not_required),
        TEST(names_are_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
