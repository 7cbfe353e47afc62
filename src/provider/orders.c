/* SPDX-License-Identifier: Apache-2.0
 * orders.c - see orders.h.
 */
#include "provider/orders.h"

#include "base/map.h"
#include "base/must.h"
#include "base/num.h"

#include <math.h>
#include <stdlib.h>

struct refund {
    struct str body;
    uint64_t request; /* hash of what was asked under this key */
};

struct order_state {
    uint64_t refunds;
    uint64_t cents;
};

struct orders {
    struct arena *arena;
    struct map *keys;   /* struct refund */
    struct map *states; /* struct order_state of refunded orders */
    struct orders_counts counts;
};

static const uint64_t orders_seed[2] = {UINT64_C(0x6f7264657273), UINT64_C(0x726566756e64)};

struct orders *orders_new(void)
{
    struct orders *orders = calloc(1, sizeof *orders);
    if (orders == NULL) {
        must_have_memory();
    }
    orders->arena = arena_new(4096);
    orders->keys = map_new(orders_seed, ORDERS_KEYS_MAX);
    orders->states = map_new(orders_seed, ORDERS_KEYS_MAX);
    return orders;
}

void orders_free(struct orders *orders)
{
    if (orders != NULL) {
        map_free(orders->keys);
        map_free(orders->states);
        arena_free(orders->arena);
        free(orders);
    }
}

struct orders_counts orders_counts(const struct orders *orders)
{
    return orders->counts;
}

static struct orders_result refuse(struct arena *arena, unsigned status, const char *words)
{
    return (struct orders_result){
        status, arena_printf(arena, "{\"error\":\"%s\",\"status\":\"failed\"}", words), false};
}

static uint64_t total_cents(struct str id)
{
    return 1000 + siphash(orders_seed, id) % 19000;
}

/* Numbers with nothing but letters, digits and '-': they go into JSON as they are. */
static bool id_valid(struct str id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return id.len > 0 && id.len <= 64;
}

static struct str id_of(const struct orders_request *request)
{
    uint32_t node = json_get(request->json, request->arguments, STR("order_id"));
    if (node == JSON_NONE) {
        node = json_get(request->json, request->arguments, STR("id"));
    }
    return json_is(request->json, node, JSON_NUMBER)
               ? json_raw(request->json, node)
               : json_string(request->json, node, request->arena);
}

struct orders_result orders_by_id(struct orders *orders, struct str id, struct arena *arena)
{
    static const char *const states[] = {"processing", "shipped", "delivered"};
    if (!id_valid(id) || str_starts(id, STR("404"))) {
        return refuse(arena, id_valid(id) ? 404 : 400,
                      id_valid(id) ? "order not found" : "order_id is missing or malformed");
    }
    const struct order_state *state = map_get(orders->states, id);
    uint64_t cents = total_cents(id);
    uint64_t refunded = state == NULL ? 0 : state->cents;
    orders->counts.lookups++;
    struct str body = arena_printf(
        arena,
        "{\"order_id\":\"" STR_FMT
        "\",\"status\":\"%s\",\"total\":%llu.%02llu,\"currency\":\"USD\","
        "\"refunds\":%llu,\"refunded\":%llu.%02llu}",
        STR_ARG(id), states[cents % 3], (unsigned long long)(cents / 100),
        (unsigned long long)(cents % 100), (unsigned long long)(state == NULL ? 0 : state->refunds),
        (unsigned long long)(refunded / 100), (unsigned long long)(refunded % 100));
    return (struct orders_result){200, body, false};
}

struct orders_result orders_lookup(struct orders *orders, const struct orders_request *request)
{
    return orders_by_id(orders, id_of(request), request->arena);
}

struct orders_result orders_by_key(struct orders *orders, struct str key, struct arena *arena)
{
    const struct refund *refund = map_get(orders->keys, key);
    return refund == NULL ? refuse(arena, 404, "no refund with this key")
                          : (struct orders_result){200, refund->body, true};
}

/* Cents of the amount that is asked for (a number or a text), or of the whole order. */
static bool read_amount(const struct orders_request *request, uint64_t total, uint64_t *cents)
{
    double amount = 0;
    uint32_t node = json_get(request->json, request->arguments, STR("amount"));
    *cents = total;
    if (node == JSON_NONE || json_is(request->json, node, JSON_NULL)) {
        return true;
    }
    bool number = json_double(request->json, node, &amount) ||
                  num_double(json_string(request->json, node, request->arena), &amount) == ERR_OK;
    if (!number || !(amount > 0) || amount > 1e9) {
        return false;
    }
    *cents = (uint64_t)llround(amount * 100);
    return true;
}

static struct order_state *state_of(struct orders *orders, struct str id)
{
    struct order_state *state = map_get(orders->states, id);
    if (state == NULL) {
        state = arena_new_of(orders->arena, struct order_state);
        if (map_put(orders->states, id, state) != ERR_OK) {
            return NULL;
        }
    }
    return state;
}

/* The effect itself. */
static struct orders_result execute(struct orders *orders, const struct orders_request *request,
                                    struct str id, uint64_t cents)
{
    struct order_state *state = state_of(orders, id);
    bool keys_full = request->key.len > 0 && map_count(orders->keys) >= ORDERS_KEYS_MAX;
    if (state == NULL || keys_full) {
        return refuse(request->arena, 507, "too many refunds");
    }
    state->refunds++;
    state->cents += cents;
    orders->counts.refunds++;
    orders->counts.refunded_cents += cents;
    struct str body = arena_printf(
        request->arena,
        "{\"refund_id\":\"re_%06llu\",\"order_id\":\"" STR_FMT "\",\"amount\":%llu.%02llu,"
        "\"currency\":\"USD\",\"status\":\"refunded\"}",
        (unsigned long long)orders->counts.refunds, STR_ARG(id), (unsigned long long)(cents / 100),
        (unsigned long long)(cents % 100));
    return (struct orders_result){200, body, false};
}

struct orders_result orders_refund(struct orders *orders, const struct orders_request *request)
{
    struct str id = id_of(request);
    uint64_t cents = 0;
    uint64_t asked = siphash(orders_seed, json_raw(request->json, request->arguments));
    struct refund *before = request->key.len > 0 ? map_get(orders->keys, request->key) : NULL;
    if (before != NULL) {
        if (before->request != asked) {
            return refuse(request->arena, 422, "this key was used for another refund");
        }
        orders->counts.replayed++;
        return (struct orders_result){200, before->body, true};
    }
    if (!id_valid(id) || str_starts(id, STR("404"))) {
        return orders_by_id(orders, id, request->arena);
    }
    if (!read_amount(request, total_cents(id), &cents)) {
        return refuse(request->arena, 400, "amount must be a positive number");
    }
    if (cents > total_cents(id)) {
        return refuse(request->arena, 422, "amount is over the total of the order");
    }
    struct orders_result result = execute(orders, request, id, cents);
    if (result.status == 200 && request->key.len > 0) {
        struct refund *refund = arena_new_of(orders->arena, struct refund);
        *refund = (struct refund){arena_str(orders->arena, result.body), asked};
        if (map_put(orders->keys, request->key, refund) != ERR_OK) {
            return refuse(request->arena, 507, "too many refunds");
        }
    }
    return result;
}
