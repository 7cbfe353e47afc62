/* SPDX-License-Identifier: Apache-2.0
 * test_http_client.c - a client on a real loop against a server that the test plays by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/http_client.h"
#include "sys/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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
    return (struct wall){0};
}

static const struct clock_ops hand_clock = {read_instant, read_wall};

struct test {
    struct env env;
    struct loop *loop;
    struct http_client *client;
    struct http_origin *origin;
    struct cap memory;
    int listener;
    uint16_t port;
};

/* ---- what a fetch told ---- */

struct seen {
    struct http_fetch *fetch;
    unsigned connected;
    unsigned heads;
    unsigned status;
    struct buf body;
    unsigned done;
    enum err outcome;
    char why[128];
    bool pause;          /* at the first piece of body */
    bool cancel_at_head; /* from inside the callback */
    struct test *again;  /* start one more from on_done */
    struct seen *next;
};

static void get_it(struct test *test, struct seen *seen, const char *target);

static void on_connected(void *owner)
{
    struct seen *seen = owner;
    seen->connected++;
}

static void on_head(void *owner, const struct http_head *head)
{
    struct seen *seen = owner;
    seen->heads++;
    seen->status = head->status;
    if (seen->cancel_at_head) {
        http_fetch_cancel(seen->fetch);
    }
}

static void on_body(void *owner, struct str piece)
{
    struct seen *seen = owner;
    assert_int_equal(buf_add(&seen->body, piece), ERR_OK);
    if (seen->pause) {
        seen->pause = false;
        http_fetch_pause(seen->fetch);
    }
}

static void on_done(void *owner, enum err why)
{
    struct seen *seen = owner;
    seen->done++;
    seen->outcome = why;
    (void)str_copy(str_of(http_fetch_why(seen->fetch)), seen->why, sizeof seen->why);
    seen->fetch = NULL;
    if (seen->again != NULL) {
        get_it(seen->again, seen->next, "/again");
    }
}

static const struct fetch_handler handler = {on_connected, on_head, on_body, on_done};

static void start_fetch(struct test *test, struct seen *seen, struct fetch_options *options)
{
    buf_init(&seen->body, 64u << 20);
    options->origin = options->origin ? options->origin : test->origin;
    options->handler = &handler;
    options->owner = seen;
    seen->fetch = http_fetch_start(test->client, options);
    assert_int_equal(seen->done + seen->connected, 0); /* never from inside */
}

static void get_it(struct test *test, struct seen *seen, const char *target)
{
    struct fetch_options options = {.method = STR("GET"), .target = str_of(target)};
    start_fetch(test, seen, &options);
}

/* ---- the test as the server ---- */

