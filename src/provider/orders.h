/* SPDX-License-Identifier: Apache-2.0
 * orders.h - the order system behind the demo's tools: looks orders up and refunds them.
 *
 * Any order number exists (but those that start with 404); its total and status derive from the
 * number. A refund is a real effect: it is counted, and executed again when it comes again without
 * an idempotency key. Invariant: with a key it is executed once, whatever happens to the answer.
 */
#ifndef AIRE_PROVIDER_ORDERS_H
#define AIRE_PROVIDER_ORDERS_H

#include "json/json.h"
#include "json/json_writer.h"

#define ORDERS_KEYS_MAX 10000 /* distinct keys and refunded orders; 507 beyond */

struct orders;
struct orders *orders_new(void);
void orders_free(struct orders *orders); /* NULL is fine */

struct orders_request {
    const struct json *json;
    uint32_t arguments; /* {order_id, amount?, reason?} */
    struct str key;     /* idempotency key or "" */
    struct arena *arena;
};

struct orders_result {
    unsigned status; /* as of HTTP */
    struct str body; /* JSON */
    bool replayed;   /* the key had been there: nothing was done again */
};

struct orders_result orders_lookup(struct orders *orders, const struct orders_request *request);
struct orders_result orders_refund(struct orders *orders, const struct orders_request *request);
struct orders_result orders_by_id(struct orders *orders, struct str id, struct arena *arena);
/* What became of the refund with this key: 404 when there was none. */
struct orders_result orders_by_key(struct orders *orders, struct str key, struct arena *arena);

struct orders_counts {
    uint64_t lookups;
    uint64_t refunds;  /* executed */
    uint64_t replayed; /* answered from the key */
    uint64_t refunded_cents;
};
struct orders_counts orders_counts(const struct orders *orders);

#endif
