/* SPDX-License-Identifier: Apache-2.0
 * patterns.h - many patterns at once: Hyperscan says which of them may occur in a stretch of text,
 * PCRE2 where exactly, and what may still grow.
 *
 * What is found is PCRE2's alone: a pattern that Hyperscan refuses, a text that is not UTF-8, a
 * short piece of a stream only cost more. A match is looked for at each place by itself, over the
 * HIT_REACH bytes behind it (see hits.h); a pattern that would go on is decided there as it stands.
 * Making takes long (Hyperscan compiles): not on a loop. Immutable afterwards, any thread may ask.
 */
#ifndef AIRE_TEXT_PATTERNS_H
#define AIRE_TEXT_PATTERNS_H

#include "text/hits.h"
#include "text/regex.h"

#define PATTERNS_MAX 4096

struct pattern {
    struct str text;
    uint32_t id; /* of its hits */
};

struct patterns;

/* SEARCH: for patterns_match, AT: for patterns_find, where a pattern that can match nothing at all
 * is INVALID. The fault's line is the wrong one's number, from 1. */
enum err patterns_new(const struct pattern *items, size_t count, enum regex_use use,
                      struct arena *arena, const struct patterns **made,
                      struct fault *fault) MUST_USE;

/* A source of hits (AT). Starts that cost more than REGEX_QUICK_STEPS are told as HIT_COSTLY,
 * unless Hyperscan rules the pattern out there. */
size_t patterns_find(const struct patterns *patterns, struct block *block, struct hits *hits);

/* Which occur in a whole text (SEARCH): `results` has one place a pattern, in their order. */
void patterns_match(const struct patterns *patterns, struct str text, enum regex_result *results);

/* How many of them Hyperscan helps with. */
size_t patterns_filtered(const struct patterns *patterns);

#endif
