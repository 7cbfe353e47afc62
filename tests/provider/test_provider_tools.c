/* SPDX-License-Identifier: Apache-2.0
 * Truths about the built-in provider's tools: refunds over plain HTTP and over MCP.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "provider/orders.h"
#include "provider/wire.h"

static struct rig rig;

static int plain_rig(void **state)
{
    (void)state;
    rig_start(&rig, "", "");
    return 0;
}

static int end_rig(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static struct answered with(const char *path, const char *fields, const char *body)
{
    struct str line = arena_printf(rig.arena, "POST %s", path);
    struct str all = arena_printf(rig.arena, "Connection: close\r\n%s", fields);
    return wire_ask(&rig, wire_request(&rig, line.at, all.at, str_of(body)), 0);
}

static void orders_are_looked_up(void **state)
{
    (void)state;
    struct answered a = post(&rig, "/lookup", "{\"order_id\":\"1234\"}");
    struct answered b = get(&rig, "/orders/1234", "");
    assert_int_equal(a.status, 200);
    assert_true(str_equal(a.body, b.body));
    assert_at(&rig, a.body, "/order_id", "\"1234\"");
    assert_int_equal(get(&rig, "/orders/4041", "").status, 404);
    assert_int_equal(post(&rig, "/lookup", "{}").status, 400);
    assert_int_equal(post(&rig, "/lookup", "{\"order_id\":\"\\\"\"}").status, 400);
    assert_int_equal(get(&rig, "/lookup", "").status, 405);
}

static void a_key_makes_a_refund_once(void **state)
{
    (void)state;
    const char *body = "{\"order_id\":\"77\",\"amount\":3.5}";
    struct answered a = with("/refund", "Idempotency-Key: k\r\n", body);
    struct answered b = with("/refund", "Idempotency-Key: k\r\n", body);
    assert_int_equal(a.status, 200);
    assert_at(&rig, a.body, "/amount", "3.50");
    assert_true(str_equal(a.body, b.body));
    assert_true(str_equal(wire_field(&b, "idempotency-replayed"), STR("true")));
    assert_true(str_equal(get(&rig, "/refunds/k", "").body, a.body));
    assert_int_equal(get(&rig, "/refunds/other", "").status, 404);
    a = with("/refund", "Idempotency-Key: k\r\n", "{\"order_id\":\"78\",\"amount\":3.5}");
    assert_int_equal(a.status, 422);
    a = get(&rig, "/sim/state", "");
    assert_at(&rig, a.body, "/orders/refunds", "1");
    assert_at(&rig, a.body, "/orders/replayed", "1");
    assert_at(&rig, a.body, "/orders/refunded_cents", "350");
}

static void without_a_key_a_refund_is_executed_again(void **state)
{
    (void)state;
    (void)post(&rig, "/refund", "{\"order_id\":77,\"amount\":1}");
    (void)post(&rig, "/refund", "{\"order_id\":77,\"amount\":1}");
    struct answered a = get(&rig, "/orders/77", "");
    assert_at(&rig, a.body, "/refunds", "2");
    assert_at(&rig, a.body, "/refunded", "2.00");
}

static void senseless_refunds_are_refused(void **state)
{
    (void)state;
    assert_int_equal(post(&rig, "/refund", "{\"order_id\":\"4049\"}").status, 404);
    assert_int_equal(post(&rig, "/refund", "{\"order_id\":\"1\",\"amount\":0}").status, 400);
    assert_int_equal(post(&rig, "/refund", "{\"order_id\":\"1\",\"amount\":-1}").status, 400);
    assert_int_equal(post(&rig, "/refund", "{\"order_id\":\"1\",\"amount\":\"x\"}").status, 400);
    assert_int_equal(post(&rig, "/refund", "{\"order_id\":\"1\",\"amount\":1e6}").status, 422);
    assert_int_equal(post(&rig, "/refund", "nonsense").status, 400);
    struct answered a = get(&rig, "/sim/state", "");
    assert_at(&rig, a.body, "/orders/refunds", "0");
}

/* The case that exactly-once is about: done, but the caller never hears of it. */
static void an_effect_stays_when_its_answer_is_lost(void **state)
{
    (void)state;
    (void)post(
        &rig, "/sim/script",
        "rules:\n  - {match: {dialect: orders, nth: 1}, do: {end: reset, headless: true}}\n");
    struct answered a = with("/refund", "Idempotency-Key: k\r\n", "{\"order_id\":\"7\"}");
    assert_int_equal(a.error, ECONNRESET);
    a = with("/refund", "Idempotency-Key: k\r\n", "{\"order_id\":\"7\"}");
    assert_int_equal(a.status, 200);
    a = get(&rig, "/sim/state", "");
    assert_at(&rig, a.body, "/orders/refunds", "1");
}

