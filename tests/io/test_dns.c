/* SPDX-License-Identifier: Apache-2.0
 * test_dns.c - what can be resolved without a network: literals, /etc/hosts, nonsense, and what a
 * name server on loopback says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/dns.h"
#include "sys/net.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct result {
    int calls;
    enum err code;
    size_t count;
    struct address first;
    struct dns *again; /* resolve once more from the callback */
    struct dns_query *cancels;
};

struct fixture {
    struct env env;
    struct loop *loop;
    struct dns *dns;
};

static int setup(void **state)
{
    static struct fixture f;
    env_init_real(&f.env);
    f.loop = loop_new(&f.env);
    f.dns = dns_new(f.loop);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dns_free(f->dns);
    loop_free(f->loop);
    return 0;
}

static void on_done(void *owner, enum err code, const struct address *addresses, size_t count)
{
    struct result *result = owner;
    result->calls++;
    result->code = code;
    result->count = count;
    if (count > 0) {
        result->first = addresses[0];
    }
    if (result->again != NULL) {
        struct dns *dns = result->again;
        result->again = NULL;
        (void)dns_resolve(dns, STR("localhost"), 1, on_done, result);
    }
    if (result->cancels != NULL) {
        dns_cancel(result->cancels);
        result->cancels = NULL;
    }
}

static void wait_for(struct fixture *f, const struct result *result, int calls)
{
    for (int turns = 0; turns < 10000 && result->calls < calls; turns++) {
        (void)loop_turn(f->loop, true);
    }
    assert_int_equal(result->calls, calls);
}

static void assert_shows(const struct address *address, const char *expected)
{
    char text[ADDRESS_TEXT_BYTES];
    assert_string_equal(address_show(address, text), expected);
}

static void test_a_literal_answers_later_without_asking(void **state)
{
    struct fixture *f = *state;
    struct result v4 = {0};
    struct result v6 = {0};
    (void)dns_resolve(f->dns, STR("192.0.2.7"), 443, on_done, &v4);
    (void)dns_resolve(f->dns, STR("2001:db8::1"), 80, on_done, &v6);
    assert_int_equal(v4.calls, 0);
    wait_for(f, &v4, 1);
    wait_for(f, &v6, 1);
    assert_int_equal(v4.count, 1);
    assert_shows(&v4.first, "192.0.2.7:443");
    assert_shows(&v6.first, "[2001:db8::1]:80");
    assert_false(loop_next_timer(f->loop, &(struct instant){0}));
}

static void test_localhost_resolves_without_a_network(void **state)
{
    struct fixture *f = *state;
    struct result result = {0};
    (void)dns_resolve(f->dns, STR("LocalHost"), 8080, on_done, &result);
    assert_int_equal(result.calls, 0);
    wait_for(f, &result, 1);
    assert_int_equal(result.code, ERR_OK);
    assert_true(result.count >= 1);
    assert_true(address_is_loopback(&result.first));
    assert_int_equal(address_port(&result.first), 8080);
}

static void test_each_query_gets_its_own_port_from_one_answer(void **state)
{
    struct fixture *f = *state;
    struct result a = {0};
    struct result b = {0};
    (void)dns_resolve(f->dns, STR("localhost"), 1, on_done, &a);
    (void)dns_resolve(f->dns, STR("localhost"), 2, on_done, &b);
    wait_for(f, &b, 1);
    wait_for(f, &a, 1);
    assert_int_equal(address_port(&a.first), 1);
    assert_int_equal(address_port(&b.first), 2);
}

static void test_resolving_again_from_the_callback(void **state)
{
    struct fixture *f = *state;
    struct result result = {.again = f->dns};
    (void)dns_resolve(f->dns, STR("localhost"), 1, on_done, &result);
    wait_for(f, &result, 2);
}

static void test_a_cancelled_query_is_silent(void **state)
{
    struct fixture *f = *state;
    struct result silent = {0};
    struct result other = {0};
    struct result literal = {0};
    dns_cancel(dns_resolve(f->dns, STR("localhost"), 1, on_done, &silent));
    dns_cancel(dns_resolve(f->dns, STR("127.0.0.1"), 1, on_done, &literal));
    (void)dns_resolve(f->dns, STR("localhost"), 1, on_done, &other);
    /* Also when the callback of another query of the same name cancels it. */
    other.cancels = dns_resolve(f->dns, STR("localhost"), 1, on_done, &silent);
    wait_for(f, &other, 1);
    while (loop_turn(f->loop, false)) {
    }
    assert_int_equal(silent.calls, 0);
    assert_int_equal(literal.calls, 0);
}