static int listen_anywhere(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(sock >= 0);
    assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(sock, 16), 0);
    assert_int_equal(getsockname(sock, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return sock;
}

static void turn(struct test *test)
{
    for (int i = 0; i < 8; i++) {
        (void)loop_turn(test->loop, false);
    }
}

/* Turns until the socket has something, or gives up: -1. */
static int await_peer(struct test *test)
{
    for (int i = 0; i < 200; i++) {
        turn(test);
        int sock = accept(test->listener, NULL, NULL);
        if (sock >= 0) {
            return sock;
        }
        (void)poll(NULL, 0, i > 20 ? 1 : 0);
    }
    return -1;
}

/* Reads what the client sends until `ending` has come; true when the connection ended. */
static bool await_text(struct test *test, int sock, struct buf *to, const char *ending)
{
    for (int i = 0; i < 200; i++) {
        turn(test);
        assert_int_equal(buf_reserve(to, 65536), ERR_OK);
        ssize_t got = recv(sock, to->at + to->len, 65536, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return true;
        }
        to->len += got > 0 ? (size_t)got : 0;
        i = got > 0 ? 0 : i;
        if (ending != NULL && str_ends(buf_str(to), str_of(ending))) {
            return false;
        }
        (void)poll(NULL, 0, i > 20 ? 1 : 0);
    }
    return false;
}

static void answer(struct test *test, int sock, struct str bytes)
{
    assert_int_equal(send(sock, bytes.at, bytes.len, MSG_NOSIGNAL), bytes.len);
    for (int i = 0; i < 5; i++) {
        turn(test);
        (void)poll(NULL, 0, i > 2 ? 1 : 0);
    }
}

static void expect_request(struct test *test, int sock, const char *text)
{
    struct buf request;
    buf_init(&request, 1 << 20);
    assert_false(await_text(test, sock, &request, text + strlen(text) - 4));
    assert_string_equal(buf_cstr(&request), text);
    buf_end(&request);
}

static void skip_request(struct test *test, int sock)
{
    struct buf request;
    buf_init(&request, 1 << 20);
    assert_false(await_text(test, sock, &request, "\r\n\r\n"));
    buf_end(&request);
}

static bool is_closed(struct test *test, int sock)
{
    struct buf rest;
    buf_init(&rest, 1 << 20);
    bool closed = await_text(test, sock, &rest, NULL);
    buf_end(&rest);
    return closed;
}

static void hang_up(int sock)
{
    (void)close(sock);
}

static int start(void **state)
{
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    env_init_real(&test->env);
    test->env.clock = &hand_clock;
    test->loop = loop_new(&test->env);
    test->memory.max = 8u << 20;
    struct http_client_options options = {
        .loop = test->loop, .memory = &test->memory, .idle_max = 2, .per_origin_max = 2};
    test->client = http_client_new(&options);
    test->listener = listen_anywhere(&test->port);
    struct http_origin_options to = {.host = STR("127.0.0.1"), .port = test->port};
    test->origin = http_origin_get(test->client, &to);
    assert_ptr_equal(http_origin_get(test->client, &to), test->origin);
    *state = test;
    return 0;
}

static int stop(void **state)
{
    struct test *test = *state;
    http_client_free(test->client);
    turn(test);
    assert_int_equal(cap_used(&test->memory), 0);
    loop_free(test->loop);
    (void)close(test->listener);
    free(test);
    return 0;
}

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* ---- one exchange ---- */

static void test_request_is_built_from_fields(void **state)
{
    struct test *test = *state;
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
    start_fetch(test, &seen, &options);
    int sock = await_peer(test);
    struct buf request;
    char text[256];
    buf_init(&request, 1 << 20);
    assert_false(await_text(test, sock, &request, "abc"));
    (void)snprintf(text, sizeof text,
                   "POST /p?q HTTP/1.1\r\nhost: 127.0.0.1:%u\r\nauthorization: Bearer x\r\n"
                   "accept-encoding: identity\r\ncontent-length: 3\r\n\r\nabc",
                   test->port);
    assert_string_equal(buf_cstr(&request), text);
    assert_int_equal(seen.connected, 1);
    assert_int_equal(http_fetch_phase(seen.fetch), FETCH_WAIT);
    answer(test, sock, STR(OK_2));
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_OK);
    assert_int_equal(seen.status, 200);
    assert_string_equal(buf_cstr(&seen.body), "ok");
    hang_up(sock);
    buf_end(&request);
    buf_end(&seen.body);
}

static void test_get_has_no_length_and_a_post_always_has_one(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    char text[256];
    get_it(test, &seen, "/");
    int sock = await_peer(test);
    (void)snprintf(text, sizeof text,
                   "GET / HTTP/1.1\r\nhost: 127.0.0.1:%u\r\naccept-encoding: identity\r\n\r\n",
                   test->port);
    expect_request(test, sock, text);
    answer(test, sock, STR(OK_2));
    buf_end(&seen.body);
    seen = (struct seen){0};
    struct fetch_options options = {.method = STR("POST"), .target = STR("/")};
    start_fetch(test, &seen, &options);
    (void)snprintf(text, sizeof text,
                   "POST / HTTP/1.1\r\nhost: 127.0.0.1:%u\r\naccept-encoding: identity\r\n"
                   "content-length: 0\r\n\r\n",
                   test->port);
    expect_request(test, sock, text);
    http_fetch_cancel(seen.fetch);
    hang_up(sock);
    buf_end(&seen.body);
}

static void test_large_body_is_lent(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    char *bytes = malloc(3u << 20);
    assert_non_null(bytes);
    memset(bytes, 'b', 3u << 20);
    struct str body = {bytes, 3u << 20};
    struct fetch_options options = {
        .method = STR("POST"), .target = STR("/"), .body = &body, .body_count = 1};
    start_fetch(test, &seen, &options);
    int sock = await_peer(test);
    struct buf request;
    buf_init(&request, 8u << 20);
    (void)await_text(test, sock, &request, NULL);
    assert_true(request.len > body.len);
    assert_true(cap_used(&test->memory) < 8192);
    answer(test, sock, STR(OK_2));
    assert_int_equal(seen.outcome, ERR_OK);
    free(bytes);
    hang_up(sock);
    buf_end(&request);
    buf_end(&seen.body);
}

