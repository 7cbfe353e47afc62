/* SPDX-License-Identifier: Apache-2.0
 * cover.c - a sweep over hits in order of their starts.
 *
 * Invariant: which span covers a byte depends on hits that begin at or before it alone, and those
 * are told only below the earliest start that may still grow. Between calls the state holds the
 * span that reaches beyond (`open`) and in `held` how far, and how many starts were costly. */
#include "security/cover.h"

#include "base/must.h"

#include <stdlib.h>

#define BLOCK_BYTES       2048
#define UNJUDGED_STRENGTH 255

/* state->held: how far the open span reaches, whether its first byte was told, costly starts. */
#define REST_MASK  0x7FFF
#define TO_THE_END 0x7FFF
#define NOT_BEGUN  0x8000

_Static_assert(HIT_REACH + 4 <= FINDER_HOLD_MAX && HIT_BEHIND <= FINDER_BEHIND_MAX,
               "what sources look at is what callers keep");

struct sweep {
    const struct cover *cover;
    const struct window *window;
    struct spans *found;
    struct span span; /* the one that covers the current byte, when `covers` */
    bool covers;
    uint32_t costly;
    struct hits hits;
};

static unsigned strength_of(const struct cover *cover, uint32_t kind)
{
    if ((kind & COVER_UNJUDGED) != 0) {
        return UNJUDGED_STRENGTH;
    }
    return cover->strengths == NULL ? 0 : cover->strengths[kind];
}

static struct span span_of(const struct hit *hit)
{
    uint32_t kind = hit->id | ((hit->flags & HIT_UNJUDGED) != 0 ? COVER_UNJUDGED : 0U);
    return (struct span){.start = hit->start,
                         .end = hit->end,
                         .kind = (uint16_t)kind,
                         .score = (hit->flags & HIT_UNJUDGED) != 0 ? 0.0F : 1.0F};
}

static int in_order(const void *a, const void *b)
{
    const struct hit *x = a;
    const struct hit *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    if (x->end != y->end) {
        return x->end > y->end ? -1 : 1;
    }
    return x->id != y->id ? (x->id < y->id ? -1 : 1) : 0;
}

static void tell(struct sweep *sweep, size_t end)
{
    struct span span = sweep->span;
    span.end = end;
    spans_add(sweep->found, span);
    sweep->covers = false;
}

static void begin(struct sweep *sweep, struct span span)
{
    sweep->span = span;
    sweep->covers = true;
}

/* The old span keeps the byte where the new hit begins, so that a span that was told to go on
 * always does, even if the new hit begins where the last window ended. */
static void take_over(struct sweep *sweep, struct span next)
{
    next.end = next.end > sweep->span.end ? next.end : sweep->span.end;
    bool together = next.start <= sweep->span.start && (sweep->span.flags & SPAN_GOES_ON) == 0;
    if (together) {
        next.start = sweep->span.start;
    } else {
        next.start++;
        if (next.start == next.end) {
            return;
        }
        tell(sweep, next.start);
    }
    begin(sweep, next);
}

static void add(struct sweep *sweep, struct span next)
{
    if (sweep->covers && next.start >= sweep->span.end) {
        tell(sweep, sweep->span.end);
    }
    if (!sweep->covers) {
        begin(sweep, next);
        return;
    }
    unsigned ours = strength_of(sweep->cover, sweep->span.kind);
    unsigned theirs = strength_of(sweep->cover, next.kind);
    bool reaches = next.kind != sweep->span.kind && next.end > sweep->span.end;
    if (theirs > ours || (theirs == ours && reaches)) {
        take_over(sweep, next);
    } else if (next.end > sweep->span.end) {
        sweep->span.end = next.end;
    }
}

/* Takes the hits that begin below `live`; returns where to go on: `live`, or the text's end when
 * it costs too much. */
static size_t take_hits(struct sweep *sweep, size_t live)
{
    struct hits *hits = &sweep->hits;
    if (hits->count > 1) {
        qsort(hits->items, hits->count, sizeof *hits->items, in_order);
    }
    for (size_t i = 0; i < hits->count && hits->items[i].start < live; i++) {
        struct hit *hit = &hits->items[i];
        if ((hit->flags & HIT_COSTLY) != 0) {
            if (++sweep->costly <= COVER_COSTLY_MAX) {
                continue;
            }
            hit->flags = HIT_UNJUDGED;
            hit->end = SIZE_MAX;
            add(sweep, span_of(hit));
            return sweep->window->text.len;
        }
        add(sweep, span_of(hit));
    }
    hits->count = 0;
    return live;
}

static void restore(struct sweep *sweep, const struct finder_state *state)
{
    sweep->costly = state->held >> 16;
    if (state->open == 0) {
        return;
    }
    size_t rest = state->held & REST_MASK;
    size_t from = sweep->window->from;
    uint32_t kind = state->open - 1;
    begin(sweep, (struct span){.start = from,
                               .end = rest == TO_THE_END ? SIZE_MAX : from + rest,
                               .kind = (uint16_t)kind,
                               .flags = (state->held & NOT_BEGUN) != 0 ? 0 : SPAN_GOES_ON,
                               .score = (kind & COVER_UNJUDGED) != 0 ? 0.0F : 1.0F});
}

/* Tells what covers up to the safe point, and remembers what goes on behind it. What is open to the
 * end of the text stays so, since the end may come without another byte. */
static void leave(struct sweep *sweep, size_t safe, struct finder_state *state)
{
    *state = (struct finder_state){.held = sweep->costly << 16};
    struct span *span = &sweep->span;
    if (!sweep->covers) {
        return;
    }
    if (span->end <= safe) {
        tell(sweep, span->end);
        return;
    }
    must(span->end == SIZE_MAX || !sweep->window->final);
    state->open = (uint32_t)span->kind + 1;
    state->held |= span->end == SIZE_MAX ? TO_THE_END : (uint32_t)(span->end - safe);
    if (span->start < safe) {
        span->flags |= SPAN_OPEN;
        tell(sweep, safe);
    } else if ((span->flags & SPAN_GOES_ON) == 0) {
        state->held |= NOT_BEGUN;
    }
}

size_t cover_find(const void *self, const struct window *window, struct finder_state *state,
                  struct spans *found)
{
    const struct cover *cover = self;
    struct sweep sweep = {.cover = cover, .window = window, .found = found};
    restore(&sweep, state);
    size_t at = window->from;
    bool moves = true;
    while (moves && at < window->text.len) {
        if (sweep.covers && sweep.span.end == SIZE_MAX) {
            at = window->text.len;
            break;
        }
        size_t rest = window->text.len - at;
        struct block block = {window->text, at, at + (rest < BLOCK_BYTES ? rest : BLOCK_BYTES),
                              window->final};
        size_t live = block.to;
        for (size_t i = 0; i < cover->count; i++) {
            size_t alive = cover->sources[i].find(cover->sources[i].self, &block, &sweep.hits);
            live = alive < live ? alive : live;
        }
        moves = live >= block.to;
        at = take_hits(&sweep, moves ? block.to : live);
    }
    hits_end(&sweep.hits);
    must(at >= window->from && at <= window->text.len);
    leave(&sweep, at, state);
    return at;
}
