/* SPDX-License-Identifier: Apache-2.0
 * guard_rules.h - guardrails of your own, from a file (docs/guard-rules.md; standard S3, S4).
 *
 *   version: 1
 *   rules: [{name, pattern: PCRE2 | words: [..] | expression: CEL, applies: input | output | both,
 *            action: note | redact | escalate | block, mode: off | observe | enforce, message}]
 *
 * Patterns and words find spans, in whole texts and in streams alike; expressions need the whole
 * text. A pattern or a text that is over its limits is `not evaluated`, which is not a pass.
 * Immutable after loading; any thread may ask.
 */
#ifndef AIRE_SECURITY_GUARD_RULES_H
#define AIRE_SECURITY_GUARD_RULES_H

#include "base/err.h"
#include "domain/verdict.h"
#include "security/finder.h"
#include "text/fold.h"

#define GUARD_RULES_MAX         1000
#define GUARD_RULES_WORDS_MAX   20000  /* of all rules */
#define GUARD_RULES_PATTERN_MAX 262144 /* bytes of all patterns */

enum guard_rule_side { RULE_INPUT, RULE_OUTPUT };

struct guard_rule {
    struct str name;
    struct str message; /* for the person who is refused; may be empty */
    enum verdict action;
    enum mode mode;
    bool sides[2];
    bool whole; /* an expression */
};

struct guard_rules;

/* Takes long where there are many patterns: not on a loop. `rules` and `fold` are borrowed from the
 * arena and the caller. The fault has the place in the file. */
enum err guard_rules_load(struct str text, const struct fold *fold, struct arena *arena,
                          const struct guard_rules **rules, struct fault *fault) MUST_USE;

size_t guard_rules_count(const struct guard_rules *rules);
const struct guard_rule *guard_rules_at(const struct guard_rules *rules, size_t index);

/* Finders of one side: first that of rules that are enforced and do more than note, then that of
 * all others, as far as there are such rules; so what is only watched never changes what is done.
 * A span's kind is the rule's index, with GUARD_RULE_UNJUDGED where its pattern was over its
 * limits. Where rules of one finder overlap, the stronger action names the span. */
#define GUARD_RULES_FINDERS 2
#define GUARD_RULE_UNJUDGED 0x8000
size_t guard_rules_finders(const struct guard_rules *rules, enum guard_rule_side side,
                           struct finder to[GUARD_RULES_FINDERS]);

/* Whether a side has expressions: then its texts must be held until they are whole. */
bool guard_rules_need_whole(const struct guard_rules *rules, enum guard_rule_side side);

/* The expressions of a side that hold for a whole text, or could not be judged. */
struct guard_rules_said {
    struct guard_rule_said {
        uint16_t rule;
        bool unjudged;
    } * items; /* in the arena */
    size_t count;
};
void guard_rules_judge(const struct guard_rules *rules, enum guard_rule_side side, struct str text,
                       struct arena *arena, struct guard_rules_said *said);

#endif
