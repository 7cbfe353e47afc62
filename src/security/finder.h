/* SPDX-License-Identifier: Apache-2.0
 * finder.h - what every detector of spans promises, for a text that is whole and for one that is
 * still arriving (standard S4, S7).
 *
 * A finder is called with a window: the newest part of a text, of which [0, from) was decided by
 * earlier calls and [from, len) was not. It returns the safe point: the earliest position at which
 * one of its automata is still alive, so that what follows could yet change the answer. Rules:
 *  - from <= safe <= len, and safe == len when the window is final.
 *  - Each span that begins in [from, safe) has been appended, in order, without overlap, and ends
 *    at or before `safe`; no span begins there that was not appended.
 *  - At most FINDER_HOLD_MAX bytes stay undecided: longer candidates are decided as they stand, in
 *    whole texts as well, so that no split of a text changes what is found in it.
 *  - It looks back at most FINDER_BEHIND_MAX bytes before `from`, and callers keep that much (or
 *    the whole text, while it is shorter).
 *  - A span without a natural bound (a private key) is open: it is appended up to `safe` with
 *    SPAN_OPEN, and the next call goes on with it (SPAN_GOES_ON) until its terminator or the end of
 *    the text. `state` carries that between calls and is zeroed before a text's first window.
 * Time is linear in the window. Finders are immutable after they were made: any thread may ask.
 */
#ifndef AIRE_SECURITY_FINDER_H
#define AIRE_SECURITY_FINDER_H

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define FINDER_HOLD_MAX   256
#define FINDER_BEHIND_MAX 128
#define SPANS_MAX         10000 /* in one text; beyond it `overflow` is a finding of its own */

enum span_flags { SPAN_OPEN = 1, SPAN_GOES_ON = 2 };

struct span {
    size_t start;  /* bytes of the window's text */
    size_t end;    /* exclusive */
    uint16_t kind; /* the finder's own: an index of its table */
    uint16_t flags;
    float score; /* 0 .. 1, how sure */
};

/* A growing list. Owns its items; zero it to begin. */
struct spans {
    struct span *items;
    size_t count;
    size_t room;
    bool overflow;
};

struct window {
    struct str text;
    size_t from;
    bool final;
};

struct finder_state {
    uint32_t open; /* kind + 1 of an open span, 0 none */
    uint32_t held; /* the finder's own use */
};

struct finder {
    const char *name; /* of the guardrail: "pii" */
    size_t (*find)(const void *self, const struct window *window, struct finder_state *state,
                   struct spans *found);
    const void *self;
};

void spans_add(struct spans *spans, struct span span);
void spans_clear(struct spans *spans);
void spans_end(struct spans *spans);

/* The whole text at once. */
void finder_find(const struct finder *finder, struct str text, struct spans *found);

#endif
