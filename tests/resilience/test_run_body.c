/* SPDX-License-Identifier: Apache-2.0
 * test_run_body.c - a request in parts is the request again, a part's id depends on all before it,
 * and a conversation is kept once however often it is sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/pack.h"
#include "resilience/run_body.h"
#include "support/json_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct seal_key key = {{1, 2, 3}};
static const struct seal_key other_key = {{1, 2, 4}};

static void split_under(const struct seal_key *under, struct str body, struct arena *arena,
                        struct run_body *split)
{
    struct json json;
    bool is_json = json_parse(&json, body, NULL, arena, NULL) == ERR_OK;
    run_body_split(under, body, is_json ? &json : NULL, arena, split);
}

static struct run_body split_of(const char *body, struct arena *arena)
{
    struct run_body split;
    split_under(&key, str_of(body), arena, &split);
    return split;
}

static bool is_same_id(const struct part_id *a, const struct part_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static void turns_of(const struct run_body *split, struct arena *arena, struct str **turns)
{
    *turns = arena_array_of(arena, struct str, split->turn_count + 1);
    for (size_t i = 0; i < split->turn_count; i++) {
        (*turns)[i] = split->turns[i].bytes;
    }
}

/* ---- there and back ---- */

/* Also: ids are a chain, and none is all zero. */
static void check_whole(struct str body, struct arena *arena)
{
    static const struct part_id none = {{0}};
    struct run_body split;
    struct str *turns;
    struct buf joined;
    split_under(&key, body, arena, &split);
    turns_of(&split, arena, &turns);
    buf_init(&joined, body.len);
    assert_int_equal(run_body_join(split.rest.bytes, turns, split.turn_count, &joined), ERR_OK);
    if (!str_equal(buf_str(&joined), body)) {
        fail_msg("%.*s came back as %.*s", STR_ARG(body), STR_ARG(buf_str(&joined)));
    }
    const struct part_id *parent = &none;
    for (size_t i = 0; i < split.turn_count; i++) {
        assert_true(is_same_id(&split.turns[i].parent, parent));
        parent = &split.turns[i].id;
        assert_false(is_same_id(parent, &none));
    }
    assert_true(is_same_id(&split.rest.parent, &none));
    assert_false(is_same_id(&split.rest.id, &none));
    buf_end(&joined);
}

static const char *const bodies[] = {
    "",
    " ",
    "no JSON",
    "{\"messages\":[",
    "{}",
    "[]",
    "3",
    "\"messages\"",
    "[{\"messages\":[1]}]",
    "{\"messages\":[]}",
    "{\"messages\":[ ]}",
    "{\"messages\":{}}",
    "{\"messages\":\"[1]\"}",
    "{\"messages\":[1]}",
    "{\"messages\":[1,2,3],\"model\":\"m\"}",
    " { \"model\" : \"m\" , \"messages\" : [ \n 1 \t, 2 \r, {} , [] , \"]\" ] \n, \"z\" : 1 } \n",
    "{\"messages\":[1],\"messages\":[2,3]}",
    "{\"messages\":[2,3],\"messages\":[1]}",
    "{\"messages\":[1],\"messages\":null}",
    "{\"messages\":[],\"input\":[1,2]}",
    "{\"input\":[1,2],\"messages\":[3]}",
    "{\"input\":\"text\"}",
    "{\"mess\\u0061ges\":[1,2]}",
    "{\"messages\":[{\"messages\":[1,2]},[[3]]]}",
    "{\"a\":{\"messages\":[1,2]}}",
    "{\"messages\":[\"\\\\\",\"\\\"]\",\"[\",\"\xc3\xa9\xf0\x9f\x98\x80\"]}",
};

static void what_is_joined_is_what_was_split(void **state)
{
    struct rng rng;
    (void)state;
    rng_seed(&rng, 5);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct arena *arena = arena_new(4096);
        check_whole(str_of(bodies[i]), arena);
        for (unsigned turn = 0; turn < 1000 && bodies[i][0] != '\0'; turn++) {
            arena_reset(arena);
            check_whole(json_mutate(&rng, str_of(bodies[i]), arena), arena);
        }
        arena_free(arena);
    }
}

static void bytes_that_are_no_text_come_back_too(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    check_whole((struct str){"\0\xff\x80\0", 4}, arena);
    check_whole((struct str){NULL, 0}, arena);
    arena_free(arena);
}

