/* SPDX-License-Identifier: Apache-2.0
 * leak.h - does an answer repeat the system prompt? (standard S4)
 *
 * The prompts' runs of 8 words, case, spaces and punctuation aside, are fingerprinted and winnowed
 * (Schleimer, Wilkerson and Aiken 2003); the score is the share of one prompt's fingerprints that
 * the answer has shown. A prompt of 3 to 7 words counts when all of it appears in a row, a shorter
 * one not at all. A canary is a word that nobody could know but from the prompt: once it appears,
 * plain, spaced out, reversed, in rot13, hex or base64, the score is 1.
 *
 * A leak belongs to one exchange and is no thread's but its own. Each channel of the answer has a
 * walk; what any of them shows counts for all. What may still become a longer run of the prompt's
 * words, or a canary, is held: at most LEAK_HOLD_MAX bytes.
 */
#ifndef AIRE_SECURITY_LEAK_H
#define AIRE_SECURITY_LEAK_H

#include "base/arena.h"

#include <stdint.h>

#define LEAK_WORDS     8
#define LEAK_WORDS_MAX 65536 /* of all prompts together; what follows is not fingerprinted */
#define LEAK_PROMPTS   16    /* further ones count with the last */
#define LEAK_HOLD_MAX  256
#define LEAK_CANARY    25 /* bytes with the NUL */

/* 120 bits of HMAC-SHA-256 (RFC 2104) as 24 letters and digits; `key` is the session's secret, at
 * most 64 bytes. */
void leak_canary(struct str key, char to[LEAK_CANARY]);

struct leak_asked {
    const struct str *prompts;
    size_t prompt_count;
    const struct str *allowed; /* public phrases of 8 words and more: their runs do not count */
    size_t allowed_count;
    struct str canary; /* empty: none */
};

struct leak;
struct leak *leak_new(const struct leak_asked *asked, struct arena *arena);
/* Nothing has been shown: the answer is begun anew. */
void leak_restart(struct leak *leak);
/* What all walks have shown so far, 0 to 1. */
double leak_score(const struct leak *leak);

/* Zero it to begin a text. */
struct leak_walk {
    uint64_t fed;  /* bytes */
    uint64_t word; /* hash of the unfinished one, with its start */
    uint64_t word_start;
    bool in_word;
    uint8_t skip;              /* bytes left of a mark that separates */
    uint64_t last[LEAK_WORDS]; /* hashes of the last words */
    uint64_t count;
    uint64_t run; /* of LEAK_WORDS words */
    uint64_t run_start;
    bool runs;        /* the last words stand in a prompt like this, or may */
    uint64_t letters; /* the last ten, six bits each */
    uint64_t letter_count;
    uint64_t places[16]; /* of the last letters */
};

/* Goes on with the next bytes; `final`: nothing follows. Returns leak_score(). */
double leak_feed(struct leak *leak, struct leak_walk *walk, struct str text, bool final);
/* How many of the bytes fed may be shown. */
uint64_t leak_safe(const struct leak *leak, const struct leak_walk *walk);

#endif
