/* SPDX-License-Identifier: Apache-2.0
 * test_stage_interpret.c - what cannot be read is never forwarded, and the client learns where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stage_kit.h"

static const char configuration[] = STAGE_PROVIDERS "routes:\n  r: {path: [t]}\n";

static int open_kit(void **state)
{
    return stage_open(state, configuration);
}

static struct str ask(void **state, const char *path, const char *body)
{
    return gateway_kit_post(*state, path, "", body);
}

static void test_invalid_json_names_the_byte(void **state)
{
    assert_refused(ask(state, PATH, "{\"model\":\"r\",,}"), 400, "at byte 13");
    assert_refused(ask(state, PATH, ""), 400, "invalid_json");
    assert_refused(ask(state, PATH, "{} {}"), 400, "at byte 3");
    assert_refused(ask(state, PATH, "{\"model\":\"\xff\"}"), 400, "at byte 10");
    assert_int_equal(gateway_kit_sent_count(*state), 0);
}

static void test_a_field_twice_is_two_requests_and_refused(void **state)
{
    assert_refused(ask(state, PATH, CHAT("r", ",\"model\":\"s\"")), 400, "'model' occurs twice");
    assert_refused(ask(state, PATH, CHAT("r", ",\"messages\":[]")), 400, "'messages' occurs twice");
    assert_int_equal(gateway_kit_sent_count(*state), 0);
}

static void test_deep_nesting_is_refused(void **state)
{
    static char body[200100];
    size_t len = strlen(strcpy(body, "{\"model\":\"r\",\"messages\":"));
    memset(body + len, '[', 100000);
    assert_refused(ask(state, PATH, body), 400, "invalid_json");
}

static void test_errors_come_in_the_clients_dialect(void **state)
{
    struct str openai = ask(state, PATH, "[]");
    assert_refused(openai, 400, "{\"error\":{\"message\":");
    assert_has(openai, "\"code\":\"invalid_request\"");
    assert_refused(ask(state, "/v1/messages", "[]"), 400,
                   "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\"");
}

static void test_the_bytes_of_a_good_request_are_untouched(void **state)
{
    static const char body[] =
        " {\t\"zz\" : 12345678901234567890.0e0, \"model\":\"r\",\n"
        "\"messages\":[ {\"role\":\"user\",\"content\":\"\\u0068i\"} ],\"n\":1}\n";
    assert_int_equal(gateway_kit_status(ask(state, PATH, body)), 200);
    assert_true(str_equal(gateway_kit_sent_body(*state), str_of(body)));
    assert_has_not(gateway_kit_events(*state), "request_edited");
}

static void test_declared_routes_are_the_models(void **state)
{
    struct str answer = gateway_kit_ask(
        *state, "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_int_equal(gateway_kit_status(answer), 200);
    assert_has(answer, "\"object\":\"list\"");
    assert_has(answer, "\"id\":\"r\"");
    assert_int_equal(gateway_kit_sent_count(*state), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_kit, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_invalid_json_names_the_byte),
        TEST(test_a_field_twice_is_two_requests_and_refused),
        TEST(test_deep_nesting_is_refused),
        TEST(test_errors_come_in_the_clients_dialect),
        TEST(test_the_bytes_of_a_good_request_are_untouched),
        TEST(test_declared_routes_are_the_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
