/* SPDX-License-Identifier: Apache-2.0
 * hook.h - an external judge asked by HTTP (standard S6, second-model validation): documented in
 * docs/webhooks.md.
 *
 * POST with {id, direction, guardrail, route, agent, texts: [{from, text}]}; the answer is 200 with
 * {verdict: allow | note | block, score?, rule?}. Anything else, or nothing in time, is no verdict.
 */
#ifndef AIRE_GATEWAY_HOOK_H
#define AIRE_GATEWAY_HOOK_H

#include "domain/provenance.h"
#include "gateway/exchange.h"
#include "security/guard_set.h"

#define HOOK_ANSWER_MAX KIB(64)
#define HOOK_RULE_MAX   128

struct hook_call;

struct hook_answer {
    const char *why; /* NULL: it answered; else a word: timeout, unreachable, status, malformed */
    enum verdict verdict;
    double score;
    struct str rule; /* in the exchange's arena */
};

/* `body` is taken over. `done` runs once, never inside this call, unless cancelled. */
struct hook_call *hook_ask(struct exchange *x, const struct guard_hook *hook, struct buf *body,
                           void (*done)(struct exchange *x, const struct hook_answer *answer));
void hook_cancel(struct hook_call *call);

/* The body: texts of users, tools and documents as they stand in `json` (raw, escaped); not those
 * of system, developer and assistant, nor keys and numbers. LIMIT: these are more than the hook is
 * to be shown, or more than TEXTS_MAX. */
enum err hook_body_input(const struct exchange *x, const struct guard_hook *hook,
                         enum guard_id guard, const struct json *json, struct buf *body) MUST_USE;
/* Whole texts that pass between an agent and a tool. */
struct hook_texts {
    const char *direction; /* "call" or "result" */
    enum provenance from;
    const struct str *texts; /* decoded; empty ones are left out */
    size_t count;
};
enum err hook_body_texts(const struct exchange *x, const struct guard_hook *hook,
                         enum guard_id guard, const struct hook_texts *shown,
                         struct buf *body) MUST_USE;
enum err hook_body_output(const struct exchange *x, const struct guard_hook *hook, struct str text,
                          struct buf *body) MUST_USE;

#endif