static void keys_are_limited(void **state)
{
    (void)state;
    struct orders *orders = orders_new();
    struct arena *arena = arena_new(4096);
    struct json json;
    assert_int_equal(json_parse(&json, STR("{\"order_id\":\"7\",\"amount\":1}"), NULL, arena, NULL),
                     ERR_OK);
    struct orders_request request = {.json = &json, .arguments = JSON_ROOT, .arena = arena};
    for (int i = 0; i < ORDERS_KEYS_MAX; i++) {
        request.key = arena_printf(arena, "key-%d", i);
        assert_int_equal(orders_refund(orders, &request).status, 200);
    }
    request.key = STR("one more");
    assert_int_equal(orders_refund(orders, &request).status, 507);
    assert_int_equal(orders_counts(orders).refunds, ORDERS_KEYS_MAX);
    request.key = STR("key-5");
    assert_true(orders_refund(orders, &request).replayed);
    arena_free(arena);
    orders_free(orders);
}

static void mcp_has_sessions_up_to_2025(void **state)
{
    (void)state;
    struct answered a = post(
        &rig, "/mcp",
        "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"initialize\",\"params\":{"
        "\"protocolVersion\":\"2025-06-18\"}}");
    assert_at(&rig, a.body, "/id", "\"a\"");
    assert_at(&rig, a.body, "/result/protocolVersion", "\"2025-06-18\"");
    assert_true(wire_field(&a, "mcp-session-id").len > 0);
    a = post(&rig, "/mcp", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
    assert_int_equal(a.status, 202);
    assert_int_equal(a.body.len, 0);
    a = post(&rig, "/mcp", "{\"jsonrpc\":\"2.0\",\"id\":-7,\"method\":\"tools/list\"}");
    assert_at(&rig, a.body, "/id", "-7");
    assert_at(&rig, a.body, "/result/tools/1/name", "\"refund_order\"");
    assert_at(&rig, a.body, "/result/resultType", "");
    assert_int_equal(get(&rig, "/mcp", "").status, 405);
}

static void mcp_is_stateless_in_2026(void **state)
{
    (void)state;
    const char *version = "MCP-Protocol-Version: 2026-07-28\r\n";
    struct answered a = with("/mcp", version,
                             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\"}");
    assert_at(&rig, a.body, "/result/supportedVersions/0", "\"2026-07-28\"");
    assert_at(&rig, a.body, "/result/resultType", "\"complete\"");
    assert_at(&rig, a.body, "/result/cacheScope", "\"public\"");
    a = with("/mcp", version, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nope\"}");
    assert_int_equal(a.status, 404);
    assert_at(&rig, a.body, "/error/code", "-32601");
}

static void mcp_calls_tools_plain_and_as_a_stream(void **state)
{
    (void)state;
    const char *call =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
        "\"refund_order\",\"arguments\":{\"order_id\":\"9\",\"amount\":2}}}";
    struct answered a = post(&rig, "/mcp", call);
    assert_at(&rig, a.body, "/result/structuredContent/amount", "2.00");
    assert_at(&rig, a.body, "/result/isError", "false");
    a = post(&rig, "/mcp?sse", call);
    struct events events = events_of(a.body);
    assert_int_equal(events.count, 1);
    assert_true(str_equal(events.names[0], STR("message")));
    assert_at(&rig, events.data[0], "/result/structuredContent/refund_id", "\"re_000002\"");
    a = post(
        &rig, "/mcp",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"rm\"}}");
    assert_at(&rig, a.body, "/result/isError", "true");
    a = post(&rig, "/mcp", "[]");
    assert_int_equal(a.status, 400);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, plain_rig, end_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(orders_are_looked_up),
        WITH_RIG(a_key_makes_a_refund_once),
        WITH_RIG(without_a_key_a_refund_is_executed_again),
        WITH_RIG(senseless_refunds_are_refused),
        WITH_RIG(an_effect_stays_when_its_answer_is_lost),
        cmocka_unit_test(keys_are_limited),
        WITH_RIG(mcp_has_sessions_up_to_2025),
        WITH_RIG(mcp_is_stateless_in_2026),
        WITH_RIG(mcp_calls_tools_plain_and_as_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
