/* SPDX-License-Identifier: Apache-2.0
 * hook.c - one request to an external judge, with one deadline for all of it. */
#include "gateway/hook.h"

#include "base/must.h"
#include "gateway/texts.h"
#include "json/json_writer.h"

#include <stdlib.h>

struct hook_call {
    struct exchange *x;
    void (*done)(struct exchange *x, const struct hook_answer *answer);
    struct http_fetch *fetch; /* NULL once it is over */
    struct timer timer;
    struct buf body;
    struct str slice;
    struct buf answer;
    unsigned status;
};

static void finish(struct hook_call *call, const struct hook_answer *answer)
{
    struct exchange *x = call->x;
    void (*done)(struct exchange *, const struct hook_answer *) = call->done;
    hook_cancel(call);
    done(x, answer);
}

static void fail(struct hook_call *call, const char *why)
{
    const struct hook_answer answer = {.why = why};
    finish(call, &answer);
}

/* ---- what it says ---- */

static bool read_verdict(const struct json *json, enum verdict *verdict)
{
    static const enum verdict verdicts[] = {VERDICT_ALLOW, VERDICT_NOTE, VERDICT_BLOCK};
    uint32_t word = json_get(json, JSON_ROOT, STR("verdict"));
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (json_string_is(json, word, str_of(verdict_name(verdicts[i])))) {
            *verdict = verdicts[i];
            return true;
        }
    }
    return false;
}

static void read_answer(struct hook_call *call)
{
    struct json json;
    struct hook_answer answer = {0};
    struct arena *arena = call->x->arena;
    if (call->status != 200) {
        fail(call, "status");
        return;
    }
    if (json_parse(&json, buf_str(&call->answer), NULL, arena, NULL) != ERR_OK ||
        !read_verdict(&json, &answer.verdict)) {
        fail(call, "malformed");
        return;
    }
    uint32_t score = json_get(&json, JSON_ROOT, STR("score"));
    if (!json_double(&json, score, &answer.score) || !(answer.score >= 0 && answer.score <= 1)) {
        answer.score = answer.verdict == VERDICT_ALLOW ? 0 : 1;
    }
    struct str rule = json_string(&json, json_get(&json, JSON_ROOT, STR("rule")), arena);
    answer.rule = rule.len > 0 && rule.len <= HOOK_RULE_MAX ? arena_str(arena, rule)
                                                            : STR("external");
    finish(call, &answer);
}

/* ---- the fetch ---- */

static void on_head(void *owner, const struct http_head *head)
{
    struct hook_call *call = owner;
    call->status = head->status;
}

static void on_body(void *owner, struct str piece)
{
    struct hook_call *call = owner;
    if (buf_add(&call->answer, piece) != ERR_OK) {
        fail(call, "malformed");
    }
}

static void on_done(void *owner, enum err why)
{
    struct hook_call *call = owner;
    call->fetch = NULL;
    if (why != ERR_OK) {
        fail(call, "unreachable");
        return;
    }
    read_answer(call);
}

static const struct fetch_handler handler = {NULL, on_head, on_body, on_done};

static void on_timer(struct timer *timer)
{
    fail(LIST_OBJECT(timer, struct hook_call, timer), "timeout");
}

struct hook_call *hook_ask(struct exchange *x, const struct guard_hook *hook, struct buf *body,
                           void (*done)(struct exchange *x, const struct hook_answer *answer))
{
    static const struct http_field fields[] = {
        {STR_CONST("content-type"), STR_CONST("application/json")},
        {STR_CONST("accept"), STR_CONST("application/json")}};
    struct hook_call *call = must_have(calloc(1, sizeof *call));
    call->x = x;
    call->done = done;
    buf_take(body, &call->body);
    call->slice = buf_str(&call->body);
    buf_init(&call->answer, HOOK_ANSWER_MAX);
    timer_init(&call->timer, on_timer);
    timer_arm(x->gateway->loop, &call->timer, hook->conf.timeout_ms);
    const struct http_origin_options origin = {
        .host = hook->url.host, .port = hook->url.port, .tls = hook->tls, .tls_key = STR("hook")};
    const struct fetch_options options = {
        .origin = http_origin_get(x->gateway->client, &origin),
        .method = STR("POST"),
        .target = hook->url.path.len > 0 ? hook->url.path : STR("/"),
        .fields = fields,
        .count = 2,
        .body = &call->slice,
        .body_count = 1,
        .connect_ms = (uint32_t)hook->conf.timeout_ms,
        .handler = &handler,
        .owner = call,
    };
    call->fetch = http_fetch_start(x->gateway->client, &options);
    return call;
}

