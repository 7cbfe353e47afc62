/* SPDX-License-Identifier: Apache-2.0
 * test_net.c - addresses as text, and real sockets and readiness.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/net.h"
#include "sys/notify.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- addresses ---- */

static void test_addresses_are_shown_as_they_are_written(void **state)
{
    static const char *const texts[] = {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:443",
                                        "[2001:db8::5]:65535", "unix:/run/aire.sock"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct address address;
        char shown[ADDRESS_TEXT_BYTES];
        assert_int_equal(address_parse(str_of(texts[i]), &address), ERR_OK);
        assert_string_equal(address_show(&address, shown), texts[i]);
    }
}

static void test_what_is_no_address_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *text;
        enum err err;
    } cases[] = {
        {"example.com:80", ERR_NOT_FOUND},
        {"localhost", ERR_NOT_FOUND},
        {"1.2.3.4", ERR_SYNTAX},
        {"[::1]", ERR_SYNTAX},
        {"", ERR_SYNTAX},
        {":80", ERR_SYNTAX},
        {"1.2.3.4:", ERR_SYNTAX},
        {"1.2.3.4:x", ERR_SYNTAX},
        {"1.2.3.4:65536", ERR_RANGE},
        {"[::1", ERR_SYNTAX},
        {"[::1]8", ERR_SYNTAX},
        {"1.2.3.4.5:80", ERR_NOT_FOUND},
        {"256.1.1.1:80", ERR_NOT_FOUND},
        {"unix:", ERR_SYNTAX},
        {"127.1:80", ERR_NOT_FOUND},
    };
    struct address address;
    char longest[200] = "unix:/";
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(address_parse(str_of(cases[i].text), &address), cases[i].err);
    }
    memset(longest + 6, 'a', 106);
    assert_int_equal(address_parse(str_of(longest), &address), ERR_OK); /* 107 bytes of path */
    longest[112] = 'a';
    assert_int_equal(address_parse(str_of(longest), &address), ERR_LIMIT);
}

static void test_host_and_port_are_split(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
    } cases[] = {{"example.com:80", "example.com", 80},
                 {"example.com", "example.com", 0},
                 {"[::1]:8", "::1", 8},
                 {"[::1]", "::1", 0},
                 {"2001:db8::1", "2001:db8::1", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str host;
        uint16_t port = 9;
        assert_int_equal(address_split(str_of(cases[i].text), &host, &port), ERR_OK);
        assert_true(str_equal(host, str_of(cases[i].host)));
        assert_int_equal(port, cases[i].port);
    }
}