static void test_no_name_at_all_is_not_asked_for(void **state)
{
    struct fixture *f = *state;
    static const char nul[] = "a\0b";
    char longest[300];
    struct result result = {0};
    memset(longest, 'a', sizeof longest);
    (void)dns_resolve(f->dns, STR(""), 1, on_done, &result);
    (void)dns_resolve(f->dns, (struct str){nul, 3}, 1, on_done, &result);
    (void)dns_resolve(f->dns, (struct str){longest, sizeof longest}, 1, on_done, &result);
    wait_for(f, &result, 3);
    assert_int_equal(result.code, ERR_DNS);
}

static void test_waiting_queries_are_dropped_by_free(void **state)
{
    struct fixture *f = *state;
    struct result result = {0};
    (void)dns_resolve(f->dns, STR("localhost"), 1, on_done, &result);
    (void)dns_resolve(f->dns, STR("10.0.0.1"), 1, on_done, &result);
    dns_free(f->dns);
    f->dns = NULL;
    (void)loop_turn(f->loop, false);
    assert_int_equal(result.calls, 0);
}

/* ---- a name server on loopback: A answers 192.0.2.1, AAAA nothing. Names that
 * start with 't' are truncated over UDP, those with 'n' do not exist, those with 's' get no answer.
 * ---- */

struct server {
    int udp;
    int tcp;
    int client;
    int asked_udp;
    int asked_tcp;
    char address[32];
};

/* A free port of UDP whose TCP twin may be in use: other programs run on this machine. */
static bool take_port(struct server *server, struct sockaddr_in *at)
{
    socklen_t len = sizeof *at;
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    server->tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(server->udp, (struct sockaddr *)at, sizeof *at), 0);
    assert_int_equal(getsockname(server->udp, (struct sockaddr *)at, &len), 0);
    if (bind(server->tcp, (struct sockaddr *)at, sizeof *at) == 0) {
        return true;
    }
    (void)close(server->udp);
    (void)close(server->tcp);
    return false;
}

static void server_init(struct server *server)
{
    struct sockaddr_in at;
    *server = (struct server){.client = -1};
    for (int tries = 1; !take_port(server, &at); tries++) {
        assert_true(tries < 100);
    }
    assert_int_equal(listen(server->tcp, 4), 0);
    (void)snprintf(server->address, sizeof server->address, "127.0.0.1:%u", ntohs(at.sin_port));
}

static void server_end(const struct server *server)
{
    (void)close(server->udp);
    (void)close(server->tcp);
    if (server->client >= 0) {
        (void)close(server->client);
    }
}