void hook_cancel(struct hook_call *call)
{
    timer_disarm(&call->timer);
    if (call->fetch != NULL) {
        http_fetch_cancel(call->fetch);
    }
    buf_end(&call->body);
    buf_end(&call->answer);
    free(call);
}

/* ---- the body ---- */

static void begin_body(struct json_writer *w, const struct exchange *x, const char *direction,
                       struct str guardrail)
{
    json_begin_object(w);
    json_member_cstr(w, "id", x->id);
    json_member_cstr(w, "direction", direction);
    json_member_str(w, "guardrail", guardrail);
    json_member_str(w, "route", x->route->name);
    json_member_str(w, "agent", x->agent != NULL ? x->agent->name : STR(""));
    json_key(w, "texts");
    json_begin_array(w);
}

static enum err end_body(struct json_writer *w)
{
    json_end_array(w);
    json_end_object(w);
    return json_writer_end(w);
}

/* What the model, the system and the developer say themselves is not asked about. */
static bool is_shown(const struct text *text)
{
    return text->provenance > PROVENANCE_DEVELOPER && text->provenance != PROVENANCE_ASSISTANT &&
           text->form != TEXT_KEY && text->form != TEXT_NUMBER;
}

/* {"from":"tool_result","text":""}, and as much again for quotes and commas. */
#define FRAMING_BYTES 64

enum err hook_body_input(const struct exchange *x, const struct guard_hook *hook,
                         enum guard_id guard, const struct json *json, struct buf *body)
{
    struct json_writer w;
    struct texts texts;
    size_t shown = 0;
    size_t count = 0;
    texts_of_request(json, x->gateway->scratch, &texts);
    for (size_t i = 0; i < texts.count; i++) {
        bool is = is_shown(&texts.items[i]);
        count += is ? 1 : 0;
        shown += is ? json->nodes[texts.items[i].node].len : 0;
    }
    if (texts.overflow || shown > hook->conf.text_max) {
        return ERR_LIMIT;
    }
    buf_init(body, shown + count * FRAMING_BYTES + KIB(64));
    json_writer_init(&w, body);
    begin_body(&w, x, "input", guard_name(guard));
    for (size_t i = 0; i < texts.count; i++) {
        const struct text *text = &texts.items[i];
        if (is_shown(text)) {
            json_begin_object(&w);
            json_member_cstr(&w, "from", provenance_name(text->provenance));
            json_key(&w, "text");
            json_put_raw(&w, json_raw(json, text->node));
            json_end_object(&w);
        }
    }
    return end_body(&w);
}

enum err hook_body_texts(const struct exchange *x, const struct guard_hook *hook,
                         enum guard_id guard, const struct hook_texts *shown, struct buf *body)
{
    struct json_writer w;
    size_t bytes = 0;
    for (size_t i = 0; i < shown->count; i++) {
        bytes += shown->texts[i].len;
    }
    if (bytes > hook->conf.text_max) {
        return ERR_LIMIT;
    }
    buf_init(body, 6 * bytes + shown->count * FRAMING_BYTES + KIB(64));
    json_writer_init(&w, body);
    begin_body(&w, x, shown->direction, guard_name(guard));
    for (size_t i = 0; i < shown->count; i++) {
        if (shown->texts[i].len > 0) {
            json_begin_object(&w);
            json_member_cstr(&w, "from", provenance_name(shown->from));
            json_member_str(&w, "text", shown->texts[i]);
            json_end_object(&w);
        }
    }
    return end_body(&w);
}

enum err hook_body_output(const struct exchange *x, const struct guard_hook *hook, struct str text,
                          struct buf *body)
{
    struct json_writer w;
    if (text.len > hook->conf.text_max) {
        return ERR_LIMIT;
    }
    buf_init(body, 6 * (size_t)hook->conf.text_max + KIB(64));
    json_writer_init(&w, body);
    begin_body(&w, x, "output", guard_name(GUARD_WEBHOOK));
    json_begin_object(&w);
    json_member_cstr(&w, "from", provenance_name(PROVENANCE_ASSISTANT));
    json_member_str(&w, "text", text);
    json_end_object(&w);
    return end_body(&w);
}