static void test_bad_field_is_invalid(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    struct http_field field = {STR("x"), STR("a\r\nb: c")};
    struct fetch_options options = {
        .method = STR("GET"), .target = STR("/"), .fields = &field, .count = 1};
    start_fetch(test, &seen, &options);
    turn(test);
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
    {ERR_OK, "ok", OK_2},
    {ERR_OK, "ok!",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n"},
    {ERR_OK, "ok", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n" OK_2},
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

static void one_response(struct test *test, size_t i, size_t cut)
{
    struct seen seen = {0};
    struct str bytes = str_of(responses[i].bytes);
    get_it(test, &seen, "/");
    int sock = await_peer(test);
    skip_request(test, sock);
    if (cut > 0) {
        (void)send(sock, bytes.at, cut, MSG_NOSIGNAL);
        turn(test);
    }
    (void)send(sock, bytes.at + cut, bytes.len - cut, MSG_NOSIGNAL);
    hang_up(sock);
    for (int t = 0; t < 100 && seen.done == 0; t++) {
        turn(test);
        (void)poll(NULL, 0, t > 5 ? 1 : 0);
    }
    if (seen.outcome != responses[i].outcome) {
        print_error("%zu %zu %s: %s\n", i, cut, err_name(seen.outcome), seen.why);
    }
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, responses[i].outcome);
    assert_string_equal(buf_cstr(&seen.body), responses[i].body);
    assert_true((seen.outcome == ERR_SYNTAX) == (seen.why[0] != '\0'));
    turn(test);
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
    struct test *test = *state;
    struct seen seen = {0};
    struct fetch_options options = {.method = STR("HEAD"), .target = STR("/")};
    start_fetch(test, &seen, &options);
    int sock = await_peer(test);
    skip_request(test, sock);
    answer(test, sock, STR("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"));
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_OK);
    assert_int_equal(http_client_connections(test->client), 1);
    hang_up(sock);
    buf_end(&seen.body);
}

static void test_endless_response_head_is_a_limit(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    static char bytes[70000];
    memset(bytes, 'h', sizeof bytes);
    get_it(test, &seen, "/");
    int sock = await_peer(test);
    skip_request(test, sock);
    answer(test, sock, STR("HTTP/1.1 200 OK\r\nX: "));
    (void)send(sock, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    assert_true(is_closed(test, sock));
    assert_int_equal(seen.outcome, ERR_LIMIT);
    hang_up(sock);
    buf_end(&seen.body);
}

/* ---- the pool ---- */

static void test_connection_is_used_again(void **state)
{
    struct test *test = *state;
    struct seen seen[3] = {{0}};
    int sock = -1;
    for (int i = 0; i < 3; i++) {
        get_it(test, &seen[i], "/");
        sock = i == 0 ? await_peer(test) : sock;
        skip_request(test, sock);
        answer(test, sock, STR(OK_2));
        assert_int_equal(seen[i].outcome, ERR_OK);
        assert_int_equal(seen[i].connected, 1);
        assert_int_equal(http_client_connections(test->client), 1);
        buf_end(&seen[i].body);
    }
    hang_up(sock);
    turn(test);
    (void)poll(NULL, 0, 1);
    turn(test);
    assert_int_equal(http_client_connections(test->client), 0);
}

static void test_fetch_started_in_on_done_reuses_the_line(void **state)
{
    struct test *test = *state;
    struct seen second = {0};
    struct seen first = {.again = test, .next = &second};
    get_it(test, &first, "/");
    int sock = await_peer(test);
    skip_request(test, sock);
    answer(test, sock, STR(OK_2));
    skip_request(test, sock);
    answer(test, sock, STR(OK_2));
    assert_int_equal(second.done, 1);
    assert_int_equal(second.outcome, ERR_OK);
    hang_up(sock);
    buf_end(&first.body);
    buf_end(&second.body);
}

static void test_connection_is_not_kept_when_told_or_dirty(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK_2 "HTTP/1.1 200 OK\r\n",
    };
    struct test *test = *state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct seen seen = {0};
        get_it(test, &seen, "/");
        int sock = await_peer(test);
        skip_request(test, sock);
        answer(test, sock, str_of(answers[i]));
        assert_int_equal(seen.outcome, ERR_OK);
        assert_int_equal(http_client_connections(test->client), 0);
        hang_up(sock);
        buf_end(&seen.body);
    }
}

