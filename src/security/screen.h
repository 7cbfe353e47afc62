/* SPDX-License-Identifier: Apache-2.0
 * screen.h - several finders over one text, whole or arriving: their spans become regions that do
 * not overlap, and a mark below which everything is decided.
 *
 * Overlapping spans are one region, so that no byte of any of them is left; it is named by the span
 * that begins first (of those the longest, then the earlier finder). A region that lies across the
 * mark is told in pieces: the first `begins`, the last `ends` where its end was known in time.
 * Whatever the cuts of the text, the same regions come (the finders' promise carries over), and
 * nothing is held that every finder has decided.
 */
#ifndef AIRE_SECURITY_SCREEN_H
#define AIRE_SECURITY_SCREEN_H

#include "base/buf.h"
#include "security/finder.h"

#define SCREEN_FINDERS_MAX 8
#define SCREEN_TEXT_MAX    ((size_t)64 << 20)

struct region {
    uint64_t start; /* bytes of the whole text */
    uint64_t end;
    uint16_t finder; /* index of the one that names it */
    uint16_t kind;
    uint32_t finders;                   /* a bit for each that has found something in it so far */
    uint16_t kinds[SCREEN_FINDERS_MAX]; /* the first of each */
    float score;
    bool begins;
    bool ends;
};

struct pending;

struct screen {
    const struct finder *finders;
    size_t count;
    struct finder_state states[SCREEN_FINDERS_MAX];
    uint64_t safe[SCREEN_FINDERS_MAX];
    struct buf kept; /* what is undecided and FINDER_BEHIND_MAX bytes before it */
    struct str text; /* `kept`, or a whole text where it stands */
    uint64_t base;   /* of `text` in the whole */
    uint64_t mark;
    bool final;
    struct spans found;      /* by one call of a finder */
    struct pending *pending; /* spans that are no region yet, in order */
    size_t pending_first;
    size_t pending_count;
    size_t pending_room;
    struct region open; /* a region that has begun and not ended */
    bool is_open;
    bool goes_on;  /* its last span is open, too */
    bool overflow; /* more was found than can be kept: the text is not fully judged */
};

/* `finders` are borrowed and must outlive it. */
void screen_init(struct screen *screen, const struct finder *finders, size_t count);
void screen_end(struct screen *screen);

/* The text goes on, or (`final`) ends with this piece; a text that comes in one piece is borrowed
 * until the regions were taken. After its end the next piece begins a new text, at the same count
 * of bytes. All regions must have been taken. LIMIT: a piece of more than SCREEN_TEXT_MAX. */
enum err screen_feed(struct screen *screen, struct str piece, bool final) MUST_USE;
/* The next piece of a region below the mark, in order; false: there is none left. */
bool screen_next(struct screen *screen, struct region *region);
/* The words of a region that was just told and both begins and ends. */
struct str screen_words(const struct screen *screen, const struct region *region);

#endif
