/* SPDX-License-Identifier: Apache-2.0
 * test_conn.c - buffered connections over real sockets on one loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "io/conn.h"
#include "sys/net.h"
#include "sys/notify.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS_MAX 100000

struct side {
    struct conn *conn;
    struct buf got;
    size_t leave;      /* bytes that on_data leaves unconsumed while fewer have come */
    size_t pause_at;   /* pause when that many bytes have come; 0: never */
    size_t shows;      /* calls of on_data */
    size_t shown_last; /* bytes of the last one */
    int opens;
    int drains;
    int ends;
    int hangups;
    enum err why;
    bool close_in_data;
    bool bye_in_data; /* close_after_drain from on_data */
};

struct fixture {
    struct env env;
    struct loop *loop;
    struct side a;
    struct side b;
};

static void on_open(void *owner)
{
    ((struct side *)owner)->opens++;
}

static size_t on_data(void *owner, struct str data)
{
    struct side *side = owner;
    side->shows++;
    side->shown_last = data.len;
    if (data.len < side->leave) {
        return 0;
    }
    assert_int_equal(buf_add(&side->got, data), ERR_OK);
    if (side->pause_at > 0 && side->got.len >= side->pause_at) {
        side->pause_at = 0;
        conn_pause(side->conn);
    }
    if (side->close_in_data) {
        conn_close(side->conn);
        side->conn = NULL;
    }
    if (side->bye_in_data) {
        assert_int_equal(conn_write(side->conn, STR("bye")), ERR_OK);
        conn_close_after_drain(side->conn, 1000, 1000);
        side->conn = NULL;
    }
    return data.len;
}

static void on_drain(void *owner)
{
    ((struct side *)owner)->drains++;
}

static void on_end(void *owner, enum err why)
{
    struct side *side = owner;
    side->ends++;
    side->why = why;
}

static void on_hangup(void *owner)
{
    ((struct side *)owner)->hangups++;
}

static const struct conn_handler handler = {on_open, on_data, on_drain, on_end, on_hangup};

static struct conn_options options_of(struct side *side)
{
    return (struct conn_options){.handler = &handler, .owner = side, .pending_max = 1000};
}

/* Two conns joined by a socket pair with small buffers. */
static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    int pair[2];
    int small = 8192;
    memset(f, 0, sizeof *f);
    env_init_real(&f->env);
    f->loop = loop_new(&f->env);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    buf_init(&f->a.got, 64 << 20);
    buf_init(&f->b.got, 64 << 20);
    struct conn_options a = options_of(&f->a);
    struct conn_options b = options_of(&f->b);
    assert_int_equal(conn_accept(f->loop, pair[0], &a, &f->a.conn), ERR_OK);
    assert_int_equal(conn_accept(f->loop, pair[1], &b, &f->b.conn), ERR_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    conn_close(f->a.conn);
    conn_close(f->b.conn);
    buf_end(&f->a.got);
    buf_end(&f->b.got);
    loop_free(f->loop);
    return 0;
}

/* Until nothing happens any more. */
static void settle(struct fixture *f)
{
    for (int i = 0; i < TURNS_MAX && loop_turn(f->loop, false); i++) {
    }
}

#define UNTIL(f, condition)                                                                        \
    do {                                                                                           \
        int turns = 0;                                                                             \
        while (!(condition)) {                                                                     \
            assert_true(turns++ < TURNS_MAX);                                                      \
            (void)loop_turn((f)->loop, true);                                                      \
        }                                                                                          \
    } while (0)

static void fill(char *to, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        to[i] = (char)(i * 2654435761U >> 13);
    }
}

static void assert_got(const struct side *side, struct str expected)
{
    assert_int_equal(side->got.len, expected.len);
    assert_memory_equal(side->got.at, expected.at, expected.len);
}

/* ---- writing ---- */

static void test_output_of_a_turn_is_one_write(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(conn_write(f->a.conn, STR("HTTP/1.1 ")), ERR_OK);
    assert_int_equal(conn_write(f->a.conn, STR("200 OK\r\n")), ERR_OK);
    assert_int_equal(conn_lend(f->a.conn, STR("\r\n")), ERR_OK);
    assert_int_equal(conn_queued(f->a.conn), 19);
    settle(f);
    assert_int_equal(f->b.shows, 1);
    assert_got(&f->b, STR("HTTP/1.1 200 OK\r\n\r\n"));
    assert_int_equal(f->a.drains, 1);
    assert_int_equal(conn_sent_bytes(f->a.conn), 19);
}

