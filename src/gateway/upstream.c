/* SPDX-License-Identifier: Apache-2.0
 * upstream.c - decides what comes next on the path; attempt.c does it.
 *
 * Each decision runs from a deferred call or a timer, never inside a callback of the attempt that
 * led to it. */
#include "gateway/upstream.h"

#include "base/must.h"
#include "gateway/attempt.h"
#include "gateway/human.h"
#include "gateway/pipeline.h"
#include "gateway/reply.h"
#include "gateway/tool_call.h"
#include "sys/notify.h"

/* A rule's answer in as many choices as were asked for. */
#define STAND_IN_MAX MIB(8)

static void fail_path(struct exchange *x);

static const struct tier *tier_of(const struct exchange *x)
{
    return x->tier < x->route->tier_count ? &x->route->tiers[x->tier] : NULL;
}

static void on_total(struct timer *timer)
{
    struct exchange *x = LIST_OBJECT(timer, struct exchange, total);
    x->failed.kind = FAILURE_timeout_total;
    x->failed.words = STR("");
    timer_disarm(&x->retry);
    deferred_cancel(&x->next);
    if (x->attempt != NULL) {
        attempt_abandon(x->attempt, FAILURE_timeout_total);
    }
    fail_path(x);
}

/* ---- which target ---- */

static bool can_serve(const struct exchange *x, const struct target *target)
{
    return target->provider->kind == x->dialect->provider;
}

/* One of the tier's targets that has not been tried, by weight among those that would be admitted.
 */
static const struct target *pick(struct exchange *x, const struct tier *tier)
{
    uint64_t total = 0;
    struct instant now = loop_now(x->gateway->loop);
    const struct target *open[TIER_TARGETS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < tier->count; i++) {
        const struct target *target = tier->targets[i];
        if ((x->tried >> i & 1) != 0) {
            continue;
        }
        if (!can_serve(x, target)) {
            x->failed.kind = x->attempts == 0 ? FAILURE_dialect : x->failed.kind;
        } else if (!breaker_would_admit(target->state->breaker, now)) {
            x->failed.kind = x->attempts == 0 ? FAILURE_open : x->failed.kind;
        } else {
            open[count++] = target;
            total += target->weight;
        }
    }
    uint64_t at = total > 0 ? rng_below(&x->gateway->rng, total) : 0;
    for (size_t i = 0; i < count; i++) {
        if (at < open[i]->weight) {
            return open[i];
        }
        at -= open[i]->weight;
    }
    return NULL;
}

static void mark_tried(struct exchange *x, const struct tier *tier, const struct target *target)
{
    for (size_t i = 0; i < tier->count; i++) {
        x->tried |= tier->targets[i] == target ? UINT64_C(1) << i : 0;
    }
}

/* Not the model's own confidence: how far down the path the answer comes from. */
static void describe_tier(struct exchange *x)
{
    x->tier_name = tier_of(x)->count > 1 ? x->target->name : tier_of(x)->name;
    x->degraded = x->tier > 0;
    x->answer_confidence = -1;
    if (x->degraded) {
        x->answer_confidence = x->confidence >= 0 ? x->confidence : 1.0;
        for (size_t i = 0; i < x->tier; i++) {
            x->answer_confidence *= 0.8;
        }
    }
}

static bool try_target(struct exchange *x, const struct target *target)
{
    struct breaker_ticket ticket;
    struct breaker_move move;
    struct instant now = loop_now(x->gateway->loop);
    bool admitted = breaker_admit(target->state->breaker, now, &ticket, &move);
    if (move.from != move.to) {
        RECORD(&x->record, loop_wall(x->gateway->loop), breaker_moved, .target = target->name,
               .from = str_of(breaker_state_name(move.from)),
               .to = str_of(breaker_state_name(move.to)), .after = move.after_us);
    }
    if (!admitted) {
        return false;
    }
    x->target = target;
    describe_tier(x);
    attempt_start(x, target, ticket);
    return true;
}

/* ---- tiers that are no model ---- */

static const char *word_of(const struct exchange *x)
{
    return failure_action(x->failed.kind)->word;
}

