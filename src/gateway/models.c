/* SPDX-License-Identifier: Apache-2.0
 * models.c - a list of names. Undeclared models pass too, but nobody here can list them. */
#include "gateway/models.h"

#include "gateway/reply.h"
#include "json/json_writer.h"

static void put_model(struct json_writer *w, const struct route *route, bool anthropic,
                      struct wall loaded)
{
    json_begin_object(w);
    json_member_str(w, "id", route->name);
    if (anthropic) {
        char when[WHEN_TEXT_BYTES];
        json_member_cstr(w, "type", "model");
        json_member_str(w, "display_name", route->name);
        json_member_cstr(w, "created_at", wall_show(loaded, when));
    } else {
        json_member_cstr(w, "object", "model");
        json_member_i64(w, "created", loaded.us / US_PER_S);
        json_member_cstr(w, "owned_by", "aire");
    }
    json_end_object(w);
}

void models_reply(struct exchange *x, bool anthropic)
{
    const struct generation *g = x->generation;
    struct buf body;
    struct json_writer w;
    buf_init(&body, MIB(4));
    json_writer_init(&w, &body);
    json_begin_object(&w);
    if (anthropic) {
        json_member_bool(&w, "has_more", false);
    } else {
        json_member_cstr(&w, "object", "list");
    }
    json_key(&w, "data");
    json_begin_array(&w);
    for (size_t i = 0; i < g->route_count; i++) {
        if (!str_equal(g->routes[i].name, STR("*"))) {
            put_model(&w, &g->routes[i], anthropic, g->loaded);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
    if (json_writer_end(&w) != ERR_OK) {
        buf_end(&body);
        exchange_refuse(x, 500, "too_many_routes", "the list of models does not fit");
        return;
    }
    reply_begin(x, 200, NULL, 0, STR("application/json"), body.len);
    exchange_leaves(x, buf_str(&body));
    http_call_give(x->call, &body);
    http_call_end(x->call);
    buf_end(&body);
    exchange_finish(x, OUTCOME_ANSWERED);
}
