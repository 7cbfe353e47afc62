/* SPDX-License-Identifier: Apache-2.0
 * test_stage_identify.c - who asks, for whom, from where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stage_kit.h"

static const char configuration[] = STAGE_PROVIDERS "routes:\n  r: {path: [t]}\n"
                                                    "agents:\n  a: {}\n  b: {}\n";

static int open_kit(void **state)
{
    return stage_open(state, configuration);
}

static struct str ask(void **state, const char *fields)
{
    return gateway_kit_post(*state, PATH, fields, CHAT("r", ""));
}

static void test_keyless_loopback_serves_json_for_its_own_host(void **state)
{
    assert_int_equal(gateway_kit_status(ask(state, "")), 200);
    assert_int_equal(gateway_kit_status(ask(state, "Host: localhost:8080\r\n")), 200);
    assert_int_equal(gateway_kit_status(ask(state, "Host: [::1]:8080\r\n")), 200);
    assert_int_equal(gateway_kit_status(ask(state, "Origin: http://localhost:3000\r\n")), 200);
    assert_int_equal(
        gateway_kit_status(ask(state, "Content-Type: application/json; charset=utf-8\r\n")), 200);
    assert_has(gateway_kit_events(*state), "\"tenant\":\"default\",\"principal\":\"local\"");
}

static void test_a_page_in_a_browser_cannot_spend_through_it(void **state)
{
    assert_refused(ask(state, "Host: evil.test\r\n"), 403, "foreign_host");
    assert_refused(ask(state, "Host: localhost.evil.test\r\n"), 403, "foreign_host");
    assert_refused(ask(state, "Origin: https://evil.test\r\n"), 403, "foreign_origin");
    assert_refused(ask(state, "Origin: null\r\n"), 403, "foreign_origin");
    assert_refused(ask(state, "Content-Type: text/plain\r\n"), 415, "not_json");
    assert_refused(ask(state, "Content-Type: application/x-www-form-urlencoded\r\n"), 415,
                   "not_json");
    assert_int_equal(gateway_kit_sent_count(*state), 0);
    assert_has(gateway_kit_events(*state), "\"event\":\"access_denied\"");
}

static void test_names_are_checked(void **state)
{
    assert_refused(ask(state, "x-aire-user: a b\r\n"), 400, "bad_header");
    assert_refused(ask(state, "x-aire-session: \r\n"), 400, "bad_header");
    assert_refused(ask(state, "x-aire-agent: \"a\"\r\n"), 400, "bad_header");
    assert_refused(ask(state, "x-aire-confidence: 1.5\r\n"), 400, "0 to 1");
    assert_refused(ask(state, "x-aire-confidence: high\r\n"), 400, "0 to 1");
    assert_int_equal(gateway_kit_status(ask(state, "x-aire-confidence: 0\r\n")), 200);
}

static void test_a_name_has_a_longest_length(void **state)
{
    char fits[200] = "x-aire-user: ";
    memset(fits + strlen(fits), 'u', DOMAIN_NAME_MAX);
    strcat(fits, "\r\n");
    assert_int_equal(gateway_kit_status(ask(state, fits)), 200);
    fits[strlen(fits) - 2] = '\0';
    strcat(fits, "u\r\n");
    assert_refused(ask(state, fits), 400, "bad_header");
}

static void test_only_registered_agents_are_served(void **state)
{
    assert_int_equal(gateway_kit_status(ask(state, "x-aire-agent: a\r\n")), 200);
    assert_refused(ask(state, "x-aire-agent: c\r\n"), 403, "unknown_agent");
    assert_has(gateway_kit_events(*state), "\"agent\":\"a\"");
}

static void test_a_run_is_named_by_the_path(void **state)
{
    assert_refused(ask(state, "x-aire-run: r1\r\n"), 400, "bad_header");
    assert_refused(ask(state, "x-aire-step: 2\r\n"), 400, "bad_header");
}

static void test_what_is_not_configured_is_refused(void **state)
{
    assert_refused(ask(state, "x-aire-user-assertion: e30.e30.x\r\n"), 403,
                   "assertion_unconfigured");
}

/* ---- keys ---- */

static struct str make_key(void **state, const char *agent, bool vouches, char text[KEY_TEXT_BYTES])
{
    struct commons *commons = gateway_kit_commons(*state);
    const struct key_entry wanted = {.principal = {.tenant = STR("firm"),
                                                   .name = STR("service"),
                                                   .agent = str_of(agent),
                                                   .may_vouch = vouches}};
    struct key_entry made;
    struct store_unit unit;
    assert_int_equal(
        identity_make(commons->env, &wanted, gateway_kit_arena(*state), text, &made, &unit),
        ERR_OK);
    assert_int_equal(identity_add(commons->identity, &made), ERR_OK);
    return made.id;
}

