/* SPDX-License-Identifier: Apache-2.0
 * guard.c - the guardrails on what goes to the model (standard S3, S6, S7): judged once, in front
 * of the first attempt; every attempt's request carries the edits. */
#include "gateway/stage.h"

#include "base/must.h"
#include "gateway/guarded.h"
#include "gateway/hook.h"
#include "gateway/pipeline.h"

static bool is_asked(const struct json *json, uint32_t node)
{
    uint64_t count = 1;
    enum json_kind kind = json_kind(json, node);
    bool none = kind == JSON_NULL || kind == JSON_FALSE ||
                (json_u64(json, node, &count) && count == 0);
    return !none;
}

/* Per-token probabilities spell out what redaction takes away. Chat asks by members of the request,
 * Responses by a word in `include`. */
static bool asks_logprobs(const struct exchange *x)
{
    static const struct str keys[] = {STR_CONST("logprobs"), STR_CONST("top_logprobs"),
                                      STR_CONST("include")};
    const struct json *json = &x->json;
    uint32_t found[3];
    json_pick(json, JSON_ROOT, keys, 3, found);
    bool asks = is_asked(json, found[0]) || is_asked(json, found[1]);
    uint32_t each = json_is(json, found[2], JSON_ARRAY) ? json_first(json, found[2]) : JSON_NONE;
    for (; each != JSON_NONE; each = json_after(json, found[2], each)) {
        struct str word = json_string(json, each, x->gateway->scratch);
        asks = asks || str_find(word, STR("logprobs")) != SIZE_MAX;
    }
    return asks;
}

static struct guarded *begin(struct exchange *x)
{
    struct guarded *g = arena_new_of(x->arena, struct guarded);
    g->set = x->route->guards;
    if (g->set->output.canary && g->set->output.modes[GUARD_PROMPT_LEAK] != MODE_OFF) {
        char key[32];
        env_entropy(x->gateway->commons->env, key, sizeof key);
        leak_canary((struct str){key, sizeof key}, g->canary);
    }
    return g;
}

/* What comes next, and what is waited for. */
enum asking_step { ASK_BEGIN, ASK_JUDGE, ASK_SAVE, ASK_OPINION, ASK_WEBHOOK, ASK_TELL };

struct asking {
    enum asking_step step;
    struct session_wait *wait;
    struct hook_call *call;
    enum guard_id guard; /* who is being asked */
};

/* ---- the session and its vault ---- */

/* What could not be hidden, or brought back, is not sent. */
static void no_session(struct exchange *x)
{
    guard_not_evaluated(&x->guarded->input, GUARD_PII, MODE_ENFORCE, true, "no_session");
}

static void session_came(void *object, enum err result, struct session *session)
{
    struct exchange *x = object;
    struct guarded *g = x->guarded;
    g->asking->wait = NULL;
    if (session != NULL) {
        g->session = session;
    }
    if (result != ERR_OK) {
        no_session(x);
    }
    pipeline_resume(x);
}

/* A session is kept where values are hidden in it, and nowhere else. */
static void open_session(struct exchange *x, struct asking *asking)
{
    bool kept = x->guarded->set->input.acting.count > 0 && !x->route->ephemeral;
    const struct key_scope scope = {x->principal.tenant, x->principal.name, x->user,
                                    kept ? x->session : STR("")};
    const struct session_ask ask = {x->gateway->loop, session_came, x};
    if (session_open(x->gateway->commons->sessions, &scope, &ask, &x->guarded->session,
                     &asking->wait) != ERR_OK) {
        no_session(x);
    }
}

/* The way back is durable before the request leaves. */
static void save_session(struct exchange *x, struct asking *asking)
{
    const struct session_ask ask = {x->gateway->loop, session_came, x};
    if (session_save(x->guarded->session, &ask, &asking->wait) != ERR_OK) {
        no_session(x);
    }
}

/* ---- external judges, one after the other, on what the model would get ---- */

static void answered(struct exchange *x, const struct hook_answer *answer)
{
    struct asking *asking = x->guarded->asking;
    asking->call = NULL;
    guarded_hook_said(&x->guarded->input, &x->guarded->set->input, asking->guard, answer);
    pipeline_resume(x);
}

