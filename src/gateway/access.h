/* SPDX-License-Identifier: Apache-2.0
 * access.h - may this call be served, and whose is it? Shared by the model endpoints and the
 * management API.
 *
 * The key travels as Authorization: Bearer, x-api-key, or x-aire-key (where a provider has auth:
 * client, the first two are the client's own credential for the provider).
 */
#ifndef AIRE_GATEWAY_ACCESS_H
#define AIRE_GATEWAY_ACCESS_H

#include "gateway/gateway.h"

struct access {
    unsigned status; /* 0: granted; else 401, 403 or 415 */
    const char *reason;
    const char *words;
    struct principal principal;
    const struct key_entry *key; /* NULL: keyless loopback */
};

void access_check(struct commons *commons, const struct generation *generation,
                  struct http_call *call, struct access *access);

#endif
