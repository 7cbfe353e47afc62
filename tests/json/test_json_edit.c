/* SPDX-License-Identifier: Apache-2.0
 * test_json_edit.c - splices, and members set and removed in every order, held against a model. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/jansson_opinion.h"
#include "support/json_help.h"
#include "json/json_edit.h"

#include <string.h>

struct kit {
    struct arena *arena;
    struct json json;
    struct json_edit edit;
};

static struct kit begin(struct str text)
{
    struct kit kit = {.arena = arena_new(4096)};
    assert_int_equal(json_parse(&kit.json, text, NULL, kit.arena, NULL), ERR_OK);
    json_edit_init(&kit.edit, text, kit.arena);
    return kit;
}

/* The three forms of the result agree; ends the kit. */
static struct str result(struct kit *kit, struct buf *to)
{
    buf_clear(to);
    assert_int_equal(json_edit_apply(&kit->edit, to), ERR_OK);
    assert_int_equal(to->len, json_edit_length(&kit->edit));
    struct str *slices;
    size_t count = json_edit_slices(&kit->edit, &slices);
    struct str rest = buf_str(to);
    for (size_t i = 0; i < count; i++) {
        assert_true(slices[i].len > 0);
        assert_true(str_starts(rest, slices[i]));
        rest = str_cut(rest, slices[i].len, rest.len);
    }
    assert_int_equal(rest.len, 0);
    arena_free(kit->arena);
    return buf_str(to);
}

static void assert_result(struct kit *kit, const char *expected)
{
    struct buf to;
    buf_init(&to, 1 << 20);
    (void)result(kit, &to);
    assert_string_equal(buf_cstr(&to), expected);
    buf_end(&to);
}

static void set(struct kit *kit, const char *key, const char *value)
{
    assert_int_equal(json_edit_set(&kit->edit, &kit->json, JSON_ROOT, str_of(key), str_of(value)),
                     ERR_OK);
}

static void removed(struct kit *kit, const char *key)
{
    assert_int_equal(json_edit_remove(&kit->edit, &kit->json, JSON_ROOT, str_of(key)), ERR_OK);
}

static void without_splices_the_text_is_the_result(void **state)
{
    (void)state;
    struct kit kit = begin(STR(" { \"a\" : 1 } "));
    assert_result(&kit, " { \"a\" : 1 } ");
    kit = begin(STR("[1]"));
    assert_int_equal(json_edit_replace(&kit.edit, 1, 0, STR("")), ERR_OK);
    assert_int_equal(kit.edit.count, 0);
    assert_result(&kit, "[1]");
}

static void splices_are_applied_in_order_of_place(void **state)
{
    (void)state;
    struct kit kit = begin(STR("\"0123456789\""));
    assert_int_equal(json_edit_replace(&kit.edit, 8, 2, STR("x")), ERR_OK);
    assert_int_equal(json_edit_replace(&kit.edit, 2, 1, STR("abc")), ERR_OK);
    assert_int_equal(json_edit_replace(&kit.edit, 2, 0, STR("<")), ERR_OK);
    assert_int_equal(json_edit_replace(&kit.edit, 2, 0, STR("-")), ERR_OK);
    assert_int_equal(json_edit_replace(&kit.edit, 3, 0, STR(">")), ERR_OK);
    assert_int_equal(json_edit_replace(&kit.edit, 3, 2, STR("")), ERR_OK);
    assert_int_equal(json_edit_replace(&kit.edit, 12, 0, STR(" ")), ERR_OK);
    assert_result(&kit, "\"0<-abc>456x9\" ");
}

static void overlap_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct kit kit = begin(STR("\"0123456789\""));
    struct str x = STR("x");
    assert_int_equal(json_edit_replace(&kit.edit, 4, 3, x), ERR_OK);
    assert_int_equal(json_edit_replace(&kit.edit, 9, 0, x), ERR_OK);
    assert_int_equal(json_edit_replace(&kit.edit, 4, 3, x), ERR_INVALID);
    assert_int_equal(json_edit_replace(&kit.edit, 3, 2, x), ERR_INVALID);
    assert_int_equal(json_edit_replace(&kit.edit, 6, 2, x), ERR_INVALID);
    assert_int_equal(json_edit_replace(&kit.edit, 5, 1, x), ERR_INVALID);
    assert_int_equal(json_edit_replace(&kit.edit, 3, 5, x), ERR_INVALID);
    assert_int_equal(json_edit_replace(&kit.edit, 5, 0, x), ERR_INVALID);
    assert_int_equal(json_edit_replace(&kit.edit, 8, 2, x), ERR_INVALID);
    assert_int_equal(json_edit_replace(&kit.edit, 12, 1, x), ERR_INVALID);
    assert_int_equal(json_edit_replace(&kit.edit, 13, 0, x), ERR_INVALID);
    assert_int_equal(json_edit_replace(&kit.edit, 1, SIZE_MAX, x), ERR_INVALID);
    assert_int_equal(json_edit_replace(&kit.edit, SIZE_MAX, 1, x), ERR_INVALID);
    assert_int_equal(kit.edit.count, 2);
    assert_int_equal(json_edit_replace(&kit.edit, 7, 2, x), ERR_OK); /* touching is fine */
    assert_result(&kit, "\"012xxx89\"");
}