/* True when it is asked and the exchange waits. */
static bool ask(struct exchange *x, struct asking *asking, enum guard_id guard,
                const struct guard_hook *hook)
{
    struct guarded *g = x->guarded;
    enum mode mode = g->set->input.modes[guard];
    struct json json;
    struct buf body = {0};
    if (mode == MODE_OFF || g->input.verdict >= VERDICT_ESCALATE) {
        return false;
    }
    asking->guard = guard;
    enum err code = guarded_edited(x, &json);
    code = code == ERR_OK ? hook_body_input(x, hook, guard, &json, &body) : code;
    arena_reset(x->gateway->scratch);
    if (code != ERR_OK) {
        buf_end(&body);
        /* How long it is is the client's choice, so that on_error has no say in it. */
        guard_not_evaluated(&g->input, guard, mode, true, "too_long");
        return false;
    }
    asking->call = hook_ask(x, hook, &body, answered);
    return true;
}

/* ---- the stage ---- */

static void judge(struct exchange *x)
{
    struct guarded *g = x->guarded;
    struct instant began = env_instant(loop_env(x->gateway->loop));
    if (guarded_judge(x, g) == FLOW_NEXT) {
        g->judged_us = instant_since_us(env_instant(loop_env(x->gateway->loop)), began);
    }
}

static void take_step(struct exchange *x, struct asking *asking)
{
    struct guarded *g = x->guarded;
    bool stopped = g->input.verdict >= VERDICT_ESCALATE;
    switch (asking->step++) {
    case ASK_BEGIN:
        open_session(x, asking);
        break;
    case ASK_JUDGE:
        if (g->session != NULL) {
            judge(x);
        }
        break;
    case ASK_SAVE:
        if (g->session != NULL && !stopped) {
            save_session(x, asking);
        }
        break;
    case ASK_OPINION:
        (void)ask(x, asking, GUARD_SECOND_OPINION, &g->set->input.opinion);
        break;
    case ASK_WEBHOOK:
        (void)ask(x, asking, GUARD_WEBHOOK, &g->set->input.webhook);
        break;
    case ASK_TELL:
        guarded_tell(x, STR("input"), &g->input, g->text_bytes, g->judged_us);
        if (stopped) {
            exchange_raise(x, g->input.verdict, guard_name(g->input.by).at);
        }
        break;
    }
}

static enum flow on_request(struct exchange *x, void *state)
{
    struct asking *asking = state;
    if (x->route->guards == NULL || x->json.count == 0 || x->tool.tool != NULL) {
        return FLOW_NEXT;
    }
    if (x->guarded == NULL) {
        if (guard_side_acts(&x->route->guards->output) && asks_logprobs(x)) {
            exchange_refuse(x, 400, "logprobs_unavailable",
                            "this route's output guardrails do not go with logprobs");
            return FLOW_REPLY;
        }
        x->guarded = begin(x);
        x->guarded->asking = asking;
    }
    while (asking->step <= ASK_TELL) {
        if (asking->wait != NULL || asking->call != NULL || x->guarded->trial != NULL) {
            return FLOW_WAIT;
        }
        take_step(x, asking);
    }
    return FLOW_NEXT;
}

static void on_attempt(struct exchange *x, void *state, struct json_edit *edit)
{
    (void)state;
    for (size_t i = 0; x->guarded != NULL && i < x->guarded->splice_count; i++) {
        const struct splice *splice = &x->guarded->splices[i];
        enum err code = json_edit_replace(edit, splice->at, splice->len, splice->with);
        if (code != ERR_OK) {
            /* Half edited it must not leave: two edits of one place, or too many. */
            exchange_raise(x, VERDICT_BLOCK, "guardrails");
            return;
        }
    }
}

static void on_end(struct exchange *x, void *state)
{
    struct asking *asking = state;
    if (asking->wait != NULL) {
        session_cancel(asking->wait);
        asking->wait = NULL;
    }
    if (asking->call != NULL) {
        hook_cancel(asking->call);
        asking->call = NULL;
    }
    if (x->guarded != NULL) {
        guarded_end(x->guarded);
    }
}

const struct stage stage_guard = {.name = "guard",
                                  .state_size = sizeof(struct asking),
                                  .on_request = on_request,
                                  .on_attempt = on_attempt,
                                  .on_end = on_end};
