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
    reply_instead(x, 503, "record_unavailable",
                  "the record of this answer could not be made durable");
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