static void splices_are_limited(void **state)
{
    (void)state;
    static char text[JSON_EDIT_MAX + 3];
    memset(text, 'a', sizeof text);
    text[0] = '"';
    text[sizeof text - 1] = '"';
    struct kit kit = begin((struct str){text, sizeof text});
    for (size_t i = JSON_EDIT_MAX; i > 0; i--) {
        assert_int_equal(json_edit_replace(&kit.edit, i, 1, STR("bc")), ERR_OK);
    }
    assert_int_equal(json_edit_replace(&kit.edit, JSON_EDIT_MAX + 1, 1, STR("d")), ERR_LIMIT);
    struct buf to;
    buf_init(&to, 1 << 20);
    assert_int_equal(result(&kit, &to).len, JSON_EDIT_MAX * 2 + 3);
    buf_end(&to);
}

static void a_result_over_the_limit_of_the_buffer_is_an_error(void **state)
{
    (void)state;
    struct kit kit = begin(STR("{\"a\":1}"));
    set(&kit, "a", "12345");
    struct buf to;
    buf_init(&to, 10);
    assert_int_equal(json_edit_apply(&kit.edit, &to), ERR_LIMIT);
    buf_end(&to);
    assert_result(&kit, "{\"a\":12345}");
}

static void set_replaces_the_value_only(void **state)
{
    (void)state;
    struct kit kit = begin(STR("{ \"a\" : [1, 2] , \"k\\u0065y\" : \"v\"\n}"));
    set(&kit, "key", "{}");
    set(&kit, "a", "null");
    assert_result(&kit, "{ \"a\" : null , \"k\\u0065y\" : {}\n}");
}

static void set_inserts_in_front(void **state)
{
    (void)state;
    struct kit kit = begin(STR("{\"a\":1}"));
    set(&kit, "q\"\n", "2");
    assert_result(&kit, "{\"q\\\"\\n\":2,\"a\":1}");
    kit = begin(STR("{ }"));
    set(&kit, "x", "1");
    assert_result(&kit, "{\"x\":1 }");
    kit = begin(STR("{}"));
    set(&kit, "x", "1");
    set(&kit, "y", "2");
    set(&kit, "z", "3");
    assert_result(&kit, "{\"x\":1,\"y\":2,\"z\":3}");
}

static void last_word_on_a_member_counts(void **state)
{
    (void)state;
    struct kit kit = begin(STR("{\"a\":1,\"b\":2}"));
    set(&kit, "a", "10");
    set(&kit, "a", "11");
    set(&kit, "new", "1");
    set(&kit, "new", "\"longer\"");
    assert_result(&kit, "{\"new\":\"longer\",\"a\":11,\"b\":2}");
    kit = begin(STR("{\"a\":1,\"b\":2}"));
    set(&kit, "a", "10");
    removed(&kit, "a");
    set(&kit, "new", "1");
    removed(&kit, "new");
    assert_result(&kit, "{\"b\":2}");
    kit = begin(STR("{\"a\":1,\"b\":2}"));
    removed(&kit, "a");
    set(&kit, "a", "3");
    removed(&kit, "b");
    removed(&kit, "b");
    assert_result(&kit, "{\"a\":3}");
}

static void removing_takes_one_comma(void **state)
{
    (void)state;
    struct str text = STR("{ \"a\" : 1 , \"b\" : {\"x\":[]} , \"c\\n\" : \"s\" }");
    struct kit kit = begin(text);
    removed(&kit, "a");
    assert_result(&kit, "{ \"b\" : {\"x\":[]} , \"c\\n\" : \"s\" }");
    kit = begin(text);
    removed(&kit, "b");
    assert_result(&kit, "{ \"a\" : 1 , \"c\\n\" : \"s\" }");
    kit = begin(text);
    removed(&kit, "c\n");
    assert_result(&kit, "{ \"a\" : 1 , \"b\" : {\"x\":[]} }");
    kit = begin(text);
    removed(&kit, "absent");
    assert_result(&kit, text.at);
    kit = begin(STR("{\"only\":1}"));
    removed(&kit, "only");
    assert_result(&kit, "{}");
}

