/* SPDX-License-Identifier: Apache-2.0
 * screen.c - the guardrails on what comes from the model (standard S4, S7), while it comes: texts
 * are released up to the point that is decided, tool arguments when they are whole.
 *
 * Placeholders become the user's own values here, last of all: what was restored is not judged. */
#include "gateway/stage.h"

#include "base/map.h"
#include "base/must.h"
#include "gateway/decoded.h"
#include "gateway/guarded.h"
#include "gateway/pipeline.h"
#include "json/json_writer.h"

#include <stdlib.h>

struct channel {
    uint64_t key;
    uint32_t group;
    bool tool; /* held until it is whole */
    bool open; /* something came since it was last closed */
    struct guard_channel guard;
    struct decoded decoded;
    struct buf args;
    uint64_t edited; /* raw bytes up to which edits reach */
};

struct screening {
    enum judging how;
    bool begun;
    bool told;
    struct channel **channels;
    size_t count;
    size_t room;
    struct guard_output echo; /* restores, judges nothing */
    struct guard_channel whole;
    struct guard_channel repeated;
    struct buf piece;
    uint32_t judge;
    struct buf said; /* for an external judge */
    bool said_all;   /* it is not over the limit */
    bool asked;
    bool ruled; /* by the rules that are expressions */
    struct hook_call *call;
    struct map *offered; /* names of the request's tools; NULL until one is called */
};

static const struct guard_side no_side;

static void end_channels(struct screening *s)
{
    for (size_t i = 0; i < s->count; i++) {
        guard_channel_end(&s->channels[i]->guard);
        decoded_end(&s->channels[i]->decoded);
        buf_end(&s->channels[i]->args);
        free(s->channels[i]);
    }
    s->count = 0;
    if (s->begun) {
        guard_channel_end(&s->whole);
        guard_channel_end(&s->repeated);
    }
}

static enum judging judges(struct exchange *x, void *state)
{
    struct screening *s = state;
    const struct guarded *g = x->guarded;
    if (g == NULL) {
        return s->how = JUDGES_NOT;
    }
    bool restores = g->set->input.restores && g->session != NULL &&
                    vault_count(session_vault(g->session)) > 0;
    s->how = guard_side_acts(&g->set->output) || restores ? JUDGES_HOLDING
             : guard_side_watches(&g->set->output)        ? JUDGES_WATCHING
                                                          : JUDGES_NOT;
    return s->how;
}

/* Each attempt's answer is judged afresh. */
static void on_attempt(struct exchange *x, void *state, struct json_edit *edit)
{
    (void)edit;
    struct screening *s = state;
    struct guarded *g = x->guarded;
    if (s->how == JUDGES_NOT) {
        return;
    }
    end_channels(s);
    g->screening = s;
    if (g->leak != NULL) {
        leak_restart(g->leak);
    }
    struct vault *vault = g->set->input.restores ? session_vault(g->session) : NULL;
    guard_output_init(&g->output, &g->set->output, vault, g->leak, x->arena);
    guard_output_init(&s->echo, &no_side, vault, NULL, x->arena);
    guard_channel_init(&s->whole, &g->output, UINT32_MAX);
    guard_channel_init(&s->repeated, &s->echo, UINT32_MAX);
    buf_end(&s->piece);
    buf_init(&s->piece, SSE_EVENT_BYTES_MAX);
    buf_end(&s->said);
    buf_init(&s->said, (size_t)g->set->output.webhook.conf.text_max);
    s->said_all = true;
    s->begun = true;
}

static bool has_expressions(const struct exchange *x)
{
    const struct guard_rules *rules = x->guarded->set->output.rules;
    return rules != NULL && guard_rules_need_whole(rules, RULE_OUTPUT);
}

/* External judges and expressions are shown all of the answer at once, at its end. */
static void say(const struct exchange *x, struct screening *s, struct str text)
{
    if (x->guarded->set->output.modes[GUARD_WEBHOOK] != MODE_OFF || has_expressions(x)) {
        s->said_all = s->said_all && buf_add(&s->said, text) == ERR_OK;
    }
}

static bool waits_for_all(const struct exchange *x)
{
    const struct guard_side *side = &x->guarded->set->output;
    return side->modes[GUARD_WEBHOOK] == MODE_ENFORCE ||
           (side->modes[GUARD_RULES] == MODE_ENFORCE && has_expressions(x));
}

