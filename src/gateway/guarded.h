/* SPDX-License-Identifier: Apache-2.0
 * guarded.h - what the guardrails know of an exchange: set, vault, the request's edits, reports.
 *
 * Lives in the exchange's arena from the guard stage on; its session is released at the exchange's
 * end. A large request is judged on a worker, with a copy of
 * its own: the exchange may end before it.
 */
#ifndef AIRE_GATEWAY_GUARDED_H
#define AIRE_GATEWAY_GUARDED_H

#include "gateway/hook.h"
#include "gateway/stage.h"
#include "gateway/texts.h"
#include "security/guard_input.h"
#include "security/guard_output.h"
#include "security/session.h"
#include "text/view.h"
#include "json/json_edit.h"

/* Up to here a request's texts are judged on the loop: a fifth of a millisecond a side. */
#define GUARDED_INLINE_BYTES KIB(64)

struct asking;
struct screening;
struct trial; /* guarded.c: one request under judgement */

struct guarded {
    const struct guard_set *set;
    struct session *session; /* NULL: it could not be opened */
    struct guard_report input;
    const struct splice *splices; /* of the request's body */
    size_t splice_count;
    uint64_t text_bytes;
    uint64_t judged_us;
    bool judged;
    struct trial *trial;
    struct asking *asking;       /* the guard stage's own */
    struct screening *screening; /* the screen stage's */
    char canary[LEAK_CANARY];    /* "": none */
    struct leak *leak;           /* the system prompt's fingerprints; NULL: nothing to leak */
    struct guard_output output;
};

/* Judges the request of x: NEXT when it is done, WAIT when a worker has it and the pipeline will be
 * resumed; g->judged tells which. */
enum flow guarded_judge(struct exchange *x, struct guarded *g);
/* The request as the model would get it, in the gateway's scratch. */
enum err guarded_edited(struct exchange *x, struct json *json) MUST_USE;
/* What an external judge said goes into the report; no verdict is an error of the hook. */
void guarded_hook_said(struct guard_report *report, const struct guard_side *side,
                       enum guard_id guard, const struct hook_answer *answer);
/* The report as events, and what of it calls for a person as an alarm. `took`: microseconds. */
void guarded_tell(struct exchange *x, struct str direction, const struct guard_report *report,
                  uint64_t bytes, uint64_t took);
/* The exchange ends: the session is released, a worker's result is left to itself. */
void guarded_end(struct guarded *g);

#endif
