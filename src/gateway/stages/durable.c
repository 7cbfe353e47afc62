/* SPDX-License-Identifier: Apache-2.0
 * durable.c - routes with record: before_release: nothing of the answer's end leaves before its
 * record is durable; if it cannot be, the client gets an error in place of the end (standard S2).
 */
#include "gateway/stage.h"

#include "gateway/ledger.h"
#include "gateway/observe.h"
#include "gateway/pipeline.h"
#include "gateway/reply.h"

static void cannot_record(struct exchange *x)
{
    const char *words = "the record of this answer could not be made durable";
    x->reason = "store";
    if (!http_call_begun(x->call)) {
        reply_error(x, 503, NULL, "record_unavailable", str_of(words));
    } else if (!x->gone && x->dialect->write_stream_error != NULL) {
        struct buf text;
        buf_init(&text, 4096);
        const struct error_text error = {503, NULL, "record_unavailable", str_of(words),
                                         str_of(x->id)};
        if (x->dialect->write_stream_error(&text, &error, &x->answer) == ERR_OK) {
            exchange_leaves(x, buf_str(&text));
            http_call_write(x->call, buf_str(&text));
        }
        buf_end(&text);
        http_call_end(x->call);
    }
    exchange_finish(x, OUTCOME_FAILED);
}

static void recorded(struct exchange *x, enum err result)
{
    if (result != ERR_OK) {
        cannot_record(x);
        return;
    }
    pipeline_resume(x);
}

static enum flow on_response(struct exchange *x, void *state)
{
    (void)state;
    if (x->route->record != RECORD_BEFORE_RELEASE || x->recorded) {
        return FLOW_NEXT;
    }
    observe_emit(x);
    x->recorded = true;
    if (ledger_write(x, true, recorded) != ERR_OK) {
        cannot_record(x);
        return FLOW_REPLY;
    }
    return FLOW_WAIT;
}

const struct stage stage_durable = {.name = "durable", .on_response = on_response};
