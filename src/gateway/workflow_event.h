/* SPDX-License-Identifier: Apache-2.0
 * workflow_event.h - what a step of a run may wait for: a signal, a person's decision, the end of
 * another run. Each has a name in the waiting room, a query that tells whether it has happened, and
 * a value as JSON.
 */
#ifndef AIRE_GATEWAY_WORKFLOW_EVENT_H
#define AIRE_GATEWAY_WORKFLOW_EVENT_H

#include "gateway/run_ledger.h"
#include "gateway/workflow_ask.h"

struct workflow_event {
    struct str name;                   /* in the waiting room; "": a time, and nothing else */
    const struct statement *statement; /* NULL: likewise */
    struct value values[RUN_QUERY_VALUES];
    struct str review; /* that an approval asks for */
    /* once it has been looked at */
    int64_t signal;  /* the one that came, to be taken; 0: none */
    unsigned status; /* of its recorded answer (workflow_reply.h) */
};

/* What step `seq` of the run waits for; in the exchange's arena. */
void workflow_event(struct exchange *x, struct run *run, const struct workflow_ask *ask,
                    uint32_t seq, struct workflow_event *event);
/* What must be durable with the first call, at most WORKFLOW_EVENT_STEPS steps; the number. Between
 * keyring_begin and keyring_commit. */
#define WORKFLOW_EVENT_STEPS 2
size_t workflow_event_steps(struct exchange *x, const struct workflow_ask *ask,
                            const struct workflow_event *event, struct store_step *steps);
/* By the first row of its query: OK, the value is appended; AGAIN: not yet. NOT_FOUND: there is no
 * such run; DENIED: its key is gone; CORRUPT. */
enum err workflow_event_read(struct exchange *x, struct run *run, struct workflow_event *event,
                             const struct store_query *rows, struct buf *json) MUST_USE;

#endif
