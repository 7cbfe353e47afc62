/* SPDX-License-Identifier: Apache-2.0
 * test_stage_durable.c - records before release: without the record no end of an answer (S2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stage_kit.h"

static const char configuration[] = STAGE_PROVIDERS
    "routes:\n  r: {path: [t], record: before_release}\n"
    "  ruled: {path: [t, rules], rules: x.yaml, record: before_release, retries: {attempts: 1}}\n"
    "  fact: {path: [t]}\n";

static int open_kit(void **state)
{
    return stage_open(state, configuration);
}

/* From now on the store has room for nothing: the next write closes it. */
static void fill_store(void **state)
{
    static const struct statement no_page = {"PRAGMA max_page_count = 1", 0};
    struct store_step step = {&no_page, NULL, false};
    struct store_unit unit = {.steps = &step, .count = 1, .bytes = 64};
    assert_int_equal(store_write_now(gateway_kit_commons(*state)->store, &unit), ERR_OK);
    for (int i = 0; i < 200; i++) { /* until the last page is full */
        struct store_health health;
        (void)gateway_kit_post(*state, PATH, "", CHAT("fact", ""));
        store_health(gateway_kit_commons(*state)->store, &health);
        if (!health.open) {
            return;
        }
    }
    fail_msg("the store never filled up");
}

static struct str ask(void **state, const char *body)
{
    return gateway_kit_post(*state, PATH, "", body);
}

static void test_the_record_says_how_the_answer_went_out(void **state)
{
    assert_int_equal(gateway_kit_status(ask(state, CHAT("r", ""))), 200);
    assert_has(gateway_kit_events(*state), "\"outcome\":\"answered\"");
    assert_has(gateway_kit_events(*state), "\"status\":200");
}

static void test_a_plain_answer_without_its_record_becomes_an_error(void **state)
{
    fill_store(state);
    struct str answer = ask(state, CHAT("r", ""));
    assert_refused(answer, 503, "record_unavailable");
    assert_has_not(answer, "yes");
}

static void test_a_stream_without_its_record_ends_with_an_error(void **state)
{
    fill_store(state);
    gateway_kit_answers(*state, STREAM);
    struct str answer = ask(state, CHAT("r", ",\"stream\":true"));
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(answer, "yes");
    assert_has(answer, "record_unavailable");
    assert_has_not(answer, "[DONE]");
    assert_has_not(answer, "\"finish_reason\":\"stop\"");
}

static void test_a_rules_answer_needs_its_record_too(void **state)
{
    gateway_kit_answers(*state, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(gateway_kit_status(ask(state, CHAT("ruled", ""))), 200);
    fill_store(state);
    struct str answer = ask(state, CHAT("ruled", ""));
    assert_refused(answer, 503, "record_unavailable");
    assert_has_not(answer, "from the rules");
}

static void test_other_routes_go_on_without_a_store(void **state)
{
    fill_store(state);
    assert_int_equal(gateway_kit_status(ask(state, CHAT("fact", ""))), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_kit, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_record_says_how_the_answer_went_out),
        TEST(test_a_plain_answer_without_its_record_becomes_an_error),
        TEST(test_a_stream_without_its_record_ends_with_an_error),
        TEST(test_a_rules_answer_needs_its_record_too),
        TEST(test_other_routes_go_on_without_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
