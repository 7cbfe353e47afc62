/* SPDX-License-Identifier: Apache-2.0
 * trace.c - the traceparent header of W3C Trace Context (Recommendation, 23 November 2021).
 *
 * Invariant: neither trace_id nor span_id is ever all zero (section 3.2.2.3 and 3.2.2.4).
 */
#include "telemetry/trace.h"

#include <string.h>

#define V00_BYTES 55
#define SAMPLED   1

/* Section 3.2.2.1: HEXDIGLC, lower case only. */
static int hex_lower(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *from, uint8_t *to, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        int high = hex_lower(from[2 * i]);
        int low = hex_lower(from[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        to[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static char *write_hex(char *to, const uint8_t *from, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes; i++) {
        *to++ = digits[from[i] >> 4];
        *to++ = digits[from[i] & 15];
    }
    return to;
}

static bool all_zero(const uint8_t *bytes, size_t count)
{
    uint8_t any = 0;
    for (size_t i = 0; i < count; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

/* version "-" trace-id "-" parent-id "-" trace-flags; a later version may have more behind another
 * "-", which is not ours to understand (section 3.2.4). */
static bool read_parent(struct str text, struct trace *trace)
{
    uint8_t version = 0;
    const char *at = text.at;
    if (text.len < V00_BYTES || at[2] != '-' || at[35] != '-' || at[52] != '-' ||
        !read_hex(at, &version, 1) || version == 0xFF) {
        return false;
    }
    bool length_fits = version == 0 ? text.len == V00_BYTES
                                    : text.len == V00_BYTES || at[V00_BYTES] == '-';
    return length_fits && read_hex(at + 3, trace->trace_id, 16) &&
           read_hex(at + 36, trace->parent_id, 8) && read_hex(at + 53, &trace->flags, 1) &&
           !all_zero(trace->trace_id, 16) && !all_zero(trace->parent_id, 8);
}

void trace_begin(struct trace *trace, struct str traceparent, const uint8_t random[24])
{
    *trace = (struct trace){.flags = 0};
    trace->continued = read_parent(traceparent, trace);
    if (trace->continued) {
        trace->flags &= SAMPLED; /* the other bits are not ours to pass on: section 3.2.2.5 */
    } else {
        *trace = (struct trace){.flags = SAMPLED};
        memcpy(trace->trace_id, random, 16);
        trace->trace_id[15] |= (uint8_t)all_zero(trace->trace_id, 16);
    }
    memcpy(trace->span_id, random + 16, 8);
    trace->span_id[7] |= (uint8_t)all_zero(trace->span_id, 8);
}

const char *trace_parent_show(const struct trace *trace, char to[TRACE_PARENT_BYTES])
{
    static const uint8_t version = 0;
    char *at = write_hex(to, &version, 1);
    *at++ = '-';
    at = write_hex(at, trace->trace_id, 16);
    *at++ = '-';
    at = write_hex(at, trace->span_id, 8);
    *at++ = '-';
    at = write_hex(at, &trace->flags, 1);
    *at = '\0';
    return to;
}

void trace_id_show(const struct trace *trace, char to[33])
{
    *write_hex(to, trace->trace_id, 16) = '\0';
}
