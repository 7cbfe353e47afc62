/* SPDX-License-Identifier: Apache-2.0
 * guard.c - what guardrails say, gathered. */
#include "security/guard.h"

#include "base/buf.h"
#include "base/must.h"

static const struct str names[GUARDS] = {
#define GUARD(id, name, directions, help) STR_CONST(name),
#include "security/guards.def"
#undef GUARD
};

struct str guard_name(enum guard_id guard)
{
    return names[guard];
}

enum guard_id guard_of_name(struct str name)
{
    int guard = 0;
    while (guard < GUARDS && !str_equal(names[guard], name)) {
        guard++;
    }
    return (enum guard_id)guard;
}

bool guard_is_private(enum guard_id guard)
{
    return guard == GUARD_PII || guard == GUARD_SECRETS || guard == GUARD_PROMPT_LEAK;
}

void guard_ran(struct guard_report *report, enum guard_id guard, enum mode mode, double score)
{
    if (mode != MODE_OFF && report->states[guard] == GUARD_OFF) {
        report->states[guard] = GUARD_PASSED;
    }
    report->scores[guard] = score > report->scores[guard] ? score : report->scores[guard];
}

static void ask(struct guard_report *report, enum guard_id guard, enum mode mode,
                enum verdict verdict)
{
    if (mode == MODE_ENFORCE && verdict > report->verdict) {
        report->verdict = verdict;
        report->by = guard;
    } else if (mode == MODE_OBSERVE && verdict > report->would) {
        report->would = verdict;
    }
}

void guard_found(struct guard_report *report, const struct guard_finding *finding, enum mode mode)
{
    enum guard_id guard = finding->guard;
    guard_ran(report, guard, mode, finding->score);
    if (report->states[guard] == GUARD_PASSED) {
        report->states[guard] = GUARD_FOUND;
    }
    report->counts[guard]++;
    report->total++;
    ask(report, guard, mode, finding->verdict);
    if (report->count == GUARD_FINDINGS_MAX) {
        return;
    }
    if (report->findings == NULL) {
        report->findings = arena_array_of(report->arena, struct guard_finding, GUARD_FINDINGS_MAX);
    }
    report->findings[report->count] = *finding;
    report->findings[report->count++].observed = mode == MODE_OBSERVE;
}

void guard_not_evaluated(struct guard_report *report, enum guard_id guard, enum mode mode,
                         bool closed, const char *why)
{
    must(mode != MODE_OFF);
    report->states[guard] = GUARD_NOT_EVALUATED;
    report->why[guard] = why;
    if (closed) {
        ask(report, guard, mode, VERDICT_BLOCK);
    }
}

struct str guard_summary(const struct guard_report *report, struct arena *arena)
{
    struct buf text;
    buf_init(&text, 4096);
    enum err code = ERR_OK;
    for (int i = 0; i < GUARDS && code == ERR_OK; i++) {
        const char *gap = text.len > 0 ? " " : "";
        if (report->states[i] == GUARD_PASSED) {
            code = buf_printf(&text, "%s" STR_FMT "=pass", gap, STR_ARG(names[i]));
        } else if (report->states[i] == GUARD_FOUND) {
            code = buf_printf(&text, "%s" STR_FMT "=found:%u", gap, STR_ARG(names[i]),
                              report->counts[i]);
        } else if (report->states[i] == GUARD_NOT_EVALUATED) {
            code = buf_printf(&text, "%s" STR_FMT "=not_evaluated:%s", gap, STR_ARG(names[i]),
                              report->why[i]);
        }
    }
    must(code == ERR_OK); /* a line of a few words a guardrail */
    struct str line = arena_str(arena, buf_str(&text));
    buf_end(&text);
    return line;
}

void guard_report_move(struct guard_report *report, struct arena *arena)
{
    const struct guard_finding *from = report->findings;
    report->arena = arena;
    report->findings = arena_array_of(arena, struct guard_finding, GUARD_FINDINGS_MAX);
    for (size_t i = 0; i < report->count; i++) {
        report->findings[i] = from[i];
        report->findings[i].rule = arena_str(arena, from[i].rule);
    }
}
