/* SPDX-License-Identifier: Apache-2.0
 * guard_expr.h - conditions over a whole text, for forbidden topics and the like.
 *
 * A subset of the Common Expression Language (CEL): names, precedence and the meaning of && and ||
 * over what is unknown are CEL's; `words` and `near` are functions of ours on a string.
 *
 *   text.contains("x")  text.startsWith("x")  text.endsWith("x")  text == "x"   letter by letter
 *   text.matches("re")                    PCRE2, anywhere
 *   text.words(["bomb", "weapon*"])       one of these words or phrases (see text/words.h)
 *   text.near("ignore", "instructions", 5)   both, at most so many words between them, either first
 *   size(text) > 2000                     code points; == != < <= > >=
 *   && || ! ( ) true false, strings 'x', "x", r"x"
 *
 * A set of them is compiled at once and judged in one pass over the text. Immutable afterwards.
 */
#ifndef AIRE_SECURITY_GUARD_EXPR_H
#define AIRE_SECURITY_GUARD_EXPR_H

#include "base/arena.h"
#include "base/err.h"
#include "text/fold.h"

#define EXPR_BYTES_MAX 4096
#define EXPR_STEPS_MAX 256  /* operands and operators */
#define EXPR_DEPTH_MAX 64   /* of what is open at once */
#define EXPR_FACTS_MAX 4096 /* conditions on the text, in all of a set's expressions */
#define EXPR_WORDS_MAX 5000
#define EXPR_NEAR_MAX  100 /* words between */

enum expr_value { EXPR_NO, EXPR_YES, EXPR_UNKNOWN }; /* unknown: a pattern is over its limits */

struct exprs;
/* `fold` is borrowed. */
struct exprs *exprs_new(const struct fold *fold, struct arena *arena);
/* SYNTAX, INVALID or LIMIT with line and column within the expression. Its index is how many were
 * added before. */
enum err exprs_add(struct exprs *exprs, struct str text, struct fault *fault) MUST_USE;
/* Compiles what was added: takes long, not on a loop. *which is the expression whose word or
 * pattern is wrong, their count when it is none's alone. */
enum err exprs_done(struct exprs *exprs, size_t *which, struct fault *fault) MUST_USE;

size_t exprs_count(const struct exprs *exprs);
/* `values` has a place for each. Scratch is the arena's. */
void exprs_judge(const struct exprs *exprs, struct str text, struct arena *arena,
                 enum expr_value *values);

#endif
