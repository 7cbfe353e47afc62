/* SPDX-License-Identifier: Apache-2.0
 * regex.h - PCRE2 with limits: a user may write the text that is worst for a pattern.
 *
 * A pattern is made for one of two uses. SEARCH looks anywhere in a text and keeps groups; the
 * steps of the whole search are counted. AT tries one place of a text that may still be arriving
 * and says whether more text could change the answer. Texts need not be valid UTF-8: what is not
 * matches nothing. Patterns are immutable, any thread may ask; a scratch serves one question at a
 * time.
 */
#ifndef AIRE_TEXT_REGEX_H
#define AIRE_TEXT_REGEX_H

#include "base/arena.h"
#include "base/err.h"

#include <stdint.h>

#define REGEX_PATTERN_MAX 4096
#define REGEX_STEPS_MAX   200000 /* items tried in one search, all starting positions together */
#define REGEX_QUICK_STEPS 300    /* at one place, where that is asked for */
#define REGEX_FULL_STEPS  10000  /* at one place at most */

enum regex_use { REGEX_SEARCH, REGEX_AT };

enum regex_result {
    REGEX_NONE,
    REGEX_FOUND,
    REGEX_PARTIAL, /* only where asked for: the end of the text was reached */
    REGEX_OVER     /* over its limits: unknown */
};

struct regex;

/* SYNTAX with "pattern, at byte N: ..." or LIMIT; the place in a file is the caller's. It is freed
 * with the arena. */
enum err regex_new(struct str pattern, enum regex_use use, struct arena *arena,
                   const struct regex **regex, struct fault *fault) MUST_USE;

uint32_t regex_groups(const struct regex *regex);
/* Number of a named group; 0: none, or not the only one of its name. */
uint32_t regex_group(const struct regex *regex, struct str name);

/* What every match begins with and needs. */
struct regex_shape {
    uint8_t first[32]; /* a bit a byte that a match may begin with */
    bool text_start;   /* matches only where the text begins */
    bool empty;        /* may match without any byte */
};
void regex_shape(const struct regex *regex, struct regex_shape *shape);

struct regex_scratch;
struct regex_scratch *regex_scratch_new(uint32_t groups_max);
void regex_scratch_free(struct regex_scratch *scratch); /* NULL is fine */

enum regex_result regex_search(const struct regex *regex, struct regex_scratch *scratch,
                               struct str text);
/* A group of the last search that FOUND; empty when it took no part. 0 is the whole match. */
struct str regex_captured(const struct regex_scratch *scratch, uint32_t group, struct str text);

struct regex_place {
    struct str text; /* all that may be looked at */
    size_t at;
    bool cut_before; /* text was left out before it or behind it: ^ and $ do not hold there */
    bool cut_behind;
    bool goes_on; /* more may come behind it: PARTIAL */
    bool quick;   /* REGEX_QUICK_STEPS at most */
};
/* A match that begins at `at` and has at least one byte; *end is where it ends. */
enum regex_result regex_at(const struct regex *regex, struct regex_scratch *scratch,
                           const struct regex_place *place, size_t *end);

#endif
