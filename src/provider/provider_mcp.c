/* SPDX-License-Identifier: Apache-2.0
 * provider_mcp.c - the order system as an MCP server over streamable HTTP, both eras at one path.
 *
 * Invariant: the id of a message goes back byte for byte; notifications get 202 and no body.
 */
#include "provider/provider_tools.h"

#include "provider/brain.h"

#define VERSION_STATELESS "2026-07-28"
#define VERSION_SESSION   "2025-11-25"

enum { RPC_PARSE = -32700, RPC_REQUEST = -32600, RPC_METHOD = -32601 };

struct mcp {
    const struct tools_request *request;
    struct answer *answer;
    struct json_writer *w;
    uint32_t params;
    bool stateless;
};

static struct str header(const struct mcp *m, struct str name)
{
    return http_head_get(m->request->head, name);
}

/* ---- results ---- */

static void put_server(struct json_writer *w, struct str key)
{
    json_key_str(w, key);
    json_begin_object(w);
    json_member_cstr(w, "name", "aire-orders");
    json_member_cstr(w, "title", "Orders");
    json_member_cstr(w, "version", AIRE_VERSION);
    json_end_object(w);
}

static void put_capabilities(struct json_writer *w)
{
    json_key(w, "capabilities");
    json_begin_object(w);
    json_key(w, "tools");
    json_begin_object(w);
    json_end_object(w);
    json_end_object(w);
}

static void put_cacheable(const struct mcp *m)
{
    if (m->stateless) {
        json_member_u64(m->w, "ttlMs", 60000);
        json_member_cstr(m->w, "cacheScope", "public");
    }
}

static void initialize(struct mcp *m)
{
    static const char *const known[] = {"2024-11-05", "2025-03-26", "2025-06-18", VERSION_SESSION};
    uint32_t asked = json_get(m->request->json, m->params, STR("protocolVersion"));
    const char *version = VERSION_SESSION;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (json_string_is(m->request->json, asked, str_of(known[i]))) {
            version = known[i];
        }
    }
    json_member_cstr(m->w, "protocolVersion", version);
    put_capabilities(m->w);
    put_server(m->w, STR("serverInfo"));
    answer_field(m->answer, STR("mcp-session-id"),
                 brain_id(m->answer->arena, "session-", m->request->json->text.len, 5));
}

static void discover(struct mcp *m)
{
    json_key(m->w, "supportedVersions");
    json_begin_array(m->w);
    json_put_cstr(m->w, VERSION_STATELESS);
    json_put_cstr(m->w, VERSION_SESSION);
    json_put_cstr(m->w, "2025-06-18");
    json_end_array(m->w);
    put_capabilities(m->w);
    put_server(m->w, STR("serverInfo"));
    json_key(m->w, "_meta");
    json_begin_object(m->w);
    put_server(m->w, STR("io.modelcontextprotocol/serverInfo"));
    json_end_object(m->w);
    put_cacheable(m);
}

#define ORDER_ID "\"order_id\":{\"type\":\"string\",\"description\":\"number of the order\"}"

static void list_tools(struct mcp *m)
{
    json_key(m->w, "tools");
    json_put_raw(
        m->w,
        STR("[{\"name\":\"lookup_order\",\"title\":\"Look an order up\",\"description\":\"Status "
            "and "
            "total of an order.\",\"inputSchema\":{\"type\":\"object\",\"properties\":{" ORDER_ID
            "},\"required\":[\"order_id\"]},\"annotations\":{\"readOnlyHint\":true}},"
            "{\"name\":\"refund_order\",\"title\":\"Refund an order\",\"description\":\"Pays money "
            "back.\",\"inputSchema\":{\"type\":\"object\",\"properties\":{" ORDER_ID
            ",\"amount\":{\"type\":\"number\"},\"reason\":{\"type\":\"string\"}},\"required\":["
            "\"order_id\"]},\"annotations\":{\"destructiveHint\":true,\"idempotentHint\":false}}"
            "]"));
    put_cacheable(m);
}

