/* SPDX-License-Identifier: Apache-2.0
 * test_http_client_way.c - other ways to an origin: Unix sockets, proxies, TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/fetch_kit.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- other ways to an origin ---- */

static void test_unix_socket_origin(void **state)
{
    struct fetch_world *test = *state;
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
    fetch_begin(test, &seen, &options);
    int peer = peer_await(test);
    peer_expect(test, peer,
                "GET /u HTTP/1.1\r\nhost: localhost\r\naccept-encoding: identity\r\n\r\n");
    peer_answer(test, peer, STR(PEER_OK_2));
    assert_int_equal(seen.outcome, ERR_OK);
    peer_hang_up(peer);
    (void)unlink(at.sun_path);
    buf_end(&seen.body);
}

static void test_plain_request_through_a_proxy_is_absolute(void **state)
{
    struct fetch_world *test = *state;
    struct seen seen = {0};
    struct http_origin_options to = {.host = STR("api.example"),
                                     .port = 80,
                                     .proxy_host = STR("127.0.0.1"),
                                     .proxy_port = test->port,
                                     .proxy_auth = STR("Basic eDp5")};
    struct fetch_options options = {
        .origin = http_origin_get(test->client, &to), .method = STR("GET"), .target = STR("/a?b")};
    fetch_begin(test, &seen, &options);
    int sock = peer_await(test);
    peer_expect(test, sock,
                "GET http://api.example/a?b HTTP/1.1\r\nhost: api.example\r\n"
                "accept-encoding: identity\r\nproxy-authorization: Basic eDp5\r\n\r\n");
    peer_answer(test, sock, STR(PEER_OK_2));
    assert_int_equal(seen.outcome, ERR_OK);
    peer_hang_up(sock);
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
static SSL *secure_accept(struct fetch_world *test, struct secure *secure, int sock)
{
    SSL *ssl = SSL_new(secure->context);
    struct timeval wait = {.tv_usec = 1000};
    (void)setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    (void)SSL_set_fd(ssl, sock);
    for (int i = 0; i < 300; i++) {
        fetch_turn(test);
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

static void serve_secure(struct fetch_world *test, SSL *ssl, const char *first_line)
{
    char text[2048] = "";
    size_t len = 0;
    for (int i = 0; i < 300 && strstr(text, "\r\n\r\n") == NULL; i++) {
        fetch_turn(test);
        int got = SSL_read(ssl, text + len, (int)(sizeof text - 1 - len));
        len += got > 0 ? (size_t)got : 0;
        text[len] = '\0';
    }
    assert_true(str_starts(str_of(text), str_of(first_line)));
    assert_int_equal(SSL_write(ssl, PEER_OK_2, sizeof PEER_OK_2 - 1), (int)sizeof PEER_OK_2 - 1);
}

static void test_tls_origin_and_its_pool(void **state)
{
    struct fetch_world *test = *state;
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
        fetch_begin(test, &seen, &options);
        if (i == 0) {
            sock = peer_await(test);
            ssl = secure_accept(test, &secure, sock);
            assert_non_null(ssl);
        }
        serve_secure(test, ssl, "GET /s HTTP/1.1\r\n");
        for (int t = 0; t < 100 && seen.done == 0; t++) {
            fetch_turn(test);
            (void)poll(NULL, 0, 1);
        }
        assert_int_equal(seen.outcome, ERR_OK);
        assert_int_equal(seen.done, 1);
        assert_string_equal(buf_cstr(&seen.body), "ok");
        buf_end(&seen.body);
    }
    SSL_free(ssl);
    peer_hang_up(sock);
    secure_end(&secure);
}

static void test_certificate_of_another_host_is_refused(void **state)
{
    struct fetch_world *test = *state;
    struct secure secure;
    struct seen seen = {0};
    secure_init(&secure, "DNS:other.example");
    struct http_origin_options to = {
        .host = STR("127.0.0.1"), .port = test->port, .tls = secure.tls};
    struct fetch_options options = {
        .origin = http_origin_get(test->client, &to), .method = STR("GET"), .target = STR("/")};
    fetch_begin(test, &seen, &options);
    int sock = peer_await(test);
    SSL *ssl = secure_accept(test, &secure, sock);
    fetch_turn(test);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.outcome, ERR_TLS);
    assert_true(strlen(seen.why) > 0);
    SSL_free(ssl);
    peer_hang_up(sock);
    secure_end(&secure);
    buf_end(&seen.body);
}

static void test_tls_through_a_proxy(void **state)
{
    struct fetch_world *test = *state;
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
    fetch_begin(test, &seen, &options);
    int sock = peer_await(test);
    peer_expect(test, sock,
                "CONNECT api.example:443 HTTP/1.1\r\nhost: api.example:443\r\n"
                "proxy-authorization: Basic eDp5\r\n\r\n");
    peer_answer(test, sock, STR("HTTP/1.1 200 Connected\r\n\r\n"));
    assert_int_equal(http_fetch_phase(seen.fetch), FETCH_TLS);
    SSL *ssl = secure_accept(test, &secure, sock);
    assert_non_null(ssl);
    serve_secure(test, ssl, "GET /t HTTP/1.1\r\nhost: api.example\r\n");
    for (int t = 0; t < 100 && seen.done == 0; t++) {
        fetch_turn(test);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(seen.outcome, ERR_OK);
    SSL_free(ssl);
    peer_hang_up(sock);
    secure_end(&secure);
    buf_end(&seen.body);
}

static void test_proxy_that_refuses(void **state)
{
    struct fetch_world *test = *state;
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
    fetch_begin(test, &seen, &options);
    int sock = peer_await(test);
    peer_skip(test, sock);
    peer_answer(test, sock, STR("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"));
    assert_int_equal(seen.outcome, ERR_REFUSED);
    assert_string_equal(seen.why, "the proxy answered 407");
    peer_hang_up(sock);
    secure_end(&secure);
    buf_end(&seen.body);
}

static void test_proxy_that_never_comes_to_the_point(void **state)
{
    struct fetch_world *test = *state;
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
    fetch_begin(test, &seen, &options);
    int sock = peer_await(test);
    peer_skip(test, sock);
    for (int i = 0; i < 17; i++) {
        assert_int_equal(seen.done, 0);
        peer_answer(test, sock, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    assert_int_equal(seen.outcome, ERR_REFUSED);
    assert_string_equal(seen.why, "the proxy answered 100");
    peer_hang_up(sock);
    secure_end(&secure);
    buf_end(&seen.body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fetch_world_start, fetch_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_unix_socket_origin),
        TEST(test_plain_request_through_a_proxy_is_absolute),
        TEST(test_tls_origin_and_its_pool),
        TEST(test_certificate_of_another_host_is_refused),
        TEST(test_tls_through_a_proxy),
        TEST(test_proxy_that_refuses),
        TEST(test_proxy_that_never_comes_to_the_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