static void test_unasked_bytes_end_an_idle_connection(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    get_it(test, &seen, "/");
    int sock = await_peer(test);
    skip_request(test, sock);
    answer(test, sock, STR(OK_2));
    assert_int_equal(http_client_connections(test->client), 1);
    answer(test, sock, STR(OK_2));
    assert_int_equal(http_client_connections(test->client), 0);
    hang_up(sock);
    buf_end(&seen.body);
}

static void test_idle_connection_grows_old(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    get_it(test, &seen, "/");
    int sock = await_peer(test);
    skip_request(test, sock);
    answer(test, sock, STR(OK_2));
    clock_ms += 60 * 1000 + 1;
    turn(test);
    assert_int_equal(http_client_connections(test->client), 0);
    hang_up(sock);
    buf_end(&seen.body);
}

/* Leaves one idle connection that the server has used once. */
static int warm_up(struct test *test)
{
    struct seen seen = {0};
    get_it(test, &seen, "/");
    int sock = await_peer(test);
    skip_request(test, sock);
    answer(test, sock, STR(OK_2));
    assert_int_equal(seen.outcome, ERR_OK);
    buf_end(&seen.body);
    return sock;
}

static void test_stale_connection_is_replaced_once(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    int stale = warm_up(test);
    get_it(test, &seen, "/retried");
    hang_up(stale);
    int fresh = await_peer(test);
    assert_true(fresh >= 0);
    skip_request(test, fresh);
    assert_int_equal(seen.done, 0);
    hang_up(fresh); /* the second time is the caller's business */
    assert_int_equal(await_peer(test), -1);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_CLOSED);
    buf_end(&seen.body);
}

static void test_stale_connection_that_answered_is_not_replaced(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    int sock = warm_up(test);
    get_it(test, &seen, "/");
    skip_request(test, sock);
    answer(test, sock, STR("HTTP/1.1 2"));
    hang_up(sock);
    assert_int_equal(await_peer(test), -1);
    assert_int_equal(seen.outcome, ERR_CLOSED);
    buf_end(&seen.body);
}