static void test_copied_and_lent_bytes_keep_their_order(void **state)
{
    struct fixture *f = *state;
    struct buf expected;
    char *lent = malloc(100000);
    buf_init(&expected, 64 << 20);
    fill(lent, 100000);
    for (size_t i = 0; i < 400; i++) {
        char copied[700];
        fill(copied, sizeof copied);
        struct str piece = {copied, i % sizeof copied};
        struct str loan = {lent + i, (i * 37) % 90000};
        assert_int_equal(conn_write(f->a.conn, piece), ERR_OK);
        assert_int_equal(conn_lend(f->a.conn, loan), ERR_OK);
        assert_int_equal(buf_add(&expected, piece), ERR_OK);
        assert_int_equal(buf_add(&expected, loan), ERR_OK);
    }
    settle(f);
    assert_got(&f->b, buf_str(&expected));
    assert_int_equal(f->a.drains, 1);
    buf_end(&expected);
    free(lent);
}

static void test_cap_refuses_what_does_not_fit_and_gets_all_back(void **state)
{
    struct fixture *f = *state;
    struct cap cap = {.max = 100000};
    struct conn_options options = options_of(&f->a);
    int pair[2];
    char bytes[60000];
    memset(bytes, 'x', sizeof bytes);
    options.memory = &cap;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    conn_close(f->a.conn);
    assert_int_equal(conn_accept(f->loop, pair[0], &options, &f->a.conn), ERR_OK);
    assert_int_equal(conn_write(f->a.conn, (struct str){bytes, sizeof bytes}), ERR_OK);
    assert_int_equal(conn_write(f->a.conn, (struct str){bytes, sizeof bytes}), ERR_LIMIT);
    assert_int_equal(conn_queued(f->a.conn), sizeof bytes);
    f->a.leave = 200; /* and kept input counts too */
    assert_int_equal(write(pair[1], bytes, 100), 100);
    settle(f);
    assert_true(cap_used(&cap) >= 100);
    conn_close(f->a.conn);
    f->a.conn = NULL;
    assert_int_equal(cap_used(&cap), 0);
    (void)close(pair[1]);
}

/* Two conns over loopback TCP in place of the fixture's. */
static void join_by_tcp(struct fixture *f)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    struct conn_options a = options_of(&f->a);
    struct conn_options b = options_of(&f->b);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int dialled = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(connect(dialled, (struct sockaddr *)&at, sizeof at), 0);
    int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    assert_int_equal(fcntl(dialled, F_SETFL, O_NONBLOCK), 0);
    (void)close(listener);
    conn_close(f->a.conn);
    conn_close(f->b.conn);
    assert_int_equal(conn_accept(f->loop, accepted, &a, &f->a.conn), ERR_OK);
    assert_int_equal(conn_accept(f->loop, dialled, &b, &f->b.conn), ERR_OK);
}

static void test_an_end_with_output_unsent_is_a_reset(void **state)
{
    struct fixture *f = *state;
    size_t size = 32 << 20;
    char *bytes = malloc(size);
    fill(bytes, size);
    join_by_tcp(f);
    f->b.pause_at = 1;
    assert_int_equal(conn_lend(f->a.conn, (struct str){bytes, size}), ERR_OK);
    settle(f);
    assert_true(conn_queued(f->a.conn) > 0);
    conn_close(f->a.conn);
    f->a.conn = NULL;
    conn_resume(f->b.conn);
    UNTIL(f, f->b.ends > 0);
    assert_int_equal(f->b.why, ERR_RESET);
    free(bytes);
}

static void test_an_abort_is_a_reset(void **state)
{
    struct fixture *f = *state;
    join_by_tcp(f);
    assert_int_equal(conn_write(f->a.conn, STR("half of")), ERR_OK);
    UNTIL(f, f->b.got.len == 7);
    conn_abort(f->a.conn);
    f->a.conn = NULL;
    UNTIL(f, f->b.ends > 0);
    assert_int_equal(f->b.why, ERR_RESET);
}

/* ---- reading ---- */

static void test_paused_reader_holds_up_the_writer(void **state)
{
    struct fixture *f = *state;
    size_t size = 4 << 20;
    char *bytes = malloc(size);
    fill(bytes, size);
    f->b.pause_at = 1;
    assert_int_equal(conn_lend(f->a.conn, (struct str){bytes, size}), ERR_OK);
    settle(f);
    assert_true(conn_paused(f->b.conn));
    assert_true(f->b.got.len <= LOOP_SCRATCH_BYTES);
    assert_true(conn_queued(f->a.conn) > size / 2);
    assert_int_equal(f->a.drains, 0);
    conn_resume(f->b.conn);
    settle(f);
    assert_got(&f->b, (struct str){bytes, size});
    assert_int_equal(f->a.drains, 1);
    free(bytes);
}

