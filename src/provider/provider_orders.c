/* SPDX-License-Identifier: Apache-2.0
 * provider_orders.c - the order system over plain HTTP, as a tool's own service would be.
 *
 *   POST .../lookup {order_id}      POST .../refund {order_id, amount?, reason?}, Idempotency-Key
 *   GET  .../orders/ID              GET  .../refunds/KEY
 */
#include "provider/provider_tools.h"

/* What stands behind the last `before`, or an empty str. */
static struct str behind(struct str path, struct str before)
{
    for (size_t at = path.len; at-- > 0;) {
        if (str_starts(str_cut(path, at, path.len), before)) {
            return str_cut(path, at + before.len, path.len);
        }
    }
    return STR("");
}

bool provider_orders_path(struct str path)
{
    return str_ends(path, STR("/lookup")) || str_ends(path, STR("/refund")) ||
           behind(path, STR("/orders/")).len > 0 || behind(path, STR("/refunds/")).len > 0;
}

static struct orders_result run(const struct tools_request *request, struct arena *arena)
{
    struct orders_request ask = {.json = request->json,
                                 .arguments = JSON_ROOT,
                                 .key = http_head_get(request->head, STR("idempotency-key")),
                                 .arena = arena};
    struct str id = behind(request->path, STR("/orders/"));
    struct str key = behind(request->path, STR("/refunds/"));
    bool get = str_equal(request->head->method, STR("GET"));
    bool post = str_equal(request->head->method, STR("POST"));
    if (str_ends(request->path, STR("/refund")) && post && request->json != NULL) {
        return orders_refund(request->orders, &ask);
    }
    if (str_ends(request->path, STR("/lookup")) && post && request->json != NULL) {
        return orders_lookup(request->orders, &ask);
    }
    if (id.len > 0 && get) {
        return orders_by_id(request->orders, id, arena);
    }
    if (key.len > 0 && get) {
        return orders_by_key(request->orders, key, arena);
    }
    return (struct orders_result){post ? 400 : 405, STR("{\"error\":\"not a request here\"}"),
                                  false};
}

void provider_orders_answer(const struct tools_request *request, struct answer *answer)
{
    struct orders_result result = run(request, answer->arena);
    answer->status = result.status;
    if (result.replayed) {
        answer_field(answer, STR("idempotency-replayed"), STR("true"));
    }
    answer_part(answer, STR(""), result.body, PART_OTHER);
}
