/* SPDX-License-Identifier: Apache-2.0
 * test_tls.c - TLS connections to a server of this test, with certificates made by this test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "io/conn.h"
#include "sys/file.h"
#include "sys/net.h"
#include "sys/notify.h"
#include "sys/thread.h"

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS_MAX 200000
#define BIG       ((size_t)1048576)

/* ---- certificates ---- */

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

static void add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Signed by `issuer`, by itself when that is NULL. */
static struct identity identity_new(const char *name, const char *names,
                                    const struct identity *issuer)
{
    struct identity made = {EVP_EC_gen("P-256"), X509_new()};
    X509 *x = made.certificate;
    X509 *signer = issuer != NULL ? issuer->certificate : x;
    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), issuer != NULL ? 2 : 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -3600));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(x, X509_get_subject_name(signer)), 1);
    assert_int_equal(X509_set_pubkey(x, made.key), 1);
    add_extension(x, signer, NID_basic_constraints,
                  names == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (names != NULL) {
        add_extension(x, signer, NID_subject_alt_name, names);
    }
    assert_true(X509_sign(x, issuer != NULL ? issuer->key : made.key, EVP_sha256()) > 0);
    return made;
}

static void identity_free(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
}

/* ---- the server: one connection at a time, on its own thread ---- */

enum manner { ECHO, CUT, PLAIN_FIRST };

struct server {
    struct thread thread;
    int listener;
    struct address at;
    SSL_CTX *context;
    enum manner manner;
    char name_asked[64];
};

static void echo(SSL *ssl)
{
    char bytes[20000];
    size_t got = 0;
    size_t sent = 0;
    while (SSL_read_ex(ssl, bytes, sizeof bytes, &got) == 1) {
        if (SSL_write_ex(ssl, bytes, got, &sent) != 1) {
            return;
        }
    }
    (void)SSL_shutdown(ssl);
}

static void serve(void *object)
{
    struct server *server = object;
    int sock = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    char request[7];
    if (server->manner == PLAIN_FIRST && (recv(sock, request, 7, MSG_WAITALL) != 7 ||
                                          send(sock, "200 OK\n", 7, MSG_NOSIGNAL) != 7)) {
        (void)close(sock);
        return;
    }
    SSL *ssl = SSL_new(server->context);
    (void)SSL_set_fd(ssl, sock);
    if (SSL_accept(ssl) == 1) {
        const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        (void)snprintf(server->name_asked, sizeof server->name_asked, "%s", name ? name : "");
        if (server->manner == CUT) {
            (void)SSL_write(ssl, "half an ans", 11);
        } else {
            echo(ssl);
        }
    }
    SSL_free(ssl);
    (void)close(sock);
}

static void server_start(struct server *server, const struct identity *identity, enum manner manner)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    *server = (struct server){.manner = manner};
    server->context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(server->context, identity->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->context, identity->key), 1);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(server->listener, 1), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&in, &len), 0);
    assert_int_equal(address_of_sockaddr(&in, len, &server->at), ERR_OK);
    assert_int_equal(thread_start(&server->thread, "server", serve, server), ERR_OK);
}

static void server_stop(struct server *server)
{
    thread_join(&server->thread);
    (void)close(server->listener);
    SSL_CTX_free(server->context);
}

/* ---- the client ---- */

struct client {
    struct env env;
    struct loop *loop;
    struct conn *conn;
    struct tls_client *tls;
    struct buf got;
    int opens;
    int ends;
    enum err why;
    char words[160];
};

static void on_open(void *owner)
{
    ((struct client *)owner)->opens++;
}

static size_t on_data(void *owner, struct str data)
{
    assert_int_equal(buf_add(&((struct client *)owner)->got, data), ERR_OK);
    return data.len;
}

static void on_end(void *owner, enum err why)
{
    struct client *client = owner;
    client->ends++;
    client->why = why;
    (void)snprintf(client->words, sizeof client->words, "%s", conn_why(client->conn));
}

static const struct conn_handler handler = {
    .on_open = on_open, .on_data = on_data, .on_end = on_end};

struct world {
    struct identity authority;
    struct identity good;
    char folder[32];
    char ca_file[64];
    struct client client;
};

static int setup_all(void **state)
{
    static struct world world = {.folder = "/tmp/aire-tls-XXXXXX"};
    world.authority = identity_new("test authority", NULL, NULL);
    world.good = identity_new("good", "DNS:good.test,IP:127.0.0.1", &world.authority);
    assert_non_null(mkdtemp(world.folder));
    (void)snprintf(world.ca_file, sizeof world.ca_file, "%s/ca.pem", world.folder);
    FILE *file = fopen(world.ca_file, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, world.authority.certificate), 1);
    assert_int_equal(fclose(file), 0);
    *state = &world;
    return 0;
}

static int teardown_all(void **state)
{
    struct world *world = *state;
    identity_free(&world->authority);
    identity_free(&world->good);
    (void)unlink(world->ca_file);
    (void)rmdir(world->folder);
    return 0;
}

