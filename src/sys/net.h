/* SPDX-License-Identifier: Apache-2.0
 * net.h - addresses, and the real sockets behind env.h.
 */
#ifndef AIRE_SYS_NET_H
#define AIRE_SYS_NET_H

#include "sys/env.h"

extern const struct net_ops net_real;

#define ADDRESS_TEXT_BYTES 128

/* "127.0.0.1:8080", "[::1]:8080", "unix:/path". A host name is ERR_NOT_FOUND (resolve it first). */
enum err address_parse(struct str text, struct address *address) MUST_USE;
enum err address_of_ip(struct str ip, uint16_t port, struct address *address) MUST_USE;
enum err address_unix(struct str path,
                      struct address *address) MUST_USE; /* LIMIT: over 107 bytes */
const char *address_show(const struct address *address, char to[ADDRESS_TEXT_BYTES]);
/* From a library's struct sockaddr of `len` bytes; UNSUPPORTED: not IPv4 or IPv6. */
enum err address_of_sockaddr(const void *raw, size_t len, struct address *address) MUST_USE;
void address_set_port(struct address *address, uint16_t port); /* nothing on unix */
uint16_t address_port(const struct address *address);          /* 0 for unix */
bool address_is_loopback(const struct address *address);       /* 127/8, ::1, unix */
bool address_is_unix(const struct address *address);

/* "host:port" or "[v6]:port" or "host" split; port 0 when absent. */
enum err address_split(struct str text, struct str *host, uint16_t *port) MUST_USE;

/* User of the process at the other end of a Unix socket (SO_PEERCRED). */
enum err net_peer_user(int sock, uint32_t *uid) MUST_USE;

/* Raises the soft limit of open files to the hard one; returns the limit in force. */
uint64_t net_files_max(void);

#endif
