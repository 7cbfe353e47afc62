/* SPDX-License-Identifier: Apache-2.0
 * endpoint.h - the paths that are served, each with its dialect: those under /v1
 * (endpoints.def), and all below /tools/ and, of runs, below /workflow/. */
#ifndef AIRE_GATEWAY_ENDPOINT_H
#define AIRE_GATEWAY_ENDPOINT_H

#include "gateway/dialect.h"
#include "gateway/tool.h"

struct endpoint {
    const char *name;
    struct str method;             /* "": any */
    struct str path;               /* of tools and workflows: what it begins with */
    const struct dialect *dialect; /* NULL: answered here (models) */
};

/* HEAD counts as GET. NULL: no endpoint takes this method here; *other is then one with this path,
 * or NULL. */
const struct endpoint *endpoint_find(struct str method, struct str path,
                                     const struct endpoint **other);
/* The family whose error shape a client of this path expects; anthropic for /v1/messages...,
 * the plain one for /tools/... and /workflow/... */
enum provider_kind endpoint_family(struct str path);

#endif
