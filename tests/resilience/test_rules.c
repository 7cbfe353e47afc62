/* SPDX-License-Identifier: Apache-2.0
 * test_rules.c - which rule answers with what, and which files are refused where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "resilience/rules.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loaded {
    struct arena *arena;
    const struct rules *rules;
    struct fault fault;
};

static enum err load(struct loaded *loaded, struct str text)
{
    *loaded = (struct loaded){.arena = arena_new(4096)};
    const struct yaml *root = NULL;
    enum err err = yaml_parse(text, loaded->arena, &root, &loaded->fault);
    if (err != ERR_OK) {
        return err;
    }
    struct settings_load settings = {.arena = loaded->arena, .fault = &loaded->fault};
    return rules_load(&settings, root, &loaded->rules);
}

static void load_fine(struct loaded *loaded, const char *text)
{
    if (load(loaded, str_of(text)) != ERR_OK) {
        fail_msg("%u:%u: %s", loaded->fault.line, loaded->fault.column, loaded->fault.words);
    }
}

static enum err ask(struct loaded *loaded, const char *message, const char *error,
                    struct rules_answer *answer)
{
    struct rules_question question = {.message = str_of(message), .error = str_of(error)};
    return rules_answer(loaded->rules, &question, loaded->arena, answer);
}

static void expect(struct loaded *loaded, const char *message, const char *error, const char *text)
{
    struct rules_answer answer;
    assert_int_equal(ask(loaded, message, error, &answer), ERR_OK);
    if (!str_equal(answer.text, str_of(text))) {
        fail_msg("'" STR_FMT "', expected '%s'", STR_ARG(answer.text), text);
    }
}

static void the_example_answers(void **state)
{
    (void)state;
    char path[512];
    const char *shared = getenv("AIRE_SHARED");
    const char *folders[] = {shared, "../shared", "../../shared"};
    struct buf text;
    buf_init(&text, 1 << 20);
    enum err err = ERR_NOT_FOUND;
    for (size_t i = 0; i < 3 && err != ERR_OK; i++) {
        if (folders[i] != NULL) {
            (void)snprintf(path, sizeof path, "%s/rules.example.yaml", folders[i]);
            err = file_read(path, &text);
        }
    }
    if (err != ERR_OK) {
        skip();
    }
    struct loaded loaded;
    assert_int_equal(load(&loaded, buf_str(&text)), ERR_OK);
    struct rules_answer answer;
    assert_int_equal(ask(&loaded, "Hello. Where is my order #12345?", "timeout", &answer), ERR_OK);
    assert_true(str_equal(answer.rule, STR("where-is-my-order")));
    assert_true(str_find(answer.text, STR("I have noted order 12345;")) != SIZE_MAX);
    assert_true(answer.confidence == 0.5);
    assert_int_equal(ask(&loaded, "Where is order 7", "credential", &answer), ERR_OK);
    assert_true(str_equal(answer.rule, STR("anything-else"))); /* not that class of error */
    assert_int_equal(ask(&loaded, "", "open", &answer), ERR_OK);
    assert_true(str_equal(answer.rule, STR("anything-else")));
    assert_true(answer.confidence == 0.3);
    arena_free(loaded.arena);
    buf_end(&text);
}

static void the_first_rule_that_holds_answers(void **state)
{
    (void)state;
    struct loaded loaded;
    load_fine(&loaded, "version: 1\n"
                       "rules:\n"
                       "  - {name: a, when: {message: 'x'}, answer: A}\n"
                       "  - {name: b, when: {message: 'x|y'}, answer: B}\n");
    expect(&loaded, "x", "", "A");
    expect(&loaded, "y", "", "B");
    struct rules_answer answer;
    assert_int_equal(ask(&loaded, "z", "", &answer), ERR_NOT_FOUND);
    arena_free(loaded.arena);
}

static void a_rule_without_conditions_always_holds(void **state)
{
    (void)state;
    struct loaded loaded;
    load_fine(&loaded, "rules: [{name: any, answer: sorry}]");
    expect(&loaded, "", "", "sorry");
    expect(&loaded, "\xff\xfe", "open", "sorry");
    arena_free(loaded.arena);
}

static void the_tool_must_be_offered(void **state)
{
    (void)state;
    struct loaded loaded;
    load_fine(&loaded, "rules: [{name: t, when: {tool: refund}, answer: later}]");
    const struct str tools[] = {STR("lookup"), STR("refund")};
    struct rules_question question = {.tools = tools, .tool_count = 1};
    struct rules_answer answer;
    assert_int_equal(rules_answer(loaded.rules, &question, loaded.arena, &answer), ERR_NOT_FOUND);
    question.tool_count = 2;
    assert_int_equal(rules_answer(loaded.rules, &question, loaded.arena, &answer), ERR_OK);
    arena_free(loaded.arena);
}

