/* SPDX-License-Identifier: Apache-2.0
 * principal.h - who is asking: the holder of the key, and the end user behind the request.
 */
#ifndef AIRE_DOMAIN_PRINCIPAL_H
#define AIRE_DOMAIN_PRINCIPAL_H

#include "base/str.h"

#include <stdbool.h>

#define DOMAIN_NAME_MAX 128 /* bytes of a tenant, principal, agent, user, session name */

struct principal {
    struct str tenant; /* "default" when none was given */
    struct str name;   /* of the key; "local" for keyless loopback */
    struct str agent;  /* the agent the key is bound to, or "" */
    bool may_vouch;    /* may name end users by x-aire-user */
};

/* Printable ASCII without space, '"' and '\\' plus any UTF-8 above; 1..DOMAIN_NAME_MAX bytes. */
bool domain_name_valid(struct str name);

#endif
