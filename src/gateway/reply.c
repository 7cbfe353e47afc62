/* SPDX-License-Identifier: Apache-2.0
 * reply.c - fields and errors.
 *
 * Which fields pass is decided by lists of what must not: the rest is forwarded, so that new
 * version headers work without a release of ours. */
#include "gateway/reply.h"

#include "base/must.h"
#include "gateway/pipeline.h"
#include "gateway/tool_call.h"

/* Never from client to provider: connection matters, framing, credentials, what names our own host.
 */
static const struct str request_dropped[] = {
    STR_CONST("host"),
    STR_CONST("content-length"),
    STR_CONST("transfer-encoding"),
    STR_CONST("connection"),
    STR_CONST("keep-alive"),
    STR_CONST("te"),
    STR_CONST("trailer"),
    STR_CONST("upgrade"),
    STR_CONST("expect"),
    STR_CONST("accept-encoding"),
    STR_CONST("cookie"),
    STR_CONST("authorization"),
    STR_CONST("x-api-key"),
    STR_CONST("api-key"),
    STR_CONST("traceparent"),
    STR_CONST("forwarded"),
    STR_CONST("http2-settings"),
    STR_CONST("content-encoding"),
    STR_CONST("via"),
    STR_CONST("origin"),
    STR_CONST("referer"),
};

/* Never from provider to client. */
static const struct str response_dropped[] = {
    STR_CONST("content-length"),
    STR_CONST("transfer-encoding"),
    STR_CONST("connection"),
    STR_CONST("keep-alive"),
    STR_CONST("trailer"),
    STR_CONST("upgrade"),
    STR_CONST("set-cookie"),
    STR_CONST("content-encoding"),
    STR_CONST("alt-svc"),
    STR_CONST("server"),
    STR_CONST("strict-transport-security"),
    STR_CONST("content-type"),
    STR_CONST("x-should-retry"),
    STR_CONST("te"),
    STR_CONST("date"),
    STR_CONST("cache-control"),
    STR_CONST("clear-site-data"),
    STR_CONST("x-sendfile"),
};

static bool listed(struct str name, const struct str *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (name.len == list[i].len && str_equal_ci(name, list[i])) {
            return true;
        }
    }
    return false;
}

static bool starts_ci(struct str name, struct str prefix)
{
    return name.len >= prefix.len && str_equal_ci(str_cut(name, 0, prefix.len), prefix);
}

/* A field named by Connection is hop-by-hop (RFC 9110, section 7.6.1); most heads have none. */
static bool is_hop(const struct http_head *head, bool has_connection, struct str name)
{
    return has_connection && http_head_lists(head, STR("connection"), name);
}

static bool request_passes(const struct http_head *head, bool has_connection, struct str name)
{
    return !listed(name, request_dropped, sizeof request_dropped / sizeof request_dropped[0]) &&
           !starts_ci(name, STR("x-aire-")) && !starts_ci(name, STR("proxy-")) &&
           !starts_ci(name, STR("x-forwarded-")) && str_find_byte(name, '_') == SIZE_MAX &&
           !is_hop(head, has_connection, name);
}

/* Orders to a browser or to the ingress in front of us (X-Accel-Redirect opens nginx's files). */
static bool response_passes(const struct http_head *head, bool has_connection, struct str name)
{
    return !listed(name, response_dropped, sizeof response_dropped / sizeof response_dropped[0]) &&
           !starts_ci(name, STR("x-aire-")) && !starts_ci(name, STR("proxy-")) &&
           !starts_ci(name, STR("x-accel-")) && !starts_ci(name, STR("access-control-")) &&
           !is_hop(head, has_connection, name);
}

static bool credential_field(struct str name)
{
    return str_equal_ci(name, STR("authorization")) || str_equal_ci(name, STR("x-api-key")) ||
           str_equal_ci(name, STR("api-key"));
}

/* A key of the Governor is for the Governor, whichever field brought it. */
static bool holds_our_key(struct str value)
{
    return str_find(value, STR("aire_")) != SIZE_MAX;
}

#define ADDED_FIELDS 2                     /* to a request: credential, traceparent */
#define TOOL_FIELDS  (TOOL_FIELDS_MAX + 1) /* beside them, to a tool: its own and the key */

