/* SPDX-License-Identifier: Apache-2.0
 * test_http1.c - what is accepted, what is refused and how, and that no cut of the bytes matters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/http1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a log of events ---- */

static void say(struct buf *log, const char *word, struct str what)
{
    assert_int_equal(buf_printf(log, "%s[" STR_FMT "]", word, STR_ARG(what)), ERR_OK);
}

static void say_head(struct buf *log, const struct http_head *head)
{
    assert_int_equal(buf_printf(log, "HEAD %u 1.%u keep=%d length=%d,%llu chunked=%d continue=%d",
                                head->status, head->minor, head->keep_alive, head->has_length,
                                (unsigned long long)head->length, head->chunked,
                                head->expects_continue),
                     ERR_OK);
    say(log, "", head->method);
    say(log, "", head->target);
    for (size_t i = 0; i < head->count; i++) {
        say(log, " ", head->fields[i].name);
        say(log, "=", head->fields[i].value);
    }
}

struct run {
    struct http1_parser *parser;
    struct arena *arena;
    struct buf log;
    bool in_body;
    bool bad;
};

static void run_start(struct run *run, enum http1_kind kind)
{
    *run = (struct run){.parser = http1_parser_new(kind, NULL), .arena = arena_new(512)};
    buf_init(&run->log, 1 << 20);
    http1_parser_start(run->parser, run->arena, false);
}

static void run_feed(struct run *run, struct str input)
{
    enum http1_event event = HTTP1_HEAD;
    while (!run->bad && event != HTTP1_MORE) {
        struct str piece = {0};
        event = http1_parse(run->parser, &input, &piece);
        if (event == HTTP1_BODY) {
            say(&run->log, run->in_body ? "" : "BODY", (struct str){"", 0});
            run->log.len -= 2; /* pieces of one body run together */
            assert_int_equal(buf_add(&run->log, piece), ERR_OK);
        }
        run->in_body = event == HTTP1_BODY || (event == HTTP1_MORE && run->in_body);
        if (event == HTTP1_HEAD) {
            say_head(&run->log, http1_head(run->parser));
        } else if (event == HTTP1_DONE) {
            say(&run->log, "\nDONE", (struct str){"", 0});
            http1_parser_start(run->parser, run->arena, false);
        } else if (event == HTTP1_BAD) {
            const struct http1_problem *problem = http1_problem(run->parser);
            assert_int_equal(buf_printf(&run->log, "\nBAD %u %s", problem->status, problem->what),
                             ERR_OK);
            run->bad = true;
        }
    }
}

static void run_end(struct run *run)
{
    if (!run->bad) {
        assert_int_equal(buf_printf(&run->log, "\nEND %d", (int)http1_parse_end(run->parser)),
                         ERR_OK);
    }
    http1_parser_free(run->parser);
    arena_free(run->arena);
}

/* From memory of exactly that size, so that a sanitizer sees each read beyond it. */
static void run_feed_exact(struct run *run, const char *at, size_t len)
{
    char *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, at, len);
    run_feed(run, (struct str){copy + 1, len});
    free(copy);
}

static void same_at_every_split(enum http1_kind kind, struct str bytes)
{
    struct run whole;
    run_start(&whole, kind);
    run_feed_exact(&whole, bytes.at, bytes.len);
    run_end(&whole);
    for (size_t cut = 0; cut <= bytes.len; cut++) {
        struct run parts;
        run_start(&parts, kind);
        run_feed_exact(&parts, bytes.at, cut);
        run_feed_exact(&parts, bytes.at + cut, bytes.len - cut);
        run_end(&parts);
        assert_string_equal(buf_cstr(&parts.log), buf_cstr(&whole.log));
        buf_end(&parts.log);
    }
    struct run single;
    run_start(&single, kind);
    for (size_t i = 0; i < bytes.len; i++) {
        run_feed_exact(&single, bytes.at + i, 1);
    }
    run_end(&single);
    assert_string_equal(buf_cstr(&single.log), buf_cstr(&whole.log));
    buf_end(&single.log);
    buf_end(&whole.log);
}

