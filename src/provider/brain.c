/* SPDX-License-Identifier: Apache-2.0
 * brain.c - decides between calling a tool and answering, and words the answer.
 *
 * The plan of the refund agent: look the order up, refund it if that was asked (at once when the
 * amount was stated), then tell the outcome. Each step is one request; the steps done are read from
 * it.
 */
#include "provider/brain.h"

#include "base/num.h"
#include "base/utf8.h"

#include <string.h>

#define ECHO_BYTES_MAX   ((size_t)4096)
#define RESULT_BYTES_MAX ((size_t)600)

/* ---- pieces and ids ---- */

/* Cuts so many bytes off *rest, and what belongs to the last code point: the script may cut inside
 * of one. */
static struct str take(struct str *rest, size_t bytes)
{
    size_t to = num_min(bytes, rest->len);
    while (to < rest->len && ((unsigned char)rest->at[to] & 0xC0) == 0x80) {
        to++;
    }
    struct str head = str_cut(*rest, 0, to);
    *rest = str_cut(*rest, to, rest->len);
    return head;
}

bool brain_token(struct str *rest, struct str *token)
{
    size_t to = 1;
    while (to < rest->len && to < 24 && rest->at[to] != ' ' && rest->at[to] != '\n') {
        to++;
    }
    *token = take(rest, to);
    return token->len > 0;
}

bool brain_fragment(struct str *rest, struct str *fragment)
{
    *fragment = take(rest, 7);
    return fragment->len > 0;
}

/* splitmix64's finaliser (Steele, Lea, Flood 2014) spreads the salt over all digits. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

struct str brain_id(struct arena *arena, const char *prefix, uint64_t hash, uint64_t salt)
{
    static const char digits[] = "0123456789abcdef";
    struct str before = str_of(prefix);
    size_t head = before.len;
    char *id = arena_alloc(arena, head + 24);
    memcpy(id, before.at, head);
    uint64_t bits = mix(hash + salt * UINT64_C(0x9e3779b97f4a7c15));
    for (size_t i = 0; i < 24; i++) {
        if (i == 16) {
            bits = mix(bits ^ hash);
        }
        id[head + i] = digits[(bits >> (60 - 4 * (i % 16))) & 15];
    }
    return (struct str){id, head + 24};
}

/* ---- tools ---- */

static bool name_like(struct str name, const char *const *words)
{
    for (; *words != NULL; words++) {
        struct str word = str_of(*words);
        for (size_t at = 0; at + word.len <= name.len; at++) {
            if (str_equal_ci(str_cut(name, at, at + word.len), word)) {
                return true;
            }
        }
    }
    return false;
}

static bool was_called(const struct ask *ask, struct str name)
{
    for (size_t i = 0; i < ask->called_count; i++) {
        if (str_equal(ask->called[i], name)) {
            return true;
        }
    }
    return false;
}

static const struct ask_tool *tool_like(const struct ask *ask, const char *const *words,
                                        const char *const *but)
{
    for (size_t i = 0; i < ask->tool_count; i++) {
        if (name_like(ask->tools[i].name, words) && !name_like(ask->tools[i].name, but)) {
            return &ask->tools[i];
        }
    }
    return NULL;
}

static const struct ask_tool *tool_named(const struct ask *ask, struct str name)
{
    for (size_t i = 0; i < ask->tool_count; i++) {
        if (str_equal(ask->tools[i].name, name)) {
            return &ask->tools[i];
        }
    }
    return NULL;
}

/* A tool of whose name a word of four letters or more occurs in the text: get_weather, "weather".
 */
static const struct ask_tool *tool_spoken_of(const struct ask *ask)
{
    for (size_t i = 0; i < ask->tool_count; i++) {
        struct str name = ask->tools[i].name;
        size_t from = 0;
        for (size_t at = 0; at <= name.len; at++) {
            bool ends = at == name.len || strchr("_-./", name.at[at]) != NULL;
            struct str word = str_cut(name, from, at);
            if (ends && word.len >= 4 && facts_word(ask->said, word)) {
                return &ask->tools[i];
            }
            from = ends ? at + 1 : from;
        }
    }
    return NULL;
}

