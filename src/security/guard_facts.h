/* SPDX-License-Identifier: Apache-2.0
 * guard_facts.h - the conditions on a text that expressions are made of, all found in one pass.
 */
#ifndef AIRE_SECURITY_GUARD_FACTS_H
#define AIRE_SECURITY_GUARD_FACTS_H

#include "security/guard_expr.h"

#include <stdint.h>

enum fact_kind {
    FACT_EQUALS,
    FACT_CONTAINS,
    FACT_STARTS,
    FACT_ENDS,
    FACT_MATCHES,
    FACT_WORDS,
    FACT_NEAR
};

struct facts;
struct facts *facts_new(const struct fold *fold, struct arena *arena);

/* Adds a condition; its number is how many there were. LIMIT with words, no place. */
enum err facts_add(struct facts *facts, enum fact_kind kind, const struct str *texts, size_t count,
                   uint32_t within) MUST_USE;
size_t facts_count(const struct facts *facts);
/* *which is the condition that is wrong. */
enum err facts_done(struct facts *facts, size_t *which, struct fault *fault) MUST_USE;
void facts_find(const struct facts *facts, struct str text, struct arena *arena,
                enum expr_value *values);

#endif
