/* SPDX-License-Identifier: Apache-2.0
 * outcome.h - how far an exchange is, and how it ended.
 */
#ifndef AIRE_GATEWAY_OUTCOME_H
#define AIRE_GATEWAY_OUTCOME_H

#include "base/str.h"
#include "domain/verdict.h"
#include "resilience/failure.h"

#include <stdint.h>

enum exchange_state {
    EXCHANGE_REQUEST,  /* request stages run */
    EXCHANGE_UPSTREAM, /* targets are tried */
    EXCHANGE_STREAM,   /* bytes have left to the client */
    EXCHANGE_SETTLE,   /* the answer is complete; waiting for what must be durable first */
    EXCHANGE_ENDED
};

/* How it ended, for records and metrics. */
enum outcome {
    OUTCOME_NONE,
    OUTCOME_ANSWERED,
    OUTCOME_REFUSED,  /* by us, before any attempt: the client's fault or a limit */
    OUTCOME_FAILED,   /* no tier could answer */
    OUTCOME_BROKEN,   /* after the first byte */
    OUTCOME_CANCELLED /* the client went away */
};

const char *outcome_name(enum outcome outcome);

/* Why an attempt failed. */
struct failed {
    enum failure kind;
    unsigned status; /* what the provider said, 0 when it said nothing */
    struct str words;
    struct str body; /* of a client's own fault: the provider's answer */
    uint64_t retry_after_ms;
};

#define EXCHANGE_ID_BYTES 20 /* "ex" and 16 hex digits, NUL */

/* What judges make of one attempt's answer. */
struct judgement {
    enum verdict verdict;
    const char *reason; /* the guardrail that asked for it, a word */
    uint32_t watching;  /* stages that see the answer's texts, a bit each */
    uint32_t holding;   /* those of them that it waits for */
};

#endif