static void duplicates_are_removed_and_set_as_one(void **state)
{
    (void)state;
    struct str text = STR("{\"a\":1,\"b\":2,\"\\u0061\":3,\"c\":4,\"a\":5}");
    struct kit kit = begin(text);
    removed(&kit, "a");
    assert_result(&kit, "{\"b\":2,\"c\":4}");
    kit = begin(text);
    set(&kit, "a", "9");
    assert_result(&kit, "{\"b\":2,\"c\":4,\"a\":9}");
}

static void whole_members_swallow_edits_inside(void **state)
{
    (void)state;
    struct str text = STR("{\"a\":{\"x\":\"secret\",\"y\":1},\"b\":2}");
    struct kit kit = begin(text);
    uint32_t a = json_get(&kit.json, JSON_ROOT, STR("a"));
    assert_int_equal(json_edit_replace(&kit.edit, 11, 6, STR("***")), ERR_OK);
    assert_int_equal(json_edit_set(&kit.edit, &kit.json, a, STR("z"), STR("0")), ERR_OK);
    assert_int_equal(json_edit_remove(&kit.edit, &kit.json, a, STR("y")), ERR_OK);
    set(&kit, "b", "3");
    struct json_edit before = kit.edit;
    struct buf to;
    buf_init(&to, 1000);
    assert_int_equal(json_edit_apply(&before, &to), ERR_OK);
    assert_string_equal(buf_cstr(&to), "{\"a\":{\"z\":0,\"x\":\"***\"},\"b\":3}");
    buf_end(&to);
    removed(&kit, "a");
    assert_result(&kit, "{\"b\":3}");
}

static void edits_below_what_was_replaced_are_refused(void **state)
{
    (void)state;
    struct str text = STR("{\"a\":{\"x\":1},\"b\":2}");
    struct kit kit = begin(text);
    uint32_t a = json_get(&kit.json, JSON_ROOT, STR("a"));
    set(&kit, "a", "[]");
    assert_int_equal(json_edit_set(&kit.edit, &kit.json, a, STR("x"), STR("2")), ERR_INVALID);
    assert_int_equal(json_edit_set(&kit.edit, &kit.json, a, STR("n"), STR("2")), ERR_INVALID);
    arena_free(kit.arena);
    kit = begin(text);
    /* Crosses the border of the member: from its value over the comma. */
    assert_int_equal(json_edit_replace(&kit.edit, 11, 3, STR("},")), ERR_OK);
    assert_int_equal(json_edit_remove(&kit.edit, &kit.json, JSON_ROOT, STR("a")), ERR_INVALID);
    arena_free(kit.arena);
}

static void a_member_written_over_by_hand_still_remains(void **state)
{
    (void)state;
    struct kit kit = begin(STR("{\"a\":1}"));
    assert_int_equal(json_edit_replace(&kit.edit, 1, 5, STR("\"z\":0")), ERR_OK);
    set(&kit, "n", "2");
    assert_result(&kit, "{\"n\":2,\"z\":0}");
}

static void only_objects_have_members(void **state)
{
    (void)state;
    struct kit kit = begin(STR("[1]"));
    assert_int_equal(json_edit_set(&kit.edit, &kit.json, 0, STR("a"), STR("1")), ERR_INVALID);
    assert_int_equal(json_edit_remove(&kit.edit, &kit.json, 0, STR("a")), ERR_INVALID);
    assert_int_equal(json_edit_set(&kit.edit, &kit.json, JSON_NONE, STR("a"), STR("1")),
                     ERR_INVALID);
    assert_result(&kit, "[1]");
    kit = begin(STR("{\"a\":1}"));
    assert_int_equal(json_edit_set(&kit.edit, &kit.json, 0, STR("a"), STR("")), ERR_INVALID);
    assert_result(&kit, "{\"a\":1}");
}

static const char *const forms[] = {
    "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5}",
    " { \"a\" : 1 ,\n\t\"b\" : 2 , \"c\":3 ,\"d\" :4, \"e\": 5 } ",
    "{\"\\u0061\":1,\"\\u0062\":2,\"c\":3,\"\\u0064\":4,\"e\":5}",
};

/* What should remain: the model is the members of the text that are kept. */
static void expect_subset(struct buf *to, unsigned kept, bool with_new)
{
    buf_clear(to);
    enum err code = buf_add(to, with_new ? STR("{\"n\":0") : STR("{"));
    bool comma = with_new;
    for (unsigned i = 0; i < 5; i++) {
        if (kept >> i & 1U) {
            assert_int_equal(code, ERR_OK);
            code = buf_printf(to, "%s\"%c\":%u", comma ? "," : "", 'a' + (int)i, i + 1);
            comma = true;
        }
    }
    assert_int_equal(code, ERR_OK);
    assert_int_equal(buf_add(to, STR("}")), ERR_OK);
}

/* All 32 subsets in all 120 orders, over three ways of writing the object, with and without a new
 * member set at the beginning, in the middle or at the end. */