/* A tool's own fields stand in place of the client's of the same name. */
static bool is_replaced(const struct exchange *x, const struct provider *provider, struct str name)
{
    bool is = x->tool.key.len > 0 && str_equal_ci(name, x->tool.action->key_field);
    for (size_t i = 0; i < provider->field_count; i++) {
        is = is || str_equal_ci(name, provider->fields[i].name);
    }
    return is;
}

static size_t add_tool_fields(const struct exchange *x, const struct provider *provider,
                              struct http_field *list)
{
    size_t count = 0;
    for (; count < provider->field_count; count++) {
        list[count] = provider->fields[count];
    }
    struct str key_field = tool_call_key_field(x);
    if (key_field.len > 0) {
        list[count++] = (struct http_field){key_field, x->tool.key};
    }
    return count;
}

static size_t add_own_fields(struct exchange *x, const struct provider *provider,
                             struct str credential, struct http_field *list)
{
    size_t count = 0;
    if (provider->auth == AUTH_STORED && credential.len > 0) {
        bool anthropic = provider->kind == PROVIDER_ANTHROPIC;
        list[count++] = (struct http_field){anthropic ? STR("x-api-key") : STR("authorization"),
                                            credential};
    }
    count += provider->kind == PROVIDER_TOOL ? add_tool_fields(x, provider, &list[count]) : 0;
    char parent[TRACE_PARENT_BYTES];
    list[count++] = (struct http_field){
        STR("traceparent"), arena_str(x->arena, str_of(trace_parent_show(&x->trace, parent)))};
    return count;
}

size_t reply_own_fields(struct exchange *x, const struct provider *provider, struct str credential,
                        struct http_field **fields)
{
    *fields = arena_array_of(x->arena, struct http_field, ADDED_FIELDS + TOOL_FIELDS);
    return add_own_fields(x, provider, credential, *fields);
}

size_t reply_request_fields(struct exchange *x, const struct provider *provider,
                            struct str credential, struct http_field **fields)
{
    const struct http_head *head = http_call_head(x->call);
    struct http_field *list = arena_array_of(x->arena, struct http_field,
                                             head->count + ADDED_FIELDS + TOOL_FIELDS);
    size_t count = 0;
    bool own = provider->auth == AUTH_STORED;
    bool tool = provider->kind == PROVIDER_TOOL;
    size_t room = HTTP_FIELDS_MAX - ADDED_FIELDS - (tool ? provider->field_count + 1 : 0);
    bool has_connection = http_head_has(head, STR("connection"));
    for (size_t i = 0; i < head->count && count < room; i++) {
        struct str name = head->fields[i].name;
        if (tool && is_replaced(x, provider, name)) {
            continue;
        }
        if (request_passes(head, has_connection, name) ||
            (!own && credential_field(name) && !holds_our_key(head->fields[i].value))) {
            list[count++] = head->fields[i];
        }
    }
    count += add_own_fields(x, provider, credential, &list[count]);
    *fields = list;
    return count;
}

#define OWN_FIELDS 13 /* of a response, content-type and the like included */

size_t reply_response_fields(struct arena *arena, const struct http_head *head,
                             struct http_field **fields)
{
    struct http_field *list = arena_array_of(arena, struct http_field, head->count + 1);
    size_t count = 0;
    bool has_connection = http_head_has(head, STR("connection"));
    for (size_t i = 0; i < head->count && count < HTTP_FIELDS_MAX - OWN_FIELDS; i++) {
        struct str name = head->fields[i].name;
        if (response_passes(head, has_connection, name)) {
            list[count++] = (struct http_field){arena_str(arena, name),
                                                arena_str(arena, head->fields[i].value)};
        }
    }
    *fields = list;
    return count;
}

static size_t add_own(struct exchange *x, struct http_field *fields)
{
    size_t n = 0;
    fields[n++] = (struct http_field){STR("x-aire-id"), str_of(x->id)};
    if (x->target != NULL && !x->replayed && x->tier_name.len > 0 && x->attempt != NULL) {
        fields[n++] = (struct http_field){STR("x-aire-target"), x->target->name};
    }
    if (x->tier_name.len > 0) {
        fields[n++] = (struct http_field){STR("x-aire-tier"), x->tier_name};
    }
    fields[n++] = (struct http_field){STR("x-aire-attempts"), arena_u64(x->arena, x->attempts)};
    if (x->degraded) {
        fields[n++] = (struct http_field){STR("x-aire-degraded"), x->tier_name};
    }
    if (x->answer_confidence >= 0) {
        fields[n++] = (struct http_field){STR("x-aire-confidence"),
                                          arena_printf(x->arena, "%.2f", x->answer_confidence)};
    }
    if (x->replayed) {
        fields[n++] = (struct http_field){STR("x-aire-replayed"), STR("true")};
    }
    if (x->review.len > 0) {
        fields[n++] = (struct http_field){STR("x-aire-review"), x->review};
    }
    return n;
}