static void test_fetches_over_the_limit_wait_for_a_connection(void **state)
{
    struct test *test = *state;
    struct seen seen[3] = {{0}};
    for (int i = 0; i < 3; i++) {
        get_it(test, &seen[i], "/");
    }
    int first = await_peer(test);
    int second = await_peer(test);
    assert_int_equal(await_peer(test), -1);
    assert_int_equal(http_client_connections(test->client), 2);
    skip_request(test, first);
    skip_request(test, second);
    answer(test, second, STR(OK_2));
    skip_request(test, second); /* the third one's */
    answer(test, second, STR(OK_2));
    assert_int_equal(seen[2].done, 1);
    /* One that closes lets the next one dial. */
    struct seen fourth = {0};
    struct seen fifth = {0};
    get_it(test, &fourth, "/4");
    get_it(test, &fifth, "/5");
    answer(test, first, STR("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
    int third = await_peer(test);
    assert_true(third >= 0);
    skip_request(test, third);
    http_fetch_cancel(fourth.fetch);
    http_fetch_cancel(fifth.fetch);
    hang_up(first);
    hang_up(second);
    hang_up(third);
    for (int i = 0; i < 3; i++) {
        buf_end(&seen[i].body);
    }
    buf_end(&fourth.body);
    buf_end(&fifth.body);
}

/* ---- cancel, pause, deadlines ---- */

static void test_cancel_closes_the_connection_at_once(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    get_it(test, &seen, "/");
    int sock = await_peer(test);
    skip_request(test, sock);
    answer(test, sock, STR("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"));
    http_fetch_cancel(seen.fetch);
    assert_true(is_closed(test, sock));
    assert_int_equal(seen.done, 0);
    assert_int_equal(http_client_connections(test->client), 0);
    hang_up(sock);
    buf_end(&seen.body);
}

static void test_cancel_inside_a_callback(void **state)
{
    struct test *test = *state;
    struct seen seen = {.cancel_at_head = true};
    get_it(test, &seen, "/");
    int sock = await_peer(test);
    skip_request(test, sock);
    answer(test, sock, STR(OK_2));
    assert_int_equal(seen.heads, 1);
    assert_int_equal(seen.body.len, 0);
    assert_int_equal(seen.done, 0);
    assert_true(is_closed(test, sock));
    hang_up(sock);
    buf_end(&seen.body);
}

static void test_cancel_at_any_phase(void **state)
{
    struct test *test = *state;
    struct seen seen[4] = {{0}};
    for (int i = 0; i < 4; i++) {
        get_it(test, &seen[i], "/"); /* 0 and 1 dial, 2 and 3 wait */
    }
    http_fetch_cancel(seen[2].fetch);
    http_fetch_cancel(seen[0].fetch);
    turn(test);
    http_fetch_cancel(seen[1].fetch);
    http_fetch_cancel(seen[3].fetch);
    turn(test);
    assert_int_equal(http_client_connections(test->client), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(seen[i].done, 0);
        buf_end(&seen[i].body);
    }
}

static void test_paused_fetch_holds_back_the_server(void **state)
{
    struct test *test = *state;
    struct seen seen = {.pause = true};
    static char bytes[1 << 20];
    memset(bytes, 'p', sizeof bytes);
    get_it(test, &seen, "/");
    int sock = await_peer(test);
    skip_request(test, sock);
    answer(test, sock, STR("HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n"));
    size_t sent = 0;
    for (int i = 0; i < 64; i++) {
        ssize_t more = send(sock, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += more > 0 ? (size_t)more : 0;
        turn(test);
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
        turn(test);
    }
    assert_int_equal(seen.outcome, ERR_OK);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.body.len, 16777216);
    hang_up(sock);
    buf_end(&seen.body);
}

static void test_refused_connection(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    (void)shutdown(test->listener, SHUT_RDWR);
    (void)close(test->listener);
    get_it(test, &seen, "/");
    turn(test);
    (void)poll(NULL, 0, 1);
    turn(test);
    test->listener = dup(0);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_REFUSED);
    buf_end(&seen.body);
}

static void test_connect_deadline_covers_the_queue(void **state)
{
    struct test *test = *state;
    struct seen seen[3] = {{0}};
    for (int i = 0; i < 3; i++) {
        get_it(test, &seen[i], "/");
    }
    int first = await_peer(test);
    int second = await_peer(test);
    clock_ms += 10 * 1000 + 1;
    turn(test);
    assert_int_equal(seen[0].done, 0); /* connected: the rest is the caller's time */
    assert_int_equal(seen[2].done, 1);
    assert_int_equal(seen[2].outcome, ERR_TIMEOUT);
    http_fetch_cancel(seen[0].fetch);
    http_fetch_cancel(seen[1].fetch);
    hang_up(first);
    hang_up(second);
    for (int i = 0; i < 3; i++) {
        buf_end(&seen[i].body);
    }
}

static void test_unknown_name_is_dns(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    struct http_origin_options to = {.host = STR("bad..name"), .port = 80};
    struct fetch_options options = {
        .origin = http_origin_get(test->client, &to), .method = STR("GET"), .target = STR("/")};
    start_fetch(test, &seen, &options);
    for (int i = 0; i < 100 && seen.done == 0; i++) {
        turn(test);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_DNS);
    buf_end(&seen.body);
}

/* ---- other ways to an origin ---- */

static void test_unix_socket_origin(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    char host[128];
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof at.sun_path, "/tmp/aire-test-%ld.sock", (long)getpid());
    (void)snprintf(host, sizeof host, "unix:%s", at.sun_path);
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(sock, 1), 0);
    (void)close(test->listener);
    test->listener = sock;
    struct http_origin_options to = {.host = str_of(host)};
    struct fetch_options options = {
        .origin = http_origin_get(test->client, &to), .method = STR("GET"), .target = STR("/u")};
    start_fetch(test, &seen, &options);
    int peer = await_peer(test);
    expect_request(test, peer,
                   "GET /u HTTP/1.1\r\nhost: localhost\r\naccept-encoding: identity\r\n\r\n");
    answer(test, peer, STR(OK_2));
    assert_int_equal(seen.outcome, ERR_OK);
    hang_up(peer);
    (void)unlink(at.sun_path);
    buf_end(&seen.body);
}

