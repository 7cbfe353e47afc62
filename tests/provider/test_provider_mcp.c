/* SPDX-License-Identifier: Apache-2.0
 * Truths about the built-in provider's tools over MCP.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "provider/wire.h"

static struct rig rig;

static int start(void **state)
{
    (void)state;
    rig_start(&rig, "", "");
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static struct answered rpc(const char *message)
{
    return post(&rig, "/mcp", arena_printf(rig.arena, "{\"jsonrpc\":\"2.0\",%s}", message).at);
}

static void a_session_begins_with_initialize(void **state)
{
    (void)state;
    struct answered a = rpc("\"id\":\"a\",\"method\":\"initialize\",\"params\":{}");
    assert_at(&rig, a.body, "/id", "\"a\"");
    assert_at(&rig, a.body, "/result/protocolVersion", "\"2025-11-25\"");
    assert_true(wire_field(&a, "mcp-session-id").len > 0);
    a = rpc("\"method\":\"notifications/initialized\"");
    assert_int_equal(a.status, 202);
    assert_int_equal(a.body.len, 0);
    a = rpc("\"id\":-7,\"method\":\"tools/list\"");
    assert_at(&rig, a.body, "/id", "-7");
    assert_at(&rig, a.body, "/result/tools/1/name", "\"refund_order\"");
    assert_int_equal(get(&rig, "/mcp", "").status, 405);
}

static void tools_answer_alike_every_time(void **state)
{
    (void)state;
    const char *call = "\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"lookup_order\","
                       "\"arguments\":{\"order_id\":\"\\\"9\"}}";
    struct answered a = rpc(call);
    assert_at(&rig, a.body, "/result/structuredContent/order_id", "\"\\\"9\"");
    assert_at(&rig, a.body, "/result/isError", "false");
    assert_true(str_equal(a.body, rpc(call).body));
    a = rpc("\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"rm\"}");
    assert_at(&rig, a.body, "/result/isError", "true");
}

static void what_is_no_call_is_refused(void **state)
{
    (void)state;
    assert_at(&rig, rpc("\"id\":1,\"method\":\"nope\"").body, "/error/code", "-32601");
    assert_int_equal(post(&rig, "/mcp", "[]").status, 400);
    assert_at(&rig, post(&rig, "/mcp", "{").body, "/error/code", "-32700");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_begins_with_initialize),
        cmocka_unit_test(tools_answer_alike_every_time),
        cmocka_unit_test(what_is_no_call_is_refused),
    };
    return cmocka_run_group_tests(tests, start, end);
}
