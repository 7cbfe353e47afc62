/* SPDX-License-Identifier: Apache-2.0
 * pipeline.c - one loop over one table; the only place that acts on flow and verdict. */
#include "gateway/pipeline.h"

#include "base/must.h"
#include "gateway/upstream.h"

#define STAGE(name) extern const struct stage stage_##name;
#include "gateway/pipeline.def"
#undef STAGE

static const struct stage *stages[] = {
#define STAGE(name) &stage_##name,
#include "gateway/pipeline.def"
#undef STAGE
    NULL, /* a test's own */
};
#define STAGES (sizeof stages / sizeof stages[0])

void pipeline_set_extra(const struct stage *stage)
{
    stages[STAGES - 1] = stage;
}

static size_t state_size(size_t i)
{
    return stages[i] != NULL ? (stages[i]->state_size + 15) & ~(size_t)15 : 0;
}

size_t pipeline_state_bytes(void)
{
    size_t bytes = 0;
    for (size_t i = 0; i < STAGES; i++) {
        bytes += state_size(i);
    }
    return bytes;
}

static void *state_of(struct exchange *x, size_t stage)
{
    size_t at = 0;
    for (size_t i = 0; i < stage; i++) {
        at += state_size(i);
    }
    return x->states + at;
}

uint32_t pipeline_judges(struct exchange *x)
{
    uint32_t judges = 0;
    x->judgement.watching = 0;
    x->judgement.holding = 0;
    for (size_t i = 0; i < STAGES; i++) {
        const struct stage *stage = stages[i];
        if (stage == NULL || stage->on_delta == NULL) {
            continue;
        }
        enum judging how = stage->judges != NULL ? stage->judges(x, state_of(x, i))
                                                 : JUDGES_HOLDING;
        x->judgement.watching |= how != JUDGES_NOT ? UINT32_C(1) << i : 0;
        x->judgement.holding |= how == JUDGES_HOLDING ? UINT32_C(1) << i : 0;
        judges += how == JUDGES_HOLDING ? 1 : 0;
    }
    return judges;
}

/* True when the verdict lets the exchange go on. What no one can approve yet is refused: fail
 * closed. */
static bool verdict_allows(struct exchange *x)
{
    if (x->verdict >= VERDICT_ESCALATE && x->state == EXCHANGE_REQUEST) {
        const char *by = x->reason != NULL ? x->reason : "policy";
        exchange_refuse(x, 403, by, "this request was stopped by a guardrail (%s); quote %s", by,
                        x->id);
        return false;
    }
    return true;
}

void pipeline_request(struct exchange *x)
{
    must(x->magic == EXCHANGE_MAGIC && x->state == EXCHANGE_REQUEST);
    unsigned char *state = state_of(x, x->stage);
    for (; x->stage < STAGES; state += state_size(x->stage++)) {
        const struct stage *stage = stages[x->stage];
        if (stage == NULL || stage->on_request == NULL) {
            continue;
        }
        if (stage->on_request(x, state) != FLOW_NEXT) {
            return;
        }
    }
    if (verdict_allows(x)) {
        upstream_begin(x);
    }
}

void pipeline_attempt(struct exchange *x, struct json_edit *edit)
{
    unsigned char *state = x->states;
    for (size_t i = 0; i < STAGES; state += state_size(i++)) {
        if (stages[i] != NULL && stages[i]->on_attempt != NULL) {
            stages[i]->on_attempt(x, state, edit);
        }
    }
}

/* The number of a holding judge: its place among them. */
static uint32_t judge_of(const struct exchange *x, size_t stage)
{
    uint32_t bit = UINT32_C(1) << stage;
    return (x->judgement.holding & bit) == 0
               ? JUDGE_WATCHES
               : (uint32_t)__builtin_popcount(x->judgement.holding & (bit - 1));
}

static bool watches(const struct exchange *x, size_t stage)
{
    return (x->judgement.watching >> stage & 1) != 0;
}

static bool answer_allowed(const struct exchange *x)
{
    return x->judgement.verdict < VERDICT_ESCALATE;
}

bool pipeline_delta(struct exchange *x, const struct delta *delta)
{
    for (size_t i = 0; i < STAGES && x->judgement.watching != 0; i++) {
        if (watches(x, i)) {
            stages[i]->on_delta(x, state_of(x, i), judge_of(x, i), delta_channel(delta), delta);
        }
    }
    return answer_allowed(x);
}

bool pipeline_close(struct exchange *x, uint32_t group)
{
    for (size_t i = 0; i < STAGES && x->judgement.watching != 0; i++) {
        if (watches(x, i) && stages[i]->on_close != NULL) {
            stages[i]->on_close(x, state_of(x, i), judge_of(x, i), group);
        }
    }
    return answer_allowed(x);
}

bool pipeline_answer(struct exchange *x, const struct json *json, struct json_edit *edit)
{
    for (size_t i = 0; i < STAGES && x->judgement.watching != 0; i++) {
        if (watches(x, i) && stages[i]->on_answer != NULL) {
            stages[i]->on_answer(x, state_of(x, i), json, edit);
        }
    }
    return answer_allowed(x);
}

void pipeline_response(struct exchange *x)
{
    must(x->state == EXCHANGE_SETTLE);
    unsigned char *state = state_of(x, x->stage);
    for (; x->stage < STAGES; state += state_size(x->stage++)) {
        const struct stage *stage = stages[x->stage];
        if (stage != NULL && stage->on_response != NULL &&
            stage->on_response(x, state) != FLOW_NEXT) {
            return;
        }
        if (!answer_allowed(x)) {
            upstream_block(x);
            return;
        }
    }
    upstream_release(x);
}

void pipeline_resume(struct exchange *x)
{
    if (x->state == EXCHANGE_SETTLE) {
        pipeline_response(x);
    } else if (x->state == EXCHANGE_REQUEST) {
        pipeline_request(x);
    }
}

void pipeline_failed(struct exchange *x)
{
    for (size_t i = 0; i < STAGES; i++) {
        if (stages[i] != NULL && stages[i]->on_failed != NULL) {
            stages[i]->on_failed(x, state_of(x, i));
        }
    }
}

void pipeline_gone(struct exchange *x)
{
    for (size_t i = 0; i < STAGES; i++) {
        if (stages[i] != NULL && stages[i]->on_gone != NULL) {
            stages[i]->on_gone(x, state_of(x, i));
        }
    }
}

void pipeline_end(struct exchange *x)
{
    unsigned char *state = x->states;
    for (size_t i = 0; i < STAGES; state += state_size(i++)) {
        if (stages[i] != NULL && stages[i]->on_end != NULL) {
            stages[i]->on_end(x, state);
        }
    }
}
