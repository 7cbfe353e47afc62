/* SPDX-License-Identifier: Apache-2.0
 * inspection.h - one text body that passes between an agent and a tool, judged by one side of a set
 * of guardrails (standard S3, S6, S7).
 *
 * JSON is judged text by text: strings, keys, long numbers. Any other body is one text where it is
 * one: valid UTF-8, or of a type that says so (bad bytes count as U+FFFD). Nothing is ever changed:
 * what a guardrail would redact is noted, what it would stop is stopped. A large body is judged on
 * a worker, with a copy of its own: the exchange may end before it.
 */
#ifndef AIRE_GATEWAY_INSPECTION_H
#define AIRE_GATEWAY_INSPECTION_H

#include "gateway/stage.h"
#include "security/guard_set.h"

struct inspected {
    const struct guard_side *side;
    enum provenance from;
    struct str type;  /* Content-Type */
    struct str body;  /* as it came */
    struct str place; /* path and query of a call, decoded; "" none */
};

struct inspection {
    struct guard_report report;
    uint64_t bytes;        /* of all texts */
    uint64_t took;         /* microseconds on the loop; 0: it was a worker's time */
    struct trying *trying; /* NULL: the report is complete */
};

/* NEXT when it is done; WAIT when a worker has it and the pipeline will be resumed. `inspection`
 * is zero and lives in the exchange. */
enum flow inspection_begin(struct exchange *x, const struct inspected *what,
                           struct inspection *inspection);
/* The exchange ends: leaves a worker's result to itself. */
void inspection_end(struct inspection *inspection);
/* The body as a text that may be shown to an external judge; "" when it is none. */
struct str inspection_text(const struct inspected *what, struct arena *arena);

#endif
