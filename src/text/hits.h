/* SPDX-License-Identifier: Apache-2.0
 * hits.h - what automata find among the starting positions of one block of a text.
 *
 * A source is asked for all occurrences that begin in [from, to) of a block, in any order, and
 * returns the earliest position there at which an occurrence may still grow (`to` when none): what
 * begins before that is decided, whatever follows. An occurrence depends on at most HIT_BEHIND
 * bytes before its start and HIT_REACH from it on; longer candidates are decided as they stand. So
 * the same occurrences are found however a text is cut.
 */
#ifndef AIRE_TEXT_HITS_H
#define AIRE_TEXT_HITS_H

#include "base/str.h"

#include <stdint.h>

#define HIT_REACH  252 /* a character cut in half may be held besides */
#define HIT_BEHIND 128

enum hit_flags {
    HIT_COSTLY = 1,  /* no occurrence: deciding this start was expensive */
    HIT_UNJUDGED = 2 /* over its limits: nobody knows whether it is one */
};

struct hit {
    size_t start; /* bytes of the text */
    size_t end;
    uint32_t id; /* the source's own */
    uint32_t flags;
};

/* A growing list. Owns its items; zero it to begin. */
struct hits {
    struct hit *items;
    size_t count;
    size_t room;
};

void hits_add(struct hits *hits, struct hit hit);
void hits_end(struct hits *hits);

struct block {
    struct str text;
    size_t from;
    size_t to;  /* a source may lower it, and is then asked again from there */
    bool final; /* the text ends here */
};

/* Length of a text without a character whose last bytes have not arrived. */
size_t text_whole(struct str text);

#endif
