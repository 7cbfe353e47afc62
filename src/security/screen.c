/* SPDX-License-Identifier: Apache-2.0
 * screen.c - windows for the finders, and spans joined to regions.
 *
 * Invariants: `pending` is in order of start, what goes on first, then longest first, then by
 * finder; every span in it
 * that begins below the mark is known, since no finder's safe point lies below it. */
#include "security/screen.h"

#include "base/must.h"
#include "base/num.h"

#include <stdlib.h>
#include <string.h>

struct pending {
    uint64_t start;
    uint64_t end;
    uint16_t finder;
    uint16_t kind;
    uint16_t flags;
    float score;
};

void screen_init(struct screen *screen, const struct finder *finders, size_t count)
{
    must(count <= SCREEN_FINDERS_MAX);
    *screen = (struct screen){.finders = finders, .count = count};
    buf_init(&screen->kept, SCREEN_TEXT_MAX);
}

void screen_end(struct screen *screen)
{
    buf_end(&screen->kept);
    spans_end(&screen->found);
    free(screen->pending);
    *screen = (struct screen){0};
}

static bool comes_before(const struct pending *a, const struct pending *b)
{
    if (a->start != b->start) {
        return a->start < b->start;
    }
    if (((a->flags ^ b->flags) & SPAN_GOES_ON) != 0) {
        return (a->flags & SPAN_GOES_ON) != 0;
    }
    return a->end != b->end ? a->end > b->end : a->finder < b->finder;
}

static void add_pending(struct screen *screen, const struct pending *span)
{
    if (screen->pending_count == screen->pending_room) {
        size_t room = screen->pending_room == 0 ? 8 : screen->pending_room * 2;
        screen->pending = must_have(realloc(screen->pending, room * sizeof *screen->pending));
        screen->pending_room = room;
    }
    size_t at = screen->pending_count++;
    size_t first = screen->pending_first;
    for (; at > first && comes_before(span, &screen->pending[at - 1]); at--) {
        screen->pending[at] = screen->pending[at - 1];
    }
    screen->pending[at] = *span;
}

static void ask(struct screen *screen, size_t i)
{
    const struct finder *finder = &screen->finders[i];
    const struct window window = {screen->text, (size_t)(screen->safe[i] - screen->base),
                                  screen->final};
    spans_clear(&screen->found);
    size_t safe = finder->find(finder->self, &window, &screen->states[i], &screen->found);
    must(safe >= window.from && safe <= screen->text.len);
    must(!screen->final || safe == screen->text.len);
    for (size_t n = 0; n < screen->found.count; n++) {
        const struct span *span = &screen->found.items[n];
        must(span->start >= window.from && span->end <= safe);
        const struct pending pending = {.start = screen->base + span->start,
                                        .end = screen->base + span->end,
                                        .finder = (uint16_t)i,
                                        .kind = span->kind,
                                        .flags = span->flags,
                                        .score = span->score};
        add_pending(screen, &pending);
    }
    screen->overflow = screen->overflow || screen->found.overflow;
    screen->safe[i] = screen->base + safe;
}

/* Keeps what finders may look at again. */
static enum err take_piece(struct screen *screen, struct str piece, bool final)
{
    uint64_t end = screen->base + screen->text.len;
    if (screen->final || end == screen->base) { /* a new text */
        must(screen->mark == end);
        memset(screen->states, 0, sizeof screen->states);
        buf_clear(&screen->kept);
        screen->base = end;
        screen->is_open = false;
        screen->goes_on = false;
        if (final) {
            screen->text = piece;
            return ERR_OK;
        }
    } else {
        uint64_t decided = screen->mark - screen->base;
        size_t drop = decided > FINDER_BEHIND_MAX ? (size_t)(decided - FINDER_BEHIND_MAX) : 0;
        /* Moving the rest is paid by what is dropped. */
        if (drop > screen->kept.len / 2) {
            buf_drop_front(&screen->kept, drop);
            screen->base += drop;
        }
    }
    enum err code = buf_add(&screen->kept, piece);
    screen->text = buf_str(&screen->kept);
    return code;
}

enum err screen_feed(struct screen *screen, struct str piece, bool final)
{
    if (piece.len > SCREEN_TEXT_MAX / 2) {
        return ERR_LIMIT;
    }
    enum err code = take_piece(screen, piece, final);
    if (code != ERR_OK) {
        return code;
    }
    screen->final = final;
    uint64_t mark = screen->base + screen->text.len;
    for (size_t i = 0; i < screen->count; i++) {
        ask(screen, i);
        mark = num_min(mark, screen->safe[i]);
    }
    screen->mark = mark;
    return ERR_OK;
}

/* The first that is no region yet and begins below the mark; NULL: there is none. */
static const struct pending *peek_pending(const struct screen *screen)
{
    if (screen->pending_first == screen->pending_count) {
        return NULL;
    }
    const struct pending *first = &screen->pending[screen->pending_first];
    return first->start < screen->mark ? first : NULL;
}

static void pop_pending(struct screen *screen)
{
    if (++screen->pending_first == screen->pending_count) {
        screen->pending_first = screen->pending_count = 0;
    }
}

static bool begin_region(struct screen *screen)
{
    const struct pending *first = peek_pending(screen);
    if (first == NULL) {
        return false;
    }
    screen->open = (struct region){.start = first->start,
                                   .end = first->end,
                                   .finder = first->finder,
                                   .kind = first->kind,
                                   .finders = UINT32_C(1) << first->finder,
                                   .score = first->score,
                                   .begins = true};
    screen->open.kinds[first->finder] = first->kind;
    screen->is_open = true;
    screen->goes_on = (first->flags & SPAN_OPEN) != 0;
    pop_pending(screen);
    return true;
}

/* Everything that overlaps it belongs to it, and so does the rest of an open span. */
static void grow_region(struct screen *screen)
{
    struct region *open = &screen->open;
    for (const struct pending *next; (next = peek_pending(screen)) != NULL;) {
        bool joins = next->start < open->end ||
                     ((next->flags & SPAN_GOES_ON) != 0 && next->start == open->end);
        if (!joins) {
            return;
        }
        if (next->end >= open->end) {
            open->end = next->end;
            screen->goes_on = (next->flags & SPAN_OPEN) != 0;
        }
        if ((open->finders >> next->finder & 1) == 0) {
            open->finders |= UINT32_C(1) << next->finder;
            open->kinds[next->finder] = next->kind;
        }
        open->score = next->score > open->score ? next->score : open->score;
        pop_pending(screen);
    }
}

/* The open region, if it ends at or below the mark. */
static bool end_region(struct screen *screen, struct region *region)
{
    if (screen->open.end > screen->mark || (screen->goes_on && !screen->final)) {
        return false;
    }
    *region = screen->open;
    region->ends = true;
    screen->is_open = false;
    return true;
}

bool screen_next(struct screen *screen, struct region *region)
{
    struct region *open = &screen->open;
    while (screen->is_open || begin_region(screen)) {
        grow_region(screen);
        if (end_region(screen, region)) {
            if (region->end > region->start) {
                return true;
            }
            continue; /* all of it was told before it was known to end */
        }
        if (open->start == screen->mark) {
            return false;
        }
        *region = *open;
        region->end = screen->mark;
        open->start = screen->mark;
        open->end = num_max(open->end, screen->mark);
        open->begins = false;
        return true;
    }
    return false;
}

struct str screen_words(const struct screen *screen, const struct region *region)
{
    must(region->start >= screen->base);
    return str_cut(screen->text, (size_t)(region->start - screen->base),
                   (size_t)(region->end - screen->base));
}
