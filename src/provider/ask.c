/* SPDX-License-Identifier: Apache-2.0
 * ask.c - reads chat, responses and messages requests.
 *
 * Invariant: unknown members are ignored; a missing or misshapen required one is a problem with the
 * words that the provider of that dialect uses.
 */
#include "provider/ask.h"

#include "base/num.h"

#include <string.h>

static uint32_t get(const struct ask *ask, uint32_t object, const char *key)
{
    return json_get(ask->json, object, str_of(key));
}

static struct str text_at(const struct ask *ask, uint32_t object, const char *key)
{
    return json_string(ask->json, get(ask, object, key), ask->arena);
}

static bool says(const struct ask *ask, uint32_t object, const char *key, struct str value)
{
    return json_string_is(ask->json, get(ask, object, key), value);
}

/* Text of a content that is a string or a list of parts; parts that are no text count for nothing.
 */
static struct str text_of(const struct ask *ask, uint32_t content)
{
    const struct json *json = ask->json;
    if (json_is(json, content, JSON_STRING)) {
        return json_string(json, content, ask->arena);
    }
    if (!json_is(json, content, JSON_ARRAY)) {
        return STR("");
    }
    /* What is decoded is never longer than what was written. */
    char *joined = arena_alloc(ask->arena, json_raw(json, content).len);
    size_t len = 0;
    for (uint32_t part = json_first(json, content); part != JSON_NONE;
         part = json_after(json, content, part)) {
        struct str text = text_at(ask, part, "text");
        if (text.len == 0) {
            continue;
        }
        if (len > 0) {
            joined[len++] = '\n';
        }
        memcpy(joined + len, text.at, text.len);
        len += text.len;
    }
    return (struct str){joined, len};
}

static void heard_user(struct ask *ask, struct str text)
{
    ask->said = text;
    ask->called_count = 0;
    ask->result_count = 0;
}

static void heard_call(struct ask *ask, struct str name)
{
    ask->result_count = 0;
    if (ask->called_count < ASK_CALLED_MAX) {
        ask->called[ask->called_count++] = name;
    }
}

static void heard_result(struct ask *ask, struct str text)
{
    if (ask->result_count < ASK_RESULTS_MAX) {
        ask->results[ask->result_count++] = text;
    }
}

/* About four bytes a token, three more for the frame: enough to be plausible, and always the same.
 */
static uint64_t tokens_of(const struct ask *ask, const char *const *keys)
{
    uint64_t bytes = 0;
    for (; *keys != NULL; keys++) {
        uint32_t node = get(ask, JSON_ROOT, *keys);
        bytes += node == JSON_NONE ? 0 : json_raw(ask->json, node).len;
    }
    return 3 + (bytes + 3) / 4;
}

static bool missing(struct ask_problem *problem, const char *message, const char *param)
{
    *problem = (struct ask_problem){str_of(message), str_of(param)};
    return false;
}

static void read_limit(struct ask *ask, const char *key)
{
    uint64_t value = 0;
    if (json_u64(ask->json, get(ask, JSON_ROOT, key), &value)) {
        ask->tokens_max = value;
    }
}

static void read_stops(struct ask *ask, const char *key)
{
    uint32_t stops = get(ask, JSON_ROOT, key);
    if (json_is(ask->json, stops, JSON_STRING)) {
        ask->stops[ask->stop_count++] = json_string(ask->json, stops, ask->arena);
        return;
    }
    if (!json_is(ask->json, stops, JSON_ARRAY)) {
        return;
    }
    for (uint32_t stop = json_first(ask->json, stops);
         stop != JSON_NONE && ask->stop_count < ASK_STOPS_MAX;
         stop = json_after(ask->json, stops, stop)) {
        ask->stops[ask->stop_count++] = json_string(ask->json, stop, ask->arena);
    }
}

/* Tools with a name and arguments; `inner` is where chat keeps them, `schema` what they are called.
 */
static void read_tools(struct ask *ask, const char *inner, const char *schema)
{
    uint32_t tools = get(ask, JSON_ROOT, "tools");
    if (!json_is(ask->json, tools, JSON_ARRAY) || json_count(ask->json, tools) == 0) {
        return;
    }
    struct ask_tool *list = arena_array_of(ask->arena, struct ask_tool,
                                           json_count(ask->json, tools));
    for (uint32_t tool = json_first(ask->json, tools); tool != JSON_NONE;
         tool = json_after(ask->json, tools, tool)) {
        uint32_t object = inner == NULL ? tool : get(ask, tool, inner);
        struct str name = text_at(ask, object, "name");
        uint32_t arguments = get(ask, object, schema);
        if (name.len > 0 && (arguments != JSON_NONE || inner != NULL)) {
            list[ask->tool_count++] = (struct ask_tool){name, arguments};
        }
    }
    ask->tools = list;
}

