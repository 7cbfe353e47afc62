/* SPDX-License-Identifier: Apache-2.0
 * profanity.h - swear words and slurs by language, as a finder (standard S3, S4).
 *
 * The lists in profanity.def are short on purpose: words that are coarse in every use, so that
 * nothing decent is masked (names of places and body parts, medical and religious words are left
 * out). 4 3 1 0 5 7 @ $ inside of a word stand for letters.
 */
#ifndef AIRE_SECURITY_PROFANITY_H
#define AIRE_SECURITY_PROFANITY_H

#include "base/err.h"
#include "security/finder.h"
#include "text/fold.h"

enum profanity_language {
#define LANGUAGE(id, code) PROFANITY_##id,
#define WHOLE(text)
#define STEM(text)
#include "security/profanity.def"
#undef LANGUAGE
#undef WHOLE
#undef STEM
    PROFANITY_LANGUAGES
};
#define PROFANITY_ALL ((1U << PROFANITY_LANGUAGES) - 1)

/* "de": its bit, or 0 when there is no list. */
uint32_t profanity_language_bit(struct str code);
/* "en"; also the name of a span's kind. */
const char *profanity_language_name(uint16_t language);

struct profanity;
/* A set of languages as bits. `fold` is borrowed; takes milliseconds. */
const struct profanity *profanity_new(uint32_t languages, const struct fold *fold,
                                      struct arena *arena);
/* Spans' kinds are languages; a word of several is the first's. */
struct finder profanity_finder(const struct profanity *profanity);

#endif
