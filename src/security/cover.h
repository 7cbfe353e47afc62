/* SPDX-License-Identifier: Apache-2.0
 * cover.h - hits of words and patterns become a finder's spans: each byte is covered by one kind.
 *
 * Hits that overlap are one span, named by the first; a stronger one takes over where it begins,
 * and so does an equally strong one of another kind that reaches further. A span that reaches
 * beyond the safe point is told in pieces (SPAN_OPEN). What a text costs is bounded: after
 * COVER_COSTLY_MAX expensive starting positions the rest of it is one span that is not judged.
 */
#ifndef AIRE_SECURITY_COVER_H
#define AIRE_SECURITY_COVER_H

#include "security/finder.h"
#include "text/hits.h"

#define COVER_COSTLY_MAX 128
#define COVER_SOURCES    2
#define COVER_UNJUDGED   0x8000 /* on a kind: whether it is one is not known */

struct cover_source {
    size_t (*find)(const void *self, struct block *block, struct hits *hits);
    const void *self;
};

struct cover {
    struct cover_source sources[COVER_SOURCES];
    size_t count;
    const uint8_t *strengths; /* by the hits' id, which is the kind; NULL: all are alike */
};

/* The finder's function, with a cover as its self. */
size_t cover_find(const void *self, const struct window *window, struct finder_state *state,
                  struct spans *found);

#endif