static void the_error_must_be_listed(void **state)
{
    (void)state;
    struct loaded loaded;
    load_fine(&loaded, "rules:\n"
                       "  - {name: a, when: {error: open}, answer: A}\n"
                       "  - {name: b, when: {error: [timeout, network]}, answer: B}\n");
    struct rules_answer answer;
    expect(&loaded, "", "open", "A");
    expect(&loaded, "", "network", "B");
    assert_int_equal(ask(&loaded, "", "exhausted", &answer), ERR_NOT_FOUND);
    assert_int_equal(ask(&loaded, "", "", &answer), ERR_NOT_FOUND);
    arena_free(loaded.arena);
}

static void captures_fill_the_answer(void **state)
{
    (void)state;
    struct loaded loaded;
    load_fine(&loaded, "rules:\n"
                       "  - name: a\n"
                       "    when: {message: '(?<n>\\d+)(?<unit>kg)?'}\n"
                       "    answer: '${n}${unit}, again ${n}, costs $5 {n} $'\n");
    expect(&loaded, "take 12kg", "", "12kg, again 12, costs $5 {n} $");
    expect(&loaded, "take 12", "", "12, again 12, costs $5 {n} $");
    arena_free(loaded.arena);
}

static void messages_need_not_be_utf8(void **state)
{
    (void)state;
    struct loaded loaded;
    load_fine(&loaded, "rules: [{name: a, when: {message: 'id (?<n>.+)$'}, answer: '<${n}>'}]");
    expect(&loaded, "\xff\xfe id \xc3\xa9", "", "<\xc3\xa9>");
    struct rules_answer answer;
    assert_int_equal(ask(&loaded, "id \xff", "", &answer), ERR_NOT_FOUND);
    arena_free(loaded.arena);
}

struct refusal {
    const char *text;
    enum err err;
    unsigned line;
    unsigned column;
    const char *word; /* that the message must contain */
};

static const struct refusal refusals[] = {
    {"rules:\n- name: a\n  when: {message: '(?<n>x)'}\n  answer: 'hi ${m}'\n", ERR_INVALID, 4, 3,
     "${m}"},
    {"rules:\n- name: a\n  answer: 'hi ${m}'\n", ERR_INVALID, 3, 3, "${m}"},
    {"rules:\n- name: a\n  answer: 'hi ${m'\n", ERR_SYNTAX, 3, 3, "${"},
    {"rules:\n- name: a\n  answer: 'hi ${}'\n", ERR_INVALID, 3, 3, "${}"},
    {"rules:\n- name: a\n  when: {message: '(x'}\n  answer: b\n", ERR_SYNTAX, 3, 10, "pattern"},
    {"rules:\n- name: a\n  when: {message: '\\C'}\n  answer: b\n", ERR_SYNTAX, 3, 10, "\\C"},
    {"rules:\n- name: a\n  when: {error: [open, slow]}\n  answer: b\n", ERR_INVALID, 3, 24, "slow"},
    {"rules:\n- name: a\n  when: {error: none}\n  answer: b\n", ERR_INVALID, 3, 10, "none"},
    {"rules:\n- {name: a, answer: b}\n- {name: a, answer: c}\n", ERR_EXISTS, 3, 3, "'a'"},
    {"rules:\n- {name: 'a b', answer: b}\n", ERR_INVALID, 2, 3, "a b"},
    {"rules:\n- {name: a}\n", ERR_OK, 2, 0, "answer"},
    {"rules:\n- {name: a, anwser: b}\n", ERR_OK, 2, 0, "answer"},
    {"rules:\n- {name: a, answer: b, confidence: 1.5}\n", ERR_OK, 2, 0, "confidence"},
    {"rules: []\n", ERR_INVALID, 1, 1, "list"},
    {"rules: {a: b}\n", ERR_INVALID, 1, 1, "list"},
    {"version: 2\nrules: [{name: a, answer: b}]\n", ERR_RANGE, 1, 1, "version"},
    {"version: 1\n", ERR_OK, 0, 0, "rules"},
    {"rules: [a]\n", ERR_OK, 1, 0, ""},
};

static void wrong_files_are_refused_at_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *row = &refusals[i];
        struct loaded loaded;
        enum err err = load(&loaded, str_of(row->text));
        bool fine = err != ERR_OK && (row->err == ERR_OK || err == row->err) &&
                    (row->line == 0 || loaded.fault.line == row->line) &&
                    (row->column == 0 || loaded.fault.column == row->column) &&
                    strstr(loaded.fault.words, row->word) != NULL;
        if (!fine) {
            fail_msg("%s-> %s at %u:%u '%s'", row->text, err_name(err), loaded.fault.line,
                     loaded.fault.column, loaded.fault.words);
        }
        arena_free(loaded.arena);
    }
}