/* Status of the refusal, 0 when the bytes begin with a whole acceptable message. */
static unsigned verdict(enum http1_kind kind, struct str bytes)
{
    struct http1_parser *parser = http1_parser_new(kind, NULL);
    struct arena *arena = arena_new(512);
    http1_parser_start(parser, arena, false);
    enum http1_event event = HTTP1_HEAD;
    while (event == HTTP1_HEAD || event == HTTP1_BODY) {
        struct str piece;
        event = http1_parse(parser, &bytes, &piece);
    }
    unsigned status = event == HTTP1_BAD ? http1_problem(parser)->status : 0;
    if (event == HTTP1_MORE && http1_parse_end(parser) != HTTP1_DONE) {
        status = 1; /* incomplete */
    }
    http1_parser_free(parser);
    arena_free(arena);
    return status;
}

/* ---- requests ---- */

/* In a table of constants STR is not one. */
#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
#define H "Host: a\r\n"
#define T "Transfer-Encoding: chunked\r\n"

static const struct {
    unsigned status;
    struct str bytes;
} requests[] = {
    /* accepted */
    {0, S("GET / HTTP/1.1\r\n" H "\r\n")},
    {0, S("\r\nGET / HTTP/1.1\r\n" H "\r\n")},
    {0, S("GET /a?b=c#d HTTP/1.0\r\n\r\n")},
    {0, S("GET http://a/b HTTP/1.1\r\n" H "\r\n")},
    {0, S("OPTIONS * HTTP/1.1\r\n" H "\r\n")},
    {0, S("PROPFIND /x HTTP/1.1\r\n" H "\r\n")},
    {0, S("GET / HTTP/1.1\r\nHost: [::1]:80\r\nX-Empty:\r\nX:  a\tb \xc3\xa4 \r\n\r\n")},
    {0, S("GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")},
    {0, S("GET / HTTP/1.1\r\n" H "Connection: x, close\r\n\r\n")},
    {0, S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello")},
    {0, S("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n")},
    {0, S("POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx")},
    {0, S("POST / HTTP/1.1\r\n" H T "\r\n5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\n")},
    {0, S("POST / HTTP/1.1\r\n" H T "\r\n1\r\nx\r\n0\r\nTrailer: y\r\nHost: evil\r\n\r\n")},
    {0,
     S("POST / HTTP/1.1\r\n" H T "Connection: upgrade\r\nUpgrade: x\r\n\r\n1\r\nx\r\n0\r\n\r\n")},
    /* framing */
    {400, S("POST / HTTP/1.1\r\n" H T "Content-Length: 5\r\n\r\nhello")},
    {400, S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n" T "\r\nhello")},
    {400, S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")},
    {400, S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello")},
    {400, S("POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nhello")},
    {400, S("POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello")},
    {400, S("POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nhello")},
    {400, S("POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nhello")},
    {400, S("POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nhello")},
    {400, S("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nhello")},
    {400, S("POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T T "\r\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
            "chunked\r\n\r\n0\r\n\r\n")},
    {501, S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n")},
    {400, S("POST / HTTP/1.0\r\n" H T "\r\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H "Content_Length: 5\r\n\r\nhello")},
    {400, S("POST / HTTP/1.1\r\n" H "transfer_encoding: chunked\r\n\r\n0\r\n\r\n")},
    {411, S("POST / HTTP/1.1\r\n" H "\r\n")},
    {411, S("PATCH / HTTP/1.1\r\n" H "\r\n")},
    {411, S("PUT / HTTP/1.1\r\n" H "\r\n")},
    /* chunks */
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n0x5\r\nhello\r\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n+5\r\nhello\r\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n 5\r\nhello\r\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n5 \r\nhello\r\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n5\nhello\r\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n5\rhello\r\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n5\r\nhello\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n5\r\nhello0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n5;a\nb\r\nhello\r\n0\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n5\r\nhello\r\n0\r\nX: a\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\n5\r\nhello\r\n0\r\nno colon\r\n\r\n")},
    {400, S("POST / HTTP/1.1\r\n" H T "\r\nfffffffffffffffff\r\n")},
    {1, S("POST / HTTP/1.1\r\n" H T "\r\n5\r\nhello\r\n0\r\n")},
    {1, S("POST / HTTP/1.1\r\n" H "Content-Length: 6\r\n\r\nhello")},
    /* lines and names */
    {400, S("GET / HTTP/1.1\nHost: a\n\n")},
    {400, S("GET / HTTP/1.1\r\nHost: a\n\r\n")},
    {400, S("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\nHost : a\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\n X: a\r\n" H "\r\n")},
    {400, S("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\n" H "X: a\x01"
            "b\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\n" H "X: a\x7f"
            "b\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\n" H ": a\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\n" H "X\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\n" H "X\xc3\xa4: a\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\n" H "X(: a\r\n\r\n")},
    {400, S("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n")},
    {400, S("\nGET / HTTP/1.1\r\n" H "\r\n")},
    /* Host */
    {400, S("GET / HTTP/1.1\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\n" H H "\r\n")},
    {400, S("GET / HTTP/1.0\r\n" H H "\r\n")},
    {400, S("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n")},
    {400, S("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n")},
    /* request lines */
    {400, S("GET  / HTTP/1.1\r\n" H "\r\n")},
    {400, S("GET /  HTTP/1.1\r\n" H "\r\n")},
    {400, S(" GET / HTTP/1.1\r\n" H "\r\n")},
    {400, S("GET / HTTP/1.1 \r\n" H "\r\n")},
    {400, S("GET\t/ HTTP/1.1\r\n" H "\r\n")},
    {400, S("GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n")},
    {400, S("GET / http/1.1\r\n" H "\r\n")},
    {400, S("GET * HTTP/1.1\r\n" H "\r\n")},
    {400, S("GET a HTTP/1.1\r\n" H "\r\n")},
    {400, S("GET file:///a HTTP/1.1\r\n" H "\r\n")},
    {400, S("\x16\x03\x01\x02\x00\x01\x00")},
    {501, S("FOO / HTTP/1.1\r\n" H "\r\n")},
    {501, S("get / HTTP/1.1\r\n" H "\r\n")},
    {501, S("TRACE / HTTP/1.1\r\n" H "\r\n")},
    {501, S("CONNECT a:443 HTTP/1.1\r\n" H "\r\n")},
    {505, S("GET / HTTP/1.2\r\n" H "\r\n")},
    {400, S("GET / HTTP/1.10\r\n" H "\r\n")},
    {505, S("GET / HTTP/2.0\r\n" H "\r\n")},
    {505, S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
    {505, S("GET /\r\n\r\n")},
    /* expectations */
    {417, S("POST / HTTP/1.1\r\n" H "Expect: more\r\nContent-Length: 1\r\n\r\nx")},
};

static void test_each_request_is_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        unsigned status = verdict(HTTP1_REQUEST, requests[i].bytes);
        if (status != requests[i].status) {
            print_error("%.*s\n", (int)requests[i].bytes.len, requests[i].bytes.at);
        }
        assert_int_equal(status, requests[i].status);
    }
}

static void test_no_cut_of_a_request_matters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        same_at_every_split(HTTP1_REQUEST, requests[i].bytes);
    }
    same_at_every_split(HTTP1_REQUEST,
                        STR("POST /1 HTTP/1.1\r\n" H T "\r\n3\r\nabc\r\n0\r\n\r\n"
                            "GET /2 HTTP/1.1\r\n" H "\r\n\r\n"
                            "POST /3 HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nxyGET /4"));
}

/* ---- responses ---- */

static const struct {
    unsigned status;
    struct str bytes;
} responses[] = {
    {0, S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")},
    {0, S("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok")},
    {0, S("HTTP/1.1 200 OK\r\n" T "\r\n2\r\nok\r\n0\r\n\r\n")},
    {0, S("HTTP/1.1 204 No Content\r\n\r\n")},
    {0, S("HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n")},
    {0, S("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")},
    {0, S("HTTP/1.0 200 OK\r\n\r\nuntil the end")},
    {400, S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" T "\r\nok")},
    {400, S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok")},
    {400, S("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok")},
    {400, S("HTTP/1.0 200 OK\r\n" T "\r\n2\r\nok\r\n0\r\n\r\n")},
    {400, S("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")},
    {400, S("HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n")},
    {400, S("HTTP/1.1 20 No\r\nContent-Length: 0\r\n\r\n")},
    {400, S("\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
    {400, S("ICY 200 OK\r\n\r\n")},
    {505, S("HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n")},
    {1, S("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok")},
    {1, S("HTTP/1.1 200 OK\r\n" T "\r\n2\r\nok\r\n")},
};

static void test_each_response_is_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof responses / sizeof responses[0]; i++) {
        unsigned status = verdict(HTTP1_RESPONSE, responses[i].bytes);
        if (status != responses[i].status) {
            print_error("%.*s\n", (int)responses[i].bytes.len, responses[i].bytes.at);
        }
        assert_int_equal(status, responses[i].status);
    }
}

static void test_no_cut_of_a_response_matters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof responses / sizeof responses[0]; i++) {
        same_at_every_split(HTTP1_RESPONSE, responses[i].bytes);
    }
}

static void test_response_to_head_has_no_body(void **state)
{
    (void)state;
    struct http1_parser *parser = http1_parser_new(HTTP1_RESPONSE, NULL);
    struct arena *arena = arena_new(512);
    struct str input = STR("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    struct str piece;
    http1_parser_start(parser, arena, true);
    assert_int_equal(http1_parse(parser, &input, &piece), HTTP1_HEAD);
    assert_int_equal(http1_parse(parser, &input, &piece), HTTP1_DONE);
    assert_true(http1_head(parser)->keep_alive);
    http1_parser_free(parser);
    arena_free(arena);
}

/* ---- limits ---- */

static unsigned verdict_of_long(const char *before, char fill, size_t count, const char *after)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(buf_add(&text, str_of(before)), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(buf_add_byte(&text, fill), ERR_OK);
    }
    assert_int_equal(buf_add(&text, str_of(after)), ERR_OK);
    unsigned status = verdict(HTTP1_REQUEST, buf_str(&text));
    buf_end(&text);
    return status;
}

static void test_target_limit_is_exact(void **state)
{
    (void)state;
    const char *after = " HTTP/1.1\r\n" H "\r\n";
    assert_int_equal(verdict_of_long("GET /", 'a', HTTP_TARGET_MAX - 1, after), 0);
    assert_int_equal(verdict_of_long("GET /", 'a', HTTP_TARGET_MAX, after), 414);
    assert_int_equal(verdict_of_long("GET /", 'a', HTTP_HEAD_BYTES_MAX * 2, ""), 414);
}

static void test_head_limit_is_exact(void **state)
{
    (void)state;
    size_t rest = strlen("GET / HTTP/1.1\r\n" H "X: \r\n\r\n");
    const char *before = "GET / HTTP/1.1\r\n" H "X: ";
    assert_int_equal(verdict_of_long(before, 'a', HTTP_HEAD_BYTES_MAX - rest, "\r\n\r\n"), 0);
    assert_int_equal(verdict_of_long(before, 'a', HTTP_HEAD_BYTES_MAX - rest + 1, "\r\n\r\n"), 431);
    assert_int_equal(verdict_of_long(before, 'a', HTTP_HEAD_BYTES_MAX * 2, ""), 431);
}

static void test_field_count_limit_is_exact(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(buf_add(&text, STR("GET / HTTP/1.1\r\n" H)), ERR_OK);
    for (size_t i = 1; i < HTTP_FIELDS_MAX; i++) {
        assert_int_equal(buf_add(&text, STR("X: y\r\n")), ERR_OK);
    }
    size_t at_limit = text.len;
    assert_int_equal(buf_add(&text, STR("\r\n")), ERR_OK);
    assert_int_equal(verdict(HTTP1_REQUEST, buf_str(&text)), 0);
    text.len = at_limit;
    assert_int_equal(buf_add(&text, STR("X: y\r\n\r\n")), ERR_OK);
    assert_int_equal(verdict(HTTP1_REQUEST, buf_str(&text)), 431);
    buf_end(&text);
}

static void test_chunk_framing_cannot_go_on_for_ever(void **state)
{
    (void)state;
    const char *before = "POST / HTTP/1.1\r\n" H T "\r\n";
    assert_int_equal(verdict_of_long(before, '0', 1000, "1\r\nx\r\n0\r\n\r\n"), 0);
    assert_int_equal(verdict_of_long(before, '0', HTTP_HEAD_BYTES_MAX * 2, "1\r\nx\r\n"), 431);
}

/* ---- reading the head ---- */

static void test_head_lookups(void **state)
{
    (void)state;
    struct http_field fields[] = {{STR("Accept"), STR("a, text/event-stream")},
                                  {STR("X"), STR("")},
                                  {STR("accept"), STR("b")}};
    struct http_head head = {.fields = fields, .count = 3};
    assert_true(str_equal(http_head_get(&head, STR("ACCEPT")), fields[0].value));
    assert_null(http_head_get(&head, STR("Y")).at);
    assert_true(http_head_has(&head, STR("x")));
    assert_true(http_head_lists(&head, STR("accept"), STR("B")));
    assert_true(http_head_lists(&head, STR("accept"), STR("Text/Event-Stream")));
    assert_false(http_head_lists(&head, STR("accept"), STR("text")));
}

/* ---- writing ---- */

static void test_written_request(void **state)
{
    (void)state;
    struct buf to;
    buf_init(&to, 4096);
    struct http_field fields[] = {{STR("host"), STR("a")}, {STR("x"), STR("")}};
    assert_int_equal(http1_write_request(&to, STR("GET"), STR("/b"), fields, 2), ERR_OK);
    assert_string_equal(buf_cstr(&to), "GET /b HTTP/1.1\r\nhost: a\r\nx: \r\n\r\n");
    buf_end(&to);
}

static void test_written_response(void **state)
{
    (void)state;
    struct buf to;
    buf_init(&to, 4096);
    assert_int_equal(http1_write_response(&to, 529, NULL, 0), ERR_OK);
    assert_string_equal(buf_cstr(&to), "HTTP/1.1 529 Overloaded\r\n\r\n");
    buf_end(&to);
}

static void test_nothing_that_splits_a_message_is_written(void **state)
{
    (void)state;
    struct buf to;
    buf_init(&to, 4096);
    struct http_field bad[] = {
        {STR("x"), STR("a\r\nb: c")}, {STR("x"), STR("a\nb")},  {STR("x"), STR("a\0b")},
        {STR("x y"), STR("a")},       {STR("x:"), STR("a")},    {STR(""), STR("a")},
        {STR("x\r\n"), STR("a")},     {STR("x\xc3"), STR("a")},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(http1_write_response(&to, 200, &bad[i], 1), ERR_INVALID);
        assert_int_equal(http1_write_request(&to, STR("GET"), STR("/"), &bad[i], 1), ERR_INVALID);
    }
    assert_int_equal(http1_write_request(&to, STR("GET"), STR("/ HTTP/1.1\r\nX: y"), NULL, 0),
                     ERR_INVALID);
    assert_int_equal(http1_write_request(&to, STR("GET"), STR("/a b"), NULL, 0), ERR_INVALID);
    assert_int_equal(http1_write_request(&to, STR("GE T"), STR("/"), NULL, 0), ERR_INVALID);
    assert_int_equal(to.len, 0);
    buf_end(&to);
}

static void test_hop_fields_are_known(void **state)
{
    (void)state;
    assert_true(http_field_is_hop(STR("Connection")));
    assert_true(http_field_is_hop(STR("TRANSFER-ENCODING")));
    assert_true(http_field_is_hop(STR("Proxy-Authorization")));
    assert_false(http_field_is_hop(STR("authorization")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_request_is_judged),
        cmocka_unit_test(test_no_cut_of_a_request_matters),
        cmocka_unit_test(test_each_response_is_judged),
        cmocka_unit_test(test_no_cut_of_a_response_matters),
        cmocka_unit_test(test_response_to_head_has_no_body),
        cmocka_unit_test(test_target_limit_is_exact),
        cmocka_unit_test(test_head_limit_is_exact),
        cmocka_unit_test(test_field_count_limit_is_exact),
        cmocka_unit_test(test_chunk_framing_cannot_go_on_for_ever),
        cmocka_unit_test(test_head_lookups),
        cmocka_unit_test(test_written_request),
        cmocka_unit_test(test_written_response),
        cmocka_unit_test(test_nothing_that_splits_a_message_is_written),
        cmocka_unit_test(test_hop_fields_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