/* Rules and people answer only what satisfies the form that the request demands. */
static bool can_stand_in(const struct exchange *x)
{
    return x->dialect->generates && !x->view.tool_forced && !x->view.structured;
}

static bool try_rules(struct exchange *x)
{
    if (x->route->rules_mode == MODE_OFF || !can_stand_in(x)) {
        return false;
    }
    struct str *tools = arena_array_of(x->arena, struct str, RULES_TOOLS_MAX);
    uint32_t list = json_get(&x->json, JSON_ROOT, STR("tools"));
    size_t count = 0;
    for (uint32_t n = json_first(&x->json, list); n != JSON_NONE && count < RULES_TOOLS_MAX;
         n = json_after(&x->json, list, n)) {
        tools[count++] = x->dialect->tool_name(&x->json, n, x->arena);
    }
    const struct rules_question question = {
        .message = x->dialect->last_message(&x->json, x->arena),
        .tools = tools,
        .tool_count = count,
        .error = str_of(word_of(x)),
    };
    struct rules_answer answer;
    if (rules_answer(x->route->rules, &question, x->arena, &answer) != ERR_OK) {
        return false;
    }
    if (x->route->rules_mode == MODE_OBSERVE) {
        RECORD(&x->record, loop_wall(x->gateway->loop), would_have, .rule = answer.rule,
               .verdict = STR("answer"), .reason = question.error);
        return false;
    }
    x->tier_name = STR("rules");
    return upstream_stand_in(x, answer.text, answer.confidence);
}

static bool try_human(struct exchange *x)
{
    if (x->route->human_mode == MODE_OFF || !x->dialect->generates) {
        return false;
    }
    if (x->route->human_mode == MODE_OBSERVE) {
        RECORD(&x->record, loop_wall(x->gateway->loop), would_have, .rule = STR("human"),
               .verdict = STR("escalate"), .reason = str_of(word_of(x)));
        return false;
    }
    x->tier_name = STR("human");
    return human_ask(x, can_stand_in(x));
}

/* ---- along the path ---- */

static void enter_next_tier(struct exchange *x)
{
    const struct tier *left = tier_of(x);
    x->tier++;
    x->tried = 0;
    x->tries = 0;
    const struct tier *entered = tier_of(x);
    atomic_fetch_add_explicit(&x->route->state->fallbacks, 1, memory_order_relaxed);
    RECORD(&x->record, loop_wall(x->gateway->loop), fell_back, .route = x->route->name,
           .from = left->name, .to = entered != NULL ? entered->name : STR("none"),
           .failure = str_of(failure_action(x->failed.kind)->name));
}

/* A kill switch ends the path: no attempt, no rule, no person. */
static bool stopped(struct exchange *x)
{
    if (!exchange_stopped(x)) {
        return false;
    }
    x->failed.kind = FAILURE_stopped;
    x->failed.body = STR("");
    fail_path(x);
    return true;
}

static void advance(struct exchange *x)
{
    if (stopped(x)) {
        return;
    }
    const struct tier *tier;
    while ((tier = tier_of(x)) != NULL) {
        if (tier->kind == TIER_MODEL) {
            const struct target *target = pick(x, tier);
            while (target != NULL && !try_target(x, target)) {
                mark_tried(x, tier, target);
                target = pick(x, tier);
            }
            if (target != NULL) {
                x->tries++;
                return;
            }
        } else if (tier->kind == TIER_RULES ? try_rules(x) : try_human(x)) {
            return;
        }
        enter_next_tier(x);
    }
    fail_path(x);
}

static void on_next(struct deferred *deferred)
{
    advance(LIST_OBJECT(deferred, struct exchange, next));
}

static void on_retry(struct timer *timer)
{
    struct exchange *x = LIST_OBJECT(timer, struct exchange, retry);
    if (stopped(x)) {
        return;
    }
    /* The breaker may have opened meanwhile: then the path goes on instead. */
    if (try_target(x, x->target)) {
        x->tries++;
        return;
    }
    mark_tried(x, tier_of(x), x->target);
    advance(x);
}