static void test_plain_request_through_a_proxy_is_absolute(void **state)
{
    struct test *test = *state;
    struct seen seen = {0};
    struct http_origin_options to = {.host = STR("api.example"),
                                     .port = 80,
                                     .proxy_host = STR("127.0.0.1"),
                                     .proxy_port = test->port,
                                     .proxy_auth = STR("Basic eDp5")};
    struct fetch_options options = {
        .origin = http_origin_get(test->client, &to), .method = STR("GET"), .target = STR("/a?b")};
    start_fetch(test, &seen, &options);
    int sock = await_peer(test);
    expect_request(test, sock,
                   "GET http://api.example/a?b HTTP/1.1\r\nhost: api.example\r\n"
                   "accept-encoding: identity\r\nproxy-authorization: Basic eDp5\r\n\r\n");
    answer(test, sock, STR(OK_2));
    assert_int_equal(seen.outcome, ERR_OK);
    hang_up(sock);
    buf_end(&seen.body);
}

/* ---- TLS ---- */

struct secure {
    SSL_CTX *context;
    char ca_file[64];
    struct tls_client *tls;
};

static void secure_init(struct secure *secure, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    char alt[80];
    assert_true(key != NULL && cert != NULL);
    (void)X509_set_version(cert, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    (void)X509_set_pubkey(cert, key);
    X509_NAME *subject = X509_get_subject_name(cert);
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1,
                                     -1, 0);
    (void)X509_set_issuer_name(cert, subject);
    (void)snprintf(alt, sizeof alt, "%s", name);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt);
    (void)X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    secure->context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(secure->context, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(secure->context, key), 1);
    (void)snprintf(secure->ca_file, sizeof secure->ca_file, "/tmp/aire-test-%ld.pem",
                   (long)getpid());
    FILE *file = fopen(secure->ca_file, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    (void)fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
    struct fault fault;
    assert_int_equal(tls_client_new(secure->ca_file, &secure->tls, &fault), ERR_OK);
}

static void secure_end(struct secure *secure)
{
    tls_client_unref(secure->tls);
    SSL_CTX_free(secure->context);
    (void)unlink(secure->ca_file);
}

/* The server's side of a connection; NULL when the handshake failed. */
static SSL *secure_accept(struct test *test, struct secure *secure, int sock)
{
    SSL *ssl = SSL_new(secure->context);
    struct timeval wait = {.tv_usec = 1000};
    (void)setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    (void)SSL_set_fd(ssl, sock);
    for (int i = 0; i < 300; i++) {
        turn(test);
        int got = SSL_accept(ssl);
        if (got == 1) {
            return ssl;
        }
        int why = SSL_get_error(ssl, got);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
            break;
        }
    }
    SSL_free(ssl);
    return NULL;
}

static void serve_secure(struct test *test, SSL *ssl, const char *first_line)
{
    char text[2048] = "";
    size_t len = 0;
    for (int i = 0; i < 300 && strstr(text, "\r\n\r\n") == NULL; i++) {
        turn(test);
        int got = SSL_read(ssl, text + len, (int)(sizeof text - 1 - len));
        len += got > 0 ? (size_t)got : 0;
        text[len] = '\0';
    }
    assert_true(str_starts(str_of(text), str_of(first_line)));
    assert_int_equal(SSL_write(ssl, OK_2, sizeof OK_2 - 1), (int)sizeof OK_2 - 1);
}

static void test_tls_origin_and_its_pool(void **state)
{
    struct test *test = *state;
    struct secure secure;
    secure_init(&secure, "IP:127.0.0.1");
    struct http_origin_options to = {
        .host = STR("127.0.0.1"), .port = test->port, .tls = secure.tls};
    struct http_origin *origin = http_origin_get(test->client, &to);
    assert_ptr_not_equal(origin, test->origin);
    SSL *ssl = NULL;
    int sock = -1;
    for (int i = 0; i < 2; i++) {
        struct seen seen = {0};
        struct fetch_options options = {
            .origin = origin, .method = STR("GET"), .target = STR("/s")};
        start_fetch(test, &seen, &options);
        if (i == 0) {
            sock = await_peer(test);
            ssl = secure_accept(test, &secure, sock);
            assert_non_null(ssl);
        }
        serve_secure(test, ssl, "GET /s HTTP/1.1\r\n");
        for (int t = 0; t < 100 && seen.done == 0; t++) {
            turn(test);
            (void)poll(NULL, 0, 1);
        }
        assert_int_equal(seen.outcome, ERR_OK);
        assert_int_equal(seen.done, 1);
        assert_string_equal(buf_cstr(&seen.body), "ok");
        buf_end(&seen.body);
    }
    SSL_free(ssl);
    hang_up(sock);
    secure_end(&secure);
}