static void test_paused_reader_is_told_that_the_peer_has_left(void **state)
{
    struct fixture *f = *state;
    conn_pause(f->b.conn);
    assert_int_equal(conn_write(f->a.conn, STR("last words")), ERR_OK);
    settle(f);
    assert_int_equal(f->b.hangups, 0);
    conn_close(f->a.conn);
    f->a.conn = NULL;
    settle(f);
    assert_true(f->b.hangups > 0);
    assert_int_equal(f->b.ends, 0);
    conn_resume(f->b.conn);
    settle(f);
    assert_got(&f->b, STR("last words"));
    assert_int_equal(f->b.ends, 1);
}

static void test_unconsumed_bytes_are_shown_again_with_more(void **state)
{
    struct fixture *f = *state;
    f->b.leave = 10;
    assert_int_equal(conn_write(f->a.conn, STR("12345")), ERR_OK);
    settle(f);
    assert_int_equal(f->b.shown_last, 5);
    assert_int_equal(f->b.got.len, 0);
    assert_int_equal(conn_write(f->a.conn, STR("67890")), ERR_OK);
    settle(f);
    assert_int_equal(f->b.shown_last, 10);
    assert_got(&f->b, STR("1234567890"));
}

static void test_resume_shows_kept_bytes_without_new_ones(void **state)
{
    struct fixture *f = *state;
    f->b.leave = 10;
    assert_int_equal(conn_write(f->a.conn, STR("12345")), ERR_OK);
    settle(f);
    conn_pause(f->b.conn);
    f->b.leave = 0;
    settle(f);
    assert_int_equal(f->b.got.len, 0);
    conn_resume(f->b.conn);
    assert_int_equal(f->b.got.len, 0); /* not from inside the call */
    settle(f);
    assert_got(&f->b, STR("12345"));
}

static void test_pending_max_is_the_most_that_is_kept(void **state)
{
    struct fixture *f = *state;
    char bytes[1001];
    memset(bytes, 'x', sizeof bytes);
    f->b.leave = 5000;
    assert_int_equal(conn_write(f->a.conn, (struct str){bytes, 1000}), ERR_OK);
    settle(f);
    assert_int_equal(f->b.ends, 0);
    assert_int_equal(conn_write(f->a.conn, (struct str){bytes, 1}), ERR_OK);
    settle(f);
    assert_int_equal(f->b.ends, 1);
    assert_int_equal(f->b.why, ERR_LIMIT);
}

static void test_close_inside_on_data_is_safe(void **state)
{
    struct fixture *f = *state;
    f->b.leave = 6;
    f->b.close_in_data = true;
    assert_int_equal(conn_write(f->a.conn, STR("123")), ERR_OK);
    settle(f);
    assert_int_equal(conn_write(f->a.conn, STR("456")), ERR_OK);
    settle(f);
    assert_null(f->b.conn);
    assert_int_equal(f->a.ends, 1);
}

/* ---- ends ---- */

static void test_half_closed_peer_can_still_be_answered(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(conn_write(f->a.conn, STR("question")), ERR_OK);
    settle(f);
    f->env.net->finish(NULL, conn_sock(f->a.conn));
    settle(f);
    assert_int_equal(f->b.ends, 1);
    assert_int_equal(f->b.why, ERR_CLOSED);
    assert_int_equal(conn_write(f->b.conn, STR("answer")), ERR_OK);
    settle(f);
    assert_got(&f->a, STR("answer"));
    assert_int_equal(f->b.drains, 1);
}

static void test_data_and_end_that_come_together_are_both_seen(void **state)
{
    struct fixture *f = *state;
    int sock = conn_sock(f->a.conn);
    assert_int_equal(write(sock, "last words", 10), 10);
    conn_close(f->a.conn);
    f->a.conn = NULL;
    settle(f);
    assert_got(&f->b, STR("last words"));
    assert_int_equal(f->b.ends, 1);
    assert_int_equal(f->b.why, ERR_CLOSED);
}

