/* SPDX-License-Identifier: Apache-2.0
 * test_http_server.c - a server on a real loop and real sockets; only the clock is the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/http_server.h"
#include "sys/net.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a world with a hand-driven clock ---- */

static uint64_t clock_ms = 1000;

static struct instant read_instant(void *object)
{
    (void)object;
    return (struct instant){clock_ms * NS_PER_MS};
}

static struct wall read_wall(void *object)
{
    (void)object;
    return (struct wall){INT64_C(1764038400000000)};
}

static const struct clock_ops hand_clock = {read_instant, read_wall};

/* ---- a handler: the path chooses what it does ---- */

struct test {
    struct env env;
    struct loop *loop;
    struct http_server *server;
    struct address at;
    struct cap memory;
    struct http_call *held; /* of /hold */
    unsigned heads;
    unsigned requests;
    unsigned gone;
    unsigned writable;
};

static void echo(struct http_call *call)
{
    struct http_field field = {STR("x-path"), http_call_path(call)};
    http_call_reply(call, 200, &field, 1, http_call_body(call));
    http_call_release(call);
}

static void on_head(void *owner, struct http_call *call)
{
    struct test *test = owner;
    test->heads++;
    if (str_equal(http_call_path(call), STR("/early"))) {
        http_call_reply(call, 401, NULL, 0, STR("no"));
        http_call_release(call);
    }
}

static void stream(struct http_call *call)
{
    http_call_begin(call, 200, NULL, 0, HTTP_LENGTH_UNKNOWN);
    http_call_write(call, STR("hello "));
    http_call_write(call, STR(""));
    http_call_write(call, STR("0123456789abcdef"));
    http_call_end(call);
    http_call_release(call);
}

static void give(struct http_call *call)
{
    struct buf body;
    buf_init(&body, 1 << 20);
    assert_int_equal(buf_reserve(&body, 100000), ERR_OK);
    memset(body.at, 'g', 100000);
    body.len = 100000;
    http_call_begin(call, 200, NULL, 0, body.len);
    http_call_give(call, &body);
    assert_null(body.at);
    http_call_end(call);
    http_call_release(call);
}

static void on_request(void *owner, struct http_call *call)
{
    struct test *test = owner;
    struct str path = http_call_path(call);
    test->requests++;
    if (str_equal(path, STR("/hold"))) {
        assert_null(test->held);
        test->held = call;
    } else if (str_equal(path, STR("/stream"))) {
        stream(call);
    } else if (str_equal(path, STR("/give"))) {
        give(call);
    } else if (str_equal(path, STR("/none"))) {
        http_call_reply(call, 204, NULL, 0, STR("dropped"));
        http_call_release(call);
    } else if (str_equal(path, STR("/short"))) {
        http_call_begin(call, 200, NULL, 0, 10);
        http_call_write(call, STR("half"));
        http_call_end(call);
        http_call_release(call);
    } else if (str_equal(path, STR("/split"))) {
        struct http_field bad = {STR("x"), STR("a\r\nset-cookie: b")};
        http_call_reply(call, 200, &bad, 1, STR("x"));
        http_call_release(call);
    } else {
        echo(call);
    }
}

static void on_writable(void *owner, struct http_call *call)
{
    struct test *test = owner;
    assert_ptr_equal(call, test->held);
    test->writable++;
}

static void on_gone(void *owner, struct http_call *call)
{
    struct test *test = owner;
    test->gone++;
    if (test->held == call) {
        test->held = NULL;
    }
    http_call_reply(call, 500, NULL, 0, STR("goes nowhere"));
    http_call_release(call);
}

static const struct http_handler handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_writable = on_writable,
    .on_gone = on_gone,
};

static int start(void **state)
{
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    env_init_real(&test->env);
    test->env.clock = &hand_clock;
    test->loop = loop_new(&test->env);
    test->memory.max = 8u << 20;
    struct http_server_options options = {
        .loop = test->loop,
        .handler = &handler,
        .owner = test,
        .limits = http_server_limits_default,
        .memory = &test->memory,
    };
    options.limits.body_bytes_max = 200000;
    options.limits.connections_max = 20;
    test->server = http_server_new(&options);
    struct address at;
    assert_int_equal(address_parse(STR("127.0.0.1:0"), &at), ERR_OK);
    assert_int_equal(http_server_listen(test->server, &at, false, &test->at), ERR_OK);
    *state = test;
    return 0;
}

