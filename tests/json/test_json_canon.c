/* SPDX-License-Identifier: Apache-2.0
 * test_json_canon.c - texts that say the same have one canonical form, all others have others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "support/json_help.h"
#include "json/json_canon.h"

#include <string.h>

/* The canonical form under masks ("" none), in the arena. */
static struct str masked(struct str text, const char *const *pointers, struct arena *arena)
{
    struct json json;
    struct json_masks masks = {.count = 0};
    struct json_canon how = {.masks = &masks, .arena = arena};
    struct buf to;
    if (json_parse(&json, text, NULL, arena, NULL) != ERR_OK) {
        fail_msg("not JSON: %.*s", STR_ARG(text));
    }
    for (size_t i = 0; pointers != NULL && pointers[i] != NULL; i++) {
        assert_int_equal(json_masks_add(&masks, str_of(pointers[i]), arena), ERR_OK);
    }
    buf_init(&to, MIB(1));
    assert_int_equal(json_canon(&how, &json, JSON_ROOT, &to), ERR_OK);
    struct str canon = arena_str(arena, buf_str(&to));
    buf_end(&to);
    return canon;
}

static struct str canon_of(const char *text, struct arena *arena)
{
    return masked(str_of(text), NULL, arena);
}

static void expect(const char *text, const char *expected)
{
    struct arena *arena = arena_new(4096);
    struct str got = canon_of(text, arena);
    if (!str_equal(got, str_of(expected))) {
        fail_msg("%s: %.*s, expected %s", text, STR_ARG(got), expected);
    }
    arena_free(arena);
}

static void expect_masked(const char *text, const char *const *pointers, const char *expected)
{
    struct arena *arena = arena_new(4096);
    struct str got = masked(str_of(text), pointers, arena);
    if (!str_equal(got, str_of(expected))) {
        fail_msg("%s: %.*s, expected %s", text, STR_ARG(got), expected);
    }
    arena_free(arena);
}

static bool is_same(const char *a, const char *b)
{
    struct arena *arena = arena_new(4096);
    bool same = str_equal(canon_of(a, arena), canon_of(b, arena));
    arena_free(arena);
    return same;
}

/* ---- what does not matter ---- */

static void white_space_does_not_matter(void **state)
{
    (void)state;
    expect(" {\n\t\"a\" : [ 1 , true , null , { } ] ,\r\n \"b\" : \" x \" }\n",
           "{\"a\":[1e0,true,null,{}],\"b\":\" x \"}");
}

static void order_of_members_does_not_matter(void **state)
{
    (void)state;
    expect("{\"b\":1,\"a\":{\"d\":2,\"c\":3},\"\":4}",
           "{\"\":4e0,\"a\":{\"c\":3e0,\"d\":2e0},\"b\":1e0}");
    expect("{\"ab\":1,\"a\":2,\"\\u0061a\":3}", "{\"a\":2e0,\"aa\":3e0,\"ab\":1e0}");
    /* by bytes: U+FFFF before U+10000, unlike UTF-16 */
    expect("{\"\\ud800\\udc00\":1,\"\\uffff\":2}",
           "{\"\xef\xbf\xbf\":2e0,\"\xf0\x90\x80\x80\":1e0}");
}

static void escapes_do_not_matter(void **state)
{
    (void)state;
    expect("[\"\\u0041\\/\\u00e9\\ud83d\\ude00\"]", "[\"A/\xc3\xa9\xf0\x9f\x98\x80\"]");
    expect("{\"\\u006bey\":\"\\\"\\\\\\n\\u000a\\u0000\"}", "{\"key\":\"\\\"\\\\\\n\\n\\u0000\"}");
}