/* NULL: there are as many as one answer may have. */
static struct channel *channel_of(struct screening *s, struct guarded *g, uint64_t key,
                                  const struct delta *delta)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->channels[i]->key == key) {
            return s->channels[i];
        }
    }
    if (s->count == STREAM_CHANNELS_MAX) {
        return NULL;
    }
    if (s->count == s->room) {
        size_t room = s->room == 0 ? 4 : s->room * 2;
        s->channels = must_have(realloc(s->channels, room * sizeof(struct channel *)));
        s->room = room;
    }
    struct channel *channel = must_have(calloc(1, sizeof *channel));
    channel->key = key;
    channel->group = delta->group;
    channel->tool = delta->kind == CHANNEL_TOOL;
    guard_channel_init(&channel->guard, &g->output, (uint32_t)s->count);
    channel->guard.json = channel->tool;
    channel->guard.leaks = delta->kind == CHANNEL_TEXT;
    buf_init(&channel->args, STREAM_HELD_MAX);
    s->channels[s->count++] = channel;
    return channel;
}

static void raise_if_stopped(struct exchange *x)
{
    const struct guard_report *report = &x->guarded->output.report;
    if (report->verdict >= VERDICT_ESCALATE) {
        exchange_raise(x, report->verdict, guard_name(report->by).at);
    }
}

/* Where nothing is held the answer was not to be stopped. */
static void cannot_judge(struct exchange *x, const char *why)
{
    enum mode mode = x->guarded->screening->how == JUDGES_WATCHING ? MODE_OBSERVE : MODE_ENFORCE;
    guard_not_evaluated(&x->guarded->output.report, GUARD_PII, mode, true, why);
    raise_if_stopped(x);
}

/* ---- streams ---- */

static enum err edit_stream(struct exchange *x, struct channel *channel,
                            const struct guard_edit *edit)
{
    uint64_t from = num_max(decoded_raw(&channel->decoded, edit->from, false), channel->edited);
    uint64_t to = decoded_raw(&channel->decoded, edit->to, true);
    if (from >= to) {
        return ERR_OK; /* in an escape that was replaced already */
    }
    struct buf with;
    buf_init(&with, 6 * edit->with.len + 1);
    enum err code = json_escape(&with, edit->with);
    if (code == ERR_OK) {
        code = stream_edit(&x->stream, channel->key, from, to, buf_str(&with));
    }
    buf_end(&with);
    channel->edited = to;
    return code;
}

static void feed(struct exchange *x, uint32_t judge, struct channel *channel, struct str piece,
                 bool final)
{
    struct guard_edit edit;
    enum err code = guard_channel_feed(&channel->guard, piece, final);
    while (code == ERR_OK && guard_channel_next(&channel->guard, &edit)) {
        code = judge != JUDGE_WATCHES ? edit_stream(x, channel, &edit) : ERR_OK;
    }
    raise_if_stopped(x);
    if (code != ERR_OK) {
        cannot_judge(x, "too_much");
    } else if (x->guarded->output.report.verdict < VERDICT_ESCALATE) {
        uint64_t mark = guard_channel_mark(&channel->guard);
        if (judge != JUDGE_WATCHES && !waits_for_all(x)) {
            stream_clear(&x->stream, judge, channel->key,
                         decoded_raw(&channel->decoded, mark, false));
        }
        decoded_forget(&channel->decoded, mark);
    }
}

/* A request may offer very many tools: they are read once. */
static struct map *read_offered(struct exchange *x)
{
    uint64_t seed[2];
    env_entropy(x->gateway->commons->env, seed, sizeof seed);
    struct map *offered = map_new(seed, x->view.tools + 1);
    uint32_t tools = json_get(&x->json, JSON_ROOT, STR("tools"));
    for (uint32_t n = json_first(&x->json, tools); n != JSON_NONE;
         n = json_after(&x->json, tools, n)) {
        struct str name = x->dialect->tool_name(&x->json, n, x->gateway->scratch);
        err_ignore(map_put(offered, name, x)); /* there is room for all of them */
    }
    return offered;
}