static int stop(void **state)
{
    struct test *test = *state;
    http_server_free(test->server);
    for (int i = 0; i < 3; i++) {
        clock_ms += 10000; /* lingering connections end */
        (void)loop_turn(test->loop, false);
    }
    assert_int_equal(cap_used(&test->memory), 0);
    loop_free(test->loop);
    free(test);
    return 0;
}

/* ---- a client without any mercy ---- */

static int dial(const struct test *test)
{
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(sock >= 0);
    assert_int_equal(
        connect(sock, (const struct sockaddr *)(const void *)test->at.bytes, test->at.len), 0);
    return sock;
}

static void turn(struct test *test)
{
    for (int i = 0; i < 8; i++) {
        (void)loop_turn(test->loop, false);
    }
}

static void put(struct test *test, int sock, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(sock, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno != EAGAIN) {
                return; /* refused before all was sent */
            }
            sent = 0;
        }
        bytes = str_cut(bytes, (size_t)sent, bytes.len);
        turn(test);
    }
}

/* Reads what there is, without waiting; true at the end of the connection. */
static bool get(int sock, struct buf *to)
{
    for (;;) {
        assert_int_equal(buf_reserve(to, 65536), ERR_OK);
        ssize_t got = recv(sock, to->at + to->len, 65536, MSG_DONTWAIT);
        if (got <= 0) {
            return got == 0 || errno != EAGAIN;
        }
        to->len += (size_t)got;
    }
}

/* Until the end of the connection (true), or until nothing has come for a while. */
static bool settle(struct test *test, int sock, struct buf *to)
{
    for (int quiet = 0; quiet < 20; quiet++) {
        size_t before = to->len;
        turn(test);
        if (get(sock, to)) {
            return true;
        }
        quiet = to->len > before ? 0 : quiet;
        struct pollfd wait = {.fd = sock, .events = POLLIN};
        (void)poll(&wait, 1, quiet > 10 ? 1 : 0);
    }
    return false;
}

/* Sends and reads on one connection; true when the server closed it. */
static bool talk(struct test *test, struct str request, struct buf *response)
{
    int sock = dial(test);
    buf_init(response, 64u << 20);
    put(test, sock, request);
    bool closed = settle(test, sock, response);
    (void)close(sock);
    turn(test);
    return closed;
}

static bool has(struct buf *text, const char *part)
{
    return strstr(buf_cstr(text), part) != NULL;
}

