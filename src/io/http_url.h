/* SPDX-License-Identifier: Apache-2.0
 * http_url.h - http:// and https:// addresses of a configuration (RFC 3986): scheme, host, port and
 * path. User names are for proxies; queries and fragments have no meaning here and are refused.
 */
#ifndef AIRE_IO_HTTP_URL_H
#define AIRE_IO_HTTP_URL_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Slices of the text it was read from. */
struct http_url {
    bool secure;
    struct str user;      /* user:password as written, or "" */
    struct str authority; /* host[:port], the value of Host */
    struct str host;
    uint16_t port;   /* 80 or 443 when none is written */
    struct str path; /* as written; may be "" */
};

/* INVALID: not such an address, or bytes that could end a request line. */
enum err http_url_read(struct str text, struct http_url *url) MUST_USE;

#endif
