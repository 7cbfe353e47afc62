/* SPDX-License-Identifier: Apache-2.0
 * split.c - feeds a text to a finder in pieces and compares with the text in one piece.
 *
 * Positions of spans are those of the whole text. Parts of an open span are joined before they are
 * compared: how many windows it went through says nothing about the text. */
#include "support/split.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A text on its way through a finder. */
struct feed {
    const struct finder *finder;
    struct str text;
    size_t safe; /* decided so far */
    struct finder_state state;
    struct spans part; /* of one window, its positions */
    struct spans all;  /* joined, positions of the text */
};

static void join(struct feed *feed, struct span span)
{
    struct spans *all = &feed->all;
    uint16_t goes_on = span.flags & SPAN_GOES_ON;
    span.flags = span.flags & SPAN_OPEN;
    if (goes_on != 0) {
        if (all->count == 0 || (all->items[all->count - 1].flags & SPAN_OPEN) == 0) {
            fail_msg("a span at %zu goes on, but none was open", span.start);
            return;
        }
        struct span *last = &all->items[all->count - 1];
        assert_int_equal(last->kind, span.kind);
        assert_int_equal(last->end, span.start);
        last->end = span.end;
        last->flags = span.flags;
        return;
    }
    spans_add(all, span);
}

static void check_span(const struct feed *feed, struct span span, size_t from, size_t safe)
{
    if (span.start < from || span.end > safe || span.end <= span.start) {
        fail_msg("%s: span %zu-%zu outside of the decided %zu-%zu of \"%.*s\"", feed->finder->name,
                 span.start, span.end, from, safe, (int)feed->text.len, feed->text.at);
    }
    if (feed->all.count > 0 && span.start < feed->all.items[feed->all.count - 1].end) {
        fail_msg("%s: spans overlap at %zu", feed->finder->name, span.start);
    }
}

/* The text up to `until` is known now. */
static void feed_until(struct feed *feed, size_t until, bool final)
{
    size_t from = feed->safe;
    size_t begin = from > FINDER_BEHIND_MAX ? from - FINDER_BEHIND_MAX : 0;
    size_t len = until - begin;
    char *bytes = must_have(malloc(len == 0 ? 1 : len));
    if (len > 0) {
        memcpy(bytes, feed->text.at + begin, len);
    }
    const struct window window = {{bytes, len}, from - begin, final};
    spans_clear(&feed->part);
    size_t safe = begin +
                  feed->finder->find(feed->finder->self, &window, &feed->state, &feed->part);
    free(bytes);
    if (safe < from || safe > until || (final && safe != until) || until - safe > FINDER_HOLD_MAX) {
        fail_msg("%s: safe point %zu for the window %zu-%zu%s of \"%.*s\"", feed->finder->name,
                 safe, from, until, final ? " (final)" : "", (int)feed->text.len, feed->text.at);
    }
    for (size_t i = 0; i < feed->part.count; i++) {
        struct span span = feed->part.items[i];
        span.start += begin;
        span.end += begin;
        check_span(feed, span, from, safe);
        join(feed, span);
    }
    feed->safe = safe;
}

static void feed_begin(struct feed *feed, const struct finder *finder, struct str text)
{
    *feed = (struct feed){.finder = finder, .text = text};
}

static void feed_end(struct feed *feed)
{
    spans_end(&feed->part);
    spans_end(&feed->all);
}

static void must_agree(const struct feed *whole, const struct feed *split, size_t at,
                       const char *how)
{
    const struct spans *a = &whole->all;
    const struct spans *b = &split->all;
    for (size_t i = 0; i < a->count || i < b->count; i++) {
        struct span none = {0};
        struct span x = i < a->count ? a->items[i] : none;
        struct span y = i < b->count ? b->items[i] : none;
        bool equal = x.start == y.start && x.end == y.end && x.kind == y.kind &&
                     x.flags == y.flags && !(x.score < y.score) && !(x.score > y.score);
        if (!equal) {
            fail_msg("%s: %s %zu: span %zu is %zu-%zu kind %u score %.2f, whole %zu-%zu kind %u "
                     "score %.2f in \"%.*s\"",
                     whole->finder->name, how, at, i, y.start, y.end, y.kind, (double)y.score,
                     x.start, x.end, x.kind, (double)x.score, (int)whole->text.len, whole->text.at);
        }
    }
}

static void split_by(const struct feed *whole, size_t size)
{
    struct feed split;
    feed_begin(&split, whole->finder, whole->text);
    for (size_t at = size; at < whole->text.len; at += size) {
        feed_until(&split, at, false);
    }
    feed_until(&split, whole->text.len, true);
    must_agree(whole, &split, size, "pieces of");
    feed_end(&split);
}

void must_split_equally_by(const struct finder *finder, struct str text, size_t size)
{
    struct feed whole;
    feed_begin(&whole, finder, text);
    feed_until(&whole, text.len, true);
    split_by(&whole, size);
    feed_end(&whole);
}

void must_split_equally(const struct finder *finder, struct str text)
{
    static const size_t sizes[] = {1, 2, 3, 7, 64};
    struct feed whole;
    feed_begin(&whole, finder, text);
    feed_until(&whole, text.len, true);
    for (size_t at = 0; at <= text.len; at++) {
        struct feed split;
        feed_begin(&split, finder, text);
        feed_until(&split, at, false);
        feed_until(&split, text.len, true);
        must_agree(&whole, &split, at, "split at");
        feed_end(&split);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        split_by(&whole, sizes[i]);
    }
    feed_end(&whole);
}
