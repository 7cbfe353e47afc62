/* SPDX-License-Identifier: Apache-2.0
 * test_http_client_pool.c - connections that are kept, waited for, replaced; fetches cancelled and
 * paused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/fetch_kit.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the pool ---- */

static void test_connection_is_used_again(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen[3] = {{0}};
    int sock = -1;
    for (int i = 0; i < 3; i++) {
        fetch_get(test, &seen[i], "/");
        sock = i == 0 ? peer_await(test) : sock;
        peer_skip(test, sock);
        peer_answer(test, sock, STR(PEER_OK_2));
        assert_int_equal(seen[i].outcome, ERR_OK);
        assert_int_equal(seen[i].connected, 1);
        assert_int_equal(http_client_connections(test->client), 1);
        buf_end(&seen[i].body);
    }
    peer_hang_up(sock);
    fetch_turn(test);
    (void)poll(NULL, 0, 1);
    fetch_turn(test);
    assert_int_equal(http_client_connections(test->client), 0);
}

static void test_fetch_started_in_on_done_reuses_the_line(void **state)
{
    struct fetch_world *test = *state;
    struct seen second = {0};
    struct seen first = {.again = test, .next = &second};
    fetch_get(test, &first, "/");
    int sock = peer_await(test);
    peer_skip(test, sock);
    peer_answer(test, sock, STR(PEER_OK_2));
    peer_skip(test, sock);
    peer_answer(test, sock, STR(PEER_OK_2));
    assert_int_equal(second.done, 1);
    assert_int_equal(second.outcome, ERR_OK);
    peer_hang_up(sock);
    buf_end(&first.body);
    buf_end(&second.body);
}

static void test_connection_is_not_kept_when_told_or_dirty(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        PEER_OK_2 "HTTP/1.1 200 OK\r\n",
    };
    struct fetch_world *test = *state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct seen seen = {0};
        fetch_get(test, &seen, "/");
        int sock = peer_await(test);
        peer_skip(test, sock);
        peer_answer(test, sock, str_of(answers[i]));
        assert_int_equal(seen.outcome, ERR_OK);
        assert_int_equal(http_client_connections(test->client), 0);
        peer_hang_up(sock);
        buf_end(&seen.body);
    }
}

static void test_unasked_bytes_end_an_idle_connection(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    fetch_get(test, &seen, "/");
    int sock = peer_await(test);
    peer_skip(test, sock);
    peer_answer(test, sock, STR(PEER_OK_2));
    assert_int_equal(http_client_connections(test->client), 1);
    peer_answer(test, sock, STR(PEER_OK_2));
    assert_int_equal(http_client_connections(test->client), 0);
    peer_hang_up(sock);
    buf_end(&seen.body);
}

static void test_idle_connection_grows_old(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    fetch_get(test, &seen, "/");
    int sock = peer_await(test);
    peer_skip(test, sock);
    peer_answer(test, sock, STR(PEER_OK_2));
    hand_clock_ms += 60 * 1000 + 1;
    fetch_turn(test);
    assert_int_equal(http_client_connections(test->client), 0);
    peer_hang_up(sock);
    buf_end(&seen.body);
}

/* Leaves one idle connection that the server has used once. */
static int warm_up(struct fetch_world *test)
{
    struct seen seen = {0};
    fetch_get(test, &seen, "/");
    int sock = peer_await(test);
    peer_skip(test, sock);
    peer_answer(test, sock, STR(PEER_OK_2));
    assert_int_equal(seen.outcome, ERR_OK);
    buf_end(&seen.body);
    return sock;
}

static void test_stale_connection_is_replaced_once(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    int stale = warm_up(test);
    fetch_get(test, &seen, "/retried");
    peer_hang_up(stale);
    int fresh = peer_await(test);
    assert_true(fresh >= 0);
    peer_skip(test, fresh);
    assert_int_equal(seen.done, 0);
    peer_hang_up(fresh); /* the second time is the caller's business */
    assert_int_equal(peer_await(test), -1);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_CLOSED);
    buf_end(&seen.body);
}

static void test_stale_connection_that_answered_is_not_replaced(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    int sock = warm_up(test);
    fetch_get(test, &seen, "/");
    peer_skip(test, sock);
    peer_answer(test, sock, STR("HTTP/1.1 2"));
    peer_hang_up(sock);
    assert_int_equal(peer_await(test), -1);
    assert_int_equal(seen.outcome, ERR_CLOSED);
    buf_end(&seen.body);
}

static void test_connection_that_dies_late_is_not_replaced(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    int sock = warm_up(test);
    fetch_get(test, &seen, "/once");
    peer_skip(test, sock);
    hand_clock_ms += 1001; /* it was not idle any more: the server may have acted */
    peer_hang_up(sock);
    assert_int_equal(peer_await(test), -1);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_CLOSED);
    buf_end(&seen.body);
}