static void enter(struct exchange *x)
{
    must(x->state == EXCHANGE_REQUEST && x->route != NULL);
    x->state = EXCHANGE_UPSTREAM;
    bool waits = x->route->record == RECORD_BEFORE_RELEASE || x->heard != NULL;
    stream_init(&x->stream, pipeline_judges(x), waits);
    timer_init(&x->total, on_total);
    timer_init(&x->retry, on_retry);
    deferred_init(&x->next, on_next);
    timer_arm(x->gateway->loop, &x->total, x->route->timeouts.total_ms);
}

void upstream_replay(struct exchange *x, struct str bytes)
{
    enter(x);
    x->replayed = true;
    attempt_replay(x, bytes);
}

void upstream_begin(struct exchange *x)
{
    enter(x);
    atomic_fetch_add_explicit(&x->route->state->exchanges, 1, memory_order_relaxed);
    retry_budget_deposit(x->route->state->retries, loop_now(x->gateway->loop));
    advance(x);
}

/* Another key of the provider may still be good: that costs no try. */
static bool rotate_key(struct exchange *x)
{
    const struct provider *provider = x->target->provider;
    if ((x->failed.kind != FAILURE_credential && x->failed.kind != FAILURE_exhausted) ||
        provider->auth != AUTH_STORED || x->keys_tried + 1 >= provider->keys.count) {
        return false;
    }
    uint32_t used = x->attempt->key;
    atomic_compare_exchange_strong(&provider->state->key_at, &used, used + 1);
    x->keys_tried++;
    x->tries--;
    timer_arm(x->gateway->loop, &x->retry, 0);
    return true;
}

static bool retry_same(struct exchange *x)
{
    const struct failure_action *action = failure_action(x->failed.kind);
    const struct route_retries *r = &x->route->retries;
    if (rotate_key(x)) {
        return true;
    }
    if (x->tool.tool != NULL && !tool_call_repeats(x)) {
        return false;
    }
    if (action->retry == RETRY_NO || x->tries >= r->attempts ||
        x->failed.retry_after_ms > r->backoff_max_ms) {
        return false;
    }
    if (!retry_budget_take(x->route->state->retries, loop_now(x->gateway->loop))) {
        return false;
    }
    uint64_t delay = retry_delay_ms(x->tries, r->backoff_ms, r->backoff_max_ms,
                                    x->failed.retry_after_ms, &x->gateway->rng);
    timer_arm(x->gateway->loop, &x->retry, delay);
    return true;
}

void upstream_failed(struct exchange *x)
{
    const struct failure_action *action = failure_action(x->failed.kind);
    attempt_end(x->attempt);
    if (x->state == EXCHANGE_STREAM) {
        fail_path(x); /* bytes have left: no way back */
        return;
    }
    if (x->replayed) {
        fail_path(x); /* the journal has one answer only */
        return;
    }
    stream_drop(&x->stream);
    if (retry_same(x)) {
        return;
    }
    bool go_on = action->fallback == FALLBACK_YES ||
                 (action->fallback == FALLBACK_POLICY && x->route->refusals_fall_back);
    if (!go_on) {
        fail_path(x);
        return;
    }
    mark_tried(x, tier_of(x), x->target);
    x->tries = 0;
    x->keys_tried = 0;
    loop_defer(x->gateway->loop, &x->next);
}

/* ---- the end of the path ---- */

void upstream_answered(struct exchange *x)
{
    timer_disarm(&x->total);
    uint64_t recovery;
    if (!x->replayed &&
        incident_answered(x->route->state->incident, loop_now(x->gateway->loop), &recovery)) {
        RECORD(&x->record, loop_wall(x->gateway->loop), incident_ended, .route = x->route->name,
               .recovery = recovery);
    }
    x->status = x->tool.tool != NULL ? x->attempt->status : 200;
    if (x->attempt->streaming) {
        (void)attempt_send(x->attempt); /* all but the locked end */
    } else {
        exchange_leaves(x, buf_str(&x->attempt->body));
    }
    x->outcome = OUTCOME_ANSWERED;
    x->state = EXCHANGE_SETTLE;
    x->stage = 0;
    pipeline_response(x);
}

