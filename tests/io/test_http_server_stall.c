/* SPDX-License-Identifier: Apache-2.0
 * test_http_server_stall.c - clients that leave or stall, deadlines, drain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/serve_kit.h"

#include <string.h>
#include <unistd.h>

/* ---- clients that leave or stall ---- */

static void test_client_that_leaves_is_told(void **state)
{
    struct serve_world *test = *state;
    int sock = serve_dial(test);
    serve_put(test, sock, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    serve_turn(test);
    assert_non_null(test->held);
    assert_int_equal(test->gone, 0);
    (void)close(sock);
    serve_turn(test);
    assert_int_equal(test->gone, 1);
    assert_int_equal(http_server_connections(test->server), 0);
}

static void test_client_that_leaves_behind_much_unread_input_is_told(void **state)
{
    struct serve_world *test = *state;
    static char body[100000];
    memset(body, 'b', sizeof body);
    int sock = serve_dial(test);
    serve_put(test, sock,
              STR("GET /hold HTTP/1.1\r\n" H "\r\n"
                  "POST /next HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n"));
    serve_put(test, sock, (struct str){body, sizeof body});
    serve_turn(test);
    assert_non_null(test->held);
    assert_int_equal(test->gone, 0);
    (void)close(sock);
    serve_turn(test);
    assert_int_equal(test->gone, 1);
    assert_int_equal(http_server_connections(test->server), 0);
}

static void test_response_after_a_while(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = serve_dial(test);
    serve_put(test, sock, STR("GET /hold HTTP/1.1\r\n" H "\r\nGET /after HTTP/1.1\r\n" H "\r\n"));
    assert_false(serve_settle(test, sock, &response));
    assert_int_equal(response.len, 0);
    assert_int_equal(test->requests, 1);
    struct http_call *call = test->held;
    http_call_reply(call, 200, NULL, 0, STR("late"));
    http_call_release(call);
    test->held = NULL;
    assert_false(serve_settle(test, sock, &response));
    assert_true(serve_has(&response, "late"));
    assert_true(serve_has(&response, "x-path: /after\r\n"));
    (void)close(sock);
    buf_end(&response);
}

/* Fills the queue of the held call until it is full. */
static void fill(struct serve_world *test)
{
    static char bytes[8192];
    memset(bytes, 'f', sizeof bytes);
    http_call_begin(test->held, 200, NULL, 0, HTTP_LENGTH_UNKNOWN);
    for (int i = 0; i < 10000 && !http_call_full(test->held); i++) {
        http_call_write(test->held, (struct str){bytes, sizeof bytes});
        serve_turn(test);
    }
    assert_true(http_call_full(test->held));
}

static void test_reader_that_never_reads_is_bounded_and_dropped(void **state)
{
    struct serve_world *test = *state;
    int sock = serve_dial(test);
    serve_put(test, sock, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    serve_turn(test);
    fill(test);
    assert_true(cap_used(&test->memory) <= (size_t)512 * 1024);
    hand_clock_ms += http_server_limits_default.write_idle_ms + 1;
    serve_turn(test);
    hand_clock_ms += http_server_limits_default.write_idle_ms +
                     1; /* had been armed before the stall */
    serve_turn(test);
    assert_int_equal(test->gone, 1);
    assert_int_equal(cap_used(&test->memory), 0);
    (void)close(sock);
}

static void test_slow_reader_is_told_when_it_has_caught_up(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    buf_init(&response, 64u << 20);
    int sock = serve_dial(test);
    serve_put(test, sock, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    serve_turn(test);
    fill(test);
    assert_int_equal(test->writable, 0);
    assert_false(serve_settle(test, sock, &response));
    assert_int_equal(test->writable, 1);
    assert_false(http_call_full(test->held));
    http_call_end(test->held);
    http_call_release(test->held);
    test->held = NULL;
    assert_false(serve_settle(test, sock, &response));
    assert_true(str_ends(buf_str(&response), STR("\r\n0\r\n\r\n")));
    (void)close(sock);
    buf_end(&response);
}

/* ---- deadlines ---- */

static void test_slow_head_is_408(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = serve_dial(test);
    serve_put(test, sock, STR("GET / HTTP/1.1\r\nHo"));
    serve_turn(test);
    hand_clock_ms += http_server_limits_default.head_ms / 2;
    serve_put(test, sock, STR("st: a\r\nX: "));
    hand_clock_ms += http_server_limits_default.head_ms / 2 + 1;
    assert_true(serve_settle(test, sock, &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 408 ")));
    (void)close(sock);
    buf_end(&response);
}

static void test_stalled_body_is_408(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = serve_dial(test);
    serve_put(test, sock, STR("POST / HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\nabc"));
    serve_turn(test);
    for (unsigned ms = 0; ms <= http_server_limits_default.body_idle_ms; ms += 1000) {
        hand_clock_ms += 1000;
        serve_turn(test);
    }
    assert_true(serve_settle(test, sock, &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 408 ")));
    assert_int_equal(test->gone, 1);
    (void)close(sock);
    buf_end(&response);
}

static void test_trickling_body_is_408(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = serve_dial(test);
    serve_put(test, sock, STR("POST / HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\nabc"));
    for (int i = 0; i < 8; i++) {
        hand_clock_ms += 1000;
        serve_put(test, sock, STR("x"));
    }
    assert_true(serve_settle(test, sock, &response));
    assert_true(str_starts(buf_str(&response), STR("HTTP/1.1 408 ")));
    (void)close(sock);
    buf_end(&response);
}

static void test_idle_connection_is_closed_without_a_word(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int sock = serve_dial(test);
    serve_put(test, sock, STR("GET / HTTP/1.1\r\n" H "\r\n"));
    assert_false(serve_settle(test, sock, &response));
    size_t before = response.len;
    hand_clock_ms += http_server_limits_default.keep_alive_ms + 1;
    assert_true(serve_settle(test, sock, &response));
    assert_int_equal(response.len, before);
    (void)close(sock);
    buf_end(&response);
}

/* ---- drain ---- */

static void test_drain_finishes_what_runs(void **state)
{
    struct serve_world *test = *state;
    struct buf response;
    buf_init(&response, 1 << 20);
    int idle = serve_dial(test);
    int busy = serve_dial(test);
    serve_put(test, busy, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    serve_turn(test);
    http_server_drain(test->server);
    assert_true(serve_settle(test, idle, &response));
    assert_int_equal(http_server_connections(test->server), 1);
    http_call_reply(test->held, 200, NULL, 0, STR("bye"));
    http_call_release(test->held);
    test->held = NULL;
    assert_true(serve_settle(test, busy, &response));
    assert_true(serve_has(&response, "connection: close\r\n"));
    assert_int_equal(http_server_connections(test->server), 0);
    (void)close(idle);
    (void)close(busy);
    buf_end(&response);
}

static void test_freeing_the_server_ends_held_calls(void **state)
{
    struct serve_world *test = *state;
    int sock = serve_dial(test);
    serve_put(test, sock, STR("GET /hold HTTP/1.1\r\n" H "\r\n"));
    serve_turn(test);
    http_server_free(test->server);
    test->server = NULL;
    assert_int_equal(test->gone, 1);
    (void)close(sock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, serve_world_start, serve_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_client_that_leaves_is_told),
        TEST(test_client_that_leaves_behind_much_unread_input_is_told),
        TEST(test_response_after_a_while),
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
