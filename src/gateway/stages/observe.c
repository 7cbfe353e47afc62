/* SPDX-License-Identifier: Apache-2.0
 * observe.c - what happened, as one record (standard S2 and all metrics).
 *
 * The content of bodies is recorded only where the route says so; the shape and the numbers always.
 */
#include "gateway/observe.h"

#include "base/utf8.h"
#include "gateway/ledger.h"
#include "gateway/stage.h"
#include "gateway/tool_call.h"

/* Of a tool's call the arguments stand in its path, too. */
static struct str captured_request(struct exchange *x)
{
    const struct http_head *head = http_call_head(x->call);
    struct str body = http_call_body(x->call);
    const struct str parts[] = {head->method, STR(" "), head->target, STR("\n\n"),
                                str_cut(body, 0, CAPTURE_BYTES_MAX)};
    return x->tool.tool != NULL ? arena_join(x->arena, parts, 5) : body;
}

static void emit_capture(struct exchange *x)
{
    enum route_capture capture = x->route != NULL ? x->route->capture : CAPTURE_NONE;
    struct wall now = loop_wall(x->gateway->loop);
    if (capture == CAPTURE_NONE) {
        return;
    }
    RECORD(&x->record, now, shape_captured, .messages = x->view.messages, .tools = x->view.tools,
           .message_bytes = http_call_body(x->call).len,
           .output_tokens_max = x->view.output_tokens_max, .finish = x->answer.finish,
           .tool_calls = x->answer.tool_calls);
    if (capture == CAPTURE_FULL) {
        RECORD(&x->record, now, content_captured,
               .request = utf8_head(captured_request(x), CAPTURE_BYTES_MAX),
               .response = buf_str(&x->captured));
    }
}

static void emit_tool(struct exchange *x)
{
    const struct tool_call *call = &x->tool;
    if (call->tool == NULL) {
        return;
    }
    RECORD(&x->record, loop_wall(x->gateway->loop), tool_called, .tool = call->tool->name,
           .action = call->action->name, .effect = str_of(step_effect_name(call->action->effect)),
           .method = http_call_head(x->call)->method, .keyed = call->key.len > 0,
           .in_doubt = tool_call_in_doubt(x) && x->outcome != OUTCOME_ANSWERED, .status = x->status,
           .outcome = str_of(outcome_name(x->outcome)));
}

void observe_emit(struct exchange *x)
{
    struct instant now = env_instant(loop_env(x->gateway->loop));
    uint64_t total = instant_since_us(now, x->began);
    uint64_t body = x->received.ns != 0 ? instant_since_us(x->received, x->began) : 0;
    uint64_t elsewhere = x->upstream_us + body; /* the provider's and the client's own time */
    char trace[33];
    trace_id_show(&x->trace, trace);
    const struct usage *usage = &x->answer.usage;
    bool by_model = x->attempt != NULL;
    RECORD(&x->record, loop_wall(x->gateway->loop), exchange_ended, .id = str_of(x->id),
           .tenant = x->principal.tenant, .principal = x->principal.name, .user = x->user,
           .agent = x->agent != NULL ? x->agent->name : STR(""), .session = x->session,
           .route = x->route != NULL ? x->route->name : STR(""),
           .endpoint = str_of(x->endpoint->name), .model = x->view.model_name,
           .target = by_model && x->target != NULL ? x->target->name : STR(""),
           .tier = x->tier_name, .outcome = str_of(outcome_name(x->outcome)),
           .reason = str_of(x->reason), .status = x->status, .attempts = x->attempts,
           .streamed = x->view.streams, .degraded = x->degraded, .total = total,
           .upstream = x->upstream_us, .added = total > elsewhere ? total - elsewhere : 0,
           .first_token = x->view.streams && x->first_content.ns != 0
                              ? instant_since_us(x->first_content, x->began)
                              : 0,
           .tokens_input = usage->input, .tokens_cached = usage->input_cached,
           .tokens_output = usage->output, .tokens_reasoning = usage->output_reasoning,
           .tokens_estimated = usage->estimated, .cost = x->cost_microusd,
           .request_bytes = http_call_body(x->call).len, .response_bytes = x->response_bytes,
           .generation = x->generation->number, .trace = str_of(trace));
    emit_tool(x);
    emit_capture(x);
}

static void on_end(struct exchange *x, void *state)
{
    (void)state;
    if (x->recorded || !x->gateway->commons->recording) {
        return;
    }
    observe_emit(x);
    x->recorded = true;
    if (ledger_write(x, false, NULL) != ERR_OK) {
        log_say(x->gateway->telemetry.log, LOG_WARN, "store", "the record of %s was lost", x->id);
    }
}

const struct stage stage_observe = {.name = "observe", .on_end = on_end};
