/* SPDX-License-Identifier: Apache-2.0
 * workflow_reply.h - what a workflow call is told, and what of it is recorded.
 *
 * A recorded answer is an HTTP answer as tools give them (tool_answer.h), so that a person can
 * decide either in the same way: 200 with the result, 408 for a time limit that passed, else with
 * the error.
 */
#ifndef AIRE_GATEWAY_WORKFLOW_REPLY_H
#define AIRE_GATEWAY_WORKFLOW_REPLY_H

#include "gateway/exchange.h"

#define WORKFLOW_DONE   200
#define WORKFLOW_FAILED 500
#define WORKFLOW_LATE   408 /* the time limit of a wait */

struct workflow_told {
    uint32_t step;     /* 0: none */
    const char *state; /* done, failed, timeout, make, waiting */
    struct str run;    /* the members below: "" or 0 are left out */
    struct str key;
    struct str result; /* JSON */
    struct str error;  /* JSON */
    int64_t due_us;
};
/* Answers and ends the exchange. */
void workflow_tell(struct exchange *x, unsigned status, const struct workflow_told *told);

/* Appends the answer as it is recorded; `json` is a value's text. */
void workflow_record(unsigned status, struct str json, struct buf *to);
/* What a recorded answer tells, in the arena; CORRUPT. */
enum err workflow_recorded(struct str recorded, struct arena *arena,
                           struct workflow_told *told) MUST_USE;
const char *workflow_state(unsigned status);

#endif
