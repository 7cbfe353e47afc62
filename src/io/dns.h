/* SPDX-License-Identifier: Apache-2.0
 * dns.h - names to addresses on a loop (c-ares), with a small cache (its TTLs are kept within 1
 * s..5 min, failures 1 s). Literal addresses answer without a query, still from a deferred call.
 */
#ifndef AIRE_IO_DNS_H
#define AIRE_IO_DNS_H

#include "io/loop.h"

struct dns;
struct dns_query;

#define DNS_ADDRESSES_MAX 16
#define DNS_CACHE_MAX     1024

typedef void dns_done(void *owner, enum err code, const struct address *addresses, size_t count);

struct dns *dns_new(struct loop *loop);
void dns_free(struct dns *dns);
/* Asks these name servers instead of the system's: "192.0.2.1,[2001:db8::1]:5353". SYNTAX. */
enum err dns_use_servers(struct dns *dns, const char *servers) MUST_USE;
/* Exactly one `done`, unless cancelled. */
struct dns_query *dns_resolve(struct dns *dns, struct str host, uint16_t port, dns_done *done,
                              void *owner);
void dns_cancel(struct dns_query *query);

#endif