static struct str ask_with(void **state, const char *form, const char *key, const char *fields)
{
    struct arena *arena = gateway_kit_arena(*state);
    struct str field = arena_printf(arena, "%s%s\r\n%s", form, key, fields);
    return ask(state, field.at);
}

static void test_once_a_key_exists_one_is_demanded(void **state)
{
    char key[KEY_TEXT_BYTES];
    (void)make_key(state, "", false, key);
    assert_refused(ask(state, ""), 401, "key_required");
    assert_refused(ask_with(state, "Authorization: Bearer ", "aire_nobody_x", ""), 401,
                   "key_refused");
    assert_int_equal(
        gateway_kit_status(ask_with(state, "Authorization: Bearer ", key, "Host: far.test\r\n")),
        200);
    assert_int_equal(gateway_kit_status(ask_with(state, "x-api-key: ", key, "")), 200);
    assert_int_equal(gateway_kit_status(ask_with(state, "x-aire-key: ", key, "")), 200);
    assert_has(gateway_kit_events(*state), "\"tenant\":\"firm\",\"principal\":\"service\"");
}

static void test_a_key_never_reaches_the_provider(void **state)
{
    char key[KEY_TEXT_BYTES];
    (void)make_key(state, "", false, key);
    (void)ask_with(state, "Authorization: Bearer ", key, "");
    assert_has_not(gateway_kit_sent_head(*state), "aire_");
    (void)ask_with(state, "x-aire-key: ", key, "");
    assert_has_not(gateway_kit_sent_head(*state), "aire_");
}

static void test_a_revoked_key_stops_at_once(void **state)
{
    char key[KEY_TEXT_BYTES];
    char other[KEY_TEXT_BYTES];
    struct str id = make_key(state, "", false, key);
    (void)make_key(state, "", false, other);
    assert_int_equal(gateway_kit_status(ask_with(state, "x-api-key: ", key, "")), 200);
    assert_int_equal(identity_revoke(gateway_kit_commons(*state)->identity, id), ERR_OK);
    assert_refused(ask_with(state, "x-api-key: ", key, ""), 401, "key_refused");
}

static void test_only_a_key_that_may_vouch_names_end_users(void **state)
{
    char plain[KEY_TEXT_BYTES];
    char trusted[KEY_TEXT_BYTES];
    (void)make_key(state, "", false, plain);
    (void)make_key(state, "", true, trusted);
    assert_refused(ask_with(state, "x-api-key: ", plain, "x-aire-user: ann\r\n"), 403,
                   "may_not_vouch");
    assert_int_equal(
        gateway_kit_status(ask_with(state, "x-api-key: ", trusted, "x-aire-user: ann\r\n")), 200);
    assert_has(gateway_kit_events(*state), "\"user\":\"ann\"");
}

static void test_a_header_may_not_contradict_the_key(void **state)
{
    char key[KEY_TEXT_BYTES];
    (void)make_key(state, "a", false, key);
    assert_refused(ask_with(state, "x-api-key: ", key, "x-aire-agent: b\r\n"), 403,
                   "agent_mismatch");
    assert_int_equal(gateway_kit_status(ask_with(state, "x-api-key: ", key, "x-aire-agent: a\r\n")),
                     200);
    assert_int_equal(gateway_kit_status(ask_with(state, "x-api-key: ", key, "")), 200);
    assert_has(gateway_kit_events(*state), "\"agent\":\"a\"");
}

static void test_a_stranger_is_refused_before_the_body(void **state)
{
    char key[KEY_TEXT_BYTES];
    (void)make_key(state, "", false, key);
    struct str answer = gateway_kit_ask(
        *state, "POST " PATH " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                "Content-Length: 30000000\r\n\r\n{");
    assert_refused(answer, 401, "key_required");
    assert_int_equal(cap_used(&gateway_kit_commons(*state)->memory), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_kit, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keyless_loopback_serves_json_for_its_own_host),
        TEST(test_a_page_in_a_browser_cannot_spend_through_it),
        TEST(test_names_are_checked),
        TEST(test_a_name_has_a_longest_length),
        TEST(test_only_registered_agents_are_served),
        TEST(test_a_run_is_named_by_the_path),
        TEST(test_what_is_not_configured_is_refused),
        TEST(test_once_a_key_exists_one_is_demanded),
        TEST(test_a_key_never_reaches_the_provider),
        TEST(test_a_revoked_key_stops_at_once),
        TEST(test_only_a_key_that_may_vouch_names_end_users),
        TEST(test_a_header_may_not_contradict_the_key),
        TEST(test_a_stranger_is_refused_before_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
