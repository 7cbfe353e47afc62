/* SPDX-License-Identifier: Apache-2.0
 * tls.c - TLS over a socket, by OpenSSL.
 *
 * Invariants: no byte of the application passes before the peer's certificate was verified against
 * the trust and the name given; after a fatal error OpenSSL is not asked again, good-bye included.
 * OpenSSL writes with write(2): the process ignores SIGPIPE (notify_init).
 */
#include "io/tls.h"

#include "base/must.h"
#include "sys/file.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 254 /* of a host name: RFC 1035 section 2.3.4 with a NUL */
#define WHY_BYTES      160

struct tls_client {
    SSL_CTX *context;
    atomic_uint references;
};

struct tls {
    SSL *ssl;
    struct tls_client *client;
    bool secured;
    bool broken;
    bool drained;
    char why[WHY_BYTES];
};

/* ---- trust ---- */

static enum err load_trust(SSL_CTX *context, const char *ca_file, struct fault *fault)
{
    if (ca_file == NULL) {
        if (SSL_CTX_set_default_verify_paths(context) != 1) {
            return fault_set(fault, ERR_NOT_FOUND, "the system's certificates cannot be read");
        }
        return ERR_OK;
    }
    if (!file_exists(ca_file)) {
        return fault_set(fault, ERR_NOT_FOUND, "certificate file %s cannot be read", ca_file);
    }
    if (SSL_CTX_load_verify_file(context, ca_file) != 1) {
        return fault_set(fault, ERR_SYNTAX, "certificate file %s holds no valid certificate: %s",
                         ca_file, ERR_reason_error_string(ERR_peek_last_error()));
    }
    return ERR_OK;
}

static SSL_CTX *context_new(void)
{
    static const unsigned char http11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(context, http11, sizeof http11) != 0) {
        must_have_memory();
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    /* One recv for header and body of a record, and for small records that came together. */
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}

enum err tls_client_new(const char *ca_file, struct tls_client **client, struct fault *fault)
{
    ERR_clear_error();
    SSL_CTX *context = context_new();
    enum err err = load_trust(context, ca_file, fault);
    ERR_clear_error();
    if (err != ERR_OK) {
        SSL_CTX_free(context);
        return err;
    }
    *client = must_have(malloc(sizeof **client));
    (*client)->context = context;
    atomic_init(&(*client)->references, 1);
    return ERR_OK;
}

struct tls_client *tls_client_ref(struct tls_client *client)
{
    (void)atomic_fetch_add(&client->references, 1);
    return client;
}

void tls_client_unref(struct tls_client *client)
{
    if (client != NULL && atomic_fetch_sub(&client->references, 1) == 1) {
        SSL_CTX_free(client->context);
        free(client);
    }
}

/* ---- a connection ---- */

/* Sees each read of the socket: a short one means that the kernel has no more. The form is
 * BIO_callback_fn_ex. */
/* NOLINTBEGIN(readability-function-size,readability-non-const-parameter) */
static long watch_read(BIO *bio, int operation, const char *bytes, size_t room, int argi, long argl,
                       int result, size_t *got)
{
    (void)bytes;
    (void)argi;
    (void)argl;
    if (operation == (BIO_CB_READ | BIO_CB_RETURN)) {
        struct tls *tls = (struct tls *)(void *)BIO_get_callback_arg(bio);
        tls->drained = result <= 0 || *got < room;
    }
    return result;
}
/* NOLINTEND(readability-function-size,readability-non-const-parameter) */

/* The name goes into the request (SNI, RFC 6066: names only) and must be in the certificate. */
static bool set_name(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *verify = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(verify, name) == 1) {
        return true;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

enum err tls_new(struct tls_client *client, int sock, struct str host, struct tls **out)
{
    char name[NAME_MAX_BYTES];
    if (host.len == 0 || str_find_byte(host, '\0') != SIZE_MAX ||
        !str_copy(host, name, sizeof name)) {
        return ERR_SYNTAX;
    }
    struct tls *tls = must_have(calloc(1, sizeof *tls));
    ERR_clear_error();
    tls->ssl = SSL_new(client->context);
    if (tls->ssl == NULL || SSL_set_fd(tls->ssl, sock) != 1) {
        must_have_memory();
    }
    tls->client = tls_client_ref(client);
    if (!set_name(tls->ssl, name)) {
        ERR_clear_error();
        tls_free(tls);
        return ERR_SYNTAX;
    }
    ERR_clear_error();
    BIO *bio = SSL_get_rbio(tls->ssl);
    BIO_set_callback_ex(bio, watch_read);
    BIO_set_callback_arg(bio, (char *)tls);
    SSL_set_connect_state(tls->ssl);
    *out = tls;
    return ERR_OK;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL) {
        return;
    }
    if (tls->secured && !tls->broken) {
        (void)SSL_shutdown(tls->ssl);
    }
    SSL_free(tls->ssl);
    ERR_clear_error();
    tls_client_unref(tls->client);
    free(tls);
}

static enum err explain(struct tls *tls)
{
    unsigned long number = ERR_peek_error();
    long verdict = SSL_get_verify_result(tls->ssl);
    tls->broken = true;
    if (ERR_GET_REASON(number) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        /* No close_notify: the stream may have been cut by anyone (RFC 8446 section 6.1). */
        (void)snprintf(tls->why, sizeof tls->why, "cut without close_notify");
        return ERR_RESET;
    }
    const char *reason = ERR_reason_error_string(number);
    reason = reason != NULL ? reason : "failure without a reason";
    if (verdict != X509_V_OK) {
        (void)snprintf(tls->why, sizeof tls->why, "%s: %s", reason,
                       X509_verify_cert_error_string(verdict));
    } else {
        (void)snprintf(tls->why, sizeof tls->why, "%s", reason);
    }
    return ERR_TLS;
}

static enum err outcome(struct tls *tls, int result)
{
    if (result == 1) {
        return ERR_OK;
    }
    enum err err = ERR_RESET;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        err = ERR_AGAIN;
        break;
    case SSL_ERROR_ZERO_RETURN:
        err = ERR_CLOSED;
        break;
    case SSL_ERROR_SSL:
        err = explain(tls);
        break;
    default:
        tls->broken = true;
        break;
    }
    /* The error queue belongs to the thread: what one connection leaves would be read as another's.
     */
    ERR_clear_error();
    return err;
}

enum err tls_handshake(struct tls *tls)
{
    must(!tls->broken);
    enum err err = outcome(tls, SSL_do_handshake(tls->ssl));
    tls->secured = err == ERR_OK;
    return err == ERR_CLOSED ? ERR_RESET : err;
}

enum err tls_read(struct tls *tls, void *to, size_t room, size_t *got)
{
    if (tls->broken) {
        return ERR_RESET;
    }
    return outcome(tls, SSL_read_ex(tls->ssl, to, room, got));
}

enum err tls_write(struct tls *tls, struct str bytes, size_t *sent)
{
    if (tls->broken) {
        return ERR_RESET;
    }
    enum err err = outcome(tls, SSL_write_ex(tls->ssl, bytes.at, bytes.len, sent));
    return err == ERR_CLOSED ? ERR_RESET : err;
}

bool tls_pending(const struct tls *tls)
{
    return SSL_has_pending(tls->ssl) == 1;
}

bool tls_drained(const struct tls *tls)
{
    return tls->drained;
}

const char *tls_why(const struct tls *tls)
{
    return tls->why;
}