static void the_elements_of_a_conversation_are_its_turns(void **state)
{
    static const size_t counts[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                    1, 3, 5, 2, 1, 0, 2, 1, 0, 2, 2, 0, 4};
    (void)state;
    struct arena *arena = arena_new(4096);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_int_equal(split_of(bodies[i], arena).turn_count, counts[i]);
    }
    struct run_body split = split_of("{\"messages\":[ 1 , 2 ]}", arena);
    assert_true(str_equal(split.turns[0].bytes, STR(" 1")));
    assert_true(str_equal(split.turns[1].bytes, STR(" , 2")));
    assert_true(str_equal(str_cut(split.rest.bytes, 8, SIZE_MAX), STR("{\"messages\":[ ]}")));
    arena_free(arena);
}

static void a_rest_that_is_none_is_refused(void **state)
{
    (void)state;
    struct buf to;
    buf_init(&to, 64);
    const struct str turn = STR("1");
    assert_int_equal(run_body_join(STR(""), &turn, 1, &to), ERR_CORRUPT);
    assert_int_equal(run_body_join((struct str){"\0\0\0\0\0\0\0", 7}, &turn, 1, &to), ERR_CORRUPT);
    assert_int_equal(run_body_join((struct str){"\3\0\0\0\0\0\0\0ab", 10}, &turn, 1, &to),
                     ERR_CORRUPT);
    assert_int_equal(run_body_join((struct str){"\0\0\0\0\0\0\0\x80"
                                                "ab",
                                                10},
                                   &turn, 1, &to),
                     ERR_CORRUPT);
    assert_int_equal(to.len, 0);
    assert_int_equal(run_body_join((struct str){"\2\0\0\0\0\0\0\0ab", 10}, &turn, 1, &to), ERR_OK);
    assert_true(str_equal(buf_str(&to), STR("ab1")));
    buf_end(&to);
}

static void a_body_longer_than_the_buffer_is_refused(void **state)
{
    (void)state;
    const struct str rest = {"\1\0\0\0\0\0\0\0[]", 10};
    const struct str turns[] = {STR_CONST("1"), STR_CONST(",2")};
    for (size_t limit = 0; limit < 6; limit++) {
        struct buf to;
        buf_init(&to, limit);
        assert_int_equal(run_body_join(rest, turns, 2, &to), limit < 5 ? ERR_LIMIT : ERR_OK);
        buf_end(&to);
    }
}

/* ---- ids ---- */

static void a_conversation_that_goes_on_keeps_its_ids(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    struct run_body a = split_of("{\"messages\":[1,2],\"model\":\"m\"}", arena);
    struct run_body b = split_of("{\"messages\":[1,2,3],\"model\":\"m\"}", arena);
    assert_true(is_same_id(&a.turns[0].id, &b.turns[0].id));
    assert_true(is_same_id(&a.turns[1].id, &b.turns[1].id));
    assert_true(is_same_id(&a.rest.id, &b.rest.id));
    arena_free(arena);
}

static void any_earlier_turn_changes_an_id(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    const struct run_body a = split_of("{\"messages\":[1,2,3,4]}", arena);
    const char *const changed[] = {"{\"messages\":[0,2,3,4]}",  "{\"messages\":[1,0,3,4]}",
                                   "{\"messages\":[1,2,0,4]}",  "{\"messages\":[1,2,3,0]}",
                                   "{\"messages\":[ 1,2,3,4]}", "{\"messages\":[2,1,3,4]}"};
    static const size_t first[] = {0, 1, 2, 3, 0, 0};
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        struct run_body b = split_of(changed[i], arena);
        for (size_t turn = 0; turn < 4; turn++) {
            assert_int_equal(is_same_id(&a.turns[turn].id, &b.turns[turn].id), turn < first[i]);
        }
        assert_true(is_same_id(&a.rest.id, &b.rest.id));
    }
    /* The same bytes cut elsewhere are other turns. */
    struct run_body one = split_of("{\"messages\":[\"1,2\"]}", arena);
    struct run_body two = split_of("{\"messages\":[\"1\",\"2\"]}", arena);
    assert_false(is_same_id(&one.turns[0].id, &two.turns[1].id));
    arena_free(arena);
}

