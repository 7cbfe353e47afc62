/* SPDX-License-Identifier: Apache-2.0
 * demo_wire.c - OpenAI chat and responses, Anthropic messages, as a small client needs them: one
 * tool call at a time, text, errors.
 */
#include "cli/demo_wire.h"

#include "json/json_path.h"

#include <stdio.h>

#define SYSTEM "You are the refund agent of a shop. Use the tools; state your confidence."

static const struct {
    const char *name;
    const char *help;
    const char *parameters;
} tools[] = {
    {"lookup_order", "Status and total of an order",
     "{\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":\"string\"}},"
     "\"required\":[\"order_id\"]}"},
    {"refund_order", "Pay an order back",
     "{\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":\"string\"},"
     "\"amount\":{\"type\":\"number\"},\"reason\":{\"type\":\"string\"}},"
     "\"required\":[\"order_id\",\"amount\"]}"},
};
#define TOOLS (sizeof tools / sizeof tools[0])

void demo_answer_init(struct demo_answer *answer)
{
    *answer = (struct demo_answer){0};
    buf_init(&answer->text, DEMO_TEXT_MAX);
    buf_init(&answer->id, DEMO_TEXT_MAX);
    buf_init(&answer->name, DEMO_TEXT_MAX);
    buf_init(&answer->arguments, DEMO_TEXT_MAX);
}

void demo_answer_end(struct demo_answer *answer)
{
    buf_end(&answer->text);
    buf_end(&answer->id);
    buf_end(&answer->name);
    buf_end(&answer->arguments);
}

/* ---- writing ---- */

