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
    assert_int_equal(stream_add(stream, str_of(raw), content, last, key, decoded), ERR_OK);
}

static void assert_releasable(const struct stream *stream, const char *expected, size_t events)
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
    assert_int_equal(stream_mark(&stream, 7), 10);
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
    stream_clear(&stream, 0, 7, 8);
    stream_clear(&stream, 0, 7, 3);
    assert_int_equal(stream_mark(&stream, 7), 8);
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
    stream_sent(&stream, 5, 1);
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
    while (stream_add(&stream, (struct str){big, sizeof big}, true, false, 1, 1) == ERR_OK) {
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
    assert_int_equal(stream_add(&stream, STR("x"), true, false, 0, 1), ERR_LIMIT);
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
                assert_int_equal(stream_add(&stream, (struct str){&byte, 1}, true, false, key, 3),
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
            stream_sent(&stream, bytes.len, events);
            assert_true(sent == added || end[sent] > cleared[owner[sent]]);
        }
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