/* A call of a tool that the request does not offer oversteps what was set above the model. */
static void check_tool(struct exchange *x, struct str name)
{
    struct guarded *g = x->guarded;
    enum mode mode = g->set->output.modes[GUARD_HIERARCHY];
    if (name.len == 0 || mode == MODE_OFF || x->dialect->tool_name == NULL) {
        return;
    }
    struct screening *s = g->screening;
    s->offered = s->offered != NULL ? s->offered : read_offered(x);
    if (map_get(s->offered, name) == NULL) {
        const struct guard_finding finding = {.guard = GUARD_HIERARCHY,
                                              .rule = STR("tool_not_offered"),
                                              .score = 1,
                                              .verdict = VERDICT_BLOCK};
        guard_found(&g->output.report, &finding, mode);
    }
}

static void on_delta(struct exchange *x, void *state, uint32_t judge, uint64_t key,
                     const struct delta *delta)
{
    struct screening *s = state;
    struct channel *channel = channel_of(s, x->guarded, key, delta);
    if (channel == NULL) {
        cannot_judge(x, "too_many");
        return;
    }
    struct buf *to = channel->tool ? &channel->args : &s->piece;
    if (!channel->tool) {
        buf_clear(to);
    }
    channel->open = true;
    s->judge = judge;
    check_tool(x, delta->name);
    if (decoded_add(&channel->decoded, delta->text, to) != ERR_OK) {
        cannot_judge(x, "too_long");
    } else if (!channel->tool) {
        say(x, s, buf_str(to));
        feed(x, judge, channel, buf_str(to), false);
    }
}

static void on_close(struct exchange *x, void *state, uint32_t judge, uint32_t group)
{
    struct screening *s = state;
    for (size_t i = 0; i < s->count; i++) {
        struct channel *channel = s->channels[i];
        if (channel->open && (group == GROUPS_ALL || group == channel->group)) {
            channel->open = false;
            say(x, s, buf_str(&channel->args));
            feed(x, judge, channel, channel->tool ? buf_str(&channel->args) : STR(""), true);
            buf_clear(&channel->args);
        }
    }
}

/* ---- whole documents ---- */

struct whole {
    struct exchange *x;
    const struct json *json;
    struct json_edit *to;
    struct view view;
    const struct text *text;
};

static enum err edit_document(const struct whole *w, const struct guard_edit *edit, uint64_t base)
{
    const struct json_node *node = &w->json->nodes[w->text->node];
    struct arena *arena = w->x->arena;
    const struct text_edit change = {w->text, &w->view, (size_t)(edit->from - base),
                                     (size_t)(edit->to - base), edit->with};
    bool all = change.from == 0 && change.to == w->view.text.len;
    if (edit->number && all && w->text->form == TEXT_PLAIN) {
        return json_edit_replace(w->to, node->at - 1, node->len + 2, arena_str(arena, edit->with));
    }
    const struct splice splice = text_splice(w->json, &change, arena);
    return json_edit_replace(w->to, splice.at, splice.len, splice.with);
}

static enum err judge_document(struct screening *s, struct whole *w)
{
    struct guard_channel *guard = w->text->echo ? &s->repeated : &s->whole;
    struct guard_edit edit;
    w->view = text_view(w->json, w->text, w->x->arena);
    guard->json = w->text->form == TEXT_JSON;
    uint64_t base = guard_channel_mark(guard);
    if (!w->text->echo && !w->x->view.streams) {
        say(w->x, s, w->view.text);
    }
    enum err code = guard_channel_feed(guard, w->view.text, true);
    while (code == ERR_OK && guard_channel_next(guard, &edit)) {
        code = s->how == JUDGES_HOLDING ? edit_document(w, &edit, base) : ERR_OK;
    }
    return code;
}

/* Tools that a plain answer calls, in the forms of all dialects: an object of type tool_use or
 * function_call, or the `function` of a tool call. */
static void check_called(struct exchange *x, const struct json *json)
{
    static const struct str keys[] = {STR_CONST("type"), STR_CONST("name"), STR_CONST("arguments")};
    for (uint32_t node = 0; node < json->count && !x->view.streams; node++) {
        uint32_t found[3];
        if (!json_is(json, node, JSON_OBJECT)) {
            continue;
        }
        json_pick(json, node, keys, 3, found);
        bool called = json_string_is(json, found[0], STR("tool_use")) ||
                      json_is(json, found[2], JSON_STRING);
        if (called && json_is(json, found[1], JSON_STRING)) {
            check_tool(x, json_string(json, found[1], x->gateway->scratch));
        }
    }
}