static void test_fetches_over_the_limit_wait_for_a_connection(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen[3] = {{0}};
    for (int i = 0; i < 3; i++) {
        fetch_get(test, &seen[i], "/");
    }
    int first = peer_await(test);
    int second = peer_await(test);
    assert_int_equal(peer_await(test), -1);
    assert_int_equal(http_client_connections(test->client), 2);
    peer_skip(test, first);
    peer_skip(test, second);
    peer_answer(test, second, STR(PEER_OK_2));
    peer_skip(test, second); /* the third one's */
    peer_answer(test, second, STR(PEER_OK_2));
    assert_int_equal(seen[2].done, 1);
    /* One that closes lets the next one dial. */
    struct seen fourth = {0};
    struct seen fifth = {0};
    fetch_get(test, &fourth, "/4");
    fetch_get(test, &fifth, "/5");
    peer_answer(test, first,
                STR("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
    int third = peer_await(test);
    assert_true(third >= 0);
    peer_skip(test, third);
    http_fetch_cancel(fourth.fetch);
    http_fetch_cancel(fifth.fetch);
    peer_hang_up(first);
    peer_hang_up(second);
    peer_hang_up(third);
    for (int i = 0; i < 3; i++) {
        buf_end(&seen[i].body);
    }
    buf_end(&fourth.body);
    buf_end(&fifth.body);
}

/* ---- cancel, pause, deadlines ---- */

static void test_cancel_closes_the_connection_at_once(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    fetch_get(test, &seen, "/");
    int sock = peer_await(test);
    peer_skip(test, sock);
    peer_answer(test, sock, STR("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"));
    http_fetch_cancel(seen.fetch);
    assert_true(peer_closed(test, sock));
    assert_int_equal(seen.done, 0);
    assert_int_equal(http_client_connections(test->client), 0);
    peer_hang_up(sock);
    buf_end(&seen.body);
}

static void test_cancel_inside_a_callback(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {.cancel_at_head = true};
    fetch_get(test, &seen, "/");
    int sock = peer_await(test);
    peer_skip(test, sock);
    peer_answer(test, sock, STR(PEER_OK_2));
    assert_int_equal(seen.heads, 1);
    assert_int_equal(seen.body.len, 0);
    assert_int_equal(seen.done, 0);
    assert_true(peer_closed(test, sock));
    peer_hang_up(sock);
    buf_end(&seen.body);
}

static void test_cancel_at_any_phase(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen[4] = {{0}};
    for (int i = 0; i < 4; i++) {
        fetch_get(test, &seen[i], "/"); /* 0 and 1 dial, 2 and 3 wait */
    }
    http_fetch_cancel(seen[2].fetch);
    http_fetch_cancel(seen[0].fetch);
    fetch_turn(test);
    http_fetch_cancel(seen[1].fetch);
    http_fetch_cancel(seen[3].fetch);
    fetch_turn(test);
    assert_int_equal(http_client_connections(test->client), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(seen[i].done, 0);
        buf_end(&seen[i].body);
    }
}

static void test_paused_fetch_holds_back_the_server(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {.pause = true};
    static char bytes[1 << 20];
    memset(bytes, 'p', sizeof bytes);
    fetch_get(test, &seen, "/");
    int sock = peer_await(test);
    peer_skip(test, sock);
    peer_answer(test, sock, STR("HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n"));
    size_t sent = 0;
    for (int i = 0; i < 64; i++) {
        ssize_t more = send(sock, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += more > 0 ? (size_t)more : 0;
        fetch_turn(test);
    }
    assert_true(sent < 16777216);
    assert_true(seen.body.len <= 65536);
    assert_true(cap_used(&test->memory) <= (size_t)256 * 1024);
    http_fetch_resume(seen.fetch);
    for (int i = 0; i < 10000 && seen.done == 0; i++) {
        size_t left = 16777216 - sent;
        ssize_t more = send(sock, bytes, left < sizeof bytes ? left : sizeof bytes,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += more > 0 ? (size_t)more : 0;
        fetch_turn(test);
    }
    assert_int_equal(seen.outcome, ERR_OK);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.body.len, 16777216);
    peer_hang_up(sock);
    buf_end(&seen.body);
}

static void test_pause_at_the_last_piece_does_not_lose_the_end(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {.pause = true};
    fetch_get(test, &seen, "/");
    int sock = peer_await(test);
    peer_skip(test, sock);
    peer_answer(test, sock, STR(PEER_OK_2));
    assert_int_equal(seen.body.len, 2);
    assert_int_equal(seen.done, 0);
    http_fetch_resume(seen.fetch);
    fetch_turn(test);
    assert_int_equal(seen.done, 1);
    assert_int_equal(http_client_connections(test->client), 1);
    peer_hang_up(sock);
    buf_end(&seen.body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fetch_world_start, fetch_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connection_is_used_again),
        TEST(test_fetch_started_in_on_done_reuses_the_line),
        TEST(test_connection_is_not_kept_when_told_or_dirty),
        TEST(test_unasked_bytes_end_an_idle_connection),
        TEST(test_idle_connection_grows_old),
        TEST(test_stale_connection_is_replaced_once),
        TEST(test_stale_connection_that_answered_is_not_replaced),
        TEST(test_connection_that_dies_late_is_not_replaced),
        TEST(test_fetches_over_the_limit_wait_for_a_connection),
        TEST(test_cancel_closes_the_connection_at_once),
        TEST(test_cancel_inside_a_callback),
        TEST(test_cancel_at_any_phase),
        TEST(test_paused_fetch_holds_back_the_server),
        TEST(test_pause_at_the_last_piece_does_not_lose_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