static void test_certificate_of_another_host_is_refused(void **state)
{
    struct test *test = *state;
    struct secure secure;
    struct seen seen = {0};
    secure_init(&secure, "DNS:other.example");
    struct http_origin_options to = {
        .host = STR("127.0.0.1"), .port = test->port, .tls = secure.tls};
    struct fetch_options options = {
        .origin = http_origin_get(test->client, &to), .method = STR("GET"), .target = STR("/")};
    start_fetch(test, &seen, &options);
    int sock = await_peer(test);
    SSL *ssl = secure_accept(test, &secure, sock);
    turn(test);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_TLS);
    assert_true(strlen(seen.why) > 0);
    SSL_free(ssl);
    hang_up(sock);
    secure_end(&secure);
    buf_end(&seen.body);
}

static void test_tls_through_a_proxy(void **state)
{
    struct test *test = *state;
    struct secure secure;
    struct seen seen = {0};
    secure_init(&secure, "DNS:api.example");
    struct http_origin_options to = {.host = STR("api.example"),
                                     .port = 443,
                                     .tls = secure.tls,
                                     .proxy_host = STR("127.0.0.1"),
                                     .proxy_port = test->port,
                                     .proxy_auth = STR("Basic eDp5")};
    struct fetch_options options = {
        .origin = http_origin_get(test->client, &to), .method = STR("GET"), .target = STR("/t")};
    start_fetch(test, &seen, &options);
    int sock = await_peer(test);
    expect_request(test, sock,
                   "CONNECT api.example:443 HTTP/1.1\r\nhost: api.example:443\r\n"
                   "proxy-authorization: Basic eDp5\r\n\r\n");
    answer(test, sock, STR("HTTP/1.1 200 Connected\r\n\r\n"));
    assert_int_equal(http_fetch_phase(seen.fetch), FETCH_TLS);
    SSL *ssl = secure_accept(test, &secure, sock);
    assert_non_null(ssl);
    serve_secure(test, ssl, "GET /t HTTP/1.1\r\nhost: api.example\r\n");
    for (int t = 0; t < 100 && seen.done == 0; t++) {
        turn(test);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(seen.outcome, ERR_OK);
    SSL_free(ssl);
    hang_up(sock);
    secure_end(&secure);
    buf_end(&seen.body);
}

static void test_proxy_that_refuses(void **state)
{
    struct test *test = *state;
    struct secure secure;
    struct seen seen = {0};
    secure_init(&secure, "DNS:api.example");
    struct http_origin_options to = {.host = STR("api.example"),
                                     .port = 443,
                                     .tls = secure.tls,
                                     .proxy_host = STR("127.0.0.1"),
                                     .proxy_port = test->port};
    struct fetch_options options = {
        .origin = http_origin_get(test->client, &to), .method = STR("GET"), .target = STR("/t")};
    start_fetch(test, &seen, &options);
    int sock = await_peer(test);
    skip_request(test, sock);
    answer(test, sock, STR("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"));
    assert_int_equal(seen.outcome, ERR_REFUSED);
    assert_string_equal(seen.why, "the proxy answered 407");
    hang_up(sock);
    secure_end(&secure);
    buf_end(&seen.body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

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
        TEST(test_connection_is_used_again),
        TEST(test_fetch_started_in_on_done_reuses_the_line),
        TEST(test_connection_is_not_kept_when_told_or_dirty),
        TEST(test_unasked_bytes_end_an_idle_connection),
        TEST(test_idle_connection_grows_old),
        TEST(test_stale_connection_is_replaced_once),
        TEST(test_stale_connection_that_answered_is_not_replaced),
        TEST(test_fetches_over_the_limit_wait_for_a_connection),
        TEST(test_cancel_closes_the_connection_at_once),
        TEST(test_cancel_inside_a_callback),
        TEST(test_cancel_at_any_phase),
        TEST(test_paused_fetch_holds_back_the_server),
        TEST(test_refused_connection),
        TEST(test_connect_deadline_covers_the_queue),
        TEST(test_unknown_name_is_dns),
        TEST(test_unix_socket_origin),
        TEST(test_plain_request_through_a_proxy_is_absolute),
        TEST(test_tls_origin_and_its_pool),
        TEST(test_certificate_of_another_host_is_refused),
        TEST(test_tls_through_a_proxy),
        TEST(test_proxy_that_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
