/* SPDX-License-Identifier: Apache-2.0
 * routes.h - the handlers of the API, the search of its table, and its description.
 */
#ifndef AIRE_CONSOLE_ROUTES_H
#define AIRE_CONSOLE_ROUTES_H

#include "console/asked.h"

#define ROUTE(method, path, handler, access, help, ...) void handler(struct asked *asked);
#include "console/routes.def"
#undef ROUTE

/* The route of a method (HEAD is GET) and path. NULL: none; *path_known then tells whether the path
 * exists with other methods. */
const struct api_route *routes_find(struct str method, struct str path, bool *path_known);
/* "GET, HEAD, OPTIONS", of a known path. */
void routes_allow(struct str path, char *to, size_t room);
/* The text that stands in `path` where the template has {name}; "" when it has none. */
struct str routes_capture(const struct api_route *route, struct str path, struct str name);

/* Member "declared": does the configuration in force know this agent, route or tool? null without a
 * server. */
void api_put_declared(struct asked *asked, enum stop_kind kind, struct str name);

/* OpenAPI 3.1 of all routes; the same as a reference page. */
void routes_describe(struct json_writer *w);
enum err routes_document(struct buf *to) MUST_USE;

#endif