static bool results_fail(const struct ask *ask)
{
    static const char *const failures[] = {"error",    "not found", "not_found", "denied",
                                           "declined", "failed",    NULL};
    for (size_t i = 0; i < ask->result_count; i++) {
        if (name_like(str_cut(ask->results[i], 0, RESULT_BYTES_MAX), failures)) {
            return true;
        }
    }
    return false;
}

static const struct ask_tool *next_tool(const struct ask *ask, const struct facts *facts)
{
    static const char *const refund_words[] = {"refund", NULL};
    static const char *const lookup_words[] = {"lookup", "look_up", "get_order", "status",
                                               "order",  "find",    NULL};
    if (ask->tool_count == 0 || ask->choice == ASK_NO_TOOL) {
        return NULL;
    }
    if (ask->choice == ASK_THIS_TOOL) {
        return tool_named(ask, ask->chosen);
    }
    const struct ask_tool *refund = tool_like(ask, refund_words, (const char *const[]){NULL});
    const struct ask_tool *lookup = tool_like(ask, lookup_words, refund_words);
    bool look_first = lookup != NULL && !was_called(ask, lookup->name) && facts->amount.len == 0;
    const struct ask_tool *next = NULL;
    if (facts->order_count > 0 && facts->refund && refund != NULL && !look_first) {
        next = results_fail(ask) || was_called(ask, refund->name) ? NULL : refund;
    } else if (facts->order_count > 0 && lookup != NULL) {
        next = was_called(ask, lookup->name) ? NULL : lookup;
    } else if (ask->called_count == 0 && !facts->refund) {
        next = tool_spoken_of(ask);
    }
    bool must_call = ask->choice == ASK_SOME_TOOL && ask->called_count == 0;
    return next == NULL && must_call ? &ask->tools[0] : next;
}

/* The amount of an order as its lookup told it. */
static struct str amount_in_result(const struct ask *ask, size_t index)
{
    static const char *const names[] = {"amount", "total", "price", NULL};
    struct json json;
    if (index >= ask->result_count ||
        json_parse(&json, ask->results[index], NULL, ask->arena, NULL) != ERR_OK) {
        return STR("");
    }
    for (size_t i = 0; names[i] != NULL; i++) {
        uint32_t node = json_get(&json, JSON_ROOT, str_of(names[i]));
        if (json_is(&json, node, JSON_NUMBER)) {
            return json_raw(&json, node);
        }
        if (json_is(&json, node, JSON_STRING)) {
            return json_inner(&json, node);
        }
    }
    return STR("");
}

/* The schema's instance; without a schema, {"answer", "confidence"}. */
static struct str instance(const struct ask *ask, uint32_t schema, const struct sample_hints *hints,
                           struct buf *scratch)
{
    struct json_writer w;
    buf_clear(scratch);
    json_writer_init(&w, scratch);
    if (json_is(ask->json, schema, JSON_OBJECT)) {
        sample_write(&w, ask->json, schema, hints);
    } else {
        json_begin_object(&w);
        json_member_str(&w, "answer", hints->sentence);
        json_member_double(&w, "confidence", hints->confidence);
        json_end_object(&w);
    }
    return json_writer_end(&w) == ERR_OK ? arena_str(ask->arena, buf_str(scratch)) : STR("{}");
}

/* One call an order; all at once unless the caller wants them one by one. */
static void call_tool(const struct ask *ask, const struct ask_tool *tool, const struct facts *facts,
                      struct buf *scratch, struct reply *reply)
{
    size_t count = ask->parallel && facts->order_count > 1 ? facts->order_count : 1;
    for (size_t i = 0; i < count; i++) {
        struct facts one = *facts;
        if (facts->order_count > 0) {
            one.orders[0] = facts->orders[i];
            one.order_count = 1;
        }
        if (one.amount.len == 0) {
            one.amount = amount_in_result(ask, i);
        }
        struct reply_call *call = &reply->calls[reply->call_count++];
        call->name = tool->name;
        struct sample_hints hints = {&one, ask->said, 0.9};
        call->arguments = json_is(ask->json, tool->schema, JSON_OBJECT)
                              ? instance(ask, tool->schema, &hints, scratch)
                              : STR("{}");
    }
    reply->finish = FINISH_TOOLS;
}