static size_t count_of(struct buf *text, const char *part)
{
    size_t count = 0;
    for (const char *at = buf_cstr(text); (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

#define H "Host: a\r\n"
#define T "Transfer-Encoding: chunked\r\n"

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
    struct test *test = *state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        struct buf response;
        bool closed = talk(test, hostile[i].bytes, &response);
        if (!str_starts(str_cut(buf_str(&response), 9, 12), str_of(hostile[i].status))) {
            print_error("%s\n%s\n", hostile[i].bytes.at, buf_cstr(&response));
        }
        assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 ")));
        assert_true(str_equal(str_cut(buf_str(&response), 9, 12), str_of(hostile[i].status)));
        assert_int_equal(count_of(&response, "HTTP/1.1"), 1);
        assert_true(has(&response, "connection: close\r\n"));
        assert_true(has(&response, "{\"error\":"));
        assert_true(closed);
        buf_end(&response);
    }
    assert_int_equal(test->requests, 0);
}

static void refused_when_long(struct test *test, const char *before, size_t fill,
                              const char *status)
{
    struct buf request;
    struct buf response;
    buf_init(&request, 1 << 20);
    assert_int_equal(buf_add(&request, str_of(before)), ERR_OK);
    for (size_t i = 0; i < fill; i++) {
        assert_int_equal(buf_add_byte(&request, 'a'), ERR_OK);
    }
    assert_true(talk(test, buf_str(&request), &response));
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
    struct test *test = *state;
    refused_when_long(test, "POST / HTTP/1.1\r\n" H T "\r\n40000\r\n", 0x40000, "413");
    assert_int_equal(test->heads, 1);
    assert_int_equal(test->requests, 0);
    assert_int_equal(test->gone, 1);
}

static void test_body_at_the_limit_passes(void **state)
{
    struct test *test = *state;
    struct buf request;
    struct buf response;
    buf_init(&request, 1 << 20);
    assert_int_equal(
        buf_add(&request, STR("POST /a HTTP/1.1\r\n" H "Content-Length: 200000\r\n\r\n")), ERR_OK);
    for (size_t i = 0; i < 200000; i++) {
        assert_int_equal(buf_add_byte(&request, 'b'), ERR_OK);
    }
    assert_false(talk(test, buf_str(&request), &response));
    assert_true(has(&response, "content-length: 200000\r\n"));
    assert_true(response.len > 200000);
    buf_end(&request);
    buf_end(&response);
}

static void test_memory_cap_answers_503(void **state)
{
    struct test *test = *state;
    struct buf response;
    size_t taken = test->memory.max - 10000;
    assert_true(cap_take(&test->memory, taken));
    int sock = dial(test);
    buf_init(&response, 1 << 20);
    put(test, sock, STR("POST / HTTP/1.1\r\n" H "Content-Length: 50000\r\n\r\nx"));
    assert_true(settle(test, sock, &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 503 ")));
    assert_int_equal(test->gone, 1);
    (void)close(sock);
    buf_end(&response);
    turn(test);
    cap_return(&test->memory, taken);
}

static void test_no_memory_at_all_still_answers_503(void **state)
{
    struct test *test = *state;
    struct buf response;
    assert_true(cap_take(&test->memory, test->memory.max));
    assert_true(talk(test, STR("GET / HTTP/1.1\r\n" H "\r\n"), &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 503 ")));
    assert_int_equal(count_of(&response, "HTTP/1.1"), 1);
    buf_end(&response);
    cap_return(&test->memory, test->memory.max);
}

static void test_connections_over_the_cap_get_503(void **state)
{
    struct test *test = *state;
    int socks[21];
    struct buf response;
    for (int i = 0; i < 21; i++) {
        socks[i] = dial(test);
        turn(test);
    }
    assert_int_equal(http_server_connections(test->server), 20);
    buf_init(&response, 1 << 20);
    assert_true(settle(test, socks[20], &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 503 ")));
    buf_end(&response);
    for (int i = 0; i < 21; i++) {
        (void)close(socks[i]);
    }
    turn(test);
    assert_int_equal(http_server_connections(test->server), 0);
}

/* ---- ordinary traffic ---- */

static void test_requests_are_served_one_after_the_other(void **state)
{
    struct test *test = *state;
    struct buf response;
    bool closed = talk(test,
                       STR("POST /1?q=2 HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
                           "GET http://b:1/2 HTTP/1.1\r\n" H "\r\n"
                           "POST /3 HTTP/1.1\r\n" H T
                           "\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\nT: u\r\n\r\n"
                           "GET /4 HTTP/1.1\r\nConnection: close\r\n" H "\r\n"
                           "GET /5 HTTP/1.1\r\n" H "\r\n"),
                       &response);
    assert_true(closed);
    assert_int_equal(count_of(&response, "HTTP/1.1 200 OK\r\n"), 4);
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
    struct test *test = *state;
    struct str request = STR("POST /s HTTP/1.1\r\n" H T "\r\n3\r\nabc\r\n0\r\n\r\n"
                             "GET /t HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    struct buf whole;
    assert_true(talk(test, request, &whole));
    for (size_t cut = 1; cut < request.len; cut++) {
        struct buf parts;
        buf_init(&parts, 1 << 20);
        int sock = dial(test);
        put(test, sock, str_cut(request, 0, cut));
        turn(test);
        put(test, sock, str_cut(request, cut, request.len));
        assert_true(settle(test, sock, &parts));
        assert_true(str_equal(buf_str(&parts), buf_str(&whole)));
        (void)close(sock);
        buf_end(&parts);
    }
    buf_end(&whole);
}

static void test_date_is_sent_and_framing_fields_are_ours(void **state)
{
    struct test *test = *state;
    struct buf response;
    (void)talk(test, STR("GET / HTTP/1.1\r\n" H "\r\n"), &response);
    assert_int_equal(count_of(&response, "date: Tue, 25 Nov 2025 "), 1);
    assert_int_equal(count_of(&response, "content-length: 0\r\n"), 1);
    assert_false(has(&response, "connection:"));
    buf_end(&response);
}

static void test_stream_is_chunked(void **state)
{
    struct test *test = *state;
    struct buf response;
    assert_false(talk(test, STR("GET /stream HTTP/1.1\r\n" H "\r\n"), &response));
    assert_true(has(&response, "transfer-encoding: chunked\r\n"));
    assert_true(has(&response, "\r\n\r\n6\r\nhello \r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"));
    buf_end(&response);
}

static void test_http_1_0_gets_no_chunks(void **state)
{
    struct test *test = *state;
    struct buf response;
    assert_true(
        talk(test, STR("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), &response));
    assert_false(has(&response, "chunked"));
    assert_true(str_ends(buf_str(&response), STR("\r\n\r\nhello 0123456789abcdef")));
    buf_end(&response);
}

static void test_http_1_0_is_kept_only_when_asked(void **state)
{
    struct test *test = *state;
    struct buf response;
    assert_true(talk(test, STR("GET / HTTP/1.0\r\n\r\n"), &response));
    buf_end(&response);
    assert_false(talk(test, STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), &response));
    assert_true(has(&response, "connection: keep-alive\r\n"));
    buf_end(&response);
}

static void test_head_and_204_have_no_body(void **state)
{
    struct test *test = *state;
    struct buf response;
    (void)talk(test, STR("HEAD /give HTTP/1.1\r\n" H "\r\n"), &response);
    assert_true(has(&response, "content-length: 100000\r\n"));
    assert_true(str_ends(buf_str(&response), STR("\r\n\r\n")));
    buf_end(&response);
    (void)talk(test, STR("GET /none HTTP/1.1\r\n" H "\r\n"), &response);
    assert_false(has(&response, "content-length"));
    assert_true(str_ends(buf_str(&response), STR("\r\n\r\n")));
    buf_end(&response);
}

static void test_given_buffer_arrives_whole(void **state)
{
    struct test *test = *state;
    struct buf response;
    (void)talk(test, STR("GET /give HTTP/1.1\r\n" H "\r\nGET / HTTP/1.1\r\n" H "\r\n"), &response);
    assert_int_equal(count_of(&response, "HTTP/1.1 200 OK"), 2);
    assert_true(response.len > 100000);
    buf_end(&response);
}

static void test_expectation_is_answered(void **state)
{
    struct test *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = dial(test);
    put(test, sock,
        STR("POST /e HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    assert_false(settle(test, sock, &response));
    assert_string_equal(buf_cstr(&response), "HTTP/1.1 100 Continue\r\n\r\n");
    put(test, sock, STR("ok"));
    assert_false(settle(test, sock, &response));
    assert_true(str_ends(buf_str(&response), STR("x-path: /e\r\n\r\nok")));
    (void)close(sock);
    buf_end(&response);
}

static void test_early_reply_drops_a_small_body_and_keeps_the_connection(void **state)
{
    struct test *test = *state;
    struct buf response;
    assert_false(talk(test,
                      STR("POST /early HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
                          "GET /next HTTP/1.1\r\n" H "\r\n"),
                      &response));
    assert_true(has(&response, "HTTP/1.1 401 Unauthorized\r\n"));
    assert_true(has(&response, "x-path: /next\r\n"));
    assert_int_equal(test->requests, 1);
    buf_end(&response);
}

static void test_early_reply_to_a_large_body_closes(void **state)
{
    struct test *test = *state;
    struct buf response;
    assert_true(talk(test, STR("POST /early HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\nabc"),
                     &response));
    assert_true(has(&response, "HTTP/1.1 401 Unauthorized\r\n"));
    assert_true(has(&response, "connection: close\r\n"));
    buf_end(&response);
}

static void test_short_body_cuts_the_connection(void **state)
{
    struct test *test = *state;
    struct buf response;
    assert_true(talk(test, STR("GET /short HTTP/1.1\r\n" H "\r\n"), &response));
    assert_false(has(&response, "HTTP/1.1 200 OK\r\n\r\nhalfGET"));
    buf_end(&response);
}

static void test_field_that_would_split_the_response_is_never_sent(void **state)
{
    struct test *test = *state;
    struct buf response;
    assert_true(talk(test, STR("GET /split HTTP/1.1\r\n" H "\r\n"), &response));
    assert_false(has(&response, "set-cookie"));
    buf_end(&response);
}

/* ---- clients that leave or stall ---- */

static void test_client_that_leaves_is_told(void **state)
{
    struct test *test = *state;
    int sock = dial(test);
    put(test, sock, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    turn(test);
    assert_non_null(test->held);
    assert_int_equal(test->gone, 0);
    (void)close(sock);
    turn(test);
    assert_int_equal(test->gone, 1);
    assert_int_equal(http_server_connections(test->server), 0);
}

static void test_response_after_a_while(void **state)
{
    struct test *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = dial(test);
    put(test, sock, STR("GET /hold HTTP/1.1\r\n" H "\r\nGET /after HTTP/1.1\r\n" H "\r\n"));
    assert_false(settle(test, sock, &response));
    assert_int_equal(response.len, 0);
    assert_int_equal(test->requests, 1);
    struct http_call *call = test->held;
    http_call_reply(call, 200, NULL, 0, STR("late"));
    http_call_release(call);
    test->held = NULL;
    assert_false(settle(test, sock, &response));
    assert_true(has(&response, "late"));
    assert_true(has(&response, "x-path: /after\r\n"));
    (void)close(sock);
    buf_end(&response);
}

static void test_abort_cuts_the_response(void **state)
{
    struct test *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = dial(test);
    put(test, sock, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    turn(test);
    http_call_begin(test->held, 200, NULL, 0, HTTP_LENGTH_UNKNOWN);
    http_call_write(test->held, STR("part"));
    assert_false(settle(test, sock, &response));
    http_call_abort(test->held);
    http_call_release(test->held);
    test->held = NULL;
    assert_true(settle(test, sock, &response));
    assert_true(str_ends(buf_str(&response), STR("4\r\npart\r\n")));
    assert_int_equal(test->gone, 0);
    (void)close(sock);
    buf_end(&response);
}

/* Fills the queue of the held call until it is full. */
static void fill(struct test *test)
{
    static char bytes[8192];
    memset(bytes, 'f', sizeof bytes);
    http_call_begin(test->held, 200, NULL, 0, HTTP_LENGTH_UNKNOWN);
    for (int i = 0; i < 10000 && !http_call_full(test->held); i++) {
        http_call_write(test->held, (struct str){bytes, sizeof bytes});
        turn(test);
    }
    assert_true(http_call_full(test->held));
}

static void test_reader_that_never_reads_is_bounded_and_dropped(void **state)
{
    struct test *test = *state;
    int sock = dial(test);
    put(test, sock, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    turn(test);
    fill(test);
    assert_true(cap_used(&test->memory) <= (size_t)512 * 1024);
    clock_ms += http_server_limits_default.write_idle_ms + 1;
    turn(test);
    clock_ms += http_server_limits_default.write_idle_ms + 1; /* had been armed before the stall */
    turn(test);
    assert_int_equal(test->gone, 1);
    assert_int_equal(cap_used(&test->memory), 0);
    (void)close(sock);
}

static void test_slow_reader_is_told_when_it_has_caught_up(void **state)
{
    struct test *test = *state;
    struct buf response;
    buf_init(&response, 64u << 20);
    int sock = dial(test);
    put(test, sock, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    turn(test);
    fill(test);
    assert_int_equal(test->writable, 0);
    assert_false(settle(test, sock, &response));
    assert_int_equal(test->writable, 1);
    assert_int_equal(http_call_queued(test->held), 0);
    http_call_end(test->held);
    http_call_release(test->held);
    test->held = NULL;
    assert_false(settle(test, sock, &response));
    assert_true(str_ends(buf_str(&response), STR("\r\n0\r\n\r\n")));
    (void)close(sock);
    buf_end(&response);
}

/* ---- deadlines ---- */

static void test_slow_head_is_408(void **state)
{
    struct test *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = dial(test);
    put(test, sock, STR("GET / HTTP/1.1\r\nHo"));
    turn(test);
    clock_ms += http_server_limits_default.head_ms / 2;
    put(test, sock, STR("st: a\r\nX: "));
    clock_ms += http_server_limits_default.head_ms / 2 + 1;
    assert_true(settle(test, sock, &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 408 ")));
    (void)close(sock);
    buf_end(&response);
}

static void test_stalled_body_is_408(void **state)
{
    struct test *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = dial(test);
    put(test, sock, STR("POST / HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\nabc"));
    turn(test);
    for (unsigned ms = 0; ms <= http_server_limits_default.body_idle_ms; ms += 1000) {
        clock_ms += 1000;
        turn(test);
    }
    assert_true(settle(test, sock, &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 408 ")));
    assert_int_equal(test->gone, 1);
    (void)close(sock);
    buf_end(&response);
}

static void test_trickling_body_is_408(void **state)
{
    struct test *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = dial(test);
    put(test, sock, STR("POST / HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\nabc"));
    for (int i = 0; i < 8; i++) {
        clock_ms += 1000;
        put(test, sock, STR("x"));
    }
    assert_true(settle(test, sock, &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 408 ")));
    (void)close(sock);
    buf_end(&response);
}

static void test_idle_connection_is_closed_without_a_word(void **state)
{
    struct test *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = dial(test);
    put(test, sock, STR("GET / HTTP/1.1\r\n" H "\r\n"));
    assert_false(settle(test, sock, &response));
    size_t before = response.len;
    clock_ms += http_server_limits_default.keep_alive_ms + 1;
    assert_true(settle(test, sock, &response));
    assert_int_equal(response.len, before);
    (void)close(sock);
    buf_end(&response);
}

/* ---- drain ---- */

static void test_drain_finishes_what_runs(void **state)
{
    struct test *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int idle = dial(test);
    int busy = dial(test);
    put(test, busy, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    turn(test);
    http_server_drain(test->server);
    assert_true(settle(test, idle, &response));
    assert_int_equal(http_server_connections(test->server), 1);
    http_call_reply(test->held, 200, NULL, 0, STR("bye"));
    http_call_release(test->held);
    test->held = NULL;
    assert_true(settle(test, busy, &response));
    assert_true(has(&response, "connection: close\r\n"));
    assert_int_equal(http_server_connections(test->server), 0);
    (void)close(idle);
    (void)close(busy);
    buf_end(&response);
}

static void test_freeing_the_server_ends_held_calls(void **state)
{
    struct test *test = *state;
    int sock = dial(test);
    put(test, sock, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    turn(test);
    http_server_free(test->server);
    test->server = NULL;
    assert_int_equal(test->gone, 1);
    (void)close(sock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

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
        TEST(test_client_that_leaves_is_told),
        TEST(test_response_after_a_while),
        TEST(test_abort_cuts_the_response),
        TEST(test_reader_that_never_reads_is_bounded_and_dropped),
        TEST(test_slow_reader_is_told_when_it_has_caught_up),
        TEST(test_slow_head_is_408),
        TEST(test_stalled_body_is_408),
        TEST(test_trickling_body_is_408),
        TEST(test_idle_connection_is_closed_without_a_word),
        TEST(test_drain_finishes_what_runs),
        TEST(test_freeing_the_server_ends_held_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