static enum err load_many(unsigned count)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(buf_add(&text, STR("rules:\n")), ERR_OK);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(buf_printf(&text, "- {name: r%u, answer: a}\n", i), ERR_OK);
    }
    struct loaded loaded;
    enum err err = load(&loaded, buf_str(&text));
    arena_free(loaded.arena);
    buf_end(&text);
    return err;
}

static void there_is_a_most_of_rules(void **state)
{
    (void)state;
    assert_int_equal(load_many(RULES_MAX), ERR_OK);
    assert_int_equal(load_many(RULES_MAX + 1), ERR_LIMIT);
}

static void there_is_a_longest_pattern(void **state)
{
    (void)state;
    static char text[RULES_PATTERN_MAX + 100];
    for (size_t extra = 0; extra < 2; extra++) {
        size_t length = RULES_PATTERN_MAX + extra;
        (void)snprintf(text, sizeof text, "rules: [{name: a, answer: b, when: {message: %0*d}}]",
                       (int)length, 0);
        struct loaded loaded;
        assert_int_equal(load(&loaded, str_of(text)), extra == 0 ? ERR_OK : ERR_LIMIT);
        arena_free(loaded.arena);
    }
}

static void only_the_head_of_a_message_is_matched(void **state)
{
    (void)state;
    struct loaded loaded;
    load_fine(&loaded, "rules: [{name: a, when: {message: 'needle'}, answer: b}]");
    static char message[RULES_MESSAGE_MAX + 100];
    memset(message, ' ', sizeof message - 1);
    memcpy(message + RULES_MESSAGE_MAX - 5, "needle", 6);
    struct rules_answer answer;
    assert_int_equal(ask(&loaded, message, "", &answer), ERR_NOT_FOUND);
    memcpy(message + RULES_MESSAGE_MAX - 6, "needle", 6);
    assert_int_equal(ask(&loaded, message, "", &answer), ERR_OK);
    arena_free(loaded.arena);
}

/* Each is exponential, polynomial or deep on a row of one letter; none may take long or answer. */
static void hostile_messages_do_not_hold_a_pattern_up(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "^(a+)+$",    "(a|aa)+[bc]$", "a{0,300}?a{0,300}?[bc]", "(?:a|x)*[bc]",
        "a*a*a*[bc]", "(.)*[bc]",     "(a?){60}a{60}[bc]",      "a*[bc]",
    };
    static char message[RULES_MESSAGE_MAX + 1];
    memset(message, 'a', sizeof message - 2);
    message[sizeof message - 2] = 'z';
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "rules:\n- {name: a, when: {message: '%s'}, answer: A}\n"
                       "- {name: b, answer: B}\n",
                       patterns[i]);
        struct loaded loaded;
        load_fine(&loaded, text);
        expect(&loaded, message, "", "B");
        arena_free(loaded.arena);
    }
}

static void an_answer_over_its_limit_does_not_hold(void **state)
{
    (void)state;
    struct loaded loaded;
    load_fine(&loaded, "rules:\n"
                       "- {name: a, when: {message: '(?<m>.+)'}, answer: '${m}${m}${m}${m}x'}\n"
                       "- {name: b, answer: short}\n");
    static char message[RULES_MESSAGE_MAX + 1];
    memset(message, 'm', sizeof message - 1);
    expect(&loaded, message, "", "short");
    message[sizeof message - 2] = '\0';
    struct rules_answer answer;
    assert_int_equal(ask(&loaded, message, "", &answer), ERR_OK);
    assert_int_equal(answer.text.len, 4 * (RULES_MESSAGE_MAX - 1) + 1);
    arena_free(loaded.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_answers),
        cmocka_unit_test(the_first_rule_that_holds_answers),
        cmocka_unit_test(a_rule_without_conditions_always_holds),
        cmocka_unit_test(the_tool_must_be_offered),
        cmocka_unit_test(the_error_must_be_listed),
        cmocka_unit_test(captures_fill_the_answer),
        cmocka_unit_test(messages_need_not_be_utf8),
        cmocka_unit_test(wrong_files_are_refused_at_their_place),
        cmocka_unit_test(there_is_a_most_of_rules),
        cmocka_unit_test(there_is_a_longest_pattern),
        cmocka_unit_test(only_the_head_of_a_message_is_matched),
        cmocka_unit_test(hostile_messages_do_not_hold_a_pattern_up),
        cmocka_unit_test(an_answer_over_its_limit_does_not_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