static void ways_to_write_a_number_do_not_matter(void **state)
{
    static const struct {
        const char *text;
        const char *canon;
    } rows[] = {
        {"0", "0"},
        {"-0", "0"},
        {"0.000", "0"},
        {"-0.0e5", "0"},
        {"0e99999999999999999999", "0"},
        {"-0E-99999999999999999999", "0"},
        {"1", "1e0"},
        {"100", "1e2"},
        {"1e2", "1e2"},
        {"1E+2", "1e2"},
        {"1e0000000000000000000000000002", "1e2"},
        {"0.1e3", "1e2"},
        {"100.00", "1e2"},
        {"10000e-2", "1e2"},
        {"-12.50", "-125e-1"},
        {"0.00123", "123e-5"},
        {"9007199254740993", "9007199254740993e0"},
        {"123456789012345678901234567890", "12345678901234567890123456789e1"},
        {"0.1000000000000000055511151231257827", "1000000000000000055511151231257827e-34"},
        {"1e400", "1e400"},
        {"1e-400", "1e-400"},
        {"1e4294967296", "1e4294967296"},
        {"10e4294967295", "1e4294967296"},
        {"1e-9223372036854775808", "1e-9223372036854775808"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect(rows[i].text, rows[i].canon);
    }
}

static void members_of_one_name_keep_their_order(void **state)
{
    (void)state;
    expect("{\"b\":1,\"a\":2,\"a\":1,\"\\u0061\":3}", "{\"a\":2e0,\"a\":1e0,\"a\":3e0,\"b\":1e0}");
    assert_false(is_same("{\"a\":1,\"a\":2}", "{\"a\":2,\"a\":1}"));
    assert_false(is_same("{\"a\":1,\"a\":1}", "{\"a\":1}"));
}

/* ---- what matters ---- */

/* No two of these say the same. */
static const char *const others[] = {
    "null",
    "false",
    "true",
    "0",
    "1",
    "-1",
    "10",
    "0.1",
    "1.1",
    "11",
    "\"\"",
    "\"0\"",
    "\"1\"",
    "\"1e0\"",
    "\"null\"",
    "[]",
    "[[]]",
    "{}",
    "[{}]",
    "[null]",
    "[1]",
    "[1,1]",
    "[11]",
    "[1,2]",
    "[2,1]",
    "[[1],2]",
    "[[1,2]]",
    "{\"a\":1}",
    "{\"a\":\"1\"}",
    "{\"A\":1}",
    "{\"a\":[1]}",
    "{\"a\":{}}",
    "{\"a\":null}",
    "{\"a\":1,\"b\":2}",
    "{\"a\":2,\"b\":1}",
    "{\"a\":{\"b\":2}}",
    "\"a\"",
    "\"a \"",
    "\" a\"",
    "\"\\n\"",
    "\"\\\\n\"",
    "\"\\u0000\"",
    "\"\\\\u0000\"",
    "\"a\\\",\\\"b\"",
    "[\"a\",\"b\"]",
    "\"\\ud800\"",
    "\"\\ud801\"",
    "\"\\udc00\"",
    "\"\\ufffd\"",
    "\"\\\\ud800\"",
    "\"\\ud800\\ud800\"",
    "\"\\udc00\\ud800\"",
    "{\"\\ud800\":1}",
    "{\"\\ud801\":1}",
    "{\"\\ufffd\":1}",
    "9007199254740992",
    "9007199254740993",
    "1e400",
    "1e401",
    "1e99999999999999999999",
    "1e-99999999999999999999",
    "1e99999999999999999998",
    "\"\xc3\xa9\"",
    "\"e\xcc\x81\"",
};

static void everything_else_matters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        for (size_t k = 0; k < i; k++) {
            if (is_same(others[i], others[k])) {
                fail_msg("%s and %s are taken for one", others[i], others[k]);
            }
        }
    }
}

/* ---- in general ---- */

/* Rewriting by other rules (raw numbers, order of the text) changes nothing, nor does canon. */
static void check_stable(struct str text, struct arena *arena)
{
    struct json json;
    if (json_parse(&json, text, NULL, arena, NULL) != ERR_OK) {
        return;
    }
    struct str canon = masked(text, NULL, arena);
    struct str again = masked(canon, NULL, arena);
    if (!str_equal(canon, again)) {
        fail_msg("%.*s: first %.*s, then %.*s", STR_ARG(text), STR_ARG(canon), STR_ARG(again));
    }
    struct buf other;
    buf_init(&other, MIB(1));
    assert_int_equal(json_rewrite(&json, arena, &other), ERR_OK);
    bool lone = str_find(canon, STR("\\ud")) != SIZE_MAX; /* that rewriter replaces them */
    if (!lone && !str_equal(canon, masked(buf_str(&other), NULL, arena))) {
        fail_msg("%.*s: not the same as %.*s", STR_ARG(text), STR_ARG(buf_str(&other)));
    }
    buf_end(&other);
}

