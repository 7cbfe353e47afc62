/* SPDX-License-Identifier: Apache-2.0
 * tls.h - client side TLS (OpenSSL 3, TLS 1.2 and newer, host name verified). One tls_client per
 * trust configuration; it is immutable, shared by loops and counted.
 */
#ifndef AIRE_IO_TLS_H
#define AIRE_IO_TLS_H

#include "base/err.h"
#include "base/str.h"

struct tls_client;
struct tls;

/* ca_file NULL: the system's bundle. NOT_FOUND, SYNTAX with words. One reference is returned. */
enum err tls_client_new(const char *ca_file, struct tls_client **client,
                        struct fault *fault) MUST_USE;
struct tls_client *tls_client_ref(struct tls_client *client);
void tls_client_unref(struct tls_client *client);

/* One connection over a connected, non-blocking socket. */
enum err tls_new(struct tls_client *client, int sock, struct str host, struct tls **out) MUST_USE;
/* Says good-bye to the peer if it can; before the socket is closed. */
void tls_free(struct tls *tls);

/* AGAIN: either direction of the socket may be what is waited for. */
enum err tls_handshake(struct tls *tls) MUST_USE;
enum err tls_read(struct tls *tls, void *to, size_t room, size_t *got) MUST_USE;
enum err tls_write(struct tls *tls, struct str bytes, size_t *sent) MUST_USE;
bool tls_pending(const struct tls *tls); /* bytes wait inside that no readiness will announce */
/* The last read from the socket got less than it had room for: asking again before the next
 * readiness would be a wasted system call. */
bool tls_drained(const struct tls *tls);
/* "certificate verify failed: self-signed certificate"; "" when nothing failed. */
const char *tls_why(const struct tls *tls);

#endif