static void test_write_to_a_gone_peer_fails_once_after_its_last_words(void **state)
{
    struct fixture *f = *state;
    f->a.leave = 1;
    f->env.net->finish(NULL, conn_sock(f->b.conn));
    settle(f);
    assert_int_equal(f->a.why, ERR_CLOSED);
    conn_close(f->b.conn);
    f->b.conn = NULL;
    assert_int_equal(conn_write(f->a.conn, STR("anyone?")), ERR_OK);
    settle(f);
    assert_int_equal(f->a.ends, 2);
    assert_int_equal(f->a.why, ERR_RESET);
    assert_int_equal(conn_write(f->a.conn, STR("hello?")), ERR_RESET);
    assert_int_equal(f->a.drains, 0);
    assert_int_equal(conn_queued(f->a.conn), 0);
}

static void test_an_early_refusal_is_read_though_writing_fails(void **state)
{
    struct fixture *f = *state;
    size_t size = 1 << 20;
    char *bytes = calloc(1, size);
    int sock = conn_sock(f->b.conn);
    conn_pause(f->b.conn);
    assert_int_equal(conn_lend(f->a.conn, (struct str){bytes, size}), ERR_OK);
    settle(f);
    assert_int_equal(write(sock, "413 too large", 13), 13);
    conn_close(f->b.conn);
    f->b.conn = NULL;
    UNTIL(f, f->a.ends > 0);
    assert_got(&f->a, STR("413 too large"));
    free(bytes);
}

static void test_close_after_drain_lets_the_last_answer_be_read(void **state)
{
    struct fixture *f = *state;
    size_t size = 300000;
    char *bytes = malloc(size);
    fill(bytes, size);
    /* The peer has sent what will never be read, and reads slowly. */
    assert_int_equal(conn_write(f->b.conn, STR("unwanted")), ERR_OK);
    f->b.pause_at = 1;
    assert_int_equal(conn_write(f->a.conn, STR("start ")), ERR_OK);
    settle(f);
    assert_int_equal(conn_lend(f->a.conn, (struct str){bytes, size}), ERR_OK);
    conn_close_after_drain(f->a.conn, 1000, 1000);
    f->a.conn = NULL;
    settle(f);
    struct buf expected;
    buf_init(&expected, 1 << 20);
    assert_int_equal(buf_add(&expected, STR("start ")), ERR_OK);
    assert_int_equal(buf_add(&expected, (struct str){bytes, size}), ERR_OK);
    memset(bytes, 0, size); /* lent bytes were copied */
    conn_resume(f->b.conn);
    UNTIL(f, f->b.ends > 0);
    assert_int_equal(f->b.why, ERR_CLOSED);
    assert_got(&f->b, buf_str(&expected));
    conn_close(f->b.conn);
    f->b.conn = NULL;
    settle(f); /* the lingering side sees the end and frees itself; else the leak checker speaks */
    assert_false(loop_next_timer(f->loop, &(struct instant){0}));
    buf_end(&expected);
    free(bytes);
}

static void test_close_after_drain_from_a_callback(void **state)
{
    struct fixture *f = *state;
    f->b.bye_in_data = true;
    assert_int_equal(conn_write(f->a.conn, STR("hello")), ERR_OK);
    UNTIL(f, f->a.ends > 0);
    assert_got(&f->a, STR("bye"));
    conn_close(f->a.conn);
    f->a.conn = NULL;
    settle(f);
    assert_false(loop_next_timer(f->loop, &(struct instant){0}));
}

static void test_lingering_ends_by_time_when_the_peer_reads_nothing(void **state)
{
    struct fixture *f = *state;
    size_t size = 1 << 20;
    char *bytes = calloc(1, size);
    f->b.pause_at = 1;
    assert_int_equal(conn_write(f->a.conn, (struct str){bytes, size}), ERR_OK);
    settle(f);
    conn_close_after_drain(f->a.conn, 20, 20);
    f->a.conn = NULL;
    UNTIL(f, !loop_next_timer(f->loop, &(struct instant){0}));
    free(bytes);
}

static void test_lingering_ends_when_the_peer_talks_on(void **state)
{
    struct fixture *f = *state;
    size_t size = (size_t)65 << 20;
    char *bytes = calloc(1, size);
    conn_close_after_drain(f->a.conn, 1000000, 1000000);
    f->a.conn = NULL;
    assert_int_equal(conn_write(f->b.conn, (struct str){bytes, size}), ERR_OK);
    settle(f);
    assert_false(loop_next_timer(f->loop, &(struct instant){0}));
    assert_int_equal(f->b.why, ERR_RESET);
    free(bytes);
}

/* ---- dialling ---- */

struct listener {
    struct watch watch;
    struct fixture *fixture;
};