static void release_plain(struct exchange *x)
{
    struct attempt *a = x->attempt;
    if (x->tool.tool != NULL) {
        reply_begin(x, a->status, a->fields, a->field_count, a->content_type,
                    num_max(a->announced, a->body.len));
    } else {
        reply_begin(x, 200, a->fields, a->field_count, STR("application/json"), a->body.len);
    }
    http_call_give(x->call, &a->body);
    http_call_end(x->call);
}

void upstream_release(struct exchange *x)
{
    must(x->state == EXCHANGE_SETTLE);
    crash_at(CRASH_POINT(exchange_before_release));
    if (x->gone) {
        /* nobody listens */
    } else if (x->attempt == NULL) {
        reply_begin(x, 200, NULL, 0,
                    x->view.streams ? STR("text/event-stream") : STR("application/json"),
                    x->stand_in.len);
        http_call_give(x->call, &x->stand_in);
        http_call_end(x->call);
    } else if (x->attempt->streaming) {
        stream_unlock(&x->stream);
        (void)attempt_send(x->attempt);
        http_call_end(x->call);
    } else {
        release_plain(x);
    }
    crash_at(CRASH_POINT(exchange_after_release));
    exchange_finish(x, OUTCOME_ANSWERED);
}

void upstream_block(struct exchange *x)
{
    must(x->state == EXCHANGE_SETTLE);
    x->failed.kind = FAILURE_blocked;
    x->failed.body = STR("");
    if (!http_call_begun(x->call)) { /* none of it leaves */
        x->response_bytes = 0;
        buf_clear(&x->captured);
    }
    fail_path(x);
}

bool upstream_stand_in(struct exchange *x, struct str text, double confidence)
{
    must(x->state == EXCHANGE_UPSTREAM);
    buf_init(&x->stand_in, STAND_IN_MAX);
    if (x->dialect->write_answer(&x->stand_in, &x->view, str_of(x->id), text,
                                 x->began_at.us / US_PER_S) != ERR_OK) {
        buf_end(&x->stand_in);
        return false;
    }
    x->attempt = NULL;
    x->answer = (struct answer_view){0}; /* what failed attempts said is no part of this answer */
    x->answer_confidence = confidence;
    x->degraded = x->tier > 0;
    x->status = 200;
    x->outcome = OUTCOME_ANSWERED;
    x->state = EXCHANGE_SETTLE;
    x->stage = 0;
    exchange_leaves(x, buf_str(&x->stand_in));
    timer_disarm(&x->total);
    pipeline_response(x);
    return true;
}

/* What a client is told when nothing on the path could answer; never the provider's own words,
 * unless the fault is the client's. */
static const struct ending {
    enum failure failure;
    unsigned status;
    const char *code;
    const char *words;
} endings[] = {
    {FAILURE_saturated, 429, "rate_limit_exceeded", "the model is rate limited; try again later"},
    {FAILURE_exhausted, 503, "provider_quota_exhausted", "the provider's quota is used up"},
    {FAILURE_credential, 502, "provider_credential_refused",
     "the provider refused this gateway's credential"},
    {FAILURE_timeout_connect, 504, "provider_timeout", "the provider could not be reached in time"},
    {FAILURE_timeout_head, 504, "provider_timeout", "the provider did not answer in time"},
    {FAILURE_timeout_first, 504, "provider_timeout", "the provider sent no content in time"},
    {FAILURE_timeout_idle, 504, "provider_timeout", "the provider stopped sending"},
    {FAILURE_timeout_total, 504, "deadline_exceeded", "the deadline of this request passed"},
    {FAILURE_open, 503, "targets_unavailable",
     "every target of this route is resting after failures"},
    {FAILURE_dialect, 400, "dialect_unsupported", "no target of this route speaks this API"},
    {FAILURE_truncated, 502, "stream_truncated", "the provider broke off its answer"},
    {FAILURE_malformed, 502, "provider_malformed", "the provider's answer could not be understood"},
    {FAILURE_too_large, 502, "answer_too_large", "the provider's answer is over the size limit"},
    {FAILURE_refused, 400, "content_filter", "the provider's content filter refused this request"},
    {FAILURE_too_long, 400, "context_length_exceeded",
     "the request is longer than the model's context"},
    {FAILURE_client, 400, "invalid_request", "the provider refused the request as invalid"},
    {FAILURE_blocked, 403, "guardrail_blocked", "the answer was stopped by a guardrail"},
    {FAILURE_stopped, 503, "stopped", "this agent or route has been stopped"},
    {FAILURE_none, 502, "provider_error", "the provider failed"}, /* all others */
};

