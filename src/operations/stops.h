/* SPDX-License-Identifier: Apache-2.0
 * stops.h - kill switches per agent, route and tool: effective at once, for every loop, surviving a
 * restart.
 */
#ifndef AIRE_OPERATIONS_STOPS_H
#define AIRE_OPERATIONS_STOPS_H

#include "base/arena.h"
#include "base/when.h"
#include "store/store.h"

enum stop_kind { STOP_AGENT, STOP_ROUTE, STOP_TOOL };

struct stops;
#define STOPS_MAX 10000

struct stops *stops_new(void);
void stops_free(struct stops *stops);    /* NULL is fine */
extern const struct schema stops_schema; /* table stops(kind, name, by, reason, at_us) */
enum err stops_load(struct stops *stops, struct store *store) MUST_USE;

struct stop {
    enum stop_kind kind;
    struct str name;
    bool stopped; /* false: it runs again */
    struct str by;
    struct str reason;
};
/* The durable step (the caller adds home and done); call stops_set once it is committed. Stopping
 * twice and starting what runs are fine; NOT_FOUND: STOPS_MAX are stopped. */
void stops_unit(const struct stop *stop, struct wall now, struct arena *arena,
                struct store_unit *unit);
/* LIMIT: STOPS_MAX are stopped; INVALID: not a name. */
enum err stops_set(struct stops *stops, enum stop_kind kind, struct str name,
                   bool stopped) MUST_USE;
/* Lock-free when nothing is stopped. */
bool stops_has(struct stops *stops, enum stop_kind kind, struct str name);
/* Calls `each` for every stopped name, on a copy: it may stop and start. */
void stops_each(struct stops *stops,
                void (*each)(void *object, enum stop_kind kind, struct str name), void *object);
const char *stop_kind_name(enum stop_kind kind); /* "agent" "route" "tool" */

#endif