static void put_tool_result(struct mcp *m, const struct orders_result *result)
{
    json_key(m->w, "content");
    json_begin_array(m->w);
    json_begin_object(m->w);
    json_member_cstr(m->w, "type", "text");
    json_member_str(m->w, "text", result->body);
    json_end_object(m->w);
    json_end_array(m->w);
    json_key(m->w, "structuredContent");
    json_put_raw(m->w, result->body);
    json_member_bool(m->w, "isError", result->status >= 400);
}

static void call_tool(struct mcp *m)
{
    const struct json *json = m->request->json;
    struct str name = json_string(json, json_get(json, m->params, STR("name")), m->answer->arena);
    struct orders_request ask = {.json = json,
                                 .arguments = json_get(json, m->params, STR("arguments")),
                                 .key = header(m, STR("idempotency-key")),
                                 .arena = m->answer->arena};
    struct orders_result result = {
        404, STR("{\"error\":\"no such tool: lookup_order, refund_order\"}"), false};
    if (str_equal(name, STR("lookup_order"))) {
        result = orders_lookup(m->request->orders, &ask);
    } else if (str_equal(name, STR("refund_order")) && ask.arguments != JSON_NONE) {
        result = orders_refund(m->request->orders, &ask);
    }
    put_tool_result(m, &result);
}

static void ping(struct mcp *m)
{
    (void)m; /* the result is the empty object */
}

static const struct {
    const char *name;
    void (*run)(struct mcp *m);
} methods[] = {
    {"initialize", initialize},
    {"server/discover", discover},
    {"tools/list", list_tools},
    {"tools/call", call_tool},
    {"ping", ping},
};

/* ---- messages ---- */

static void message_open(struct mcp *m, uint32_t id)
{
    m->w = answer_open(m->answer);
    json_begin_object(m->w);
    json_member_cstr(m->w, "jsonrpc", "2.0");
    json_key(m->w, "id");
    json_put_raw(m->w, id == JSON_NONE ? STR("null") : json_raw(m->request->json, id));
}

static void message_close(struct mcp *m)
{
    json_end_object(m->w);
    m->answer->stream = str_find(m->request->head->target, STR("?sse")) != SIZE_MAX;
    answer_close(m->answer, m->answer->stream ? STR("message") : STR(""), PART_TERMINAL);
}

static void refuse(struct mcp *m, uint32_t id, unsigned status, int code, const char *words)
{
    message_open(m, id);
    m->answer->status = status;
    json_key(m->w, "error");
    json_begin_object(m->w);
    json_member_i64(m->w, "code", code);
    json_member_cstr(m->w, "message", words);
    json_end_object(m->w);
    json_end_object(m->w);
    answer_close(m->answer, STR(""), PART_OTHER);
}

static void empty(struct answer *answer, unsigned status)
{
    answer->status = status;
    answer_part(answer, STR(""), STR(""), PART_OTHER);
}

void provider_mcp_answer(const struct tools_request *request, struct answer *answer)
{
    struct mcp m = {.request = request, .answer = answer};
    const struct json *json = request->json;
    if (!str_equal(request->head->method, STR("POST"))) {
        empty(answer, str_equal(request->head->method, STR("DELETE")) ? 200 : 405);
        return;
    }
    if (json == NULL || !json_is(json, JSON_ROOT, JSON_OBJECT)) {
        refuse(&m, JSON_NONE, 400, json == NULL ? RPC_PARSE : RPC_REQUEST, "not one message");
        return;
    }
    uint32_t id = json_get(json, JSON_ROOT, STR("id"));
    uint32_t method = json_get(json, JSON_ROOT, STR("method"));
    m.params = json_get(json, JSON_ROOT, STR("params"));
    m.stateless = str_equal(header(&m, STR("mcp-protocol-version")), STR(VERSION_STATELESS));
    if (id == JSON_NONE || method == JSON_NONE) {
        empty(answer, 202); /* a notification, or the client's own answer */
        return;
    }
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (json_string_is(json, method, str_of(methods[i].name))) {
            message_open(&m, id);
            json_key(m.w, "result");
            json_begin_object(m.w);
            if (m.stateless) {
                json_member_cstr(m.w, "resultType", "complete");
            }
            methods[i].run(&m);
            json_end_object(m.w);
            message_close(&m);
            return;
        }
    }
    refuse(&m, id, m.stateless ? 404 : 200, RPC_METHOD, "Method not found");
}
