/* SPDX-License-Identifier: Apache-2.0
 * trace.h - W3C Trace Context (Recommendation of 2021): traceparent accepted, continued, written.
 */
#ifndef AIRE_TELEMETRY_TRACE_H
#define AIRE_TELEMETRY_TRACE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct trace {
    uint8_t trace_id[16];
    uint8_t parent_id[8]; /* the caller's span; zero when we began the trace */
    uint8_t span_id[8];   /* ours */
    uint8_t flags;
    bool continued;
};

#define TRACE_PARENT_BYTES 56 /* "00-" 32 "-" 16 "-" 2, and a NUL */

/* Malformed or all-zero ids start a new trace, as the recommendation asks (section 4.3). `random`
 * is 24 fresh bytes. */
void trace_begin(struct trace *trace, struct str traceparent, const uint8_t random[24]);
const char *trace_parent_show(const struct trace *trace, char to[TRACE_PARENT_BYTES]);
void trace_id_show(const struct trace *trace, char to[33]);

#endif
