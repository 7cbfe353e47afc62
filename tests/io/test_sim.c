/* SPDX-License-Identifier: Apache-2.0
 * test_sim.c - the simulator itself, and connections under the network that it makes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "io/conn.h"
#include "support/sim_env.h"
#include "sys/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 40, LOOPS = 3, CHUNKS = 20 };

/* Servers echo; each client sends CHUNKS pieces and wants them back; a watchdog ends silent ones.
 */
struct client {
    struct town *town;
    struct conn *conn;
    struct timer watchdog;
    struct rng sends;
    struct rng expects;
    uint64_t sent;
    uint64_t got;
    int chunks;
    bool over;
    bool whole;
    enum err why;
};

struct server {
    struct town *town;
    struct loop *loop;
    struct watch watch;
};

struct echo {
    struct conn *conn;
    struct echo *next;
    struct town *town;
    bool full;
};

struct town {
    struct sim_env *sim;
    struct address at;
    struct loop *loops[LOOPS];
    struct server servers[LOOPS];
    struct client clients[CLIENTS];
    struct echo *echoes;
    int served[LOOPS];
    int over;
};

/* ---- the servers ---- */

static size_t echo_data(void *owner, struct str data)
{
    struct echo *echo = owner;
    assert_int_equal(conn_write(echo->conn, data), ERR_OK);
    if (conn_queued(echo->conn) > 20000) {
        conn_pause(echo->conn); /* back-pressure: the client must take its bytes first */
    }
    return data.len;
}

static void echo_drain(void *owner)
{
    struct echo *echo = owner;
    if (conn_paused(echo->conn)) {
        conn_resume(echo->conn);
    }
}

static void echo_end(void *owner, enum err why)
{
    struct echo *echo = owner;
    if (why == ERR_CLOSED) {
        conn_close_after_drain(echo->conn, 5000, 5000);
    } else {
        conn_close(echo->conn);
    }
    echo->conn = NULL;
}

static const struct conn_handler echo_handler = {
    .on_data = echo_data, .on_drain = echo_drain, .on_end = echo_end};

static void on_knock(struct watch *watch, unsigned ready)
{
    struct server *server = LIST_OBJECT(watch, struct server, watch);
    const struct env *env = sim_env_env(server->town->sim);
    int sock = -1;
    struct address peer;
    (void)ready;
    while (env->net->accept(env->object, watch->sock, &sock, &peer) == ERR_OK) {
        struct echo *echo = calloc(1, sizeof *echo);
        struct conn_options options = {
            .handler = &echo_handler, .owner = echo, .pending_max = 100, .peer = &peer};
        echo->town = server->town;
        echo->next = server->town->echoes;
        server->town->echoes = echo;
        server->town->served[server - server->town->servers]++;
        assert_int_equal(conn_accept(server->loop, sock, &options, &echo->conn), ERR_OK);
    }
}

/* ---- the clients ---- */

static void client_over(struct client *client, enum err why)
{
    client->over = true;
    client->why = why;
    client->whole = client->got == client->sent && client->chunks == 0;
    client->town->over++;
    timer_disarm(&client->watchdog);
    conn_close(client->conn);
    client->conn = NULL;
}

static void send_chunk(struct client *client)
{
    char bytes[9000];
    size_t len = 1 + (size_t)rng_below(sim_env_rng(client->town->sim), sizeof bytes - 1);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)rng_next(&client->sends);
    }
    client->sent += len;
    client->chunks--;
    assert_int_equal(conn_write(client->conn, (struct str){bytes, len}), ERR_OK);
}

static void client_open(void *owner)
{
    send_chunk(owner);
}

static size_t client_data(void *owner, struct str data)
{
    struct client *client = owner;
    for (size_t i = 0; i < data.len; i++) {
        assert_int_equal(data.at[i], (char)rng_next(&client->expects));
    }
    client->got += data.len;
    timer_arm(conn_loop(client->conn), &client->watchdog, 3000);
    if (client->chunks > 0 && conn_queued(client->conn) < 30000) {
        send_chunk(client);
    } else if (client->chunks == 0 && client->got == client->sent) {
        client_over(client, ERR_OK);
    }
    return data.len;
}

static void client_end(void *owner, enum err why)
{
    client_over(owner, why);
}

static void on_silence(struct timer *timer)
{
    client_over(LIST_OBJECT(timer, struct client, watchdog), ERR_TIMEOUT);
}

static const struct conn_handler client_handler = {
    .on_open = client_open, .on_data = client_data, .on_end = client_end};

/* ---- a day in town ---- */

static void town_open(struct town *town, uint64_t seed, const struct sim_faults *faults)
{
    memset(town, 0, sizeof *town);
    town->sim = sim_env_new(seed);
    sim_env_faults(town->sim, faults);
    const struct env *env = sim_env_env(town->sim);
    assert_int_equal(address_parse(STR("127.0.0.1:80"), &town->at), ERR_OK);
    for (int i = 0; i < LOOPS; i++) {
        struct server *server = &town->servers[i];
        town->loops[i] = loop_new(env);
        sim_add_loop(town->sim, town->loops[i]);
        *server = (struct server){.town = town, .loop = town->loops[i], .watch.run = on_knock};
        assert_int_equal(env->net->listen(env->object, &town->at, true, &server->watch.sock),
                         ERR_OK);
        assert_int_equal(loop_watch(server->loop, &server->watch), ERR_OK);
    }
    for (int i = 0; i < CLIENTS; i++) {
        struct client *client = &town->clients[i];
        struct conn_options options = {
            .handler = &client_handler, .owner = client, .pending_max = 100};
        client->town = town;
        client->chunks = CHUNKS;
        rng_seed(&client->sends, seed + (uint64_t)i);
        rng_seed(&client->expects, seed + (uint64_t)i);
        timer_init(&client->watchdog, on_silence);
        timer_arm(town->loops[i % LOOPS], &client->watchdog, 3000);
        assert_int_equal(conn_dial(town->loops[i % LOOPS], &town->at, &options, &client->conn),
                         ERR_OK);
    }
}