void reply_begin(struct exchange *x, unsigned status, const struct http_field *passed, size_t count,
                 struct str content_type, uint64_t body_bytes)
{
    struct http_field *fields = arena_array_of(x->arena, struct http_field, count + OWN_FIELDS);
    size_t n = 0;
    if (content_type.len > 0) {
        fields[n++] = (struct http_field){STR("content-type"), content_type};
    }
    for (size_t i = 0; i < count; i++) {
        fields[n++] = passed[i];
    }
    n += add_own(x, &fields[n]);
    if (body_bytes == HTTP_LENGTH_UNKNOWN) {
        fields[n++] = (struct http_field){STR("cache-control"), STR("no-cache")};
        fields[n++] = (struct http_field){STR("x-accel-buffering"), STR("no")};
    }
    must(n <= count + OWN_FIELDS);
    x->status = status;
    http_call_begin(x->call, status, fields, n, body_bytes);
}

void reply_error(struct exchange *x, unsigned status, const char *type, const char *code,
                 struct str message)
{
    struct http_field fields[2];
    size_t n = 0;
    struct buf body;
    pipeline_failed(x);
    buf_init(&body, KIB(64));
    const struct error_text error = {status, type, code, message, str_of(x->id)};
    enum err written = x->dialect != NULL ? x->dialect->write_error(&body, &error)
                                          : dialect_write_openai_error(&body, &error);
    must(written == ERR_OK);
    /* Our own retries are spent, or would not help: the client's must not multiply them. A caller
     * over its own rate, though, is right to wait and come back. */
    bool may_return = x->attempts == 0 && status == 429 && x->failed.retry_after_ms > 0 &&
                      x->failed.retry_after_ms <= 60000;
    fields[n++] = (struct http_field){STR("x-should-retry"),
                                      may_return ? STR("true") : STR("false")};
    if (x->failed.retry_after_ms > 0) {
        fields[n++] = (struct http_field){
            STR("retry-after"), arena_u64(x->arena, (x->failed.retry_after_ms + 999) / 1000)};
    }
    reply_begin(x, status, fields, n, STR("application/json"), body.len);
    exchange_leaves(x, buf_str(&body));
    http_call_give(x->call, &body);
    http_call_end(x->call);
    buf_end(&body);
}

void reply_instead(struct exchange *x, unsigned status, const char *code, const char *words)
{
    x->reason = code;
    pipeline_failed(x);
    if (x->gone) {
        /* nobody listens */
    } else if (!http_call_begun(x->call)) {
        reply_error(x, status, NULL, code, str_of(words));
    } else {
        if (x->dialect->write_stream_error != NULL) {
            struct buf text;
            buf_init(&text, 4096);
            const struct error_text error = {status, NULL, code, str_of(words), str_of(x->id)};
            if (x->dialect->write_stream_error(&text, &error, &x->answer) == ERR_OK) {
                exchange_leaves(x, buf_str(&text));
                http_call_write(x->call, buf_str(&text));
            }
            buf_end(&text);
        }
        http_call_end(x->call);
    }
    exchange_finish(x, OUTCOME_FAILED);
}

void reply_call_error(struct http_call *call, enum provider_kind family, unsigned status,
                      const char *code, struct str allow, struct str message)
{
    struct buf body;
    buf_init(&body, KIB(64));
    const struct error_text error = {status, NULL, code, message, STR("")};
    enum err written = dialect_write_error(family, &body, &error);
    must(written == ERR_OK);
    const struct http_field fields[] = {{STR("content-type"), STR("application/json")},
                                        {STR("x-should-retry"), STR("false")},
                                        {STR("allow"), allow}};
    http_call_reply(call, status, fields, allow.len > 0 ? 3 : 2, buf_str(&body));
    buf_end(&body);
}