/* The same of a tool. */
static const struct ending tool_endings[] = {
    {FAILURE_connect, 502, "tool_unreachable", "the tool could not be reached"},
    {FAILURE_timeout_connect, 504, "tool_timeout", "the tool could not be reached in time"},
    {FAILURE_timeout_head, 504, "tool_timeout", "the tool did not answer in time"},
    {FAILURE_timeout_idle, 504, "tool_timeout", "the tool stopped sending"},
    {FAILURE_timeout_total, 504, "deadline_exceeded", "the deadline of this call passed"},
    {FAILURE_open, 503, "tool_unavailable", "the tool is left alone for a while after failures"},
    {FAILURE_malformed, 502, "tool_malformed", "the tool's answer is not what HTTP allows"},
    {FAILURE_too_large, 502, "answer_too_large", "the tool's answer is over the size limit"},
    {FAILURE_blocked, 403, "guardrail_blocked",
     "the call was made, but its answer was stopped by a guardrail"},
    {FAILURE_stopped, 503, "stopped", "this agent or tool has been stopped"},
    {FAILURE_none, 502, "tool_failed", "the tool failed"}, /* all others */
};

static const struct ending *ending_of(const struct exchange *x)
{
    const struct ending *ending = x->tool.tool != NULL ? tool_endings : endings;
    while (ending->failure != x->failed.kind && ending->failure != FAILURE_none) {
        ending++;
    }
    return ending;
}

static void fail_stream(struct exchange *x, const struct ending *ending)
{
    struct buf text;
    buf_init(&text, KIB(16));
    const struct error_text error = {ending->status, NULL, ending->code, str_of(ending->words),
                                     str_of(x->id)};
    enum err code = x->dialect->write_stream_error(&text, &error, &x->answer);
    must(code == ERR_OK);
    exchange_leaves(x, buf_str(&text));
    http_call_write(x->call, buf_str(&text));
    buf_end(&text);
    http_call_end(x->call);
    exchange_finish(x, x->failed.kind == FAILURE_blocked ? OUTCOME_REFUSED : OUTCOME_BROKEN);
}

static void fail_path(struct exchange *x)
{
    const struct ending *ending = ending_of(x);
    timer_disarm(&x->total);
    bool blocked = x->failed.kind == FAILURE_blocked; /* an answer that was judged is no failure */
    atomic_fetch_add_explicit(&x->route->state->failures, blocked ? 0 : 1, memory_order_relaxed);
    x->reason = blocked ? x->judgement.reason : failure_action(x->failed.kind)->name;
    pipeline_failed(x);
    if (http_call_begun(x->call)) {
        fail_stream(x, ending);
        return;
    }
    x->tier_name = STR("");
    x->degraded = false;
    x->answer_confidence = -1;
    if (x->failed.body.len > 0) {
        const struct http_field fields[] = {{STR("x-should-retry"), STR("false")}};
        reply_begin(x, x->failed.status, fields, 1, STR("application/json"), x->failed.body.len);
        exchange_leaves(x, x->failed.body);
        http_call_write(x->call, x->failed.body);
        http_call_end(x->call);
    } else {
        if (x->failed.kind == FAILURE_open && x->failed.retry_after_ms == 0) {
            x->failed.retry_after_ms = 5000;
        }
        bool doubt = tool_call_in_doubt(x) && !blocked;
        x->failed.retry_after_ms =
            doubt ? 0 : x->failed.retry_after_ms; /* no invitation to do it twice */
        reply_error(x, ending->status, NULL, ending->code,
                    doubt ? arena_printf(x->arena, "%s; whether the call took effect is not known",
                                         ending->words)
                          : str_of(ending->words));
    }
    exchange_finish(x, blocked ? OUTCOME_REFUSED : OUTCOME_FAILED);
}
