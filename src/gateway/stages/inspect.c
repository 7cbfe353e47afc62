/* SPDX-License-Identifier: Apache-2.0
 * inspect.c - the guardrails between an agent and a tool (standard S3, S6, S7). Sides are named
 * from the model: arguments come from it, so the set's output side judges them; a tool's answer
 * goes to it, so the input side judges that, as a tool's result. */
#include "gateway/stage.h"

#include "base/text.h"
#include "gateway/attempt.h"
#include "gateway/guarded.h"
#include "gateway/inspection.h"
#include "gateway/pipeline.h"

enum inspect_step { INSPECT_JUDGE, INSPECT_OPINION, INSPECT_WEBHOOK, INSPECT_TELL };

/* Of a call, or of its answer. */
struct passage {
    enum inspect_step step;
    const char *direction;
    struct inspected what;
    struct inspection inspection;
    struct hook_call *hook;
    enum guard_id asked;
};

struct inspecting {
    struct passage *call;
    struct passage *answer;
};

/* ---- external judges ---- */

static struct passage *passage_of(struct exchange *x)
{
    struct inspecting *s = x->tool.inspecting;
    return s->answer != NULL ? s->answer : s->call;
}

static void hook_said(struct exchange *x, const struct hook_answer *answer)
{
    struct passage *p = passage_of(x);
    p->hook = NULL;
    guarded_hook_said(&p->inspection.report, p->what.side, p->asked, answer);
    pipeline_resume(x);
}

static void ask(struct exchange *x, struct passage *p, enum guard_id guard,
                const struct guard_hook *hook)
{
    enum mode mode = p->what.side->modes[guard];
    struct guard_report *report = &p->inspection.report;
    if (mode == MODE_OFF || report->verdict >= VERDICT_ESCALATE || p->inspection.bytes == 0) {
        return;
    }
    const struct str texts[] = {p->what.place, inspection_text(&p->what, x->arena)};
    const struct hook_texts shown = {p->direction, p->what.from, texts, 2};
    struct buf body = {0};
    if (hook_body_texts(x, hook, guard, &shown, &body) != ERR_OK) {
        buf_end(&body);
        guard_not_evaluated(report, guard, mode, hook->conf.on_error == 0, "too_long");
        return;
    }
    p->asked = guard;
    p->hook = hook_ask(x, hook, &body, hook_said);
}

/* ---- a passage ---- */

static void take_step(struct exchange *x, struct passage *p)
{
    const struct guard_side *side = p->what.side;
    struct inspection *i = &p->inspection;
    switch (p->step++) {
    case INSPECT_JUDGE:
        (void)inspection_begin(x, &p->what, i);
        break;
    case INSPECT_OPINION:
        ask(x, p, GUARD_SECOND_OPINION, &side->opinion);
        break;
    case INSPECT_WEBHOOK:
        ask(x, p, GUARD_WEBHOOK, &side->webhook);
        break;
    case INSPECT_TELL:
        guarded_tell(x, str_of(p->direction), &i->report, i->bytes, i->took);
        if (i->report.verdict >= VERDICT_ESCALATE) {
            exchange_raise(x, i->report.verdict, guard_name(i->report.by).at);
        }
        break;
    }
}

static enum flow pass(struct exchange *x, struct passage *p)
{
    while (p->step <= INSPECT_TELL) {
        if (p->inspection.trying != NULL || p->hook != NULL) {
            return FLOW_WAIT;
        }
        take_step(x, p);
    }
    return FLOW_NEXT;
}

/* ---- the stage ---- */

/* Path and query, decoded, as the tool reads them. */
static struct str place_of(struct exchange *x)
{
    struct buf plain;
    struct str query = http_call_query(x->call);
    buf_init(&plain, query.len + 1);
    struct str decoded = text_unpercent(&plain, query) == ERR_OK
                             ? arena_str(x->arena, buf_str(&plain))
                             : query;
    buf_end(&plain);
    const struct str parts[] = {x->tool.decoded, STR("?"), decoded};
    struct str place = arena_join(x->arena, parts, query.len > 0 ? 3 : 1);
    const struct inspected bare = {.body = place};
    return inspection_text(&bare, x->arena);
}

static bool is_judged(const struct exchange *x)
{
    return x->tool.tool != NULL && x->route->guards != NULL;
}

static enum flow on_request(struct exchange *x, void *state)
{
    struct inspecting *s = state;
    if (!is_judged(x)) {
        return FLOW_NEXT;
    }
    if (s->call == NULL) {
        s->call = arena_new_of(x->arena, struct passage);
        s->call->direction = "call";
        s->call->what = (struct inspected){
            .side = &x->route->guards->output,
            .from = PROVENANCE_ASSISTANT,
            .type = http_head_get(http_call_head(x->call), STR("content-type")),
            .body = http_call_body(x->call),
            .place = place_of(x)};
        x->tool.inspecting = s;
    }
    return pass(x, s->call);
}

static enum flow on_response(struct exchange *x, void *state)
{
    struct inspecting *s = state;
    if (!is_judged(x) || x->attempt == NULL || x->attempt->body.len == 0) {
        return FLOW_NEXT;
    }
    if (s->answer == NULL) {
        s->answer = arena_new_of(x->arena, struct passage);
        s->answer->direction = "result";
        s->answer->what = (struct inspected){.side = &x->route->guards->input,
                                             .from = PROVENANCE_TOOL_RESULT,
                                             .type = x->attempt->content_type,
                                             .body = buf_str(&x->attempt->body)};
    }
    return pass(x, s->answer);
}

static void leave(struct passage *p)
{
    if (p != NULL) {
        inspection_end(&p->inspection);
    }
    if (p != NULL && p->hook != NULL) {
        hook_cancel(p->hook);
        p->hook = NULL;
    }
}

static void on_end(struct exchange *x, void *state)
{
    struct inspecting *s = state;
    (void)x;
    leave(s->call);
    leave(s->answer);
}

const struct stage stage_inspect = {.name = "inspect",
                                    .state_size = sizeof(struct inspecting),
                                    .on_request = on_request,
                                    .on_response = on_response,
                                    .on_end = on_end};