static void all_subsets_of_five_members_can_be_removed_in_all_orders(void **state)
{
    (void)state;
    struct buf got;
    struct buf expected;
    buf_init(&got, 1000);
    buf_init(&expected, 1000);
    for (unsigned turn = 0; turn < 3U * 120U * 32U * 4U; turn++) {
        unsigned subset = turn % 32;
        unsigned order = turn / 32 % 120;
        unsigned new_at = turn / 32 / 120 % 4; /* 3: no new member */
        struct kit kit = begin(str_of(forms[turn / 32 / 120 / 4]));
        char left[] = "abcde";
        for (unsigned n = 5; n > 0; n--) {
            if (new_at < 3 && n == 5 - new_at * 2) {
                set(&kit, "n", "0");
            }
            unsigned pick = order % n;
            order /= n;
            char key[2] = {left[pick], '\0'};
            memmove(left + pick, left + pick + 1, n - pick);
            if (subset >> (key[0] - 'a') & 1U) {
                removed(&kit, key);
            }
        }
        struct str text = result(&kit, &got);
        expect_subset(&expected, ~subset & 31U, new_at < 3);
        assert_true(json_valid(text, NULL));
        assert_true(jansson_equal(text, buf_str(&expected)));
    }
    buf_end(&got);
    buf_end(&expected);
}

/* Random sets and removals over seven names, of which five are in the text, against an array. */
static void random_sets_and_removals_match_a_model(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 4);
    struct buf got;
    struct buf expected;
    buf_init(&got, 10000);
    buf_init(&expected, 1000);
    for (int turn = 0; turn < 20000; turn++) {
        static const char *const values[] = {"0", "\"x,y\"", "{\"a\":[1]}", "[]", "null", "true"};
        const char *model[7] = {"1", "2", "3", "4", "5", NULL, NULL};
        struct kit kit = begin(str_of(forms[rng_below(&rng, 3)]));
        for (uint64_t steps = rng_below(&rng, 12); steps > 0; steps--) {
            size_t name = (size_t)rng_below(&rng, 7);
            char key[2] = {(char)('a' + name), '\0'};
            if (rng_below(&rng, 2)) {
                model[name] = values[rng_below(&rng, 6)];
                set(&kit, key, model[name]);
            } else {
                model[name] = NULL;
                removed(&kit, key);
            }
        }
        struct str text = result(&kit, &got);
        buf_clear(&expected);
        const char *separator = "{";
        for (size_t i = 0; i < 7; i++) {
            if (model[i] != NULL) {
                assert_int_equal(
                    buf_printf(&expected, "%s\"%c\":%s", separator, 'a' + (int)i, model[i]),
                    ERR_OK);
                separator = ",";
            }
        }
        assert_int_equal(buf_add(&expected, *separator == '{' ? STR("{}") : STR("}")), ERR_OK);
        assert_true(json_valid(text, NULL));
        assert_true(jansson_equal(text, buf_str(&expected)));
    }
    buf_end(&got);
    buf_end(&expected);
}

/* 100,000 members of one name: removing them one by one would be quadratic. */
static void many_duplicates_are_removed_in_one_walk(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 21);
    assert_int_equal(buf_add(&text, STR("{\"k\":0")), ERR_OK);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(buf_add(&text, STR(",\"d\":1")), ERR_OK);
    }
    assert_int_equal(buf_add(&text, STR("}")), ERR_OK);
    struct kit kit = begin(buf_str(&text));
    removed(&kit, "d");
    assert_int_equal(kit.edit.count, 1);
    assert_result(&kit, "{\"k\":0}");
    buf_end(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_splices_the_text_is_the_result),
        cmocka_unit_test(splices_are_applied_in_order_of_place),
        cmocka_unit_test(overlap_is_refused_and_changes_nothing),
        cmocka_unit_test(splices_are_limited),
        cmocka_unit_test(a_result_over_the_limit_of_the_buffer_is_an_error),
        cmocka_unit_test(set_replaces_the_value_only),
        cmocka_unit_test(set_inserts_in_front),
        cmocka_unit_test(last_word_on_a_member_counts),
        cmocka_unit_test(removing_takes_one_comma),
        cmocka_unit_test(duplicates_are_removed_and_set_as_one),
        cmocka_unit_test(whole_members_swallow_edits_inside),
        cmocka_unit_test(edits_below_what_was_replaced_are_refused),
        cmocka_unit_test(a_member_written_over_by_hand_still_remains),
        cmocka_unit_test(only_objects_have_members),
        cmocka_unit_test(all_subsets_of_five_members_can_be_removed_in_all_orders),
        cmocka_unit_test(random_sets_and_removals_match_a_model),
        cmocka_unit_test(many_duplicates_are_removed_in_one_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