static void the_canonical_form_is_its_own(void **state)
{
    struct rng rng;
    (void)state;
    rng_seed(&rng, 11);
    for (size_t i = 0; i < json_samples_count; i++) {
        struct arena *arena = arena_new(4096);
        check_stable(json_samples[i], arena);
        for (unsigned turn = 0; turn < 2000; turn++) {
            arena_reset(arena);
            check_stable(json_mutate(&rng, json_samples[i], arena), arena);
        }
        arena_free(arena);
    }
}

static void a_node_is_canonical_by_itself(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    struct json json;
    struct json_canon how = {.arena = arena};
    struct buf to;
    buf_init(&to, 64);
    assert_int_equal(json_parse(&json, STR("{\"a\":[10,{\"c\":1,\"b\":2}]}"), NULL, arena, NULL),
                     ERR_OK);
    uint32_t list = json_get(&json, JSON_ROOT, STR("a"));
    assert_int_equal(buf_add(&to, STR("before ")), ERR_OK);
    assert_int_equal(json_canon(&how, &json, list, &to), ERR_OK);
    assert_true(str_equal(buf_str(&to), STR("before [1e1,{\"b\":2e0,\"c\":1e0}]")));
    buf_end(&to);
    arena_free(arena);
}

static void a_buffer_that_is_too_small_is_said_to_be(void **state)
{
    (void)state;
    const struct str text = STR("{\"b\":[-10,0.5,0,true,null],\"a\":\"\\ud800x\\u0001\\ufffd\"}");
    struct arena *arena = arena_new(4096);
    struct json json;
    struct json_canon how = {.arena = arena};
    size_t len = masked(text, NULL, arena).len;
    assert_int_equal(json_parse(&json, text, NULL, arena, NULL), ERR_OK);
    for (size_t limit = 0; limit <= len; limit++) {
        struct buf to;
        buf_init(&to, limit);
        enum err code = json_canon(&how, &json, JSON_ROOT, &to);
        assert_int_equal(code, limit < len ? ERR_LIMIT : ERR_OK);
        buf_end(&to);
    }
    arena_free(arena);
}

static enum err canon_nested(uint32_t depth)
{
    struct arena *arena = arena_new(4096);
    struct json json;
    struct json_canon how = {.arena = arena};
    const struct json_limits limits = {.depth_max = depth};
    char text[2 * JSON_DEPTH_MAX + 2];
    struct buf to;
    buf_init(&to, sizeof text);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    assert_int_equal(json_parse(&json, (struct str){text, 2 * depth}, &limits, arena, NULL),
                     ERR_OK);
    enum err code = json_canon(&how, &json, JSON_ROOT, &to);
    assert_true(code != ERR_OK || str_equal(buf_str(&to), json.text));
    buf_end(&to);
    arena_free(arena);
    return code;
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    assert_int_equal(canon_nested(JSON_DEPTH_MAX), ERR_OK);
    assert_int_equal(canon_nested(JSON_DEPTH_MAX + 1), ERR_LIMIT);
}

static struct str shout(struct str text, struct arena *arena)
{
    return arena_printf(arena, STR_FMT "!", STR_ARG(text));
}

static void values_are_folded_and_names_are_not(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    struct json json;
    struct json_canon how = {.fold = shout, .arena = arena};
    struct buf to;
    buf_init(&to, 64);
    assert_int_equal(json_parse(&json, STR("{\"a\":[\"b\",1,\"\\u0063\"]}"), NULL, arena, NULL),
                     ERR_OK);
    assert_int_equal(json_canon(&how, &json, JSON_ROOT, &to), ERR_OK);
    assert_true(str_equal(buf_str(&to), STR("{\"a\":[\"b!\",1e0,\"c!\"]}")));
    buf_end(&to);
    arena_free(arena);
}

/* ---- masks ---- */

