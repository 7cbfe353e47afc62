/* SPDX-License-Identifier: Apache-2.0
 * test_http_client.c - one exchange: the request that is built, the response that is read,
 * deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/fetch_kit.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- one exchange ---- */

static void test_request_is_built_from_fields(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    struct http_field fields[] = {
        {STR("authorization"), STR("Bearer x")},    {STR("Host"), STR("evil")},
        {STR("Transfer-Encoding"), STR("chunked")}, {STR("Content-Length"), STR("7")},
        {STR("Accept-Encoding"), STR("gzip")},      {STR("Connection"), STR("close")},
    };
    struct str body[] = {STR("ab"), STR(""), STR("c")};
    struct fetch_options options = {.method = STR("POST"),
                                    .target = STR("/p?q"),
                                    .fields = fields,
                                    .count = 6,
                                    .body = body,
                                    .body_count = 3};
    fetch_begin(test, &seen, &options);
    int sock = peer_await(test);
    struct buf request;
    char text[256];
    buf_init(&request, 1 << 20);
    assert_false(peer_await_text(test, sock, &request, "abc"));
    (void)snprintf(text, sizeof text,
                   "POST /p?q HTTP/1.1\r\nhost: 127.0.0.1:%u\r\nauthorization: Bearer x\r\n"
                   "accept-encoding: identity\r\ncontent-length: 3\r\n\r\nabc",
                   test->port);
    assert_string_equal(buf_cstr(&request), text);
    assert_int_equal(seen.connected, 1);
    assert_int_equal(http_fetch_phase(seen.fetch), FETCH_WAIT);
    peer_answer(test, sock, STR(PEER_OK_2));
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_OK);
    assert_int_equal(seen.status, 200);
    assert_string_equal(buf_cstr(&seen.body), "ok");
    peer_hang_up(sock);
    buf_end(&request);
    buf_end(&seen.body);
}

static void test_get_has_no_length_and_a_post_always_has_one(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    char text[256];
    fetch_get(test, &seen, "/");
    int sock = peer_await(test);
    (void)snprintf(text, sizeof text,
                   "GET / HTTP/1.1\r\nhost: 127.0.0.1:%u\r\naccept-encoding: identity\r\n\r\n",
                   test->port);
    peer_expect(test, sock, text);
    peer_answer(test, sock, STR(PEER_OK_2));
    buf_end(&seen.body);
    seen = (struct seen){0};
    struct fetch_options options = {.method = STR("POST"), .target = STR("/")};
    fetch_begin(test, &seen, &options);
    (void)snprintf(text, sizeof text,
                   "POST / HTTP/1.1\r\nhost: 127.0.0.1:%u\r\naccept-encoding: identity\r\n"
                   "content-length: 0\r\n\r\n",
                   test->port);
    peer_expect(test, sock, text);
    http_fetch_cancel(seen.fetch);
    peer_hang_up(sock);
    buf_end(&seen.body);
}

static void test_large_body_is_lent(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    char *bytes = malloc(3u << 20);
    assert_non_null(bytes);
    memset(bytes, 'b', 3u << 20);
    struct str body = {bytes, 3u << 20};
    struct fetch_options options = {
        .method = STR("POST"), .target = STR("/"), .body = &body, .body_count = 1};
    fetch_begin(test, &seen, &options);
    int sock = peer_await(test);
    struct buf request;
    buf_init(&request, 8u << 20);
    (void)peer_await_text(test, sock, &request, NULL);
    assert_true(request.len > body.len);
    assert_true(cap_used(&test->memory) < 8192);
    peer_answer(test, sock, STR(PEER_OK_2));
    assert_int_equal(seen.outcome, ERR_OK);
    free(bytes);
    peer_hang_up(sock);
    buf_end(&request);
    buf_end(&seen.body);
}

static void test_bad_field_is_invalid(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    struct http_field field = {STR("x"), STR("a\r\nb: c")};
    struct fetch_options options = {
        .method = STR("GET"), .target = STR("/"), .fields = &field, .count = 1};
    fetch_begin(test, &seen, &options);
    fetch_turn(test);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_INVALID);
    assert_int_equal(http_client_connections(test->client), 0);
    buf_end(&seen.body);
}

/* ---- responses ---- */

