/* SPDX-License-Identifier: Apache-2.0
 * attempt_plain.c - answers that come whole: of models, of tools, and what failures say. */
#include "gateway/attempt_plain.h"

#include "gateway/attempt_request.h"
#include "gateway/pipeline.h"
#include "gateway/texts.h"
#include "gateway/tool_answer.h"

static enum failure read_error(struct attempt *a, struct str *words)
{
    struct exchange *x = a->x;
    struct json json;
    struct error_fields fields = {0};
    struct str body = buf_str(&a->body);
    bool readable = json_parse(&json, body, NULL, x->gateway->scratch, NULL) == ERR_OK &&
                    json_is(&json, JSON_ROOT, JSON_OBJECT);
    if (readable) {
        dialect_error_fields(&json, x->arena, &fields);
    }
    arena_reset(x->gateway->scratch); /* the tape; strings are in the exchange's arena */
    enum failure failure = failure_of_status(a->status, fields.code, fields.type, fields.message);
    x->failed.retry_after_ms = retry_after_ms(a->retry_after_ms, a->retry_after,
                                              loop_wall(a->x->gateway->loop));
    *words = fields.message;
    /* The client's own fault is explained best by who found it. */
    bool passes = failure == FAILURE_client || failure == FAILURE_too_long ||
                  failure == FAILURE_refused || failure == FAILURE_conflict ||
                  (failure == FAILURE_credential && a->target->provider->auth == AUTH_CLIENT);
    passes = passes && readable &&
             (a->target->provider->auth == AUTH_CLIENT || !attempt_tells_credential(a, body));
    x->failed.body = passes ? arena_str(x->arena, body) : STR("");
    return failure;
}

/* A tool's answer is its own, whatever it says, unless the tool itself failed. */
bool attempt_is_answer(const struct attempt *a)
{
    return a->x->tool.tool != NULL ? a->status < 500 : a->status == 200;
}

static bool has_other_key(const struct attempt *a)
{
    const struct provider *provider = a->target->provider;
    return provider->auth == AUTH_STORED && a->x->keys_tried + 1 < provider->keys.count;
}

static enum err hear_tool(struct attempt *a)
{
    const struct tool_answer answer = {a->status, a->content_type, a->fields, a->field_count,
                                       buf_str(&a->body)};
    return a->x->heard != NULL ? tool_answer_write(&answer, a->x->heard) : ERR_OK;
}

static void finish_tool(struct attempt *a)
{
    struct exchange *x = a->x;
    if (!attempt_is_answer(a)) {
        x->failed.retry_after_ms = retry_after_ms(a->retry_after_ms, a->retry_after,
                                                  loop_wall(a->x->gateway->loop));
        attempt_fail(a, FAILURE_provider,
                     arena_printf(x->arena, "the tool answered %u", a->status));
    } else if (a->status == 401 && has_other_key(a)) {
        attempt_fail(a, FAILURE_credential, STR(""));
    } else if (attempt_answer_tells(a)) {
        exchange_raise(x, VERDICT_BLOCK, "credential");
        attempt_fail(a, FAILURE_blocked, STR("the answer holds the tool's credential"));
    } else if (hear_tool(a) != ERR_OK) {
        attempt_fail(a, FAILURE_too_large, STR("the answer is over the limit of a run's step"));
    } else {
        a->content = a->first = loop_now(a->x->gateway->loop);
        x->answer.terminal = true;
        attempt_succeed(a);
    }
}

/* Where judges may change the answer, its token probabilities, which spell it once more, go. */
bool attempt_judge_document(struct exchange *x, const struct json *json, struct json_edit *edit)
{
    if (x->judgement.holding != 0 &&
        texts_drop_logprobs(json, x->gateway->scratch, edit) != ERR_OK) {
        exchange_raise(x, VERDICT_BLOCK, "logprobs");
        return false;
    }
    return pipeline_answer(x, json, edit);
}

/* A plain answer's texts are judged, and the body becomes splice(body, edits). */
static bool judge_plain(struct attempt *a, const struct json *json)
{
    struct exchange *x = a->x;
    struct json_edit edit;
    json_edit_init(&edit, buf_str(&a->body), x->arena);
    if (!attempt_judge_document(x, json, &edit)) {
        return false;
    }
    if (edit.count > 0) {
        struct buf body;
        buf_init(&body, a->body.limit + STREAM_HELD_MAX);
        if (json_edit_apply(&edit, &body) != ERR_OK) {
            buf_end(&body);
            exchange_raise(x, VERDICT_BLOCK, "length");
            return false;
        }
        buf_end(&a->body);
        a->body = body;
    }
    return true;
}

void attempt_finish_plain(struct attempt *a)
{
    struct exchange *x = a->x;
    struct json json;
    struct json_problem problem;
    struct str words = STR("");
    if (x->tool.tool != NULL) {
        finish_tool(a);
        return;
    }
    if (a->status != 200) {
        enum failure failure = read_error(a, &words);
        attempt_fail(a, failure == FAILURE_none ? FAILURE_malformed : failure, words);
        return;
    }
    /* The tape may be many times the answer, and is not needed after it was read. */
    struct arena *tape = x->gateway->scratch;
    if (json_parse(&json, buf_str(&a->body), NULL, tape, &problem) != ERR_OK) {
        arena_reset(tape);
        attempt_fail(a, FAILURE_malformed,
                     a->body.len == 0
                         ? STR("an empty answer")
                         : arena_printf(x->arena, "the answer is not JSON: %s at byte %zu",
                                        problem.what, problem.offset));
        return;
    }
    enum failure failure = x->dialect->read_answer(&json, &x->answer, x->arena);
    if (x->heard != NULL && buf_add(x->heard, buf_str(&a->body)) != ERR_OK) {
        failure = FAILURE_too_large;
    }
    /* The body goes with the answer or with the attempt; the record comes later. */
    x->answer.finish = arena_str(x->arena, x->answer.finish);
    bool leaves = failure == FAILURE_none ||
                  (failure == FAILURE_refused && !x->route->refusals_fall_back);
    bool allowed = !leaves || judge_plain(a, &json);
    arena_reset(tape);
    if (!allowed) {
        attempt_fail(a, FAILURE_blocked, str_of(x->judgement.reason));
        return;
    }
    if (!leaves) {
        attempt_fail(a, failure,
                     failure == FAILURE_malformed ? STR("the answer is not of this dialect")
                                                  : STR(""));
        return;
    }
    a->content = a->first = loop_now(a->x->gateway->loop);
    attempt_succeed(a);
}