static void what_a_mask_names_is_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *masks[3];
        const char *canon;
    } rows[] = {
        {"{\"a\":1,\"b\":2}", {"/a"}, "{\"b\":2e0}"},
        {"{\"b\":2}", {"/a"}, "{\"b\":2e0}"},
        {"{\"a\":{\"a\":1,\"b\":2}}", {"/a/a"}, "{\"a\":{\"b\":2e0}}"},
        {"{\"a\":1,\"\\u0061\":2,\"b\":3}", {"/a"}, "{\"b\":3e0}"},
        {"{\"a\":[1,2,3]}", {"/a/1"}, "{\"a\":[1e0,3e0]}"},
        {"{\"a\":[1,2,3]}", {"/a/0"}, "{\"a\":[2e0,3e0]}"},
        {"{\"a\":[1]}", {"/a/01"}, "{\"a\":[1e0]}"},
        {"{\"a\":[1,2,3]}", {"/a/*"}, "{\"a\":[]}"},
        {"{\"a\":1,\"b\":{}}", {"/*"}, "{}"},
        {"{\"m\":[{\"id\":1,\"t\":2},{\"id\":3,\"t\":4}]}",
         {"/m/*/id"},
         "{\"m\":[{\"t\":2e0},{\"t\":4e0}]}"},
        {"{\"m\":{\"x\":{\"id\":1},\"y\":{\"id\":2}}}", {"/m/*/id"}, "{\"m\":{\"x\":{},\"y\":{}}}"},
        {"{\"a\":1,\"b\":2,\"c\":3}", {"/a", "/c"}, "{\"b\":2e0}"},
        {"{\"a\":{\"b\":1,\"c\":2}}", {"/a/b", "/*/c"}, "{\"a\":{}}"},
        {"{\"a/b\":1,\"c~d\":2,\"e\":3}", {"/a~1b", "/c~0d"}, "{\"e\":3e0}"},
        {"{\"a\":{\"b\":1},\"b\":2}", {"/b"}, "{\"a\":{\"b\":1e0}}"},
        {"{\"\":1,\"a\":2}", {"/"}, "{\"a\":2e0}"},
        {"{\"a\":{\"\":1}}", {"/a/"}, "{\"a\":{}}"},
        {"{\"a\":1}", {"/a/b"}, "{\"a\":1e0}"},
        {"[1,2]", {"/0"}, "[2e0]"},
        {"3", {"/0"}, "3e0"},
        {"{\"a\":\"b\"}", {"/b"}, "{\"a\":\"b\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_masked(rows[i].text, rows[i].masks, rows[i].canon);
    }
}

static void a_mask_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a", "a/b", "/~", "/a~2", "/a~", " /a"};
    struct arena *arena = arena_new(1024);
    struct json_masks masks = {.count = 0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(json_masks_add(&masks, str_of(bad[i]), arena), ERR_INVALID);
    }
    assert_int_equal(masks.count, 0);
    arena_free(arena);
}

static void masks_have_limits(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    struct json_masks masks = {.count = 0};
    assert_int_equal(
        json_masks_add(&masks, STR("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), arena),
        ERR_LIMIT);
    assert_int_equal(json_masks_add(&masks, STR("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"), arena),
                     ERR_OK);
    while (masks.count < JSON_MASKS_MAX) {
        struct str pointer = arena_printf(arena, "/m%zu", masks.count);
        assert_int_equal(json_masks_add(&masks, pointer, arena), ERR_OK);
    }
    assert_int_equal(json_masks_add(&masks, STR("/b"), arena), ERR_LIMIT);
    struct json json;
    struct json_canon how = {.masks = &masks, .arena = arena};
    struct buf to;
    buf_init(&to, 64);
    assert_int_equal(json_parse(&json, STR("{\"m1\":1,\"m31\":2,\"m32\":3}"), NULL, arena, NULL),
                     ERR_OK);
    assert_int_equal(json_canon(&how, &json, JSON_ROOT, &to), ERR_OK);
    assert_true(str_equal(buf_str(&to), STR("{\"m32\":3e0}")));
    buf_end(&to);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_does_not_matter),
        cmocka_unit_test(order_of_members_does_not_matter),
        cmocka_unit_test(escapes_do_not_matter),
        cmocka_unit_test(ways_to_write_a_number_do_not_matter),
        cmocka_unit_test(members_of_one_name_keep_their_order),
        cmocka_unit_test(everything_else_matters),
        cmocka_unit_test(the_canonical_form_is_its_own),
        cmocka_unit_test(a_node_is_canonical_by_itself),
        cmocka_unit_test(a_buffer_that_is_too_small_is_said_to_be),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(values_are_folded_and_names_are_not),
        cmocka_unit_test(what_a_mask_names_is_left_out),
        cmocka_unit_test(a_mask_that_is_none_is_refused),
        cmocka_unit_test(masks_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
