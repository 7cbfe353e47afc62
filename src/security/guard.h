/* SPDX-License-Identifier: Apache-2.0
 * guard.h - the guardrails by name, and the report of what they said of one request or answer
 * (standard S3, S4, S6, S7).
 *
 * Each guardrail has a mode a side. What an enforced one asks for is in the report's verdict; what
 * an observed one would have asked for stands beside it and changes nothing. A guardrail that did
 * not run says so with the reason and, where it is enforced, asks to block: fail closed. Findings
 * name rule, span and score, never the words.
 */
#ifndef AIRE_SECURITY_GUARD_H
#define AIRE_SECURITY_GUARD_H

#include "base/arena.h"
#include "base/str.h"
#include "domain/verdict.h"

#include <stdbool.h>
#include <stdint.h>

enum guard_id {
#define GUARD(id, name, directions, help) GUARD_##id,
#include "security/guards.def"
#undef GUARD
    GUARDS
};
struct str guard_name(enum guard_id guard);
/* GUARDS when there is none of that name. */
enum guard_id guard_of_name(struct str name);
/* Does it look for what must not leave? What it finds in an answer and lets pass is a leak. */
bool guard_is_private(enum guard_id guard);

enum guard_state { GUARD_OFF, GUARD_PASSED, GUARD_FOUND, GUARD_NOT_EVALUATED };

struct guard_finding {
    enum guard_id guard;
    struct str rule; /* lives as long as the set, or in the report's arena */
    uint32_t text;   /* number of the text it is in */
    uint64_t start;  /* bytes of the decoded text */
    uint64_t end;
    double score;
    enum verdict verdict; /* what it asks for */
    bool observed;        /* what it would have asked for, were it enforced */
};

#define GUARD_FINDINGS_MAX 64 /* told in full; the rest is counted */

/* What the guardrails of one side said of one request or answer. Zero it and give it an arena. */
struct guard_report {
    struct arena *arena;
    enum guard_state states[GUARDS];
    const char *why[GUARDS]; /* not evaluated */
    double scores[GUARDS];   /* the highest */
    uint32_t counts[GUARDS];
    struct guard_finding *findings;
    size_t count;
    uint64_t total;
    enum verdict verdict; /* of enforced guardrails */
    enum guard_id by;     /* the one that asked for it first */
    enum verdict would;   /* of observed ones */
};

/* It ran and found nothing so far. */
void guard_ran(struct guard_report *report, enum guard_id guard, enum mode mode, double score);
void guard_found(struct guard_report *report, const struct guard_finding *finding, enum mode mode);
/* What it holds, copied into another arena. */
void guard_report_move(struct guard_report *report, struct arena *arena);
/* `why` is a word, static. Closed: that is as good as a finding that blocks. */
void guard_not_evaluated(struct guard_report *report, enum guard_id guard, enum mode mode,
                         bool closed, const char *why);
/* "sanitize=pass injection=found:0.93 webhook=not_evaluated:timeout", in the arena. */
struct str guard_summary(const struct guard_report *report, struct arena *arena);

#endif