static void client_init(struct client *client, const char *ca_file)
{
    memset(client, 0, sizeof *client);
    env_init_real(&client->env);
    client->loop = loop_new(&client->env);
    buf_init(&client->got, 8 * BIG);
    assert_int_equal(tls_client_new(ca_file, &client->tls, NULL), ERR_OK);
}

static void client_dial(struct client *client, const struct server *server, struct str name)
{
    struct conn_options options = {
        .handler = &handler,
        .owner = client,
        .pending_max = 1000,
        .tls = client->tls,
        .tls_name = name,
    };
    assert_int_equal(conn_dial(client->loop, &server->at, &options, &client->conn), ERR_OK);
}

static void client_end(struct client *client)
{
    conn_close(client->conn);
    client->conn = NULL;
    tls_client_unref(client->tls);
    buf_end(&client->got);
    loop_free(client->loop);
}

#define UNTIL(client, condition)                                                                   \
    do {                                                                                           \
        int turns = 0;                                                                             \
        while (!(condition)) {                                                                     \
            assert_true(turns++ < TURNS_MAX);                                                      \
            (void)loop_turn((client)->loop, true);                                                 \
        }                                                                                          \
    } while (0)

/* The outcome of dialling `name` at a server with `identity`, trusting `ca_file`. */
static enum err outcome(struct world *world, const struct identity *identity, const char *ca_file,
                        const char *name)
{
    struct client *client = &world->client;
    struct server server;
    client_init(client, ca_file);
    server_start(&server, identity, ECHO);
    client_dial(client, &server, str_of(name));
    UNTIL(client, client->opens + client->ends > 0);
    enum err why = client->ends > 0 ? client->why : ERR_OK;
    client_end(client);
    server_stop(&server);
    return why;
}

static void test_megabytes_go_both_ways(void **state)
{
    struct world *world = *state;
    struct client *client = &world->client;
    struct server server;
    char *bytes = malloc(BIG);
    for (size_t i = 0; i < BIG; i++) {
        bytes[i] = (char)(i * 2654435761U >> 11);
    }
    client_init(client, world->ca_file);
    server_start(&server, &world->good, ECHO);
    client_dial(client, &server, STR("good.test"));
    assert_int_equal(conn_write(client->conn, STR("first, before it is open")), ERR_OK);
    assert_int_equal(conn_lend(client->conn, (struct str){bytes, BIG}), ERR_OK);
    assert_int_equal(conn_write(client->conn, STR("last")), ERR_OK);
    UNTIL(client, client->got.len == 24 + BIG + 4);
    assert_int_equal(client->opens, 1);
    assert_memory_equal(client->got.at, "first, before it is open", 24);
    assert_memory_equal(client->got.at + 24, bytes, BIG);
    assert_memory_equal(client->got.at + 24 + BIG, "last", 4);
    client_end(client);
    server_stop(&server);
    assert_string_equal(server.name_asked, "good.test");
    free(bytes);
}

static void test_paused_connection_goes_on_where_it_was(void **state)
{
    struct world *world = *state;
    struct client *client = &world->client;
    struct server server;
    char bytes[100000];
    memset(bytes, 'x', sizeof bytes);
    client_init(client, world->ca_file);
    server_start(&server, &world->good, ECHO);
    client_dial(client, &server, STR("good.test"));
    UNTIL(client, client->opens == 1);
    conn_pause(client->conn);
    assert_int_equal(conn_lend(client->conn, (struct str){bytes, sizeof bytes}), ERR_OK);
    UNTIL(client, conn_queued(client->conn) == 0);
    while (loop_turn(client->loop, false)) {
    }
    assert_int_equal(client->got.len, 0);
    conn_resume(client->conn);
    UNTIL(client, client->got.len == sizeof bytes);
    client_end(client);
    server_stop(&server);
}

static void test_right_name_and_right_address_are_accepted(void **state)
{
    struct world *world = *state;
    assert_int_equal(outcome(world, &world->good, world->ca_file, "good.test"), ERR_OK);
    assert_int_equal(outcome(world, &world->good, world->ca_file, "127.0.0.1"), ERR_OK);
}

static void test_wrong_name_is_refused(void **state)
{
    struct world *world = *state;
    assert_int_equal(outcome(world, &world->good, world->ca_file, "evil.test"), ERR_TLS);
    assert_non_null(strstr(world->client.words, "hostname mismatch"));
    assert_int_equal(outcome(world, &world->good, world->ca_file, "127.0.0.2"), ERR_TLS);
    assert_int_equal(world->client.opens, 0);
}

static void test_unknown_issuer_is_refused(void **state)
{
    struct world *world = *state;
    assert_int_equal(outcome(world, &world->good, NULL, "good.test"), ERR_TLS);
    assert_non_null(strstr(world->client.words, "certificate verify failed"));
}