/* ---- words ---- */

static void say(struct buf *to, struct str words)
{
    /* The scratch holds ANSWER_BYTES_MAX; what a reply adds is cut far below that. */
    (void)!buf_add(to, words);
}

static void say_number(struct buf *to, struct str before, struct str number)
{
    say(to, before);
    say(to, number);
}

/* {"status":"shipped","total":42.5} becomes "status shipped, total 42.5"; other text stays. */
static void say_result(const struct ask *ask, struct str result, struct buf *to)
{
    struct json json;
    result = utf8_head(result, RESULT_BYTES_MAX);
    if (json_parse(&json, result, NULL, ask->arena, NULL) != ERR_OK ||
        !json_is(&json, JSON_ROOT, JSON_OBJECT)) {
        say(to, str_trim(result));
        return;
    }
    bool first = true;
    for (uint32_t key = json_first(&json, JSON_ROOT); key != JSON_NONE;
         key = json_after(&json, JSON_ROOT, key)) {
        enum json_kind kind = json_kind(&json, key + 1);
        if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
            continue;
        }
        say(to, first ? STR("") : STR(", "));
        size_t name_at = to->len;
        say(to, json_string(&json, key, ask->arena));
        for (; name_at < to->len; name_at++) {
            if (to->at[name_at] == '_') {
                to->at[name_at] = ' ';
            }
        }
        say(to, STR(" "));
        say(to, kind == JSON_STRING ? json_string(&json, key + 1, ask->arena)
                                    : json_raw(&json, key + 1));
        first = false;
    }
}

static void say_outcome(const struct ask *ask, const struct facts *facts, struct buf *to)
{
    bool refunded = facts->refund && ask->called_count > 0 &&
                    name_like(ask->called[ask->called_count - 1],
                              (const char *const[]){"refund", NULL});
    for (size_t i = 0; i < ask->result_count; i++) {
        say(to, i == 0 ? STR("") : STR("\n"));
        if (i < facts->order_count) {
            say_number(to, STR("Order "), facts->orders[i]);
            say(to, refunded && !results_fail(ask) ? STR(" has been refunded: ") : STR(": "));
        } else {
            say(to, STR("Here is what I found: "));
        }
        say_result(ask, ask->results[i], to);
    }
    say(to, STR("."));
}

/* Words the answer into `to`; returns how sure the agent is. */
static double say_answer(const struct ask *ask, const struct facts *facts, struct buf *to)
{
    if (ask->result_count > 0) {
        say_outcome(ask, facts, to);
        return results_fail(ask) ? 0.55 : 0.95;
    }
    if (facts->refund && facts->order_count == 0) {
        say(to, STR("Which order should I refund? Please tell me its number."));
        return 0.6;
    }
    if (facts->order_count > 0) {
        say_number(to, facts->refund ? STR("I can refund order ") : STR("I can look up order "),
                   facts->orders[0]);
        for (size_t i = 1; i < facts->order_count; i++) {
            say_number(to, STR(" and "), facts->orders[i]);
        }
        if (facts->refund && facts->amount.len > 0) {
            say_number(to, STR(" with $"), facts->amount);
        }
        say(to, STR(" for you. "));
    }
    say(to, STR("You said: "));
    say(to, ask->said.len > 0 ? utf8_head(ask->said, ECHO_BYTES_MAX) : STR("nothing yet"));
    return facts->order_count > 0 ? 0.9 : 0.8;
}