static void what_stands_around_changes_the_rest_only(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    const struct run_body a = split_of("{\"messages\":[1,2],\"t\":1}", arena);
    const char *const changed[] = {"{\"messages\":[1,2],\"t\":2}", "{\"t\":1,\"messages\":[1,2]}",
                                   "{\"messages\":[1,2],\"t\":1} ", "{\"messages\":[1,2 ],\"t\":1}",
                                   "{\"input\":[1,2],\"t\":1}"};
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        struct run_body b = split_of(changed[i], arena);
        assert_true(is_same_id(&a.turns[1].id, &b.turns[1].id));
        assert_false(is_same_id(&a.rest.id, &b.rest.id));
    }
    arena_free(arena);
}

static void another_runs_key_gives_other_ids(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4096);
    const struct run_body a = split_of("{\"messages\":[1]}", arena);
    struct run_body b;
    split_under(&other_key, STR("{\"messages\":[1]}"), arena, &b);
    assert_false(is_same_id(&a.turns[0].id, &b.turns[0].id));
    assert_false(is_same_id(&a.rest.id, &b.rest.id));
    arena_free(arena);
}

/* ---- parts that are known ---- */

static struct part_id numbered(uint64_t number)
{
    struct part_id id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    id.bytes[15] = 1;
    return id;
}

static void only_what_was_added_is_known(void **state)
{
    (void)state;
    struct parts_known known = {NULL};
    struct part_id id = numbered(7);
    assert_false(parts_known_has(&known, &id));
    parts_known_add(&known, &id);
    assert_true(parts_known_has(&known, &id));
    id.bytes[15] = 2; /* of the same slot */
    assert_false(parts_known_has(&known, &id));
    parts_known_end(&known);
    assert_false(parts_known_has(&known, &id));
    parts_known_end(&known);
}

static void more_than_fit_are_forgotten_not_mistaken(void **state)
{
    (void)state;
    struct parts_known known = {NULL};
    for (uint64_t i = 0; i < PARTS_KNOWN_MAX * 2; i++) {
        struct part_id id = numbered(i);
        parts_known_add(&known, &id);
        assert_true(parts_known_has(&known, &id));
    }
    for (uint64_t i = 0; i < PARTS_KNOWN_MAX * 2; i++) {
        struct part_id id = numbered(i);
        assert_int_equal(parts_known_has(&known, &id), i >= PARTS_KNOWN_MAX);
    }
    parts_known_end(&known);
}

/* ---- what a conversation costs ---- */

#define TURNS      200
#define TOOL_BYTES KIB(10)

/* Letters and digits at random, of which nothing repeats: dearer than what is written. */
static enum err add_noise(struct buf *to, size_t len, struct rng *rng)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    enum err code = ERR_OK;
    for (size_t i = 0; i < len && code == ERR_OK; i++) {
        code = buf_add_byte(to, letters[rng_below(rng, 64)]);
    }
    return code;
}

/* Made-up words, the short ones often: what people and models write packs better than this. */
static enum err add_words(struct buf *to, size_t len, struct rng *rng)
{
    size_t end = to->len + len;
    enum err code = ERR_OK;
    while (to->len < end && code == ERR_OK) {
        uint64_t rank = rng_below(rng, 1 + rng_below(rng, 3000));
        struct rng word;
        rng_seed(&word, rank);
        size_t letters = 2 + rng_below(&word, 4) + rank % 4;
        for (size_t i = 0; i < letters && code == ERR_OK; i++) {
            code = buf_add_byte(to, "etaoinshrdlcumwfgypbvk"[rng_below(&word, 22)]);
        }
        code = code == ERR_OK ? buf_add_byte(to, ' ') : code;
    }
    to->len = to->len > end ? end : to->len;
    return code;
}

typedef enum err add_text(struct buf *to, size_t len, struct rng *rng);

static void add_tools(struct buf *to, struct rng *rng)
{
    size_t end = to->len + TOOL_BYTES;
    for (unsigned i = 0; to->len < end; i++) {
        assert_int_equal(buf_printf(to,
                                    "%s{\"type\":\"function\",\"function\":{\"name\":\"tool_%u\","
                                    "\"description\":\"",
                                    i > 0 ? "," : "", i),
                         ERR_OK);
        assert_int_equal(add_words(to, 200, rng), ERR_OK);
        assert_int_equal(buf_add(to, STR("\",\"parameters\":{\"type\":\"object\",\"properties\":{\""
                                         "query\":{\"type\":\"string\",\"description\":\"")),
                         ERR_OK);
        assert_int_equal(add_words(to, 80, rng), ERR_OK);
        assert_int_equal(buf_add(to, STR("\"}},\"required\":[\"query\"]}}}")), ERR_OK);
    }
}

