/* SPDX-License-Identifier: Apache-2.0
 * test_sse.c - event streams as WHATWG HTML, section 9.2, reads them, however they are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/sse.h"

#include <stdlib.h>
#include <string.h>

/* Reads all events of `bytes` into a log: one line an event. From memory of exactly that size. */
static enum err feed(struct sse_reader *reader, struct buf *log, const char *at, size_t len)
{
    char *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, at, len);
    struct str input = {copy + 1, len};
    struct sse_event event;
    enum err err = ERR_OK;
    while ((err = sse_read(reader, &input, &event)) == ERR_OK) {
        struct str raw = event.raw;
        /* The one difference that a cut may make: the LF of a final CRLF. */
        raw.len -= str_ends(raw, STR("\r\n")) ? 1 : 0;
        assert_int_equal(buf_printf(log, "%s%s(" STR_FMT ")(" STR_FMT ")<" STR_FMT ">\n",
                                    event.comment ? "comment" : "event",
                                    event.has_event ? "+name" : "", STR_ARG(event.event),
                                    STR_ARG(event.data), STR_ARG(raw)),
                         ERR_OK);
    }
    free(copy);
    return err;
}

/* In a table of constants STR is not one. */
#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct str samples[] = {
    S("data: a\n\ndata: b\n\n"),
    S("data: a\r\n\r\ndata: b\r\n\r\n"),
    S("data: a\r\rdata: b\r\r"),
    S("data: a\r\n\ndata: b\n\r\n"),
    S("\xEF\xBB\xBF"
      "data: a\n\n\xEF\xBB\xBF"
      "data: b\n\n"),
    S(": hello\n\n:\n\ndata:x\n\n"),
    S("event: ping\ndata: {\"a\":1}\nid: 7\nretry: 5\n\n"),
    S("data: a\ndata\ndata:  b\ndata:c\n\n"),
    S("data:\ndata:\n\n"),
    S("data\n\n"),
    S("\n\n\r\n\rdata: a\n\n\n\n\ndata: b\n\n"),
    S("event: a\nevent: b\n\nid: 1\n\n"),
    S("data: \xc3\xa4\xf0\x9f\x98\x80\n\ndata: [DONE]\n\n"),
    S("datax: a\n data: b\nda: c\n\n"),
    S("data: a:b: c\n\ndata: cut"),
};

static void test_no_cut_matters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct str s = samples[i];
        struct buf whole;
        struct sse_reader reader;
        buf_init(&whole, 1 << 16);
        sse_reader_init(&reader, 0);
        assert_int_equal(feed(&reader, &whole, s.at, s.len), ERR_AGAIN);
        sse_reader_end(&reader);
        for (size_t cut = 0; cut <= s.len * s.len; cut++) { /* all pairs of cuts */
            size_t first = cut / (s.len + 1);
            size_t second = cut % (s.len + 1);
            if (first > second || first > s.len) {
                continue;
            }
            struct buf parts;
            buf_init(&parts, 1 << 16);
            sse_reader_init(&reader, 0);
            assert_int_equal(feed(&reader, &parts, s.at, first), ERR_AGAIN);
            assert_int_equal(feed(&reader, &parts, s.at + first, second - first), ERR_AGAIN);
            assert_int_equal(feed(&reader, &parts, s.at + second, s.len - second), ERR_AGAIN);
            sse_reader_end(&reader);
            assert_string_equal(buf_cstr(&parts), buf_cstr(&whole));
            buf_end(&parts);
        }
        buf_end(&whole);
    }
}

static void expect(struct str bytes, const char *log)
{
    struct buf seen;
    struct sse_reader reader;
    buf_init(&seen, 1 << 16);
    sse_reader_init(&reader, 0);
    assert_int_equal(feed(&reader, &seen, bytes.at, bytes.len), ERR_AGAIN);
    assert_string_equal(buf_cstr(&seen), log);
    sse_reader_end(&reader);
    buf_end(&seen);
}