static bool all_over(void *object)
{
    return ((struct town *)object)->over == CLIENTS;
}

static bool never(void *object)
{
    (void)object;
    return false;
}

static void town_close(struct town *town)
{
    const struct env *env = sim_env_env(town->sim);
    /* Servers notice what happened to their clients, lingering connections end. */
    (void)sim_run_until(town->sim, never, NULL, 60000);
    for (struct echo *echo = town->echoes; echo != NULL;) {
        struct echo *next = echo->next;
        conn_close(echo->conn);
        free(echo);
        echo = next;
    }
    for (int i = 0; i < LOOPS; i++) {
        loop_forget(town->loops[i], &town->servers[i].watch);
        env->net->close(env->object, town->servers[i].watch.sock);
    }
    assert_int_equal(sim_env_sockets(town->sim), 0);
    for (int i = 0; i < LOOPS; i++) {
        loop_free(town->loops[i]);
    }
    sim_env_free(town->sim);
}

static void test_every_byte_comes_back_in_order(void **state)
{
    const struct sim_faults none = {0};
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct town town;
        town_open(&town, seed, &none);
        if (!sim_run_until(town.sim, all_over, &town, 600000)) {
            fail_msg("seed %llu hangs", (unsigned long long)seed);
        }
        for (int i = 0; i < CLIENTS; i++) {
            assert_true(town.clients[i].whole);
            assert_int_equal(town.clients[i].why, ERR_OK);
        }
        assert_true(town.served[0] > 0 && town.served[1] > 0 && town.served[2] > 0);
        town_close(&town);
    }
}

static void test_every_client_gets_a_clear_outcome_under_faults(void **state)
{
    const struct sim_faults faults = {
        .refuse_permille = 100, .reset_permille = 5, .stall_permille = 10, .stall_ms = 4000};
    int outcomes[ERR_COUNT] = {0};
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct town town;
        town_open(&town, seed, &faults);
        if (!sim_run_until(town.sim, all_over, &town, 600000)) {
            fail_msg("seed %llu hangs", (unsigned long long)seed);
        }
        for (int i = 0; i < CLIENTS; i++) {
            outcomes[town.clients[i].why]++;
            assert_true(town.clients[i].whole == (town.clients[i].why == ERR_OK));
        }
        town_close(&town);
    }
    assert_true(outcomes[ERR_OK] > 0);
    assert_true(outcomes[ERR_REFUSED] > 0);
    assert_true(outcomes[ERR_RESET] > 0);
    assert_true(outcomes[ERR_TIMEOUT] > 0);
}

/* What happened and when, as one number. */
static uint64_t trace_of(uint64_t seed)
{
    const struct sim_faults faults = {.reset_permille = 5, .stall_permille = 10, .stall_ms = 900};
    struct town town;
    town_open(&town, seed, &faults);
    assert_true(sim_run_until(town.sim, all_over, &town, 600000));
    uint64_t trace = rng_next(sim_env_rng(town.sim)) ^ sim_env_ms(town.sim);
    for (int i = 0; i < CLIENTS; i++) {
        trace = trace * 31 + town.clients[i].got + (uint64_t)town.clients[i].why;
    }
    town_close(&town);
    return trace;
}

static void test_a_seed_repeats_its_run_exactly(void **state)
{
    (void)state;
    assert_true(trace_of(7) == trace_of(7));
    assert_true(trace_of(7) != trace_of(8));
}

static void on_tick(struct timer *timer)
{
    (void)timer;
}

static void test_time_jumps_to_the_next_timer(void **state)
{
    struct sim_env *sim = sim_env_new(1);
    struct loop *loop = loop_new(sim_env_env(sim));
    struct timer timer;
    (void)state;
    sim_add_loop(sim, loop);
    timer_init(&timer, on_tick);
    timer_arm(loop, &timer, UINT64_C(7) * 86400000);
    struct wall before = loop_wall(loop);
    int steps = 0;
    while (sim_step(sim)) {
        assert_true(steps++ < 10);
    }
    assert_false(timer_armed(&timer));
    assert_int_equal(sim_env_ms(sim), UINT64_C(7) * 86400000);
    assert_in_range(loop_wall(loop).us - before.us, UINT64_C(7) * 86400000000,
                    UINT64_C(7) * 86400000000 + 1000);
    loop_free(loop);
    sim_env_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_jumps_to_the_next_timer),
        cmocka_unit_test(test_every_byte_comes_back_in_order),
        cmocka_unit_test(test_every_client_gets_a_clear_outcome_under_faults),
        cmocka_unit_test(test_a_seed_repeats_its_run_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
