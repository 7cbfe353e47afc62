/* SPDX-License-Identifier: Apache-2.0
 * test_http_server.c - what is refused, and ordinary traffic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/serve_kit.h"

#include <string.h>
#include <unistd.h>

/* ---- refusals ---- */

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct {
    const char *status;
    struct str bytes;
} hostile[] = {
    {"400", S("POST / HTTP/1.1\r\n" H T "Content-Length: 5\r\n\r\nhello")},
    {"400", S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")},
    {"400", S("POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello")},
    {"400", S("POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nhello")},
    {"400",
     S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")},
    {"501", S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")},
    {"400", S("POST / HTTP/1.0\r\n" H T "\r\n0\r\n\r\n")},
    {"400", S("GET / HTTP/1.1\r\nHost : a\r\n\r\n")},
    {"400", S("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n")},
    {"400", S("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n")},
    {"400", S("GET / HTTP/1.1\nHost: a\n\n")},
    {"400", S("POST / HTTP/1.1\r\n" H T "\r\n0x5\r\nhello\r\n0\r\n\r\n")},
    {"400", S("POST / HTTP/1.1\r\n" H T "\r\n5\r\nhello0\r\n\r\n")},
    {"400", S("POST / HTTP/1.1\r\n" H T "\r\n5\nhello\r\n0\r\n\r\n")},
    {"400", S("GET / HTTP/1.1\r\n\r\n")},
    {"400", S("GET / HTTP/1.1\r\n" H "Host: b\r\n\r\n")},
    {"400", S("POST / HTTP/1.1\r\n" H "Content_Length: 5\r\n\r\nhello")},
    {"411", S("POST / HTTP/1.1\r\n" H "\r\n")},
    {"413", S("POST / HTTP/1.1\r\n" H "Content-Length: 200001\r\n\r\n")},
    {"417", S("POST / HTTP/1.1\r\n" H "Expect: x\r\nContent-Length: 1\r\n\r\nx")},
    {"501", S("TRACE / HTTP/1.1\r\n" H "\r\n")},
    {"501", S("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")},
    {"501", S("FOO / HTTP/1.1\r\n" H "\r\n")},
    {"505", S("GET / HTTP/2.0\r\n" H "\r\n")},
    {"505", S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
    {"400", S("GET * HTTP/1.1\r\n" H "\r\n")},
    {"400", S("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")},
};

static void test_hostile_requests_are_refused_and_closed(void **state)
{
    struct serve_world *test = *state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        struct buf response;
        bool closed = serve_talk(test, hostile[i].bytes, &response);
        if (!str_starts(str_cut(buf_str(&response), 9, 12), str_of(hostile[i].status))) {
            print_error("%s\n%s\n", hostile[i].bytes.at, buf_cstr(&response));
        }
        assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 ")));
        assert_true(str_equal(str_cut(buf_str(&response), 9, 12), str_of(hostile[i].status)));
        assert_int_equal(serve_count(&response, "HTTP/1.1"), 1);
        assert_true(serve_has(&response, "connection: close\r\n"));
        assert_true(serve_has(&response, "{\"error\":"));
        assert_true(closed);
        buf_end(&response);
    }
    assert_int_equal(test->requests, 0);
}

static void refused_when_long(struct serve_world *test, const char *before, size_t fill,
                              const char *status)
{
    struct buf request;
    struct buf response;
    buf_init(&request, 1 << 20);
    assert_int_equal(buf_add(&request, str_of(before)), ERR_OK);
    for (size_t i = 0; i < fill; i++) {
        assert_int_equal(buf_add_byte(&request, 'a'), ERR_OK);
    }
    assert_true(serve_talk(test, buf_str(&request), &response));
    assert_true(str_equal(str_cut(buf_str(&response), 9, 12), str_of(status)));
    buf_end(&request);
    buf_end(&response);
}

static void test_long_heads_are_refused(void **state)
{
    refused_when_long(*state, "GET /", 9000, "414");
    refused_when_long(*state, "GET / HTTP/1.1\r\n" H "X: ", 70000, "431");
}

static void test_chunked_body_over_the_limit_is_refused(void **state)
{
    struct serve_world *test = *state;
    refused_when_long(test, "POST / HTTP/1.1\r\n" H T "\r\n40000\r\n", 0x40000, "413");
    assert_int_equal(test->heads, 1);
    assert_int_equal(test->requests, 0);
    assert_int_equal(test->gone, 1);
}

static void test_body_at_the_limit_passes(void **state)
{
    struct serve_world *test = *state;
    struct buf request;
    struct buf response;
    buf_init(&request, 1 << 20);
    assert_int_equal(
        buf_add(&request, STR("POST /a HTTP/1.1\r\n" H "Content-Length: 200000\r\n\r\n")), ERR_OK);
    for (size_t i = 0; i < 200000; i++) {
        assert_int_equal(buf_add_byte(&request, 'b'), ERR_OK);
    }
    assert_false(serve_talk(test, buf_str(&request), &response));
    assert_true(serve_has(&response, "content-length: 200000\r\n"));
    assert_true(response.len > 200000);
    buf_end(&request);
    buf_end(&response);
}

static void test_memory_cap_answers_503(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    size_t taken = test->memory.max - 10000;
    assert_true(cap_take(&test->memory, taken));
    int sock = serve_dial(test);
    buf_init(&response, 1 << 20);
    serve_put(test, sock, STR("POST / HTTP/1.1\r\n" H "Content-Length: 50000\r\n\r\nx"));
    assert_true(serve_settle(test, sock, &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 503 ")));
    assert_int_equal(test->gone, 1);
    (void)close(sock);
    buf_end(&response);
    serve_turn(test);
    cap_return(&test->memory, taken);
}

static void test_no_memory_at_all_still_answers_503(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    assert_true(cap_take(&test->memory, test->memory.max));
    assert_true(serve_talk(test, STR("GET / HTTP/1.1\r\n" H "\r\n"), &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 503 ")));
    assert_int_equal(serve_count(&response, "HTTP/1.1"), 1);
    buf_end(&response);
    cap_return(&test->memory, test->memory.max);
}

static void test_connections_over_the_cap_get_503(void **state)
{
    struct serve_world *test = *state;
    int socks[21];
    struct buf response;
    for (int i = 0; i < 21; i++) {
        socks[i] = serve_dial(test);
        serve_turn(test);
    }
    assert_int_equal(http_server_connections(test->server), 20);
    buf_init(&response, 1 << 20);
    assert_true(serve_settle(test, socks[20], &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 503 ")));
    buf_end(&response);
    for (int i = 0; i < 21; i++) {
        (void)close(socks[i]);
    }
    serve_turn(test);
    assert_int_equal(http_server_connections(test->server), 0);
}

/* ---- ordinary traffic ---- */

static void test_requests_are_served_one_after_the_other(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    bool closed = serve_talk(test,
                             STR("POST /1?q=2 HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
                                 "GET http://b:1/2 HTTP/1.1\r\n" H "\r\n"
                                 "POST /3 HTTP/1.1\r\n" H T
                                 "\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\nT: u\r\n\r\n"
                                 "GET /4 HTTP/1.1\r\nConnection: close\r\n" H "\r\n"
                                 "GET /5 HTTP/1.1\r\n" H "\r\n"),
                             &response);
    assert_true(closed);
    assert_int_equal(serve_count(&response, "HTTP/1.1 200 OK\r\n"), 4);
    const char *first = strstr(buf_cstr(&response), "x-path: /1\r\n\r\nabc");
    const char *second = strstr(buf_cstr(&response), "x-path: /2\r\n");
    const char *third = strstr(buf_cstr(&response), "x-path: /3\r\n\r\ndef");
    const char *fourth = strstr(buf_cstr(&response), "connection: close\r\nx-path: /4\r\n");
    assert_true(first && second && third && fourth);
    assert_true(first < second && second < third && third < fourth);
    buf_end(&response);
}

static void test_every_split_gives_the_same_answer(void **state)
{
    struct serve_world *test = *state;
    struct str request = STR("POST /s HTTP/1.1\r\n" H T "\r\n3\r\nabc\r\n0\r\n\r\n"
                             "GET /t HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    struct buf whole;
    assert_true(serve_talk(test, request, &whole));
    for (size_t cut = 1; cut < request.len; cut++) {
        struct buf parts;
        buf_init(&parts, 1 << 20);
        int sock = serve_dial(test);
        serve_put(test, sock, str_cut(request, 0, cut));
        serve_turn(test);
        serve_put(test, sock, str_cut(request, cut, request.len));
        assert_true(serve_settle(test, sock, &parts));
        assert_true(str_equal(buf_str(&parts), buf_str(&whole)));
        (void)close(sock);
        buf_end(&parts);
    }
    buf_end(&whole);
}

static void test_date_is_sent_and_framing_fields_are_ours(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    (void)serve_talk(test, STR("GET / HTTP/1.1\r\n" H "\r\n"), &response);
    assert_int_equal(serve_count(&response, "date: Tue, 25 Nov 2025 "), 1);
    assert_int_equal(serve_count(&response, "content-length: 0\r\n"), 1);
    assert_false(serve_has(&response, "connection:"));
    buf_end(&response);
}

static void test_stream_is_chunked(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    assert_false(serve_talk(test, STR("GET /stream HTTP/1.1\r\n" H "\r\n"), &response));
    assert_true(serve_has(&response, "transfer-encoding: chunked\r\n"));
    assert_true(serve_has(&response, "\r\n\r\n6\r\nhello \r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"));
    buf_end(&response);
}

static void test_http_1_0_gets_no_chunks(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    assert_true(
        serve_talk(test, STR("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), &response));
    assert_false(serve_has(&response, "chunked"));
    assert_true(str_ends(buf_str(&response), STR("\r\n\r\nhello 0123456789abcdef")));
    buf_end(&response);
}

static void test_http_1_0_is_kept_only_when_asked(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    assert_true(serve_talk(test, STR("GET / HTTP/1.0\r\n\r\n"), &response));
    buf_end(&response);
    assert_false(
        serve_talk(test, STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), &response));
    assert_true(serve_has(&response, "connection: keep-alive\r\n"));
    buf_end(&response);
}

static void test_head_and_204_have_no_body(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    (void)serve_talk(test, STR("HEAD /give HTTP/1.1\r\n" H "\r\n"), &response);
    assert_true(serve_has(&response, "content-length: 100000\r\n"));
    assert_true(str_ends(buf_str(&response), STR("\r\n\r\n")));
    buf_end(&response);
    (void)serve_talk(test, STR("GET /none HTTP/1.1\r\n" H "\r\n"), &response);
    assert_false(serve_has(&response, "content-length"));
    assert_true(str_ends(buf_str(&response), STR("\r\n\r\n")));
    buf_end(&response);
}

static void test_given_buffer_arrives_whole(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    (void)serve_talk(test, STR("GET /give HTTP/1.1\r\n" H "\r\nGET / HTTP/1.1\r\n" H "\r\n"),
                     &response);
    assert_int_equal(serve_count(&response, "HTTP/1.1 200 OK"), 2);
    assert_true(response.len > 100000);
    buf_end(&response);
}

static void test_expectation_is_answered(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = serve_dial(test);
    serve_put(test, sock,
              STR("POST /e HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    assert_false(serve_settle(test, sock, &response));
    assert_string_equal(buf_cstr(&response), "HTTP/1.1 100 Continue\r\n\r\n");
    serve_put(test, sock, STR("ok"));
    assert_false(serve_settle(test, sock, &response));
    assert_true(str_ends(buf_str(&response), STR("x-path: /e\r\n\r\nok")));
    (void)close(sock);
    buf_end(&response);
}

static void test_early_reply_drops_a_small_body_and_keeps_the_connection(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    assert_false(serve_talk(test,
                            STR("POST /early HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
                                "GET /next HTTP/1.1\r\n" H "\r\n"),
                            &response));
    assert_true(serve_has(&response, "HTTP/1.1 401 Unauthorized\r\n"));
    assert_true(serve_has(&response, "x-path: /next\r\n"));
    assert_int_equal(test->requests, 1);
    buf_end(&response);
}

static void test_early_reply_to_a_large_body_closes(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    assert_true(serve_talk(
        test, STR("POST /early HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\nabc"), &response));
    assert_true(serve_has(&response, "HTTP/1.1 401 Unauthorized\r\n"));
    assert_true(serve_has(&response, "connection: close\r\n"));
    buf_end(&response);
}

static void test_short_body_cuts_the_connection(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    assert_true(serve_talk(test, STR("GET /short HTTP/1.1\r\n" H "\r\n"), &response));
    assert_false(serve_has(&response, "HTTP/1.1 200 OK\r\n\r\nhalfGET"));
    buf_end(&response);
}

static void test_field_that_would_split_the_response_is_never_sent(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    assert_true(serve_talk(test, STR("GET /split HTTP/1.1\r\n" H "\r\n"), &response));
    assert_false(serve_has(&response, "set-cookie"));
    buf_end(&response);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, serve_world_start, serve_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hostile_requests_are_refused_and_closed),
        TEST(test_long_heads_are_refused),
        TEST(test_chunked_body_over_the_limit_is_refused),
        TEST(test_body_at_the_limit_passes),
        TEST(test_memory_cap_answers_503),
        TEST(test_no_memory_at_all_still_answers_503),
        TEST(test_connections_over_the_cap_get_503),
        TEST(test_requests_are_served_one_after_the_other),
        TEST(test_every_split_gives_the_same_answer),
        TEST(test_date_is_sent_and_framing_fields_are_ours),
        TEST(test_stream_is_chunked),
        TEST(test_http_1_0_gets_no_chunks),
        TEST(test_http_1_0_is_kept_only_when_asked),
        TEST(test_head_and_204_have_no_body),
        TEST(test_given_buffer_arrives_whole),
        TEST(test_expectation_is_answered),
        TEST(test_early_reply_drops_a_small_body_and_keeps_the_connection),
        TEST(test_early_reply_to_a_large_body_closes),
        TEST(test_short_body_cuts_the_connection),
        TEST(test_field_that_would_split_the_response_is_never_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
