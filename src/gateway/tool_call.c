/* SPDX-License-Identifier: Apache-2.0
 * tool_call.c - the request as a tool's call; its idempotency key. */
#include "gateway/tool_call.h"

#include "base/must.h"
#include "json/json_path.h"

static bool is_json(const struct http_head *head)
{
    struct str type = http_head_get(head, STR("content-type"));
    struct str bare = str_trim(str_cut(type, 0, str_find_byte(type, ';')));
    return str_equal_ci(bare, STR("application/json")) ||
           (bare.len > 5 && str_equal_ci(str_cut(bare, bare.len - 5, bare.len), STR("+json")));
}

static bool find(struct exchange *x)
{
    struct str name = {0};
    struct tool_call *call = &x->tool;
    const struct tool *tool = tool_split(x->path, &name, &call->tail)
                                  ? generation_tool(x->generation, name)
                                  : NULL;
    if (tool == NULL) {
        exchange_refuse(x, 404, "unknown_tool", "no tool is named '" STR_FMT "' here",
                        STR_ARG(str_cut(name, 0, DOMAIN_NAME_MAX)));
        return false;
    }
    if (tool_decode(call->tail, x->arena, &call->decoded) != ERR_OK) {
        exchange_refuse(x, 400, "bad_path",
                        "the path has a bad percent encoding, or a segment '.' or '..'");
        return false;
    }
    call->tool = tool;
    call->action = tool_action(tool, http_call_head(x->call)->method, call->decoded);
    x->view.model_name = call->action->name;
    return true;
}

/* Many small values make a tape that is far larger than the body. */
#define NODES_MAX (UINT32_C(1) << 20)

/* What is no JSON, or too much of it, is a body like any other. */
static bool parse(struct exchange *x)
{
    const struct json_limits limits = {.nodes_max = NODES_MAX};
    size_t before = arena_bytes(x->arena);
    struct json json;
    if (http_call_body(x->call).len == 0 || !is_json(http_call_head(x->call))) {
        return true;
    }
    if (json_parse(&json, http_call_body(x->call), &limits, x->arena, NULL) == ERR_OK) {
        x->json = json;
    }
    if (!exchange_charge(x, arena_bytes(x->arena) - before)) {
        exchange_refuse(x, 503, "out_of_memory", "out of buffer memory");
        return false;
    }
    return true;
}

/* ---- the key ---- */

/* The object that a pointer's last token is a member of, and that token, decoded. */
static uint32_t parent_of(const struct json *json, struct str pointer, struct arena *arena,
                          struct str *member)
{
    size_t slash = pointer.len;
    while (slash > 0 && pointer.at[slash - 1] != '/') {
        slash--;
    }
    must(slash > 0); /* checked when the configuration was read */
    struct str token = str_cut(pointer, slash, pointer.len);
    char *decoded = arena_alloc(arena, token.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < token.len; i++) {
        if (token.at[i] == '~' && i + 1 < token.len) {
            i++;
            decoded[len++] = '~';
            if (token.at[i] == '1') {
                decoded[len - 1] = '/';
            }
        } else {
            decoded[len++] = token.at[i];
        }
    }
    *member = (struct str){decoded, len};
    return json_path(json, str_cut(pointer, 0, slash - 1));
}

/* The client's own key stays its own; false: it was refused. */
static bool take_key(struct exchange *x)
{
    const struct action *action = x->tool.action;
    struct str key = {0};
    if (action->key_pointer.len > 0) {
        struct str member = {0};
        uint32_t parent = x->json.count > 0
                              ? parent_of(&x->json, action->key_pointer, x->arena, &member)
                              : JSON_NONE;
        if (!json_is(&x->json, parent, JSON_OBJECT)) {
            exchange_refuse(x, 400, "no_place_for_key",
                            "the body has no place for the idempotency key at " STR_FMT,
                            STR_ARG(action->key_pointer));
            return false;
        }
        key = json_string(&x->json, json_get(&x->json, parent, member), x->arena);
    } else if (action->key_field.len > 0) {
        key = http_head_get(http_call_head(x->call), action->key_field);
    }
    if (key.len > TOOL_KEY_BYTES_MAX) {
        exchange_refuse(x, 400, "bad_key", "the idempotency key is longer than %d bytes",
                        TOOL_KEY_BYTES_MAX);
        return false;
    }
    x->tool.key = key;
    return true;
}

/* A version 4 UUID (RFC 9562, section 5.4). */
static struct str random_key(struct exchange *x)
{
    uint8_t b[16];
    env_entropy(x->gateway->commons->env, b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    return arena_printf(x->arena,
                        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                        b[12], b[13], b[14], b[15]);
}

void tool_call_key(struct exchange *x, struct json_edit *edit)
{
    const struct action *action = x->tool.action;
    bool declared = action->key_field.len + action->key_pointer.len > 0;
    if (declared && x->tool.key.len == 0) {
        x->tool.key = random_key(x);
    }
    if (action->key_pointer.len == 0) {
        return;
    }
    struct str member;
    uint32_t parent = parent_of(&x->json, action->key_pointer, x->arena, &member);
    if (json_string_is(&x->json, json_get(&x->json, parent, member), x->tool.key)) {
        return; /* the client's own: its bytes stay */
    }
    struct buf text;
    buf_init(&text, KIB(4));
    enum err code = buf_add_byte(&text, '"');
    code = code == ERR_OK ? json_escape(&text, x->tool.key) : code;
    code = code == ERR_OK ? buf_add_byte(&text, '"') : code;
    if (code == ERR_OK) {
        code = json_edit_set(edit, &x->json, parent, member, arena_str(x->arena, buf_str(&text)));
    }
    must(code == ERR_OK); /* the place was looked at when the body was read */
    buf_end(&text);
}

struct str tool_call_key_field(const struct exchange *x)
{
    const struct action *action = x->tool.action;
    const struct str usual = STR("Idempotency-Key");
    if (x->tool.key.len == 0 || action->key_field.len + action->key_pointer.len > 0) {
        return x->tool.key.len > 0 ? action->key_field : STR("");
    }
    return http_head_has(http_call_head(x->call), usual) ? STR("") : usual;
}

/* ---- the stage ---- */

enum flow tool_call_read(struct exchange *x)
{
    if (x->tool.tool == NULL && !find(x)) {
        return FLOW_REPLY;
    }
    if (!x->complete) {
        return FLOW_WAIT; /* resumed when the whole body is there */
    }
    return parse(x) && take_key(x) ? FLOW_NEXT : FLOW_REPLY;
}

/* ---- repeating ---- */

bool tool_call_repeats(const struct exchange *x)
{
    return x->tool.action->effect != EFFECT_UNSAFE || !x->tool.reached;
}

bool tool_call_in_doubt(const struct exchange *x)
{
    return x->tool.tool != NULL && x->tool.reached && x->tool.action->effect != EFFECT_READ;
}