/* One tool: its members may lie one object deeper, under "function". */
static void put_tools(struct json_writer *w, const char *schema, bool typed, bool nested)
{
    json_key(w, "tools");
    json_begin_array(w);
    for (size_t i = 0; i < TOOLS; i++) {
        json_begin_object(w);
        if (typed) {
            json_member_cstr(w, "type", "function");
        }
        if (nested) {
            json_key(w, "function");
            json_begin_object(w);
        }
        json_member_cstr(w, "name", tools[i].name);
        json_member_cstr(w, "description", tools[i].help);
        json_key(w, schema);
        json_put_raw(w, str_of(tools[i].parameters));
        if (nested) {
            json_end_object(w);
        }
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_message(struct json_writer *w, const char *role, struct str content)
{
    json_begin_object(w);
    json_member_cstr(w, "role", role);
    json_member_str(w, "content", content);
    json_end_object(w);
}

static void put_chat_step(struct json_writer *w, const struct demo_step *step)
{
    json_begin_object(w);
    json_member_cstr(w, "role", "assistant");
    json_member_cstr(w, "content", NULL);
    json_key(w, "tool_calls");
    json_begin_array(w);
    json_begin_object(w);
    json_member_str(w, "id", step->id);
    json_member_cstr(w, "type", "function");
    json_key(w, "function");
    json_begin_object(w);
    json_member_str(w, "name", step->name);
    json_member_str(w, "arguments", step->arguments);
    json_end_object(w);
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
    json_begin_object(w);
    json_member_cstr(w, "role", "tool");
    json_member_str(w, "tool_call_id", step->id);
    json_member_str(w, "content", step->result);
    json_end_object(w);
}

static void write_chat(struct json_writer *w, const struct demo_talk *talk)
{
    json_key(w, "messages");
    json_begin_array(w);
    put_message(w, "system", STR(SYSTEM));
    put_message(w, "user", talk->asks);
    for (size_t i = 0; i < talk->step_count; i++) {
        put_chat_step(w, &talk->steps[i]);
    }
    json_end_array(w);
    put_tools(w, "parameters", true, true);
}

/* The one block that a message of a tool call or its result holds is open afterwards. */
static void begin_block(struct json_writer *w, const char *role, const char *type)
{
    json_begin_object(w);
    json_member_cstr(w, "role", role);
    json_key(w, "content");
    json_begin_array(w);
    json_begin_object(w);
    json_member_cstr(w, "type", type);
}

static void end_block(struct json_writer *w)
{
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
}

static void write_messages(struct json_writer *w, const struct demo_talk *talk)
{
    json_member_u64(w, "max_tokens", 512);
    json_member_cstr(w, "system", SYSTEM);
    json_key(w, "messages");
    json_begin_array(w);
    put_message(w, "user", talk->asks);
    for (size_t i = 0; i < talk->step_count; i++) {
        const struct demo_step *step = &talk->steps[i];
        begin_block(w, "assistant", "tool_use");
        json_member_str(w, "id", step->id);
        json_member_str(w, "name", step->name);
        json_key(w, "input");
        json_put_raw(w, step->arguments);
        end_block(w);
        begin_block(w, "user", "tool_result");
        json_member_str(w, "tool_use_id", step->id);
        json_member_str(w, "content", step->result);
        end_block(w);
    }
    json_end_array(w);
    put_tools(w, "input_schema", false, false);
}

static void write_responses(struct json_writer *w, const struct demo_talk *talk)
{
    json_member_cstr(w, "instructions", SYSTEM);
    json_key(w, "input");
    json_begin_array(w);
    put_message(w, "user", talk->asks);
    for (size_t i = 0; i < talk->step_count; i++) {
        const struct demo_step *step = &talk->steps[i];
        json_begin_object(w);
        json_member_cstr(w, "type", "function_call");
        json_member_str(w, "call_id", step->id);
        json_member_str(w, "name", step->name);
        json_member_str(w, "arguments", step->arguments);
        json_end_object(w);
        json_begin_object(w);
        json_member_cstr(w, "type", "function_call_output");
        json_member_str(w, "call_id", step->id);
        json_member_str(w, "output", step->result);
        json_end_object(w);
    }
    json_end_array(w);
    put_tools(w, "parameters", true, false);
}

/* ---- reading ---- */

struct reading {
    const struct json *json;
    struct arena *arena;
    struct demo_answer *answer;
};

static void add(const struct reading *r, struct buf *to, uint32_t node)
{
    /* What is over the limit is no answer that this agent could use. */
    if (buf_add(to, json_string(r->json, node, r->arena)) != ERR_OK) {
        r->answer->finished = false;
    }
}

static void add_raw(const struct reading *r, struct buf *to, uint32_t node)
{
    if (node != JSON_NONE && buf_add(to, json_raw(r->json, node)) != ERR_OK) {
        r->answer->finished = false;
    }
}

static uint32_t get(const struct reading *r, uint32_t object, const char *key)
{
    return json_get(r->json, object, str_of(key));
}

static bool is(const struct reading *r, uint32_t object, const char *key, const char *value)
{
    return json_string_is(r->json, get(r, object, key), str_of(value));
}

static void set_problem(struct demo_answer *answer, struct str words)
{
    (void)str_copy(words, answer->problem, sizeof answer->problem);
}

/* {"error": {...}}, {"response": {"error": {...}}} or the object itself; its code, else its type.
 */
static void read_problem(const struct reading *r)
{
    uint32_t error = get(r, JSON_ROOT, "error");
    error = error != JSON_NONE ? error : json_path(r->json, STR("/response/error"));
    error = error != JSON_NONE ? error : JSON_ROOT;
    uint32_t code = get(r, error, "code");
    code = json_is(r->json, code, JSON_STRING) ? code : get(r, error, "type");
    struct str words = json_string(r->json, code, r->arena);
    set_problem(r->answer, words.len > 0 ? words : STR("error"));
}

static void read_chat_call(const struct reading *r, uint32_t call)
{
    uint32_t function = get(r, call, "function");
    add(r, &r->answer->id, get(r, call, "id"));
    add(r, &r->answer->name, get(r, function, "name"));
    add(r, &r->answer->arguments, get(r, function, "arguments"));
}

/* `member` is "message" of a plain answer, "delta" of a chunk. */
static void read_chat(const struct reading *r, const char *member)
{
    uint32_t choice = json_path(r->json, STR("/choices/0"));
    uint32_t message = get(r, choice, member);
    add(r, &r->answer->text, get(r, message, "content"));
    read_chat_call(r, json_at(r->json, get(r, message, "tool_calls"), 0));
    if (json_is(r->json, get(r, choice, "finish_reason"), JSON_STRING)) {
        r->answer->finished = true;
    }
}

static void chat_plain(const struct reading *r)
{
    read_chat(r, "message");
}

static void chat_event(const struct reading *r)
{
    read_chat(r, "delta");
}

static void messages_plain(const struct reading *r)
{
    uint32_t content = get(r, JSON_ROOT, "content");
    r->answer->finished = json_is(r->json, get(r, JSON_ROOT, "stop_reason"), JSON_STRING);
    for (uint32_t n = json_first(r->json, content); n != JSON_NONE;
         n = json_after(r->json, content, n)) {
        add(r, &r->answer->text, get(r, n, "text"));
        if (is(r, n, "type", "tool_use")) {
            add(r, &r->answer->id, get(r, n, "id"));
            add(r, &r->answer->name, get(r, n, "name"));
            add_raw(r, &r->answer->arguments, get(r, n, "input"));
        }
    }
}

static void messages_event(const struct reading *r)
{
    uint32_t block = get(r, JSON_ROOT, "content_block");
    uint32_t delta = get(r, JSON_ROOT, "delta");
    if (is(r, block, "type", "tool_use")) {
        add(r, &r->answer->id, get(r, block, "id"));
        add(r, &r->answer->name, get(r, block, "name"));
    }
    add(r, &r->answer->text, get(r, delta, "text"));
    add(r, &r->answer->arguments, get(r, delta, "partial_json"));
    if (is(r, JSON_ROOT, "type", "message_stop")) {
        r->answer->finished = true;
    }
}

static void responses_plain(const struct reading *r)
{
    uint32_t output = get(r, JSON_ROOT, "output");
    r->answer->finished = is(r, JSON_ROOT, "status", "completed");
    for (uint32_t n = json_first(r->json, output); n != JSON_NONE;
         n = json_after(r->json, output, n)) {
        if (is(r, n, "type", "function_call")) {
            add(r, &r->answer->id, get(r, n, "call_id"));
            add(r, &r->answer->name, get(r, n, "name"));
            add(r, &r->answer->arguments, get(r, n, "arguments"));
        } else {
            add(r, &r->answer->text, get(r, json_at(r->json, get(r, n, "content"), 0), "text"));
        }
    }
}

static void responses_event(const struct reading *r)
{
    uint32_t item = get(r, JSON_ROOT, "item");
    uint32_t delta = get(r, JSON_ROOT, "delta");
    if (is(r, JSON_ROOT, "type", "response.output_item.added")) {
        add(r, &r->answer->id, get(r, item, "call_id"));
        add(r, &r->answer->name, get(r, item, "name"));
    } else if (is(r, JSON_ROOT, "type", "response.output_text.delta")) {
        add(r, &r->answer->text, delta);
    } else if (is(r, JSON_ROOT, "type", "response.function_call_arguments.delta")) {
        add(r, &r->answer->arguments, delta);
    } else if (is(r, JSON_ROOT, "type", "response.completed")) {
        r->answer->finished = true;
    }
}

/* ---- the table ---- */

static const struct wire {
    const char *name;
    const char *path;
    void (*write)(struct json_writer *w, const struct demo_talk *talk);
    void (*plain)(const struct reading *r);
    void (*event)(const struct reading *r);
} wires[] = {
    [DEMO_CHAT] = {"chat", "/v1/chat/completions", write_chat, chat_plain, chat_event},
    [DEMO_MESSAGES] = {"messages", "/v1/messages", write_messages, messages_plain, messages_event},
    [DEMO_RESPONSES] = {"responses", "/v1/responses", write_responses, responses_plain,
                        responses_event},
};

const char *demo_api_name(enum demo_api api)
{
    return wires[api].name;
}

const char *demo_api_path(enum demo_api api)
{
    return wires[api].path;
}

enum err demo_wire_write(enum demo_api api, const struct demo_talk *talk, struct buf *to)
{
    struct json_writer w;
    json_writer_init(&w, to);
    json_begin_object(&w);
    json_member_cstr(&w, "model", talk->model);
    json_member_bool(&w, "stream", talk->stream);
    wires[api].write(&w, talk);
    json_end_object(&w);
    return json_writer_end(&w);
}

/* False: not JSON, or an error; the problem is set. */
static bool read_root(struct str text, struct json *json, const struct reading *r)
{
    if (json_parse(json, text, NULL, r->arena, NULL) != ERR_OK) {
        set_problem(r->answer, STR("answer is not JSON"));
        return false;
    }
    bool failed = json_is(json, get(r, JSON_ROOT, "error"), JSON_OBJECT) ||
                  is(r, JSON_ROOT, "type", "error") || is(r, JSON_ROOT, "type", "response.failed");
    if (failed) {
        read_problem(r);
    }
    return !failed;
}

void demo_wire_read(enum demo_api api, struct str body, struct arena *arena,
                    struct demo_answer *answer)
{
    struct json json;
    const struct reading reading = {&json, arena, answer};
    if (read_root(body, &json, &reading)) {
        wires[api].plain(&reading);
    }
}

void demo_wire_event(enum demo_api api, const struct sse_event *event, struct arena *arena,
                     struct demo_answer *answer)
{
    struct json json;
    const struct reading reading = {&json, arena, answer};
    if (event->comment || str_equal(event->data, STR("[DONE]"))) {
        return;
    }
    if (read_root(event->data, &json, &reading)) {
        wires[api].event(&reading);
    }
}

/* ---- tools ---- */

struct str demo_tool_run(const struct demo_step *step, struct arena *arena)
{
    struct json json;
    if (json_parse(&json, step->arguments, NULL, arena, NULL) != ERR_OK) {
        return STR("{\"error\":\"arguments are not JSON\"}");
    }
    struct str order = json_string(&json, json_get(&json, JSON_ROOT, STR("order_id")), arena);
    if (str_equal(step->name, str_of(tools[0].name))) {
        return arena_printf(arena,
                            "{\"order\":\"" STR_FMT "\",\"status\":\"delivered\",\"total\":42.50}",
                            STR_ARG(order));
    }
    if (str_equal(step->name, str_of(tools[1].name))) {
        return arena_printf(arena, "{\"order\":\"" STR_FMT "\",\"paid_back\":42.50}",
                            STR_ARG(order));
    }
    return STR("{\"error\":\"no such tool\"}");
}
