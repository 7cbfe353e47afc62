/* SPDX-License-Identifier: Apache-2.0
 * test_conn_cost.c - the system calls that a connection may cost. Speed is a promise of this layer;
 * a lost edge or an added call shows here and not only in a benchmark.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/conn.h"
#include "sys/net.h"
#include "sys/notify.h"

#include <string.h>

enum { ROUNDS = 200 };

/* The real network, counted. */
struct counts {
    size_t adds;
    size_t waits;
    size_t reads;
    size_t writes;
};

struct bench {
    struct env env;
    struct net_ops net;
    struct counts counts;
    struct loop *loop;
    struct conn *client;
    struct conn *server;
    int rounds;
    bool over;
};

static struct counts *counts_of(void *object)
{
    return &((struct bench *)object)->counts;
}

static enum err counted_add(void *object, void *poller, int sock, void *owner)
{
    counts_of(object)->adds++;
    return net_real.poller_add(NULL, poller, sock, owner);
}

static size_t counted_wait(void *object, void *poller, struct ready_event *events, size_t room,
                           uint64_t timeout_ns)
{
    counts_of(object)->waits++;
    return net_real.poller_wait(NULL, poller, events, room, timeout_ns);
}

static enum err counted_read(void *object, int sock, void *to, size_t room, size_t *got)
{
    counts_of(object)->reads++;
    return net_real.read(NULL, sock, to, room, got);
}

static enum err counted_write(void *object, int sock, const struct str *slices, size_t count,
                              size_t *sent)
{
    counts_of(object)->writes++;
    return net_real.write(NULL, sock, slices, count, sent);
}

/* A question and an answer, each of a head that is copied and a body that is lent. */
static void speak(struct conn *conn)
{
    static const char body[1100] = "body";
    assert_int_equal(conn_write(conn, STR("POST /v1/chat/completions HTTP/1.1\r\n")), ERR_OK);
    assert_int_equal(conn_write(conn, STR("content-length: 1100\r\n\r\n")), ERR_OK);
    assert_int_equal(conn_lend(conn, (struct str){body, sizeof body}), ERR_OK);
}

static size_t client_data(void *owner, struct str data)
{
    struct bench *bench = owner;
    bench->over = ++bench->rounds == ROUNDS;
    if (!bench->over) {
        speak(bench->client);
    }
    return data.len;
}

static size_t server_data(void *owner, struct str data)
{
    speak(((struct bench *)owner)->server);
    return data.len;
}

static const struct conn_handler client_handler = {.on_data = client_data};
static const struct conn_handler server_handler = {.on_data = server_data};

static void bench_open(struct bench *bench)
{
    struct address at;
    struct address peer;
    int listener = -1;
    int socks[2] = {-1, -1};
    struct conn_options client = {.handler = &client_handler, .owner = bench, .pending_max = 100};
    struct conn_options server = {.handler = &server_handler, .owner = bench, .pending_max = 100};
    memset(bench, 0, sizeof *bench);
    env_init_real(&bench->env);
    bench->net = net_real;
    bench->net.poller_add = counted_add;
    bench->net.poller_wait = counted_wait;
    bench->net.read = counted_read;
    bench->net.write = counted_write;
    bench->env.net = &bench->net;
    bench->env.object = bench;
    bench->loop = loop_new(&bench->env);
    assert_int_equal(address_parse(STR("127.0.0.1:0"), &at), ERR_OK);
    assert_int_equal(net_real.listen(NULL, &at, false, &listener), ERR_OK);
    assert_int_equal(net_real.local(NULL, listener, &at), ERR_OK);
    assert_int_equal(net_real.connect(NULL, &at, &socks[0]), ERR_OK);
    assert_int_equal(net_real.accept(NULL, listener, &socks[1], &peer), ERR_OK);
    net_real.close(NULL, listener);
    assert_int_equal(conn_accept(bench->loop, socks[0], &client, &bench->client), ERR_OK);
    assert_int_equal(conn_accept(bench->loop, socks[1], &server, &bench->server), ERR_OK);
}

static void bench_close(struct bench *bench)
{
    conn_close(bench->client);
    conn_close(bench->server);
    loop_free(bench->loop);
}

static void test_a_round_trip_costs_one_read_and_one_write_a_side(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    speak(bench.client);
    while (!bench.over) {
        (void)loop_turn(bench.loop, true);
    }
    assert_int_equal(bench.counts.adds, 2); /* one a connection, for its life */
    assert_int_equal(bench.counts.reads, 2 * ROUNDS);
    assert_int_equal(bench.counts.writes, 2 * ROUNDS);
    assert_in_range(bench.counts.waits, ROUNDS, 2 * ROUNDS + 2);
    bench_close(&bench);
}

static void test_an_idle_turn_touches_no_socket(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    for (int i = 0; i < 10; i++) {
        (void)loop_turn(bench.loop, false);
    }
    assert_int_equal(bench.counts.reads, 0);
    assert_int_equal(bench.counts.writes, 0);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_round_trip_costs_one_read_and_one_write_a_side),
        cmocka_unit_test(test_an_idle_turn_touches_no_socket),
    };
    notify_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
