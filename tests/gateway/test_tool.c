/* SPDX-License-Identifier: Apache-2.0
 * test_tool.c - paths below /tools/ and the actions they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/tool.h"

static const struct action actions[] = {
    {.name = STR_CONST("hold"),
     .effect = EFFECT_IDEMPOTENT,
     .match = {STR_CONST("PUT"), STR_CONST("/orders/{id}/hold")}},
    {.name = STR_CONST("orders"), .effect = EFFECT_READ},
    {.name = STR_CONST("refund"), .effect = EFFECT_KEYED},
};
static const struct tool shop = {.name = STR_CONST("shop"), .actions = actions, .action_count = 3};

static void assert_action(const char *method, const char *path, const char *name)
{
    const struct action *action = tool_action(&shop, str_of(method), str_of(path));
    if (!str_equal(action->name, str_of(name))) {
        fail_msg("%s %s is '" STR_FMT "', not '%s'", method, path, STR_ARG(action->name), name);
    }
}

static void test_a_path_names_a_tool_and_the_rest_is_its_own(void **state)
{
    static const struct {
        const char *path;
        const char *name;
        const char *tail;
    } cases[] = {{"/tools/shop", "shop", ""},
                 {"/tools/shop/", "shop", "/"},
                 {"/tools/shop/a/b", "shop", "/a/b"},
                 {"/tools/shop//a", "shop", "//a"}};
    struct str name;
    struct str tail;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(tool_split(str_of(cases[i].path), &name, &tail));
        assert_true(str_equal(name, str_of(cases[i].name)));
        assert_true(str_equal(tail, str_of(cases[i].tail)));
    }
    assert_false(tool_split(STR("/tools/"), &name, &tail));
    assert_false(tool_split(STR("/tools//x"), &name, &tail));
    assert_false(tool_split(STR("/v1/models"), &name, &tail));
}

static void test_no_path_leaves_the_base(void **state)
{
    static const char *const bad[] = {"/..",     "/a/../b", "/.",      "/%2e%2E/x", "/a/..%2fb",
                                      "/a%5c..", "/..\\a",  "/.%2e/",  "/%",        "/%4",
                                      "/%zz",    "/a/%2E",  "/a//../", "/%2e"};
    static const char *const good[] = {"",     "/",      "/...",     "/..a",
                                       "/a..", "/a.b/c", "/%41%2fb", "/ .."};
    struct arena *arena = arena_new(4096);
    struct str decoded;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (tool_decode(str_of(bad[i]), arena, &decoded) == ERR_OK) {
            fail_msg("%s was let through", bad[i]);
        }
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(tool_decode(str_of(good[i]), arena, &decoded), ERR_OK);
    }
    assert_int_equal(tool_decode(STR("/%41%2fb"), arena, &decoded), ERR_OK);
    assert_true(str_equal(decoded, STR("/A/b")));
    arena_free(arena);
}

static void test_the_match_comes_before_the_name_in_the_files_order(void **state)
{
    (void)state;
    assert_action("PUT", "/orders/17/hold", "hold");
    assert_action("POST", "/orders/17/hold", "orders");
    assert_action("PUT", "/orders/17/hold/x", "orders");
    assert_action("PUT", "/orders//17/hold/", "hold");
    assert_action("DELETE", "/orders", "orders");
    assert_action("GET", "//refund/1", "refund");
}

static void test_an_action_with_a_match_is_not_found_by_its_name(void **state)
{
    (void)state;
    assert_action("PUT", "/hold", "undeclared");
}

static void test_undeclared_calls_read_by_method_and_are_else_unsafe(void **state)
{
    static const char *const reads[] = {"GET", "HEAD", "OPTIONS"};
    static const char *const others[] = {"POST", "PUT", "PATCH", "DELETE", "PROPFIND", "get"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tool_action(&shop, str_of(reads[i]), STR("/x"))->effect, EFFECT_READ);
    }
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(tool_action(&shop, str_of(others[i]), STR("/x"))->effect, EFFECT_UNSAFE);
    }
    assert_int_equal(tool_action(&shop, STR("POST"), STR(""))->effect, EFFECT_UNSAFE);
}

static void test_declared_calls_are_a_method_and_a_path(void **state)
{
    static const char *const bad[] = {"",        "GET",      "/x",      "GET x", "get /x",  " /x",
                                      "GET  /x", "GET /x y", "GET /x?", "G1 /x", "GET /%41"};
    struct action_call call;
    (void)state;
    assert_true(action_call_read(STR("GET /refunds/{key}"), &call));
    assert_true(str_equal(call.method, STR("GET")));
    assert_true(str_equal(call.path, STR("/refunds/{key}")));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (action_call_read(str_of(bad[i]), &call)) {
            fail_msg("'%s' was let through", bad[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_names_a_tool_and_the_rest_is_its_own),
        cmocka_unit_test(test_no_path_leaves_the_base),
        cmocka_unit_test(test_the_match_comes_before_the_name_in_the_files_order),
        cmocka_unit_test(test_an_action_with_a_match_is_not_found_by_its_name),
        cmocka_unit_test(test_undeclared_calls_read_by_method_and_are_else_unsafe),
        cmocka_unit_test(test_declared_calls_are_a_method_and_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