static void compose(const struct ask *ask, const struct script_do *act, const struct facts *facts,
                    struct buf *scratch, struct reply *reply)
{
    buf_clear(scratch);
    double confidence = say_answer(ask, facts, scratch);
    confidence = facts->unsure && confidence > 0.6 ? 0.6 : confidence;
    confidence = facts->confidence >= 0 ? facts->confidence : confidence;
    reply->confidence = act->confidence >= 0 ? act->confidence : confidence;
    if (act->text.len > 0) {
        reply->text = act->text;
        return;
    }
    struct str sentence = arena_str(ask->arena, buf_str(scratch));
    if (ask->schema != JSON_NONE || ask->json_only) {
        struct sample_hints hints = {facts, sentence, reply->confidence};
        reply->text = instance(ask, ask->schema, &hints, scratch);
    } else {
        reply->text = arena_printf(ask->arena, STR_FMT "\nConfidence: %.2f", STR_ARG(sentence),
                                   reply->confidence);
    }
}

/* ---- limits ---- */

static void stop_at_sequence(const struct ask *ask, struct reply *reply)
{
    size_t first = reply->text.len;
    for (size_t i = 0; i < ask->stop_count; i++) {
        size_t at = ask->stops[i].len > 0 ? str_find(reply->text, ask->stops[i]) : SIZE_MAX;
        if (at < first) {
            first = at;
            reply->sequence = ask->stops[i];
            reply->finish = FINISH_SEQUENCE;
        }
    }
    reply->text = str_cut(reply->text, 0, first);
}

static void stop_at_limit(const struct ask *ask, struct reply *reply)
{
    struct str rest = reply->text;
    struct str token = STR("");
    uint64_t tokens = 0;
    while (tokens < ask->tokens_max && brain_token(&rest, &token)) {
        tokens++;
    }
    reply->output_tokens = tokens;
    if (rest.len > 0) {
        reply->text = str_cut(reply->text, 0, reply->text.len - rest.len);
        reply->finish = FINISH_LENGTH;
        reply->sequence = STR("");
    }
}

static void pad(const struct ask *ask, uint64_t bytes, struct reply *reply)
{
    char *text = arena_alloc(ask->arena, reply->text.len + bytes);
    if (reply->text.len > 0) {
        memcpy(text, reply->text.at, reply->text.len);
    }
    memset(text + reply->text.len, 'x', bytes);
    reply->text = (struct str){text, reply->text.len + bytes};
    reply->pad_bytes = bytes;
    reply->output_tokens += bytes / 4;
}

void brain_answer(const struct ask *ask, const struct script_do *act, struct buf *scratch,
                  struct reply *reply)
{
    static const enum finish forced[] = {FINISH_STOP, FINISH_STOP, FINISH_LENGTH, FINISH_FILTER,
                                         FINISH_REFUSAL};
    struct facts facts;
    facts_read(ask->said, &facts);
    *reply = (struct reply){.text = STR(""), .finish = FINISH_STOP, .confidence = 0.95};
    reply->cached_tokens = num_min(act->cached_tokens, ask->input_tokens);
    const struct ask_tool *tool = NULL;
    if (act->text.len == 0 && act->tool.len == 0 && act->finish == ACT_FINISH_NORMAL) {
        tool = next_tool(ask, &facts);
    }
    if (act->tool.len > 0) {
        reply->calls[0] = (struct reply_call){act->tool,
                                              act->arguments.len > 0 ? act->arguments : STR("{}")};
        reply->call_count = 1;
        reply->finish = FINISH_TOOLS;
    } else if (tool != NULL) {
        call_tool(ask, tool, &facts, scratch, reply);
    } else {
        compose(ask, act, &facts, scratch, reply);
        stop_at_sequence(ask, reply);
        stop_at_limit(ask, reply);
    }
    for (size_t i = 0; i < reply->call_count; i++) {
        reply->output_tokens += 8 + reply->calls[i].arguments.len / 4;
    }
    if (act->finish != ACT_FINISH_NORMAL) {
        reply->finish = forced[act->finish];
        reply->sequence = STR("");
    }
    if (act->pad_bytes > 0) {
        pad(ask, act->pad_bytes, reply);
    }
}