static void on_knock(struct watch *watch, unsigned ready)
{
    struct fixture *f = LIST_OBJECT(watch, struct listener, watch)->fixture;
    int sock = -1;
    struct address peer;
    struct conn_options options = options_of(&f->b);
    options.peer = &peer;
    (void)ready;
    while (f->env.net->accept(NULL, watch->sock, &sock, &peer) == ERR_OK) {
        conn_close(f->b.conn);
        assert_int_equal(conn_accept(f->loop, sock, &options, &f->b.conn), ERR_OK);
    }
}

static void dial(struct fixture *f, struct str text)
{
    struct listener listener = {.watch.run = on_knock, .fixture = f};
    struct conn_options options = options_of(&f->a);
    struct address at;
    assert_int_equal(address_parse(text, &at), ERR_OK);
    assert_int_equal(f->env.net->listen(NULL, &at, true, &listener.watch.sock), ERR_OK);
    assert_int_equal(f->env.net->local(NULL, listener.watch.sock, &at), ERR_OK);
    assert_int_equal(loop_watch(f->loop, &listener.watch), ERR_OK);
    conn_close(f->a.conn);
    assert_int_equal(conn_dial(f->loop, &at, &options, &f->a.conn), ERR_OK);
    assert_int_equal(f->a.opens, 0); /* never from inside the call */
    assert_int_equal(conn_write(f->a.conn, STR("early")), ERR_OK);
    UNTIL(f, f->b.got.len == 5);
    assert_int_equal(f->a.opens, 1);
    assert_int_equal(f->b.opens, 0);
    assert_memory_equal(conn_peer(f->a.conn), &at, sizeof at);
    assert_true(address_is_loopback(conn_peer(f->b.conn)));
    loop_forget(f->loop, &listener.watch);
    f->env.net->close(NULL, listener.watch.sock);
}

static void test_dials_tcp(void **state)
{
    dial(*state, STR("127.0.0.1:0"));
}

static void test_dials_a_unix_socket(void **state)
{
    char path[] = "unix:/tmp/aire-conn-XXXXXX";
    assert_non_null(mkdtemp(path + 5));
    char text[64];
    (void)snprintf(text, sizeof text, "%s/sock", path);
    dial(*state, str_of(text));
    assert_int_equal(unlink(text + 5), 0);
    assert_int_equal(rmdir(path + 5), 0);
}

static void test_a_refused_dial_is_told_later(void **state)
{
    struct fixture *f = *state;
    struct conn_options options = options_of(&f->a);
    struct address at;
    int sock = -1;
    assert_int_equal(address_parse(STR("127.0.0.1:0"), &at), ERR_OK);
    assert_int_equal(f->env.net->listen(NULL, &at, false, &sock), ERR_OK);
    assert_int_equal(f->env.net->local(NULL, sock, &at), ERR_OK);
    f->env.net->close(NULL, sock);
    conn_close(f->a.conn);
    f->a.conn = NULL;
    enum err err = conn_dial(f->loop, &at, &options, &f->a.conn);
    if (err == ERR_OK) {
        UNTIL(f, f->a.ends > 0);
        err = f->a.why;
    }
    assert_int_equal(err, ERR_REFUSED);
    assert_int_equal(f->a.opens, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_end_with_output_unsent_is_a_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_abort_is_a_reset, setup, teardown),
        TEST(test_output_of_a_turn_is_one_write),
        TEST(test_copied_and_lent_bytes_keep_their_order),
        TEST(test_cap_refuses_what_does_not_fit_and_gets_all_back),
        TEST(test_paused_reader_holds_up_the_writer),
        TEST(test_paused_reader_is_told_that_the_peer_has_left),
        TEST(test_unconsumed_bytes_are_shown_again_with_more),
        TEST(test_resume_shows_kept_bytes_without_new_ones),
        TEST(test_pending_max_is_the_most_that_is_kept),
        TEST(test_close_inside_on_data_is_safe),
        TEST(test_half_closed_peer_can_still_be_answered),
        TEST(test_data_and_end_that_come_together_are_both_seen),
        TEST(test_write_to_a_gone_peer_fails_once_after_its_last_words),
        TEST(test_an_early_refusal_is_read_though_writing_fails),
        TEST(test_close_after_drain_lets_the_last_answer_be_read),
        TEST(test_close_after_drain_from_a_callback),
        TEST(test_lingering_ends_by_time_when_the_peer_reads_nothing),
        TEST(test_lingering_ends_when_the_peer_talks_on),
        TEST(test_dials_tcp),
        TEST(test_dials_a_unix_socket),
        TEST(test_a_refused_dial_is_told_later),
    };
    notify_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
