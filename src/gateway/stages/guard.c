/* SPDX-License-Identifier: Apache-2.0
 * guard.c - the guardrails on what goes to the model (standard S3, S6, S7): judged once, in front
 * of the first attempt; every attempt's request carries the edits. */
#include "gateway/stage.h"

#include "base/must.h"
#include "gateway/guarded.h"
#include "gateway/hook.h"
#include "gateway/pipeline.h"

static void tell_findings(struct exchange *x, const struct guard_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct guard_finding *f = &report->findings[i];
        RECORD(&x->record, loop_wall(x->gateway->loop), guard_found, .direction = STR("input"),
               .guardrail = guard_name(f->guard), .rule = f->rule,
               .verdict = str_of(verdict_name(f->verdict)),
               .mode = str_of(mode_name(f->observed ? MODE_OBSERVE : MODE_ENFORCE)),
               .text = f->text, .start = f->start, .end = f->end, .score = f->score);
    }
}

static void tell(struct exchange *x, const struct guarded *g)
{
    const struct guard_report *report = &g->input;
    tell_findings(x, report);
    RECORD(&x->record, loop_wall(x->gateway->loop), guards_judged, .direction = STR("input"),
           .set = g->set->name, .summary = guard_summary(report, x->arena),
           .verdict = str_of(verdict_name(report->verdict)),
           .would = str_of(verdict_name(report->would)), .findings = report->total,
           .injection = report->scores[GUARD_INJECTION], .bytes = g->text_bytes,
           .took = g->judged_us);
}

/* Per-token probabilities spell out what redaction takes away. */
static bool asks_logprobs(const struct exchange *x)
{
    uint32_t asked = json_get(&x->json, JSON_ROOT, STR("logprobs"));
    return json_kind(&x->json, asked) == JSON_TRUE;
}

static struct guarded *begin(struct exchange *x)
{
    struct guarded *g = arena_new_of(x->arena, struct guarded);
    struct seal_key key;
    env_entropy(x->gateway->commons->env, key.bytes, sizeof key.bytes);
    g->set = x->route->guards;
    g->vault = vault_new(&key);
    if (g->set->output.canary && g->set->output.modes[GUARD_PROMPT_LEAK] != MODE_OFF) {
        leak_canary((struct str){(const char *)key.bytes, sizeof key.bytes}, g->canary);
    }
    seal_key_wipe(&key);
    return g;
}

/* ---- external judges, one after the other, on what the model would get ---- */

struct asking {
    bool begun;
    bool opinion;
    bool webhook;
    enum guard_id guard; /* who is being asked */
    struct hook_call *call;
};

static struct asking *asking_of(struct exchange *x)
{
    return x->guarded->asking;
}

static void answered(struct exchange *x, const struct hook_answer *answer)
{
    struct asking *asking = asking_of(x);
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
        guard_not_evaluated(&g->input, guard, mode, hook->conf.on_error == 0, "too_long");
        return false;
    }
    asking->call = hook_ask(x, hook, &body, answered);
    return true;
}

static bool ask_next(struct exchange *x, struct asking *asking)
{
    const struct guard_side *side = &x->guarded->set->input;
    if (!asking->opinion) {
        asking->opinion = true;
        if (ask(x, asking, GUARD_SECOND_OPINION, &side->opinion)) {
            return true;
        }
    }
    if (!asking->webhook) {
        asking->webhook = true;
        return ask(x, asking, GUARD_WEBHOOK, &side->webhook);
    }
    return false;
}

/* ---- the stage ---- */

static enum flow begin_guard(struct exchange *x, struct asking *asking)
{
    if (guard_side_acts(&x->route->guards->output) && asks_logprobs(x)) {
        exchange_refuse(x, 400, "logprobs_unavailable",
                        "this route's output guardrails do not go with logprobs");
        return FLOW_REPLY;
    }
    struct instant began = env_instant(loop_env(x->gateway->loop));
    x->guarded = begin(x);
    x->guarded->asking = asking;
    asking->begun = true;
    if (guarded_judge(x, x->guarded) == FLOW_WAIT) {
        return FLOW_WAIT;
    }
    x->guarded->judged_us = instant_since_us(env_instant(loop_env(x->gateway->loop)), began);
    return FLOW_NEXT;
}

static enum flow on_request(struct exchange *x, void *state)
{
    struct asking *asking = state;
    if (x->route->guards == NULL || x->json.count == 0) {
        return FLOW_NEXT;
    }
    enum flow flow = asking->begun ? FLOW_NEXT : begin_guard(x, asking);
    if (flow != FLOW_NEXT) {
        return flow;
    }
    struct guarded *g = x->guarded;
    if (!g->judged || asking->call != NULL || ask_next(x, asking)) {
        return FLOW_WAIT;
    }
    tell(x, g);
    if (g->input.verdict >= VERDICT_ESCALATE) {
        exchange_raise(x, g->input.verdict, guard_name(g->input.by).at);
    }
    return FLOW_NEXT;
}

static void on_attempt(struct exchange *x, void *state, struct json_edit *edit)
{
    (void)state;
    for (size_t i = 0; x->guarded != NULL && i < x->guarded->splice_count; i++) {
        const struct splice *splice = &x->guarded->splices[i];
        enum err code = json_edit_replace(edit, splice->at, splice->len, splice->with);
        must(code == ERR_OK); /* fewer than JSON_EDIT_MAX, in order, in strings of their own */
    }
}

static void on_end(struct exchange *x, void *state)
{
    struct asking *asking = state;
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
