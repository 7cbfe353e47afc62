/* SPDX-License-Identifier: Apache-2.0
 * Truths about scripts of faults: what they accept, which rule holds, how they count.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider/script.h"
#include "sys/file.h"

#include <string.h>

static struct script *parsed(const char *text)
{
    struct script *script = NULL;
    struct fault fault = {0};
    enum err code = script_new(str_of(text), &script, &fault);
    if (code != ERR_OK) {
        fail_msg("line %u: %s", fault.line, fault.words);
    }
    return script;
}

static enum err refused(const char *text, struct fault *fault)
{
    struct script *script = NULL;
    *fault = (struct fault){0};
    enum err code = script_new(str_of(text), &script, fault);
    assert_null(script);
    return code;
}

static const struct http_field fields[] = {{{"X-Test", 6}, {"yes", 3}}};
static const struct http_head head = {.fields = fields, .count = 1};

static struct script_facts facts(void)
{
    return (struct script_facts){.path = STR("/v1/chat/completions"),
                                 .endpoint = STR("chat"),
                                 .family = STR("openai"),
                                 .model = STR("gpt-big"),
                                 .body = STR("{\"word\":1}"),
                                 .head = &head};
}

static uint64_t status(struct script *script, struct script_facts f)
{
    return script_match(script, &f)->status;
}

static void no_rules_do_nothing(void **state)
{
    (void)state;
    struct script *script = parsed("");
    assert_int_equal(script_count(script), 0);
    struct script_facts f = facts();
    assert_ptr_equal(script_match(script, &f), &script_do_nothing);
    script_drop(script);
}

static void every_condition_must_hold(void **state)
{
    (void)state;
    struct script *script = parsed(
        "rules:\n"
        "  - match: {path: '/v1/chat/*', dialect: openai, model: 'gpt-*', stream: false,\n"
        "            header: {name: x-test, value: yes}, contains: word}\n"
        "    do: {status: 500}\n");
    assert_int_equal(status(script, facts()), 500);
    struct script_facts f = facts();
    f.path = STR("/v1/responses");
    assert_int_equal(status(script, f), 0);
    f = facts();
    f.family = STR("anthropic");
    assert_int_equal(status(script, f), 0);
    f = facts();
    f.model = STR("claude");
    assert_int_equal(status(script, f), 0);
    f = facts();
    f.stream = true;
    assert_int_equal(status(script, f), 0);
    f = facts();
    f.body = STR("{}");
    assert_int_equal(status(script, f), 0);
    f = facts();
    struct http_head bare = {0};
    f.head = &bare;
    assert_int_equal(status(script, f), 0);
    script_drop(script);
}

static void nth_counts_matching_requests(void **state)
{
    (void)state;
    struct script *script = parsed("rules:\n"
                                   "  - {match: {nth: 2-3}, do: {status: 500}}\n"
                                   "  - {match: {nth: '5'}, do: {status: 429}}\n"
                                   "  - {match: {nth: 7-}, do: {status: 503}}\n");
    static const uint64_t expected[] = {0, 500, 500, 0, 429, 0, 503, 503};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(status(script, facts()), expected[i]);
    }
    assert_int_equal(script_counters(script, 0).acted, 2);
    assert_int_equal(script_counters(script, 0).seen, 8);
    script_drop(script);
}

static void times_and_every_limit_a_rule(void **state)
{
    (void)state;
    struct script *script = parsed("rules:\n"
                                   "  - {times: 1, do: {status: 500}}\n"
                                   "  - {match: {every: 2}, do: {status: 429}}\n");
    static const uint64_t expected[] = {500, 429, 0, 429, 0};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(status(script, facts()), expected[i]);
    }
    script_drop(script);
}

static void windows_and_flapping_follow_the_time(void **state)
{
    (void)state;
    struct script *script = parsed(
        "rules:\n"
        "  - {match: {from: 1s, until: 2s}, do: {status: 500}}\n"
        "  - {match: {from: 10s, up: 300ms, down: 100ms}, do: {status: 503}}\n");
    static const struct {
        uint64_t age;
        uint64_t status;
    } cases[] = {{0, 0},     {999, 0},     {1000, 500},  {1999, 500}, {2000, 0},
                 {10299, 0}, {10300, 503}, {10399, 503}, {10400, 0},  {10700, 503}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script_facts f = facts();
        f.age_ms = cases[i].age;
        assert_int_equal(status(script, f), cases[i].status);
    }
    script_drop(script);
}

static void headers_come_as_map_or_list(void **state)
{
    (void)state;
    struct script *script = parsed(
        "rules:\n"
        "  - do: {headers: {retry-after: '2', x-should-retry: 'false'}}\n");
    struct script_facts f = facts();
    const struct script_do *act = script_match(script, &f);
    assert_int_equal(act->header_count, 2);
    assert_true(str_equal(act->headers[1].name, STR("x-should-retry")));
    assert_true(str_equal(act->headers[1].value, STR("false")));
    script_drop(script);
    script = parsed("rules:\n  - do: {headers: ['set-cookie: a=b:c', 'set-cookie: d']}\n");
    act = script_match(script, &f);
    assert_int_equal(act->header_count, 2);
    assert_true(str_equal(act->headers[0].value, STR("a=b:c")));
    script_drop(script);
}

static void every_act_has_its_defaults(void **state)
{
    (void)state;
    struct script *script = parsed("rules:\n  - do: {omit: [terminal, usage]}\n");
    struct script_facts f = facts();
    const struct script_do *act = script_match(script, &f);
    assert_int_equal(act->omitted, OMIT_TERMINAL | OMIT_USAGE);
    assert_true(act->confidence < 0);
    assert_int_equal(act->write_gap_ms, 1);
    assert_int_equal(act->end, END_NORMAL);
    assert_int_equal(act->delay_ms, 0);
    script_drop(script);
}

static void mistakes_name_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
    } cases[] = {
        {"rules:\n  - {do: {statsu: 500}}\n", 2},
        {"rules:\n  - {do: {error: nonsense}}\n", 2},
        {"rules:\n  - {match: {nth: 5-2}}\n", 2},
        {"rules:\n  - {match: {nth: x}}\n", 2},
        {"rules:\n  - {do: {omit: [everything]}}\n", 2},
        {"rules:\n  - {do: {headers: ['no colon']}}\n", 2},
        {"rules:\n  - {do: {end: sometimes}}\n", 2},
        {"rules:\n  - {do: {status: 99}}\n", 2},
        {"rules:\n  - {match: {dialect: klingon}}\n", 2},
        {"rulez:\n  - {}\n", 1},
        {"rules: 5\n", 1},
        {"- 1\n", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault fault;
        if (refused(cases[i].text, &fault) == ERR_OK || fault.line != cases[i].line ||
            fault.words[0] == '\0') {
            fail_msg("case %zu: line %u: %s", i, fault.line, fault.words);
        }
    }
}

static void rules_are_limited(void **state)
{
    (void)state;
    struct buf text;
    struct fault fault;
    buf_init(&text, 1 << 20);
    assert_int_equal(buf_add(&text, STR("rules:\n")), ERR_OK);
    for (int i = 0; i < SCRIPT_RULES_MAX; i++) {
        assert_int_equal(buf_add(&text, STR("  - {do: {status: 500}}\n")), ERR_OK);
    }
    struct script *script = parsed(buf_cstr(&text));
    assert_int_equal(script_count(script), SCRIPT_RULES_MAX);
    script_drop(script);
    assert_int_equal(buf_add(&text, STR("  - {do: {status: 500}}\n")), ERR_OK);
    assert_int_not_equal(refused(buf_cstr(&text), &fault), ERR_OK);
    buf_end(&text);
}

static void a_held_script_outlives_its_successor(void **state)
{
    (void)state;
    struct script *script = parsed("rules:\n  - {do: {status: 500}}\n");
    script_hold(script);
    script_drop(script);
    assert_int_equal(status(script, facts()), 500);
    script_drop(script);
}

static void the_documentation_has_every_key(void **state)
{
    (void)state;
    struct buf page;
    struct buf reference;
    buf_init(&page, 1 << 20);
    buf_init(&reference, 1 << 20);
    if (file_read("docs/sim-script.md", &page) != ERR_OK) {
        skip();
    }
    assert_int_equal(script_document(&reference), ERR_OK);
    struct str rest = buf_str(&reference);
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        size_t end = str_find(line, STR("` |"));
        if (str_starts(line, STR("| `")) &&
            str_find(buf_str(&page), str_cut(line, 0, end + 3)) == SIZE_MAX) {
            fail_msg("not documented: " STR_FMT, STR_ARG(str_cut(line, 0, end)));
        }
    }
    buf_end(&page);
    buf_end(&reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_rules_do_nothing),
        cmocka_unit_test(every_condition_must_hold),
        cmocka_unit_test(nth_counts_matching_requests),
        cmocka_unit_test(times_and_every_limit_a_rule),
        cmocka_unit_test(windows_and_flapping_follow_the_time),
        cmocka_unit_test(headers_come_as_map_or_list),
        cmocka_unit_test(every_act_has_its_defaults),
        cmocka_unit_test(mistakes_name_their_line),
        cmocka_unit_test(rules_are_limited),
        cmocka_unit_test(the_documentation_has_every_key),
        cmocka_unit_test(a_held_script_outlives_its_successor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