static void test_name_and_data(void **state)
{
    (void)state;
    expect(STR("event: ping\ndata: x\n\n"), "event+name(ping)(x)<event: ping\ndata: x\n\n>\n");
}

static void test_one_space_behind_the_colon_is_dropped(void **state)
{
    (void)state;
    expect(STR("data:a\n\n"), "event()(a)<data:a\n\n>\n");
    expect(STR("data:  a\n\n"), "event()( a)<data:  a\n\n>\n");
}

static void test_data_lines_are_joined(void **state)
{
    (void)state;
    expect(STR("data: a\ndata: b\ndata\n\n"), "event()(a\nb\n)<data: a\ndata: b\ndata\n\n>\n");
    expect(STR("data\ndata\n\n"), "event()(\n)<data\ndata\n\n>\n");
}

static void test_comments_are_told(void **state)
{
    (void)state;
    expect(STR(": ka\n\n"), "comment()()<: ka\n\n>\n");
}

static void test_bom_counts_only_at_the_start(void **state)
{
    (void)state;
    expect(STR("\xEF\xBB\xBF"
               "data: a\n\n"),
           "event()(a)<data: a\n\n>\n");
}

static void test_cut_stream_is_noticed(void **state)
{
    (void)state;
    struct sse_reader reader;
    struct sse_event event;
    sse_reader_init(&reader, 0);
    struct str input = STR("data: a\n");
    assert_int_equal(sse_read(&reader, &input, &event), ERR_AGAIN);
    assert_true(sse_unfinished(&reader));
    input = STR("\n");
    assert_int_equal(sse_read(&reader, &input, &event), ERR_OK);
    assert_false(sse_unfinished(&reader));
    sse_reader_end(&reader);
}

static void test_limit_is_exact(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= 10; cut++) {
        struct sse_reader reader;
        struct buf log;
        buf_init(&log, 4096);
        sse_reader_init(&reader, 10);
        (void)feed(&reader, &log, "data: 12\n\n", cut); /* 10 bytes */
        assert_int_equal(feed(&reader, &log, &"data: 12\n\n"[cut], 10 - cut), ERR_AGAIN);
        assert_string_equal(buf_cstr(&log), "event()(12)<data: 12\n\n>\n");
        sse_reader_end(&reader);
        sse_reader_init(&reader, 10);
        enum err err = feed(&reader, &log, "data: 123\n\n", cut);
        err = err == ERR_AGAIN ? feed(&reader, &log, &"data: 123\n\n"[cut], 11 - cut) : err;
        assert_int_equal(err, ERR_LIMIT);
        sse_reader_end(&reader);
        buf_end(&log);
    }
}

static void test_events_that_arrive_whole_allocate_nothing(void **state)
{
    (void)state;
    struct sse_reader reader;
    struct sse_event event;
    sse_reader_init(&reader, 0);
    struct str input = STR("data: a\n\nevent: x\ndata: b\n\n");
    const char *at = input.at;
    assert_int_equal(sse_read(&reader, &input, &event), ERR_OK);
    assert_ptr_equal(event.raw.at, at);
    assert_ptr_equal(event.data.at, at + 6);
    assert_int_equal(sse_read(&reader, &input, &event), ERR_OK);
    assert_int_equal(sse_read(&reader, &input, &event), ERR_AGAIN);
    assert_null(reader.kept.at);
    sse_reader_end(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_cut_matters),
        cmocka_unit_test(test_name_and_data),
        cmocka_unit_test(test_one_space_behind_the_colon_is_dropped),
        cmocka_unit_test(test_data_lines_are_joined),
        cmocka_unit_test(test_comments_are_told),
        cmocka_unit_test(test_bom_counts_only_at_the_start),
        cmocka_unit_test(test_cut_stream_is_noticed),
        cmocka_unit_test(test_limit_is_exact),
        cmocka_unit_test(test_events_that_arrive_whole_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
