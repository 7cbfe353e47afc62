/* SPDX-License-Identifier: Apache-2.0
 * workflow_ask.h - what a call below /run/RUN/TRY/workflow/ asks for: read, checked, and as digests
 * by which the journal knows its step again (docs/workflow.md).
 *
 * Identity. step, child: name and input, canonical. approval: question and details. sleep, wait,
 * join: the name, the signal, the run; how long is no part of it, as the due time stands from the
 * first call on. Members that an operation does not know are refused.
 */
#ifndef AIRE_GATEWAY_WORKFLOW_ASK_H
#define AIRE_GATEWAY_WORKFLOW_ASK_H

#include "crypto/seal.h"
#include "gateway/dialect.h"
#include "resilience/step.h"

#define WORKFLOW_PATH           "/workflow/"
#define WORKFLOW_BODY_BYTES_MAX ((size_t)1 << 20)
#define WORKFLOW_NAME_BYTES_MAX 64 /* printable ASCII */
#define WORKFLOW_TEXT_BYTES_MAX KIB(16)
#define WORKFLOW_HOLD_MS        20000
#define WORKFLOW_HOLD_MS_MAX    60000
#define WORKFLOW_MS_MAX         (UINT64_C(366) * 24 * 3600 * 1000) /* of sleeps and time limits */

enum workflow_kind {
    WORKFLOW_STEP,
    WORKFLOW_REPORT,
    WORKFLOW_SLEEP,
    WORKFLOW_WAIT,
    WORKFLOW_APPROVAL,
    WORKFLOW_CHILD,
    WORKFLOW_JOIN,
    WORKFLOW_END
};

/* Nodes refer to the request's tape; JSON_NONE: not given. */
struct workflow_ask {
    enum workflow_kind kind;
    uint32_t seq;    /* REPORT: the step; a waiting one: as a 202 named it; 0: none */
    struct str name; /* of step, sleep, signal, child; the run to join; what the approval asks */
    struct str queue;
    enum step_effect effect;
    uint32_t input; /* or an approval's details */
    uint32_t result;
    uint32_t error;
    uint64_t ms; /* of a sleep; how long to wait for something else, UINT64_MAX: for ever */
    uint64_t hold_ms;
    bool final; /* an error of a step, of a run: it is not made again */
};

extern const struct dialect dialect_workflow; /* any object; errors as those of tools */
extern const struct route workflow_route;     /* no targets, no guardrails */

/* `tail` is what stands behind WORKFLOW_PATH. NOT_FOUND: no such operation; INVALID, with words. */
enum err workflow_read(struct str tail, const struct json *json, struct arena *arena,
                       struct workflow_ask *ask, struct fault *fault) MUST_USE;
/* Is it one that waits for something? */
bool workflow_waits(enum workflow_kind kind);
/* Of steps and signals. */
bool workflow_name_is_valid(struct str name);
const char *workflow_name(enum workflow_kind kind);
/* Of all but REPORT and END. `step_key` is the agent's own name of the step, or "". */
void workflow_shape(const struct workflow_ask *ask, const struct json *json,
                    const struct seal_key *key, struct str step_key, struct step_call *call);

#endif