static const struct {
    enum err outcome;
    const char *body;
    const char *bytes;
} responses[] = {
    {ERR_OK, "ok", PEER_OK_2},
    {ERR_OK, "ok!",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n"},
    {ERR_OK, "ok", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n" PEER_OK_2},
    {ERR_OK, "", "HTTP/1.1 204 No Content\r\n\r\n"},
    {ERR_OK, "all", "HTTP/1.1 200 OK\r\n\r\nall"},
    {ERR_CLOSED, "o", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"},
    {ERR_CLOSED, "ok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"},
    {ERR_CLOSED, "", "HTTP/1.1 200 OK\r\nCont"},
    {ERR_CLOSED, "", ""},
    {ERR_SYNTAX, "", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {ERR_SYNTAX, "", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"},
    {ERR_SYNTAX, "", "HTTP/1.1 101 Switching Protocols\r\n\r\n"},
    {ERR_SYNTAX, "", "<html>nothing of HTTP</html>\r\n\r\n"},
    {ERR_SYNTAX, "ok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokx\r\n"},
};

static void one_response(struct fetch_world *test, size_t i, size_t cut)
{
    struct seen seen = {0};
    struct str bytes = str_of(responses[i].bytes);
    fetch_get(test, &seen, "/");
    int sock = peer_await(test);
    peer_skip(test, sock);
    if (cut > 0) {
        (void)send(sock, bytes.at, cut, MSG_NOSIGNAL);
        fetch_turn(test);
    }
    (void)send(sock, bytes.at + cut, bytes.len - cut, MSG_NOSIGNAL);
    peer_hang_up(sock);
    for (int t = 0; t < 100 && seen.done == 0; t++) {
        fetch_turn(test);
        (void)poll(NULL, 0, t > 5 ? 1 : 0);
    }
    if (seen.outcome != responses[i].outcome) {
        print_error("%zu %zu %s: %s\n", i, cut, err_name(seen.outcome), seen.why);
    }
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, responses[i].outcome);
    assert_string_equal(buf_cstr(&seen.body), responses[i].body);
    assert_true((seen.outcome == ERR_SYNTAX) == (seen.why[0] != '\0'));
    fetch_turn(test);
    assert_int_equal(http_client_connections(test->client), 0);
    buf_end(&seen.body);
}

static void test_each_response_ends_as_it_should(void **state)
{
    for (size_t i = 0; i < sizeof responses / sizeof responses[0]; i++) {
        one_response(*state, i, 0);
        for (size_t cut = 1; cut < strlen(responses[i].bytes); cut += 7) {
            one_response(*state, i, cut);
        }
    }
}

static void test_response_to_head_has_no_body(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    struct fetch_options options = {.method = STR("HEAD"), .target = STR("/")};
    fetch_begin(test, &seen, &options);
    int sock = peer_await(test);
    peer_skip(test, sock);
    peer_answer(test, sock, STR("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"));
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_OK);
    assert_int_equal(http_client_connections(test->client), 1);
    peer_hang_up(sock);
    buf_end(&seen.body);
}

static void test_endless_response_head_is_a_limit(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    static char bytes[70000];
    memset(bytes, 'h', sizeof bytes);
    fetch_get(test, &seen, "/");
    int sock = peer_await(test);
    peer_skip(test, sock);
    peer_answer(test, sock, STR("HTTP/1.1 200 OK\r\nX: "));
    (void)send(sock, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    assert_true(peer_closed(test, sock));
    assert_int_equal(seen.outcome, ERR_LIMIT);
    peer_hang_up(sock);
    buf_end(&seen.body);
}

static void test_refused_connection(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    (void)shutdown(test->listener, SHUT_RDWR);
    (void)close(test->listener);
    fetch_get(test, &seen, "/");
    fetch_turn(test);
    (void)poll(NULL, 0, 1);
    fetch_turn(test);
    test->listener = dup(0);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_REFUSED);
    buf_end(&seen.body);
}

static void test_connect_deadline_covers_the_queue(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen[3] = {{0}};
    for (int i = 0; i < 3; i++) {
        fetch_get(test, &seen[i], "/");
    }
    int first = peer_await(test);
    int second = peer_await(test);
    hand_clock_ms += 10 * 1000 + 1;
    fetch_turn(test);
    assert_int_equal(seen[0].done, 0); /* connected: the rest is the caller's time */
    assert_int_equal(seen[2].done, 1);
    assert_int_equal(seen[2].outcome, ERR_TIMEOUT);
    http_fetch_cancel(seen[0].fetch);
    http_fetch_cancel(seen[1].fetch);
    peer_hang_up(first);
    peer_hang_up(second);
    for (int i = 0; i < 3; i++) {
        buf_end(&seen[i].body);
    }
}

static void test_unknown_name_is_dns(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    struct http_origin_options to = {.host = STR("bad..name"), .port = 80};
    struct fetch_options options = {
        .origin = http_origin_get(test->client, &to), .method = STR("GET"), .target = STR("/")};
    fetch_begin(test, &seen, &options);
    for (int i = 0; i < 100 && seen.done == 0; i++) {
        fetch_turn(test);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_DNS);
    buf_end(&seen.body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fetch_world_start, fetch_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_request_is_built_from_fields),
        TEST(test_get_has_no_length_and_a_post_always_has_one),
        TEST(test_large_body_is_lent),
        TEST(test_bad_field_is_invalid),
        TEST(test_each_response_ends_as_it_should),
        TEST(test_response_to_head_has_no_body),
        TEST(test_endless_response_head_is_a_limit),
        TEST(test_refused_connection),
        TEST(test_connect_deadline_covers_the_queue),
        TEST(test_unknown_name_is_dns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
