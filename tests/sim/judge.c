/* SPDX-License-Identifier: Apache-2.0
 * judge.c - sees an exchange from inside.
 *
 * What it lets go it has noted first, so that a client can never have received more than the
 * proof allows. Its timer runs only while something waits for it. */
#include "sim/judge.h"

#include "base/must.h"
#include "gateway/attempt.h"
#include "gateway/pipeline.h"
#include "sim/world.h"

struct judge {
    struct exchange *x;
    struct proof *proof;
    struct timer timer;
    bool decided; /* the request was looked at */
    bool edits;
    bool delayed; /* the answer was looked at */
};

static struct rng *rng_of(const struct judge *judge)
{
    return &world_of(judge->x)->rng;
}

static void wait_some(struct judge *judge, uint64_t ms_max)
{
    timer_arm(judge->x->gateway->loop, &judge->timer, 1 + rng_below(rng_of(judge), ms_max));
}

static bool all_clear(const struct proof *proof)
{
    for (size_t i = 0; i < proof->channel_count; i++) {
        if (proof->channels[i].cleared < proof->channels[i].seen) {
            return false;
        }
    }
    return true;
}

static void clear_some(struct judge *judge, struct channel *channel)
{
    uint64_t rest = channel->seen - channel->cleared;
    bool whole = rng_below(rng_of(judge), 3) == 0;
    channel->cleared += rest == 0 ? 0 : whole ? rest : 1 + rng_below(rng_of(judge), rest);
    stream_clear(&judge->x->stream, 0, channel->key, channel->cleared);
}

static void on_timer(struct timer *timer)
{
    struct judge *judge = LIST_OBJECT(timer, struct judge, timer);
    struct exchange *x = judge->x;
    for (size_t i = 0; i < judge->proof->channel_count && x->state != EXCHANGE_REQUEST; i++) {
        clear_some(judge, &judge->proof->channels[i]);
    }
    bool clear = all_clear(judge->proof);
    if (!clear) {
        wait_some(judge, 400);
    }
    if (x->state == EXCHANGE_UPSTREAM || x->state == EXCHANGE_STREAM) {
        if (x->attempt != NULL && x->attempt->streaming && !x->attempt->settled) {
            (void)attempt_send(x->attempt);
        }
    } else if (clear) {
        pipeline_resume(x);
    }
}

static struct judge *open_judge(struct exchange *x, void *state)
{
    struct judge *judge = state;
    if (judge->x == NULL) {
        judge->x = x;
        judge->proof = world_proof(world_of(x), x->number);
        timer_init(&judge->timer, on_timer);
    }
    return judge;
}

static enum flow watch_request(struct exchange *x, void *state)
{
    struct judge *judge = open_judge(x, state);
    judge->proof->durable = x->route->record == RECORD_BEFORE_RELEASE;
    return FLOW_NEXT;
}

static enum flow judge_request(struct exchange *x, void *state)
{
    struct judge *judge = state;
    if (judge->x != NULL) {
        return FLOW_NEXT; /* it waited */
    }
    (void)watch_request(x, state);
    judge->proof->judged = true;
    judge->edits = plan_chance(rng_of(judge), 300);
    if (plan_chance(rng_of(judge), 30)) {
        exchange_raise(x, VERDICT_BLOCK, "blocked");
    }
    if (plan_chance(rng_of(judge), 200)) {
        wait_some(judge, 500);
        return FLOW_WAIT;
    }
    return FLOW_NEXT;
}

static void judge_attempt(struct exchange *x, void *state, struct json_edit *edit)
{
    struct judge *judge = open_judge(x, state);
    judge->proof->channel_count = 0; /* nothing of an earlier attempt has left */
    timer_disarm(&judge->timer);
    if (judge->edits) {
        enum err code = json_edit_set(edit, &x->json, JSON_ROOT, STR("user"), STR("\"judge\""));
        must(code == ERR_OK);
    }
}

static void judge_delta(struct exchange *x, void *state, uint32_t judge_number, uint64_t key,
                        const struct delta *delta)
{
    struct judge *judge = state;
    struct channel *channel = proof_channel(judge->proof, key);
    must(judge_number == 0 && channel != NULL && x == judge->x);
    channel->seen += delta->text.len;
    if (plan_chance(rng_of(judge), 300)) {
        clear_some(judge, channel);
    }
    if (!timer_armed(&judge->timer) && !all_clear(judge->proof)) {
        wait_some(judge, 400);
    }
}

static enum flow judge_response(struct exchange *x, void *state)
{
    struct judge *judge = state;
    bool held = !all_clear(judge->proof);
    if (held || (!judge->delayed && plan_chance(rng_of(judge), 100))) {
        judge->delayed = true;
        wait_some(judge, 300);
        return FLOW_WAIT;
    }
    (void)x;
    return FLOW_NEXT;
}

/* Of an event that may occur once. */
static void read_ended(struct proof *proof)
{
    struct str rest = proof->events[CLASS_INTERACTION];
    struct event_view view;
    while (rest.len > 0 && event_next(&gateway_events, &rest, &view) == ERR_OK) {
        double status = 0;
        if (view.type == &event_type_exchange_ended &&
            event_get_str(&view, "trace", &proof->trace) &&
            event_get_str(&view, "outcome", &proof->outcome) &&
            event_get_number(&view, "status", &status)) {
            proof->status = (unsigned)status;
            proof->closed = true;
        }
    }
}

static void watch_end(struct exchange *x, void *state)
{
    struct judge *judge = open_judge(x, state);
    struct world *world = world_of(x);
    timer_disarm(&judge->timer);
    judge->proof->ends++;
    for (int class = 0; class < EVENT_CLASSES; class ++) {
        judge->proof->events[class] = arena_str(world->arena, buf_str(&x->record.classes[class]));
    }
    read_ended(judge->proof);
}

const struct stage judge_watching = {.name = "watching",
                                     .state_size = sizeof(struct judge),
                                     .on_request = watch_request,
                                     .on_end = watch_end};
const struct stage judge_judging = {.name = "judging",
                                    .state_size = sizeof(struct judge),
                                    .on_request = judge_request,
                                    .on_attempt = judge_attempt,
                                    .on_delta = judge_delta,
                                    .on_response = judge_response,
                                    .on_end = watch_end};