static void choose(struct ask *ask, enum ask_choice choice, struct str name)
{
    ask->choice = choice;
    ask->chosen = name;
}

static void read_choice(struct ask *ask, const char *inner)
{
    uint32_t choice = get(ask, JSON_ROOT, "tool_choice");
    if (json_is(ask->json, choice, JSON_OBJECT)) {
        struct str name = text_at(ask, inner == NULL ? choice : get(ask, choice, inner), "name");
        if (says(ask, choice, "type", STR("none"))) {
            choose(ask, ASK_NO_TOOL, name);
        } else if (name.len > 0) {
            choose(ask, ASK_THIS_TOOL, name);
        } else if (says(ask, choice, "type", STR("any"))) {
            choose(ask, ASK_SOME_TOOL, name);
        }
        if (json_bool(ask->json, get(ask, choice, "disable_parallel_tool_use"), false)) {
            ask->parallel = false;
        }
    } else if (json_string_is(ask->json, choice, STR("none"))) {
        choose(ask, ASK_NO_TOOL, STR(""));
    } else if (json_string_is(ask->json, choice, STR("required"))) {
        choose(ask, ASK_SOME_TOOL, STR(""));
    }
}

static void read_format(struct ask *ask, uint32_t format, const char *inner)
{
    if (says(ask, format, "type", STR("json_object"))) {
        ask->json_only = true;
    } else if (says(ask, format, "type", STR("json_schema"))) {
        uint32_t object = inner == NULL ? format : get(ask, format, inner);
        ask->schema = get(ask, object, "schema");
        ask->json_only = ask->schema == JSON_NONE;
    }
}

static bool read_common(struct ask *ask, struct ask_problem *problem)
{
    ask->schema = JSON_NONE;
    ask->tokens_max = UINT64_MAX;
    ask->choices = 1;
    ask->model = text_at(ask, JSON_ROOT, "model");
    ask->stream = json_bool(ask->json, get(ask, JSON_ROOT, "stream"), false);
    ask->parallel = json_bool(ask->json, get(ask, JSON_ROOT, "parallel_tool_calls"), true);
    if (!json_is(ask->json, JSON_ROOT, JSON_OBJECT)) {
        return missing(problem, "The body must be a JSON object.", "");
    }
    return true;
}

static void read_chat_message(struct ask *ask, uint32_t message)
{
    if (says(ask, message, "role", STR("user"))) {
        heard_user(ask, text_of(ask, get(ask, message, "content")));
    } else if (says(ask, message, "role", STR("tool"))) {
        heard_result(ask, text_of(ask, get(ask, message, "content")));
    } else {
        uint32_t calls = get(ask, message, "tool_calls");
        if (!json_is(ask->json, calls, JSON_ARRAY)) {
            return;
        }
        for (uint32_t call = json_first(ask->json, calls); call != JSON_NONE;
             call = json_after(ask->json, calls, call)) {
            heard_call(ask, text_at(ask, get(ask, call, "function"), "name"));
        }
    }
}

bool ask_chat(struct ask *ask, struct ask_problem *problem)
{
    static const char *const counted[] = {"messages", "tools", NULL};
    if (!read_common(ask, problem)) {
        return false;
    }
    uint32_t messages = get(ask, JSON_ROOT, "messages");
    if (ask->model.len == 0) {
        return missing(problem, "you must provide a model parameter", "model");
    }
    if (!json_is(ask->json, messages, JSON_ARRAY)) {
        return missing(problem, "Missing required parameter: 'messages'.", "messages");
    }
    if (json_count(ask->json, messages) == 0) {
        return missing(problem,
                       "Invalid 'messages': empty array. Expected an array with minimum length 1.",
                       "messages");
    }
    for (uint32_t message = json_first(ask->json, messages); message != JSON_NONE;
         message = json_after(ask->json, messages, message)) {
        read_chat_message(ask, message);
    }
    read_limit(ask, "max_tokens");
    read_limit(ask, "max_completion_tokens");
    read_stops(ask, "stop");
    read_tools(ask, "function", "parameters");
    read_choice(ask, "function");
    read_format(ask, get(ask, JSON_ROOT, "response_format"), "json_schema");
    uint32_t options = get(ask, JSON_ROOT, "stream_options");
    ask->include_usage = json_bool(ask->json, get(ask, options, "include_usage"), false);
    uint64_t choices = 1;
    if (json_u64(ask->json, get(ask, JSON_ROOT, "n"), &choices)) {
        ask->choices = num_min(num_max(choices, 1), ASK_CHOICES_MAX);
    }
    ask->input_tokens = tokens_of(ask, counted);
    return true;
}

