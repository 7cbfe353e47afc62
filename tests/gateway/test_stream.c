/* SPDX-License-Identifier: Apache-2.0
 * test_stream.c - release marks: what may leave, and never before its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "gateway/stream.h"

#include <string.h>

static void add(struct stream *stream, const char *raw, bool content, bool last, uint64_t key,
                uint64_t decoded)
{
    const struct stream_text text = {key, 0, decoded};
    assert_int_equal(stream_add(stream, str_of(raw), content, last, &text, decoded > 0 ? 1 : 0),
                     ERR_OK);
}

static void assert_releasable(struct stream *stream, const char *expected, size_t events)
{
    size_t count;
    struct str bytes = stream_releasable(stream, &count);
    assert_int_equal(count, events);
    assert_int_equal(bytes.len, strlen(expected));
    assert_memory_equal(bytes.at, expected, bytes.len);
}

static void nothing_leaves_before_the_first_content(void **state)
{
    (void)state;
    struct stream stream;
    stream_init(&stream, 0, false);
    add(&stream, "role ", false, false, 0, 0);
    add(&stream, "ping ", false, false, 0, 0);
    assert_releasable(&stream, "", 0);
    add(&stream, "text ", true, false, 1, 4);
    assert_releasable(&stream, "role ping text ", 3);
    stream_end(&stream);
}

static void the_mark_is_the_minimum_over_judges(void **state)
{
    (void)state;
    struct stream stream;
    stream_init(&stream, 2, false);
    add(&stream, "a", true, false, 7, 10);
    add(&stream, "b", true, false, 7, 10);
    assert_releasable(&stream, "", 0);
    stream_clear(&stream, 0, 7, 20);
    assert_releasable(&stream, "", 0);
    stream_clear(&stream, 1, 7, 10);
    assert_releasable(&stream, "a", 1);
    stream_clear(&stream, 1, 7, 20);
    assert_releasable(&stream, "ab", 2);
    stream_end(&stream);
}

static void marks_never_fall(void **state)
{
    (void)state;
    struct stream stream;
    stream_init(&stream, 1, false);
    add(&stream, "a", true, false, 7, 10);
    stream_clear(&stream, 0, 7, 10);
    stream_clear(&stream, 0, 7, 3);
    assert_releasable(&stream, "a", 1);
    stream_end(&stream);
}

static void order_holds_across_channels(void **state)
{
    (void)state;
    struct stream stream;
    stream_init(&stream, 1, false);
    add(&stream, "one", true, false, 1, 5);
    add(&stream, "two", true, false, 2, 5);
    stream_clear(&stream, 0, 2, 5);
    assert_releasable(&stream, "", 0);
    stream_clear(&stream, 0, 1, 5);
    assert_releasable(&stream, "onetwo", 2);
    stream_end(&stream);
}

static void a_locked_end_waits(void **state)
{
    (void)state;
    struct stream stream;
    stream_init(&stream, 0, true);
    add(&stream, "text ", true, false, 1, 4);
    add(&stream, "stop ", false, true, 0, 0);
    assert_releasable(&stream, "text ", 1);
    stream_sent(&stream, 1);
    assert_releasable(&stream, "", 0);
    stream_unlock(&stream);
    assert_releasable(&stream, "stop ", 1);
    stream_end(&stream);
}

static void held_bytes_have_a_limit(void **state)
{
    (void)state;
    struct stream stream;
    static char big[4096];
    memset(big, 'x', sizeof big);
    stream_init(&stream, 1, false);
    size_t added = 0;
    const struct stream_text text = {1, 0, 1};
    while (stream_add(&stream, (struct str){big, sizeof big}, true, false, &text, 1) == ERR_OK) {
        added += sizeof big;
    }
    assert_int_equal(added, STREAM_HELD_MAX);
    stream_end(&stream);
}

static void channels_have_a_limit(void **state)
{
    (void)state;
    struct stream stream;
    stream_init(&stream, 1, false);
    for (uint64_t key = 0; key < STREAM_CHANNELS_MAX; key++) {
        add(&stream, "x", true, false, key + 1, 1);
    }
    const struct stream_text text = {0, 0, 1};
    assert_int_equal(stream_add(&stream, STR("x"), true, false, &text, 1), ERR_LIMIT);
    stream_end(&stream);
}

/* Random adds and clears: what was sent is always a prefix of what was added, and never past a
 * mark. */
static void what_leaves_is_a_cleared_prefix(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct rng rng;
        struct stream stream;
        uint64_t decoded[4] = {0};
        uint64_t cleared[4] = {0};
        char all[4096];
        size_t added = 0;
        size_t sent = 0;
        uint64_t owner[4096];
        uint64_t end[4096];
        rng_seed(&rng, seed);
        stream_init(&stream, 1, false);
        for (int i = 0; i < 200; i++) {
            uint64_t key = rng_below(&rng, 4);
            if (rng_below(&rng, 2) == 0) {
                char byte = (char)('a' + (int)(added % 26));
                decoded[key] += 3;
                owner[added] = key;
                end[added] = decoded[key];
                all[added++] = byte;
                const struct stream_text text = {key, 0, 3};
                assert_int_equal(stream_add(&stream, (struct str){&byte, 1}, true, false, &text, 1),
                                 ERR_OK);
            } else if (decoded[key] > 0) {
                cleared[key] += rng_below(&rng, decoded[key] - cleared[key] + 1);
                stream_clear(&stream, 0, key, cleared[key]);
            }
            size_t events;
            struct str bytes = stream_releasable(&stream, &events);
            for (size_t b = 0; b < bytes.len; b++) {
                assert_int_equal(bytes.at[b], all[sent + b]);
                assert_true(end[sent + b] <= cleared[owner[sent + b]]);
            }
            sent += bytes.len;
            stream_sent(&stream, events);
            assert_true(sent == added || end[sent] > cleared[owner[sent]]);
        }
        stream_end(&stream);
    }
}