static void test_self_signed_is_refused(void **state)
{
    struct world *world = *state;
    struct identity self = identity_new("good", "DNS:good.test", NULL);
    assert_int_equal(outcome(world, &self, world->ca_file, "good.test"), ERR_TLS);
    assert_non_null(strstr(world->client.words, "self-signed certificate"));
    identity_free(&self);
}

static void test_a_cut_stream_is_no_clean_end(void **state)
{
    struct world *world = *state;
    struct client *client = &world->client;
    struct server server;
    client_init(client, world->ca_file);
    server_start(&server, &world->good, CUT);
    client_dial(client, &server, STR("good.test"));
    UNTIL(client, client->ends > 0);
    assert_int_equal(client->got.len, 11);
    assert_int_equal(client->why, ERR_RESET);
    client_end(client);
    server_stop(&server);
}

static void test_an_open_connection_turns_to_tls(void **state)
{
    struct world *world = *state;
    struct client *client = &world->client;
    struct server server;
    struct conn_options options = {.handler = &handler, .owner = client, .pending_max = 100};
    client_init(client, world->ca_file);
    server_start(&server, &world->good, PLAIN_FIRST);
    assert_int_equal(conn_dial(client->loop, &server.at, &options, &client->conn), ERR_OK);
    assert_int_equal(conn_write(client->conn, STR("CONNECT")), ERR_OK);
    UNTIL(client, client->got.len == 7);
    assert_int_equal(client->opens, 1);
    buf_clear(&client->got);
    assert_int_equal(conn_start_tls(client->conn, client->tls, STR("good.test")), ERR_OK);
    assert_int_equal(conn_start_tls(client->conn, client->tls, STR("good.test")), ERR_INVALID);
    UNTIL(client, client->opens == 2);
    assert_int_equal(conn_write(client->conn, STR("secret")), ERR_OK);
    UNTIL(client, client->got.len == 6);
    assert_memory_equal(client->got.at, "secret", 6);
    client_end(client);
    server_stop(&server);
}

static void test_no_tls_at_the_other_end(void **state)
{
    struct world *world = *state;
    struct client *client = &world->client;
    int pair[2];
    struct conn_options options = {.handler = &handler, .owner = client, .pending_max = 100};
    client_init(client, world->ca_file);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(conn_accept(client->loop, pair[0], &options, &client->conn), ERR_OK);
    assert_int_equal(conn_start_tls(client->conn, client->tls, STR("good.test")), ERR_OK);
    assert_int_equal(write(pair[1], "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
    UNTIL(client, client->ends > 0);
    assert_int_equal(client->why, ERR_TLS);
    assert_string_not_equal(client->words, "");
    client_end(client);
    (void)close(pair[1]);
}

static void test_trust_files_that_cannot_be_used_are_explained(void **state)
{
    struct world *world = *state;
    struct tls_client *tls = NULL;
    struct fault fault = {ERR_OK, 0, 0, ""};
    char path[64];
    assert_int_equal(tls_client_new("/nowhere/ca.pem", &tls, &fault), ERR_NOT_FOUND);
    assert_non_null(strstr(fault.words, "/nowhere/ca.pem"));
    (void)snprintf(path, sizeof path, "%s/bad.pem", world->folder);
    assert_int_equal(file_write_atomic(path, STR("no certificate"), 0600), ERR_OK);
    assert_int_equal(tls_client_new(path, &tls, &fault), ERR_SYNTAX);
    assert_int_equal(file_remove(path), ERR_OK);
}

static void test_a_name_that_is_none_is_refused(void **state)
{
    struct world *world = *state;
    struct tls_client *client = NULL;
    struct tls *tls = NULL;
    static const char nul[] = "good.test\0.evil.test";
    char longest[300];
    memset(longest, 'a', sizeof longest);
    assert_int_equal(tls_client_new(world->ca_file, &client, NULL), ERR_OK);
    assert_int_equal(tls_new(client, 0, STR(""), &tls), ERR_SYNTAX);
    assert_int_equal(tls_new(client, 0, (struct str){nul, sizeof nul - 1}, &tls), ERR_SYNTAX);
    assert_int_equal(tls_new(client, 0, (struct str){longest, sizeof longest}, &tls), ERR_SYNTAX);
    tls_client_unref(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_megabytes_go_both_ways),
        cmocka_unit_test(test_paused_connection_goes_on_where_it_was),
        cmocka_unit_test(test_right_name_and_right_address_are_accepted),
        cmocka_unit_test(test_wrong_name_is_refused),
        cmocka_unit_test(test_unknown_issuer_is_refused),
        cmocka_unit_test(test_self_signed_is_refused),
        cmocka_unit_test(test_a_cut_stream_is_no_clean_end),
        cmocka_unit_test(test_an_open_connection_turns_to_tls),
        cmocka_unit_test(test_no_tls_at_the_other_end),
        cmocka_unit_test(test_trust_files_that_cannot_be_used_are_explained),
        cmocka_unit_test(test_a_name_that_is_none_is_refused),
    };
    notify_init();
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
