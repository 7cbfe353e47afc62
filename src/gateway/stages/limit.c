/* SPDX-License-Identifier: Apache-2.0
 * limit.c - rates, tokens and money of the key, of the tool, of the agent and of the end user:
 * reserved before the first attempt, settled at the end with what it really was (standard S3, S5).
 */
#include "gateway/stage.h"

/* Where a request names no maximum of output tokens. */
#define OUTPUT_TOKENS_GUESS 4096

static bool rule_is_empty(const struct limit_rule *rule)
{
    return rule->rate.count == 0 && rule->day_microusd == 0 && rule->month_microusd == 0 &&
           rule->day_tokens == 0 && rule->month_tokens == 0;
}

static enum mode softer(enum mode a, enum mode b)
{
    return a < b ? a : b;
}

static void add_claim(struct exchange *x, struct str subject, const struct limit_rule *rule,
                      enum mode mode)
{
    if (!rule_is_empty(rule) && mode != MODE_OFF) {
        x->claims[x->reservation.count++] = (struct limit_claim){subject, *rule,
                                                                 mode == MODE_OBSERVE};
    }
}

/* Claims that are empty are left out: a route without limits costs nothing here. The agent's switch
 * softens the agent's limits alone: the caller names the agent, and must not escape its key's.
 * Names hold no space, so no two callers share a subject. */
static void make_claims(struct exchange *x)
{
    struct limit_rule own = x->claims[0].rule;
    if (!rule_is_empty(&own)) {
        add_claim(x,
                  arena_printf(x->arena, STR_FMT " " STR_FMT, STR_ARG(x->principal.tenant),
                               STR_ARG(x->principal.name)),
                  &own, x->route->limits_mode);
    }
    if (x->tool.tool != NULL) {
        const struct limit_rule rule = {.rate = x->tool.tool->rate};
        add_claim(x,
                  arena_printf(x->arena, STR_FMT " " STR_FMT " " STR_FMT,
                               STR_ARG(x->principal.tenant), STR_ARG(x->principal.name),
                               STR_ARG(x->route->name)),
                  &rule, x->route->limits_mode);
    }
    if (x->agent == NULL) {
        return;
    }
    enum mode mode = softer(x->agent->limits_mode, x->route->limits_mode);
    add_claim(x,
              arena_printf(x->arena, STR_FMT " " STR_FMT " agent:" STR_FMT,
                           STR_ARG(x->principal.tenant), STR_ARG(x->principal.name),
                           STR_ARG(x->agent->name)),
              &x->agent->limits, mode);
    if (x->user.len > 0) {
        add_claim(x,
                  arena_printf(x->arena, STR_FMT " agent:" STR_FMT " user:" STR_FMT,
                               STR_ARG(x->principal.tenant), STR_ARG(x->agent->name),
                               STR_ARG(x->user)),
                  &x->agent->user_limits, mode);
    }
}

/* The dearest target of the path bounds what this exchange may cost. */
static void bound(struct exchange *x)
{
    uint64_t output = x->view.output_tokens_max > 0 ? x->view.output_tokens_max
                      : x->dialect->generates       ? OUTPUT_TOKENS_GUESS
                                                    : 0;
    uint64_t bytes = http_call_body(x->call).len;
    if (!num_mul_u64(output, x->view.choices, &output) ||
        !num_add_u64(output, bytes / 2, &x->reservation.tokens)) {
        output = x->reservation.tokens = UINT64_MAX;
    }
    for (size_t t = 0; t < x->route->tier_count; t++) {
        const struct tier *tier = &x->route->tiers[t];
        for (size_t i = 0; i < tier->count; i++) {
            int64_t cost = cost_bound(&tier->targets[i]->price, bytes, output);
            x->reservation.microusd = cost > x->reservation.microusd ? cost
                                                                     : x->reservation.microusd;
        }
    }
}

static enum flow on_request(struct exchange *x, void *state)
{
    (void)state;
    make_claims(x);
    if (x->reservation.count == 0) {
        return FLOW_NEXT;
    }
    x->reservation.claims = x->claims;
    if (x->dialect->provider != PROVIDER_TOOL) {
        bound(x);
    }
    struct limit_answer answer;
    bool held = limits_reserve(x->gateway->commons->limits, &x->reservation,
                               loop_now(x->gateway->loop), loop_wall(x->gateway->loop), &answer);
    if (answer.hit != LIMIT_NONE) {
        RECORD(&x->record, loop_wall(x->gateway->loop), limit_hit,
               .kind = str_of(limit_kind_name(answer.hit)),
               .subject = x->claims[answer.claim].subject,
               .mode = str_of(mode_name(held ? MODE_OBSERVE : MODE_ENFORCE)),
               .retry_after_ms = answer.retry_after_ms, .principal = x->principal.name);
    }
    if (held) {
        return FLOW_NEXT;
    }
    x->failed.retry_after_ms = answer.retry_after_ms;
    exchange_refuse(x, 429, answer.hit == LIMIT_RATE ? "rate_limit_exceeded" : "budget_exceeded",
                    "the %s limit of this caller is reached", limit_kind_name(answer.hit));
    return FLOW_REPLY;
}

static void on_end(struct exchange *x, void *state)
{
    (void)state;
    if (x->reservation.held) {
        limits_settle(x->gateway->commons->limits, &x->reservation, x->tokens_spent,
                      x->cost_microusd);
    }
}

const struct stage stage_limit = {.name = "limit", .on_request = on_request, .on_end = on_end};