static void on_answer(struct exchange *x, void *state, const struct json *json,
                      struct json_edit *edit)
{
    struct screening *s = state;
    struct texts texts;
    texts_of_answer(json, x->gateway->scratch, &texts);
    enum err code = texts.overflow ? ERR_LIMIT : ERR_OK;
    for (size_t i = 0; i < texts.count && code == ERR_OK; i++) {
        struct whole whole = {.x = x, .json = json, .to = edit, .text = &texts.items[i]};
        code = judge_document(s, &whole);
    }
    check_called(x, json);
    raise_if_stopped(x);
    if (code != ERR_OK) {
        cannot_judge(x, "too_much");
    }
}

/* ---- the end ---- */

static void tell(struct exchange *x, struct screening *s)
{
    const struct guard_output *output = &x->guarded->output;
    if (!s->told) {
        s->told = true;
        guarded_tell(x, STR("output"), &output->report, output->text_bytes, 0);
    }
}

static void answered(struct exchange *x, const struct hook_answer *answer)
{
    struct guarded *g = x->guarded;
    g->screening->call = NULL;
    guarded_hook_said(&g->output.report, &g->set->output, GUARD_WEBHOOK, answer);
    pipeline_resume(x);
}

static void judge_expressions(struct exchange *x, struct screening *s)
{
    struct guarded *g = x->guarded;
    if (s->ruled || !has_expressions(x)) {
        return;
    }
    s->ruled = true;
    if (s->said_all) {
        guard_rules_tell(&g->set->output, buf_str(&s->said), UINT32_MAX, x->arena,
                         &g->output.report);
    } else {
        guard_not_evaluated(&g->output.report, GUARD_RULES, g->set->output.modes[GUARD_RULES], true,
                            "too_long");
    }
}

/* True when it is asked and the exchange waits. */
static bool ask(struct exchange *x, struct screening *s)
{
    struct guarded *g = x->guarded;
    const struct guard_hook *hook = &g->set->output.webhook;
    enum mode mode = g->set->output.modes[GUARD_WEBHOOK];
    struct buf body = {0};
    if (mode == MODE_OFF || s->asked) {
        return false;
    }
    s->asked = true;
    if (!s->said_all || hook_body_output(x, hook, buf_str(&s->said), &body) != ERR_OK) {
        buf_end(&body);
        guard_not_evaluated(&g->output.report, GUARD_WEBHOOK, mode, hook->conf.on_error == 0,
                            "too_long");
        return false;
    }
    s->call = hook_ask(x, hook, &body, answered);
    return true;
}

/* What was held for the external judge goes. */
static void clear_all(struct exchange *x, struct screening *s)
{
    for (size_t i = 0; i < s->count && s->how == JUDGES_HOLDING; i++) {
        struct channel *channel = s->channels[i];
        stream_clear(&x->stream, s->judge, channel->key,
                     decoded_raw(&channel->decoded, guard_channel_mark(&channel->guard), false));
    }
}

static enum flow on_response(struct exchange *x, void *state)
{
    struct screening *s = state;
    if (!s->begun || x->attempt == NULL) {
        return FLOW_NEXT;
    }
    judge_expressions(x, s);
    bool stopped = x->guarded->output.report.verdict >= VERDICT_ESCALATE;
    if (s->call != NULL || (!stopped && ask(x, s))) {
        return FLOW_WAIT;
    }
    tell(x, s);
    raise_if_stopped(x);
    if (waits_for_all(x) && x->judgement.verdict < VERDICT_ESCALATE) {
        clear_all(x, s);
    }
    return FLOW_NEXT;
}

static void on_end(struct exchange *x, void *state)
{
    struct screening *s = state;
    if (!s->begun) {
        return;
    }
    if (s->call != NULL) {
        hook_cancel(s->call);
        s->call = NULL;
    }
    tell(x, s); /* an answer that never was complete is told, too */
    end_channels(s);
    free(s->channels);
    buf_end(&s->piece);
    buf_end(&s->said);
    map_free(s->offered);
}

const struct stage stage_screen = {.name = "screen",
                                   .state_size = sizeof(struct screening),
                                   .judges = judges,
                                   .on_attempt = on_attempt,
                                   .on_delta = on_delta,
                                   .on_close = on_close,
                                   .on_answer = on_answer,
                                   .on_response = on_response,
                                   .on_end = on_end};
