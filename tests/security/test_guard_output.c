/* SPDX-License-Identifier: Apache-2.0
 * test_guard_output.c - placeholders that become values again, in text and in arguments of tools.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "security/guard_output.h"

#include <stdio.h>
#include <string.h>

static const struct guard_side no_side;

/* What becomes of a text that is fed in two pieces, or at once (`cut` 0). */
static const char *judged(struct vault *vault, const char *text, size_t cut, bool json,
                          struct arena *arena)
{
    struct guard_output output;
    struct guard_channel channel;
    struct guard_edit edit;
    struct buf to;
    size_t at = 0;
    buf_init(&to, 1 << 16);
    guard_output_init(&output, &no_side, vault, NULL, arena);
    guard_channel_init(&channel, &output, 0);
    channel.json = json;
    const struct str pieces[] = {str_cut(str_of(text), 0, cut),
                                 str_cut(str_of(text), cut, strlen(text))};
    for (size_t i = cut == 0 ? 1 : 0; i < 2; i++) {
        assert_int_equal(guard_channel_feed(&channel, pieces[i], i == 1), ERR_OK);
        while (guard_channel_next(&channel, &edit)) {
            assert_int_equal(buf_add(&to, str_cut(str_of(text), at, edit.from)), ERR_OK);
            assert_int_equal(buf_add(&to, edit.with), ERR_OK);
            at = edit.to;
        }
    }
    assert_int_equal(buf_add(&to, str_cut(str_of(text), at, strlen(text))), ERR_OK);
    guard_channel_end(&channel);
    const char *made = arena_cstr(arena, buf_str(&to));
    buf_end(&to);
    return made;
}

struct world {
    struct arena *arena;
    struct vault *vault;
    struct str number;
    struct str mail;
};

static int open_world(void **state)
{
    static struct world world;
    const struct seal_key key = {{5}};
    world.arena = arena_new(4096);
    world.vault = vault_new(&key);
    assert_int_equal(
        vault_placeholder(world.vault, STR("PHONE_NUMBER"), STR("5550100"), &world.number), ERR_OK);
    assert_int_equal(
        vault_placeholder(world.vault, STR("EMAIL"), STR("a\"b@example.com"), &world.mail), ERR_OK);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;
    vault_free(world->vault);
    arena_free(world->arena);
    return 0;
}

#define GIVES(world, format, placeholder, json, expected)                                          \
    do {                                                                                           \
        char text_[256];                                                                           \
        (void)snprintf(text_, sizeof text_, format, STR_ARG(placeholder));                         \
        assert_string_equal(judged((world)->vault, text_, 0, (json), (world)->arena), (expected)); \
    } while (0)

static void test_a_number_loses_its_quotes_where_it_is_a_value(void **state)
{
    const struct world *world = *state;
    GIVES(world, "{\"a\": \"%.*s\"}", world->number, true, "{\"a\": 5550100}");
    GIVES(world, "[\"%.*s\" ,1]", world->number, true, "[5550100 ,1]");
    GIVES(world, "[1,\"%.*s\"]", world->number, true, "[1,5550100]");
}

static void test_a_number_in_other_words_keeps_the_json_valid(void **state)
{
    const struct world *world = *state;
    GIVES(world, "{\"a\":\"say \\\"%.*s\\\"\"}", world->number, true,
          "{\"a\":\"say \\\"5550100\\\"\"}");
    GIVES(world, "{\"%.*s\":1}", world->number, true, "{\"5550100\":1}");
    GIVES(world, "{\"%.*s\" : 1}", world->number, true, "{\"5550100\" : 1}");
    GIVES(world, "{\"a\":\"call %.*s\"}", world->number, true, "{\"a\":\"call 5550100\"}");
}

static void test_a_value_is_escaped_for_the_json_it_stands_in(void **state)
{
    const struct world *world = *state;
    GIVES(world, "{\"a\":\"%.*s\"}", world->mail, true, "{\"a\":\"a\\\"b@example.com\"}");
    GIVES(world, "to %.*s now", world->mail, false, "to a\"b@example.com now");
}

static void test_a_placeholder_is_restored_once_however_the_text_is_cut(void **state)
{
    const struct world *world = *state;
    char text[256];
    (void)snprintf(text, sizeof text, "call %.*s or %.*s.", STR_ARG(world->number),
                   STR_ARG(world->mail));
    const char *whole = judged(world->vault, text, 0, false, world->arena);
    assert_string_equal(whole, "call 5550100 or a\"b@example.com.");
    for (size_t cut = 1; cut < strlen(text); cut++) {
        assert_string_equal(judged(world->vault, text, cut, false, world->arena), whole);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_number_loses_its_quotes_where_it_is_a_value),
        TEST(test_a_number_in_other_words_keeps_the_json_valid),
        TEST(test_a_value_is_escaped_for_the_json_it_stands_in),
        TEST(test_a_placeholder_is_restored_once_however_the_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