static void read_item(struct ask *ask, uint32_t item)
{
    if (says(ask, item, "type", STR("function_call"))) {
        heard_call(ask, text_at(ask, item, "name"));
    } else if (says(ask, item, "type", STR("function_call_output"))) {
        heard_result(ask, text_of(ask, get(ask, item, "output")));
    } else if (says(ask, item, "role", STR("user"))) {
        heard_user(ask, text_of(ask, get(ask, item, "content")));
    }
}

bool ask_responses(struct ask *ask, struct ask_problem *problem)
{
    static const char *const counted[] = {"input", "instructions", "tools", NULL};
    if (!read_common(ask, problem)) {
        return false;
    }
    uint32_t input = get(ask, JSON_ROOT, "input");
    if (ask->model.len == 0) {
        return missing(problem, "Missing required parameter: 'model'.", "model");
    }
    if (json_is(ask->json, input, JSON_STRING)) {
        heard_user(ask, json_string(ask->json, input, ask->arena));
    } else if (json_is(ask->json, input, JSON_ARRAY)) {
        for (uint32_t item = json_first(ask->json, input); item != JSON_NONE;
             item = json_after(ask->json, input, item)) {
            read_item(ask, item);
        }
    } else {
        return missing(problem, "Missing required parameter: 'input'.", "input");
    }
    read_limit(ask, "max_output_tokens");
    read_tools(ask, NULL, "parameters");
    read_choice(ask, NULL);
    read_format(ask, get(ask, get(ask, JSON_ROOT, "text"), "format"), NULL);
    ask->input_tokens = tokens_of(ask, counted);
    return true;
}

/* An Anthropic user message is either what the user says or the results of tools. */
static void read_blocks(struct ask *ask, uint32_t content, bool from_user)
{
    bool results = false;
    if (json_is(ask->json, content, JSON_ARRAY)) {
        for (uint32_t block = json_first(ask->json, content); block != JSON_NONE;
             block = json_after(ask->json, content, block)) {
            if (says(ask, block, "type", STR("tool_use"))) {
                heard_call(ask, text_at(ask, block, "name"));
            } else if (says(ask, block, "type", STR("tool_result"))) {
                results = true;
                heard_result(ask, text_of(ask, get(ask, block, "content")));
            }
        }
    }
    if (from_user && !results) {
        heard_user(ask, text_of(ask, content));
    }
}

bool ask_messages(struct ask *ask, struct ask_problem *problem)
{
    static const char *const counted[] = {"messages", "system", "tools", NULL};
    if (!read_common(ask, problem)) {
        return false;
    }
    uint32_t messages = get(ask, JSON_ROOT, "messages");
    if (ask->model.len == 0) {
        return missing(problem, "model: Field required", "");
    }
    if (!json_is(ask->json, messages, JSON_ARRAY)) {
        return missing(problem, "messages: Field required", "");
    }
    if (json_count(ask->json, messages) == 0) {
        return missing(problem, "messages: at least one message is required", "");
    }
    for (uint32_t message = json_first(ask->json, messages); message != JSON_NONE;
         message = json_after(ask->json, messages, message)) {
        read_blocks(ask, get(ask, message, "content"), says(ask, message, "role", STR("user")));
    }
    read_limit(ask, "max_tokens");
    read_stops(ask, "stop_sequences");
    read_tools(ask, NULL, "input_schema");
    read_choice(ask, NULL);
    uint32_t config = get(ask, JSON_ROOT, "output_config");
    uint32_t format = get(ask, config, "format");
    read_format(ask, format != JSON_NONE ? format : get(ask, JSON_ROOT, "output_format"), NULL);
    uint32_t thinking = get(ask, JSON_ROOT, "thinking");
    ask->thinking = says(ask, thinking, "type", STR("enabled")) ||
                    says(ask, thinking, "type", STR("adaptive"));
    ask->input_tokens = tokens_of(ask, counted);
    return true;
}