/* The response to the `len` bytes of a query in place; its length. */
static size_t respond(unsigned char *message, size_t len, bool truncate)
{
    static const unsigned char a[] = {0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
    size_t question = 12;
    while (message[question] != 0) {
        question += message[question] + 1U;
    }
    bool is_a = message[question + 2] == 1;
    bool missing = message[13] == 'n';
    size_t end = question + 5;
    assert_true(end <= len);
    message[2] = truncate ? 0x83 : 0x81;
    message[3] = missing ? 0x83 : 0x80;
    message[7] = is_a && !truncate && !missing;
    memset(message + 8, 0, 4); /* no authority, no additional records */
    if (message[7] == 1) {
        memcpy(message + end, a, sizeof a);
        end += sizeof a;
    }
    return end;
}

static void serve_udp(struct server *server)
{
    unsigned char message[1024];
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    ssize_t got;
    while ((got = recvfrom(server->udp, message, 512, 0, (struct sockaddr *)&peer, &len)) > 0) {
        server->asked_udp++;
        if (message[13] == 's') {
            continue;
        }
        size_t size = respond(message, (size_t)got, message[13] == 't');
        (void)sendto(server->udp, message, size, 0, (struct sockaddr *)&peer, len);
    }
}

/* Length and message leave in separate segments. */
static void serve_tcp(struct server *server)
{
    unsigned char message[1024];
    if (server->client < 0) {
        server->client = accept4(server->tcp, NULL, NULL, SOCK_NONBLOCK);
    }
    ssize_t got = server->client < 0 ? -1 : recv(server->client, message, 2, 0);
    if (got != 2) {
        return;
    }
    size_t size = (size_t)message[0] << 8 | message[1];
    assert_int_equal(recv(server->client, message, size, 0), size);
    server->asked_tcp++;
    size = respond(message, size, false);
    unsigned char prefix[2] = {(unsigned char)(size >> 8), (unsigned char)size};
    assert_int_equal(send(server->client, prefix, 2, 0), 2);
    assert_int_equal(send(server->client, message, size, 0), size);
}

static void wait_served(struct fixture *f, struct server *server, const struct result *result,
                        int calls)
{
    for (int turns = 0; turns < 20000 && result->calls < calls; turns++) {
        struct pollfd idle = {.fd = server->udp, .events = POLLIN};
        if (!loop_turn(f->loop, false)) {
            (void)poll(&idle, 1, 1);
        }
        serve_udp(server);
        serve_tcp(server);
    }
    assert_int_equal(result->calls, calls);
}

static void test_a_name_is_asked_once_and_then_remembered(void **state)
{
    struct fixture *f = *state;
    struct server server;
    struct result result = {0};
    server_init(&server);
    assert_int_equal(dns_use_servers(f->dns, server.address), ERR_OK);
    (void)dns_resolve(f->dns, STR("api.example.com"), 443, on_done, &result);
    wait_served(f, &server, &result, 1);
    assert_int_equal(result.code, ERR_OK);
    assert_shows(&result.first, "192.0.2.1:443");
    int asked = server.asked_udp;
    assert_true(asked >= 1);
    (void)dns_resolve(f->dns, STR("API.example.com"), 80, on_done, &result);
    wait_served(f, &server, &result, 2);
    assert_shows(&result.first, "192.0.2.1:80");
    assert_int_equal(server.asked_udp, asked);
    server_end(&server);
}

static void test_a_truncated_answer_is_fetched_over_tcp(void **state)
{
    struct fixture *f = *state;
    struct server server;
    struct result result = {0};
    server_init(&server);
    assert_int_equal(dns_use_servers(f->dns, server.address), ERR_OK);
    (void)dns_resolve(f->dns, STR("truncated.example.com"), 443, on_done, &result);
    wait_served(f, &server, &result, 1);
    assert_int_equal(result.code, ERR_OK);
    assert_true(server.asked_tcp >= 1);
    assert_shows(&result.first, "192.0.2.1:443");
    server_end(&server);
}

static void test_a_missing_name_is_told(void **state)
{
    struct fixture *f = *state;
    struct server server;
    struct result result = {0};
    server_init(&server);
    assert_int_equal(dns_use_servers(f->dns, server.address), ERR_OK);
    (void)dns_resolve(f->dns, STR("nowhere.example.com."), 443, on_done, &result);
    wait_served(f, &server, &result, 1);
    assert_int_equal(result.code, ERR_DNS);
    assert_int_equal(result.count, 0);
    server_end(&server);
}

static void test_more_names_than_the_cache_holds(void **state)
{
    struct fixture *f = *state;
    struct server server;
    struct result result = {0};
    int asked = 0;
    server_init(&server);
    assert_int_equal(dns_use_servers(f->dns, server.address), ERR_OK);
    for (int i = 0; i < DNS_CACHE_MAX + 50; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "a%d.example.com", i);
        (void)dns_resolve(f->dns, str_of(name), 1, on_done, &result);
        wait_served(f, &server, &result, ++asked);
        assert_int_equal(result.code, ERR_OK);
    }
    server_end(&server);
}

static void test_names_under_way_fill_the_cache_but_not_the_memory(void **state)
{
    struct fixture *f = *state;
    struct server server;
    struct result waiting = {0};
    struct result refused = {0};
    server_init(&server);
    assert_int_equal(dns_use_servers(f->dns, server.address), ERR_OK);
    for (int i = 0; i < DNS_CACHE_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "silent%d.example.com", i);
        (void)dns_resolve(f->dns, str_of(name), 1, on_done, &waiting);
    }
    (void)dns_resolve(f->dns, STR("one.too.many"), 1, on_done, &refused);
    (void)dns_resolve(f->dns, STR("127.0.0.1"), 1, on_done, &waiting); /* literals still work */
    wait_for(f, &refused, 1);
    assert_int_equal(refused.code, ERR_DNS);
    assert_int_equal(waiting.calls, 1);
    server_end(&server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_literal_answers_later_without_asking),
        TEST(test_localhost_resolves_without_a_network),
        TEST(test_each_query_gets_its_own_port_from_one_answer),
        TEST(test_resolving_again_from_the_callback),
        TEST(test_a_cancelled_query_is_silent),
        TEST(test_no_name_at_all_is_not_asked_for),
        TEST(test_waiting_queries_are_dropped_by_free),
        TEST(test_a_name_is_asked_once_and_then_remembered),
        TEST(test_a_truncated_answer_is_fetched_over_tcp),
        TEST(test_a_missing_name_is_told),
        TEST(test_more_names_than_the_cache_holds),
        TEST(test_names_under_way_fill_the_cache_but_not_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
