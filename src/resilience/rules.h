/* SPDX-License-Identifier: Apache-2.0
 * rules.h - the tier that answers without a model: an ordered file of rules (standard R5).
 *
 *   version: 1
 *   rules: [{name, when: {message: PCRE2, tool: NAME, error: [class ...]}, answer: TEMPLATE,
 *            confidence: 0..1}]
 * The first rule whose conditions all hold answers; a rule without conditions always does. ${name}
 * in the answer is a capture of `message` (empty when it took no part); an unknown one is an error
 * at load. Patterns see the first RULES_MESSAGE_MAX bytes, and each is limited in steps, depth and
 * memory, since a user may write the message that is worst for it.
 */
#ifndef AIRE_RESILIENCE_RULES_H
#define AIRE_RESILIENCE_RULES_H

#include "config/settings.h"

struct rules;

#define RULES_MAX         1000
#define RULES_PATTERN_MAX 4096
#define RULES_MESSAGE_MAX 16384
#define RULES_ANSWER_MAX  65536
#define RULES_TOOLS_MAX   128 /* tools of a request that conditions see: its first ones */

/* Compiles a rules file's tree; `rules` lives in the arena (compiled patterns are freed with it).
 */
enum err rules_load(const struct settings_load *load, const struct yaml *root,
                    const struct rules **rules) MUST_USE;

struct rules_question {
    struct str message;      /* last user message, decoded */
    const struct str *tools; /* names of the tools that the request offers */
    size_t tool_count;
    struct str error; /* class word of the last failure above: open timeout exhausted ... */
};
struct rules_answer {
    struct str rule; /* name */
    struct str text; /* filled template, in the arena */
    double confidence;
};
/* NOT_FOUND: no rule holds. A pattern over its limits or an answer over RULES_ANSWER_MAX does not.
 */
enum err rules_answer(const struct rules *rules, const struct rules_question *question,
                      struct arena *arena, struct rules_answer *answer) MUST_USE;

#endif