static void test_loopback_is_recognised(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = {
        {"127.0.0.1:1", true},          {"127.9.9.9:1", true}, {"[::1]:1", true},
        {"[::ffff:127.0.0.1]:1", true}, {"unix:/x", true},     {"10.0.0.1:1", false},
        {"0.0.0.0:1", false},           {"[::]:1", false},     {"[::ffff:8.8.8.8]:1", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address;
        assert_int_equal(address_parse(str_of(cases[i].text), &address), ERR_OK);
        assert_int_equal(address_is_loopback(&address), cases[i].loopback);
        assert_int_equal(address_is_unix(&address),
                         str_starts(str_of(cases[i].text), STR("unix:")));
    }
}

/* ---- sockets ---- */

static const struct net_ops *const net = &net_real;

static int listen_at(const char *text, bool reuse, struct address *bound)
{
    struct address at;
    int sock = -1;
    assert_int_equal(address_parse(str_of(text), &at), ERR_OK);
    assert_int_equal(net->listen(NULL, &at, reuse, &sock), ERR_OK);
    assert_int_equal(net->local(NULL, sock, bound), ERR_OK);
    return sock;
}

static bool has_option(int sock, int level, int name)
{
    int on = 0;
    socklen_t len = sizeof on;
    assert_int_equal(getsockopt(sock, level, name, &on, &len), 0);
    return on != 0;
}

static void test_both_ends_are_non_blocking_and_without_delay(void **state)
{
    struct address at;
    struct address peer;
    int ends[2] = {-1, -1};
    (void)state;
    int none = -1;
    int listener = listen_at("127.0.0.1:0", false, &at);
    assert_int_equal(net->connect(NULL, &at, &ends[0]), ERR_OK);
    assert_int_equal(net->accept(NULL, listener, &ends[1], &peer), ERR_OK);
    assert_int_equal(net->connected(NULL, ends[0]), ERR_OK);
    assert_true(address_is_loopback(&peer));
    assert_int_equal(net->accept(NULL, listener, &none, &peer), ERR_AGAIN);
    for (int i = 0; i < 2; i++) {
        char byte;
        size_t got;
        assert_true(has_option(ends[i], IPPROTO_TCP, TCP_NODELAY));
        assert_true(fcntl(ends[i], F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(ends[i], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(net->read(NULL, ends[i], &byte, 1, &got), ERR_AGAIN);
    }
    net->close(NULL, ends[0]);
    net->close(NULL, ends[1]);
    net->close(NULL, listener);
}

static void test_peers_of_a_dual_stack_listener_look_like_ipv4(void **state)
{
    struct address at;
    struct address to;
    struct address peer;
    char text[ADDRESS_TEXT_BYTES];
    int client = -1;
    int server = -1;
    (void)state;
    assert_int_equal(address_parse(STR("[::]:0"), &at), ERR_OK);
    int listener = -1;
    if (net->listen(NULL, &at, false, &listener) != ERR_OK) {
        skip(); /* no IPv6 here */
    }
    assert_int_equal(net->local(NULL, listener, &at), ERR_OK);
    assert_int_equal(address_of_ip(STR("127.0.0.1"), address_port(&at), &to), ERR_OK);
    assert_int_equal(net->connect(NULL, &to, &client), ERR_OK);
    assert_int_equal(net->accept(NULL, listener, &server, &peer), ERR_OK);
    assert_true(str_starts(str_of(address_show(&peer, text)), STR("127.0.0.1:")));
    net->close(NULL, client);
    net->close(NULL, server);
    net->close(NULL, listener);
}

static void test_an_address_in_use_is_busy_unless_shared(void **state)
{
    struct address at;
    int second = -1;
    (void)state;
    int alone = listen_at("127.0.0.1:0", false, &at);
    assert_int_equal(net->listen(NULL, &at, true, &second), ERR_BUSY);
    net->close(NULL, alone);
    int first = listen_at("127.0.0.1:0", true, &at);
    assert_int_equal(net->listen(NULL, &at, true, &second), ERR_OK);
    net->close(NULL, first);
    net->close(NULL, second);
}

static void test_slices_arrive_in_order_and_the_end_is_seen(void **state)
{
    struct address at;
    struct address peer;
    int client = -1;
    int server = -1;
    size_t count = 0;
    char bytes[64];
    const struct str slices[] = {STR("one "), STR("two "), STR("three")};
    (void)state;
    int listener = listen_at("127.0.0.1:0", false, &at);
    assert_int_equal(net->connect(NULL, &at, &client), ERR_OK);
    assert_int_equal(net->accept(NULL, listener, &server, &peer), ERR_OK);
    assert_int_equal(net->write(NULL, client, slices, 3, &count), ERR_OK);
    assert_int_equal(count, 13);
    net->finish(NULL, client);
    assert_int_equal(net->read(NULL, server, bytes, sizeof bytes, &count), ERR_OK);
    assert_int_equal(count, 13);
    assert_memory_equal(bytes, "one two three", 13);
    assert_int_equal(net->read(NULL, server, bytes, sizeof bytes, &count), ERR_CLOSED);
    net->close(NULL, client);
    net->close(NULL, server);
    net->close(NULL, listener);
}

static void test_a_unix_socket_is_for_its_owner_and_replaces_a_dead_one(void **state)
{
    char folder[] = "/tmp/aire-net-XXXXXX";
    char text[64];
    struct address at;
    struct address peer;
    struct stat status;
    int client = -1;
    int server = -1;
    uint32_t user = 0;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(text, sizeof text, "unix:%s/s", folder);
    net->close(NULL, listen_at(text, false, &at)); /* leaves the file behind, as a crash would */
    int listener = listen_at(text, false, &at);
    assert_int_equal(stat(text + 5, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(net->listen(NULL, &at, false, &server), ERR_BUSY); /* this one lives */
    assert_int_equal(net->connect(NULL, &at, &client), ERR_OK);
    assert_int_equal(net->accept(NULL, listener, &server, &peer), ERR_OK);
    assert_int_equal(net_peer_user(server, &user), ERR_OK);
    assert_int_equal(user, getuid());
    net->close(NULL, client);
    net->close(NULL, server);
    net->close(NULL, listener);
    assert_int_equal(unlink(text + 5), 0);
    assert_int_equal(net->connect(NULL, &at, &client), ERR_REFUSED);
    assert_int_equal(rmdir(folder), 0);
}

/* ---- readiness ---- */

static void test_readiness_is_told_once_for_each_change(void **state)
{
    struct ready_event events[4];
    struct address at;
    struct address peer;
    int client = -1;
    int server = -1;
    size_t count = 0;
    int owner = 0;
    char bytes[8];
    const struct str word = STR("word");
    (void)state;
    int listener = listen_at("127.0.0.1:0", false, &at);
    void *poller = net->poller_new(NULL);
    assert_int_equal(net->connect(NULL, &at, &client), ERR_OK);
    assert_int_equal(net->accept(NULL, listener, &server, &peer), ERR_OK);
    assert_int_equal(net->poller_add(NULL, poller, server, &owner), ERR_OK);
    assert_int_equal(net->poller_wait(NULL, poller, events, 4, UINT64_MAX), 1);
    assert_ptr_equal(events[0].owner, &owner);
    assert_int_equal(events[0].ready, READY_WRITE);
    assert_int_equal(net->poller_wait(NULL, poller, events, 4, 0), 0);
    assert_int_equal(net->write(NULL, client, &word, 1, &count), ERR_OK);
    assert_int_equal(net->poller_wait(NULL, poller, events, 4, UINT64_MAX), 1);
    assert_int_equal(events[0].ready, READY_READ | READY_WRITE);
    assert_int_equal(net->poller_wait(NULL, poller, events, 4, 0), 0); /* though unread */
    /* Adding again asks anew. */
    assert_int_equal(net->poller_add(NULL, poller, server, &owner), ERR_OK);
    assert_int_equal(net->poller_wait(NULL, poller, events, 4, UINT64_MAX), 1);
    assert_true(events[0].ready & READY_READ);
    assert_int_equal(net->read(NULL, server, bytes, sizeof bytes, &count), ERR_OK);
    net->close(NULL, client);
    assert_int_equal(net->poller_wait(NULL, poller, events, 4, UINT64_MAX), 1);
    assert_true(events[0].ready & READY_HANGUP);
    assert_true(events[0].ready & READY_READ);
    net->close(NULL, server);
    net->close(NULL, listener);
    net->poller_free(NULL, poller);
}

static void test_a_wake_up_is_an_event_without_owner(void **state)
{
    struct ready_event events[4];
    (void)state;
    void *poller = net->poller_new(NULL);
    for (int i = 0; i < 3; i++) {
        net->poller_wake(NULL, poller);
        assert_int_equal(net->poller_wait(NULL, poller, events, 4, UINT64_MAX), 1);
        assert_null(events[0].owner);
        assert_int_equal(net->poller_wait(NULL, poller, events, 4, 1), 0);
    }
    net->poller_free(NULL, poller);
}

static void test_the_limit_of_files_is_raised_to_the_hard_one(void **state)
{
    (void)state;
    uint64_t max = net_files_max();
    assert_true(max > 0);
    assert_true(net_files_max() == max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_shown_as_they_are_written),
        cmocka_unit_test(test_what_is_no_address_is_refused_with_its_reason),
        cmocka_unit_test(test_host_and_port_are_split),
        cmocka_unit_test(test_loopback_is_recognised),
        cmocka_unit_test(test_both_ends_are_non_blocking_and_without_delay),
        cmocka_unit_test(test_peers_of_a_dual_stack_listener_look_like_ipv4),
        cmocka_unit_test(test_an_address_in_use_is_busy_unless_shared),
        cmocka_unit_test(test_slices_arrive_in_order_and_the_end_is_seen),
        cmocka_unit_test(test_a_unix_socket_is_for_its_owner_and_replaces_a_dead_one),
        cmocka_unit_test(test_readiness_is_told_once_for_each_change),
        cmocka_unit_test(test_a_wake_up_is_an_event_without_owner),
        cmocka_unit_test(test_the_limit_of_files_is_raised_to_the_hard_one),
    };
    notify_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
