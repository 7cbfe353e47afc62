/* SPDX-License-Identifier: Apache-2.0
 * provider_mcp.c - an order system's two tools as an MCP server (streamable HTTP, 2025-11-25).
 *
 * Invariants: the id of a message goes back byte for byte; notifications get 202 and no body;
 * nothing is remembered: the same call always gets the same answer.
 */
#include "base/map.h"
#include "provider/provider_dialects.h"

enum { RPC_PARSE = -32700, RPC_REQUEST = -32600, RPC_METHOD = -32601 };

static const uint64_t order_seed[2] = {UINT64_C(0x6f7264657273), UINT64_C(0x726566756e64)};

struct mcp {
    const struct json *json;
    uint32_t params;
    struct answer *answer;
    struct json_writer *w;
};

/* ---- results ---- */

static void initialize(struct mcp *m)
{
    json_member_cstr(m->w, "protocolVersion", "2025-11-25");
    provider_member_raw(m->w, "capabilities", STR("{\"tools\":{}}"));
    provider_member_raw(m->w, "serverInfo",
                        STR("{\"name\":\"aire-orders\",\"version\":\"" AIRE_VERSION "\"}"));
    answer_field(m->answer, STR("mcp-session-id"),
                 brain_id(m->answer->arena, "session-", m->json->text.len, 5));
}

#define ORDER_ID                                                                                   \
    "{\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":\"string\"}},"                    \
    "\"required\":[\"order_id\"]}"

static void list_tools(struct mcp *m)
{
    provider_member_raw(
        m->w, "tools",
        STR("[{\"name\":\"lookup_order\",\"description\":\"Status and total of an order.\","
            "\"inputSchema\":" ORDER_ID ",\"annotations\":{\"readOnlyHint\":true}},"
            "{\"name\":\"refund_order\",\"description\":\"Pays an order back.\","
            "\"inputSchema\":" ORDER_ID ",\"annotations\":{\"destructiveHint\":true}}]"));
}

static void call_tool(struct mcp *m)
{
    uint32_t name = json_get(m->json, m->params, STR("name"));
    uint32_t arguments = json_get(m->json, m->params, STR("arguments"));
    /* Still escaped, as it goes into JSON again. */
    struct str id = json_inner(m->json, json_get(m->json, arguments, STR("order_id")));
    uint64_t cents = 1000 + siphash(order_seed, id) % 19000;
    struct str text = STR("{\"error\":\"not found\"}");
    bool lookup = json_string_is(m->json, name, STR("lookup_order"));
    bool known = id.len > 0 && (lookup || json_string_is(m->json, name, STR("refund_order")));
    if (known) {
        text = arena_printf(m->answer->arena,
                            "{\"order_id\":\"" STR_FMT "\",\"status\":\"%s\",\"total\":%.2f}",
                            STR_ARG(id), lookup ? "delivered" : "refunded", (double)cents / 100);
    }
    json_key(m->w, "content");
    json_begin_array(m->w);
    json_begin_object(m->w);
    json_member_cstr(m->w, "type", "text");
    json_member_str(m->w, "text", text);
    json_end_object(m->w);
    json_end_array(m->w);
    provider_member_raw(m->w, "structuredContent", text);
    json_member_bool(m->w, "isError", !known);
}

static void ping(struct mcp *m)
{
    (void)m; /* the result is the empty object */
}

static const struct {
    const char *name;
    void (*run)(struct mcp *m);
} methods[] = {{"initialize", initialize},
               {"ping", ping},
               {"tools/list", list_tools},
               {"tools/call", call_tool}};

/* ---- messages ---- */

static void open_message(struct mcp *m, uint32_t id, const char *member)
{
    m->w = answer_open(m->answer);
    json_begin_object(m->w);
    json_member_cstr(m->w, "jsonrpc", "2.0");
    provider_member_raw(m->w, "id", id == JSON_NONE ? STR("null") : json_raw(m->json, id));
    json_key(m->w, member);
    json_begin_object(m->w);
}

static void close_message(struct mcp *m)
{
    json_end_object(m->w);
    json_end_object(m->w);
    answer_close(m->answer, STR(""), PART_OTHER);
}

static void refuse(struct mcp *m, uint32_t id, int code, const char *words)
{
    open_message(m, id, "error");
    json_member_i64(m->w, "code", code);
    json_member_cstr(m->w, "message", words);
    close_message(m);
}

static void empty(struct answer *answer, unsigned status)
{
    answer->status = status;
    answer_part(answer, STR(""), STR(""), PART_OTHER);
}

void provider_mcp_answer(const struct http_head *head, const struct json *json,
                         struct answer *answer)
{
    struct mcp m = {.json = json, .answer = answer};
    if (!str_equal(head->method, STR("POST"))) {
        empty(answer, str_equal(head->method, STR("DELETE")) ? 200 : 405);
        return;
    }
    if (json == NULL || !json_is(json, JSON_ROOT, JSON_OBJECT)) {
        answer->status = 400;
        refuse(&m, JSON_NONE, json == NULL ? RPC_PARSE : RPC_REQUEST, "not one message");
        return;
    }
    uint32_t id = json_get(json, JSON_ROOT, STR("id"));
    uint32_t method = json_get(json, JSON_ROOT, STR("method"));
    m.params = json_get(json, JSON_ROOT, STR("params"));
    if (id == JSON_NONE || method == JSON_NONE) {
        empty(answer, 202); /* a notification, or the client's own answer */
        return;
    }
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (json_string_is(json, method, str_of(methods[i].name))) {
            open_message(&m, id, "result");
            methods[i].run(&m);
            close_message(&m);
            return;
        }
    }
    refuse(&m, id, RPC_METHOD, "Method not found");
}