/* Events "<xyz>" carry the text between the signs; what leaves is kept without the signs. */
static void drain(struct stream *stream, char *to, size_t *len)
{
    size_t events;
    struct str bytes = stream_releasable(stream, &events);
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.at[i] != '<' && bytes.at[i] != '>') {
            to[(*len)++] = bytes.at[i];
        }
    }
    stream_sent(stream, events);
}

static void an_edit_leaves_with_the_event_in_which_it_begins(void **state)
{
    (void)state;
    struct stream stream;
    const struct stream_text text = {7, 1, 3};
    stream_init(&stream, 1, false);
    assert_int_equal(stream_add(&stream, STR("<abc>"), true, false, &text, 1), ERR_OK);
    assert_int_equal(stream_add(&stream, STR("<def>"), true, false, &text, 1), ERR_OK);
    assert_int_equal(stream_edit(&stream, 7, 2, 4, STR("[!]")), ERR_OK);
    stream_clear(&stream, 0, 7, 6);
    assert_releasable(&stream, "<ab[!]><ef>", 2);
    stream_sent(&stream, 2);
    assert_int_equal(stream.edits, 0);
    stream_end(&stream);
}

static void texts_of_an_event_are_edited_in_the_order_of_its_bytes(void **state)
{
    (void)state;
    struct stream stream;
    const struct stream_text texts[] = {{1, 5, 2}, {2, 1, 2}};
    stream_init(&stream, 1, false);
    assert_int_equal(stream_add(&stream, STR("<ab><cd>"), true, false, texts, 2), ERR_OK);
    assert_int_equal(stream_edit(&stream, 1, 0, 2, STR("C")), ERR_OK);
    assert_int_equal(stream_edit(&stream, 2, 1, 2, STR("B")), ERR_OK);
    stream_clear(&stream, 0, 1, 2);
    assert_releasable(&stream, "", 0);
    stream_clear(&stream, 0, 2, 2);
    assert_releasable(&stream, "<aB><C>", 1);
    stream_sent(&stream, 1);
    stream_end(&stream);
}

static void replacements_have_a_limit(void **state)
{
    (void)state;
    struct stream stream;
    static char big[4096];
    const struct stream_text text = {7, 0, 1000};
    stream_init(&stream, 1, false);
    assert_int_equal(stream_add(&stream, (struct str){big, 1000}, true, false, &text, 1), ERR_OK);
    uint64_t at = 0;
    while (stream_edit(&stream, 7, at, at + 1, (struct str){big, sizeof big}) == ERR_OK) {
        at++;
    }
    assert_int_equal(at, STREAM_HELD_MAX / sizeof big);
    stream_end(&stream);
}

/* Any cut into events, any order of clearing: what leaves is the text with its edits. */
static void edits_hold_for_every_cut(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct rng rng;
        struct stream stream;
        char left[2048];
        char wanted[2048];
        size_t left_len = 0;
        size_t wanted_len = 0;
        uint64_t edited = 0;
        uint64_t came = 0;
        rng_seed(&rng, seed);
        stream_init(&stream, 1, false);
        while (came < 200) {
            char raw[16] = "<";
            size_t len = rng_below(&rng, 6);
            for (size_t i = 0; i < len; i++) {
                raw[1 + i] = (char)('a' + (int)((came + i) % 26));
            }
            raw[1 + len] = '>';
            const struct stream_text text = {7, 1, len};
            assert_int_equal(stream_add(&stream, (struct str){raw, len + 2}, true, false, &text, 1),
                             ERR_OK);
            came += len;
            while (edited < came && rng_below(&rng, 3) > 0) {
                uint64_t from = edited + rng_below(&rng, came - edited);
                uint64_t to = from + 1 + rng_below(&rng, came - from);
                for (; edited < from; edited++) {
                    wanted[wanted_len++] = (char)('a' + (int)(edited % 26));
                }
                assert_int_equal(stream_edit(&stream, 7, from, to, STR("##")), ERR_OK);
                edited = to;
                memcpy(wanted + wanted_len, "##", 2);
                wanted_len += 2;
            }
            stream_clear(&stream, 0, 7, edited);
            drain(&stream, left, &left_len);
        }
        for (; edited < came; edited++) {
            wanted[wanted_len++] = (char)('a' + (int)(edited % 26));
        }
        stream_clear(&stream, 0, 7, came);
        drain(&stream, left, &left_len);
        assert_int_equal(stream.count, 0);
        assert_int_equal(stream.edits, 0);
        assert_int_equal(left_len, wanted_len);
        assert_memory_equal(left, wanted, left_len);
        stream_end(&stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_leaves_before_the_first_content),
        cmocka_unit_test(the_mark_is_the_minimum_over_judges),
        cmocka_unit_test(marks_never_fall),
        cmocka_unit_test(order_holds_across_channels),
        cmocka_unit_test(a_locked_end_waits),
        cmocka_unit_test(held_bytes_have_a_limit),
        cmocka_unit_test(channels_have_a_limit),
        cmocka_unit_test(what_leaves_is_a_cleared_prefix),
        cmocka_unit_test(an_edit_leaves_with_the_event_in_which_it_begins),
        cmocka_unit_test(texts_of_an_event_are_edited_in_the_order_of_its_bytes),
        cmocka_unit_test(replacements_have_a_limit),
        cmocka_unit_test(edits_hold_for_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