struct kept {
    struct part_id ids[TURNS * 2];
    size_t count;
    size_t bytes;
};

/* A part is kept once: packed and sealed. */
static void keep(struct kept *kept, const struct body_part *part)
{
    for (size_t i = 0; i < kept->count; i++) {
        if (is_same_id(&kept->ids[i], &part->id)) {
            return;
        }
    }
    struct buf packed;
    buf_init(&packed, part->bytes.len + 1);
    assert_int_equal(pack(NULL, part->bytes, &packed), ERR_OK);
    kept->bytes += packed.len + SEAL_EXTRA_BYTES;
    buf_end(&packed);
    kept->ids[kept->count++] = part->id;
}

/* Bytes kept for a byte of conversation. Each of 200 requests says one message more and has the
 * same tools. */
static double cost_of_conversation(size_t message_bytes, add_text *add)
{
    struct rng rng;
    struct buf said; /* all messages so far */
    struct buf head;
    struct kept kept = {.count = 0};
    rng_seed(&rng, message_bytes);
    buf_init(&said, MIB(8));
    buf_init(&head, MIB(1));
    assert_int_equal(buf_add(&head, STR("{\"model\":\"m\",\"tools\":[")), ERR_OK);
    add_tools(&head, &rng);
    assert_int_equal(buf_add(&head, STR("],\"messages\":[")), ERR_OK);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct arena *arena = arena_new(4096);
        struct run_body split;
        assert_int_equal(buf_printf(&said, "%s{\"role\":\"%s\",\"content\":\"", turn > 0 ? "," : "",
                                    turn % 2 == 0 ? "user" : "assistant"),
                         ERR_OK);
        assert_int_equal(add(&said, message_bytes, &rng), ERR_OK);
        assert_int_equal(buf_add(&said, STR("\"}")), ERR_OK);
        const struct str pieces[] = {buf_str(&head), buf_str(&said), STR_CONST("]}")};
        split_under(&key, arena_join(arena, pieces, 3), arena, &split);
        assert_int_equal(split.turn_count, turn + 1);
        keep(&kept, &split.rest);
        for (size_t i = 0; i < split.turn_count; i++) {
            keep(&kept, &split.turns[i]);
        }
        arena_free(arena);
    }
    double ratio = (double)kept.bytes / (double)said.len;
    print_message("%zu bytes of conversation in messages of %zu: %zu kept, %.3f a byte\n", said.len,
                  message_bytes, kept.bytes, ratio);
    buf_end(&said);
    buf_end(&head);
    assert_int_equal(kept.count, TURNS + 1);
    return ratio;
}

static void a_long_conversation_is_kept_about_once(void **state)
{
    (void)state;
    assert_true(cost_of_conversation(KIB(8), add_noise) <= 1.3);
    assert_true(cost_of_conversation(KIB(8), add_words) <= 1.3);
    assert_true(cost_of_conversation(200, add_noise) <= 1.3);
    assert_true(cost_of_conversation(200, add_words) <= 1.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_joined_is_what_was_split),
        cmocka_unit_test(bytes_that_are_no_text_come_back_too),
        cmocka_unit_test(the_elements_of_a_conversation_are_its_turns),
        cmocka_unit_test(a_rest_that_is_none_is_refused),
        cmocka_unit_test(a_body_longer_than_the_buffer_is_refused),
        cmocka_unit_test(a_conversation_that_goes_on_keeps_its_ids),
        cmocka_unit_test(any_earlier_turn_changes_an_id),
        cmocka_unit_test(what_stands_around_changes_the_rest_only),
        cmocka_unit_test(another_runs_key_gives_other_ids),
        cmocka_unit_test(only_what_was_added_is_known),
        cmocka_unit_test(more_than_fit_are_forgotten_not_mistaken),
        cmocka_unit_test(a_long_conversation_is_kept_about_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
