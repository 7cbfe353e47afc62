/* SPDX-License-Identifier: Apache-2.0
 * test_json_path.c - RFC 6901: the examples of its section 5 and the refusals of sections 3 and 4.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/json_path.h"

#include <string.h>

static const char document[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
                               "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,"
                               "\"deep\":[{\"\":{\"x\":9}}],\"0\":10}";

static void assert_path(const char *pointer, const char *raw)
{
    struct arena *arena = arena_new(1024);
    struct json json;
    assert_int_equal(json_parse(&json, str_of(document), NULL, arena, NULL), ERR_OK);
    uint32_t node = json_path(&json, str_of(pointer));
    if (raw == NULL) {
        assert_int_equal(node, JSON_NONE);
    } else {
        assert_int_not_equal(node, JSON_NONE);
        assert_true(str_equal(json_raw(&json, node), str_of(raw)));
    }
    arena_free(arena);
}

static void examples_of_the_rfc_are_found(void **state)
{
    (void)state;
    assert_path("", document);
    assert_path("/foo", "[\"bar\",\"baz\"]");
    assert_path("/foo/0", "\"bar\"");
    assert_path("/", "0");
    assert_path("/a~1b", "1");
    assert_path("/c%d", "2");
    assert_path("/e^f", "3");
    assert_path("/g|h", "4");
    assert_path("/i\\j", "5");
    assert_path("/k\"l", "6");
    assert_path("/ ", "7");
    assert_path("/m~0n", "8");
    assert_path("/deep/0//x", "9");
    assert_path("/0", "10");
}

static void what_is_not_there_is_none(void **state)
{
    (void)state;
    const char *absent[] = {"/foo/2", "/foo/-",    "/foo/01", "/foo/+1",
                            "/foo/",  "/foo/0/x",  "/bar",    "/foo/99999999999999999999",
                            "//",     "/deep/0/x", "/foo/00"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        assert_path(absent[i], NULL);
    }
}

static void malformed_pointers_are_refused(void **state)
{
    (void)state;
    const char *malformed[] = {"foo", "/m~n", "/m~", "/~2", "#/foo", " /foo"};
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        assert_path(malformed[i], NULL);
    }
}

static void escapes_decode_once(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    struct json json;
    assert_int_equal(json_parse(&json, STR("{\"~1\":1,\"/\":2}"), NULL, arena, NULL), ERR_OK);
    assert_int_equal(json_path(&json, STR("/~01")), 2); /* "~1", not "/" */
    assert_int_equal(json_path(&json, STR("/~1")), 4);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_rfc_are_found),
        cmocka_unit_test(what_is_not_there_is_none),
        cmocka_unit_test(malformed_pointers_are_refused),
        cmocka_unit_test(escapes_decode_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
