/* SPDX-License-Identifier: Apache-2.0
 * finder.c - lists of spans, and the whole text as one window. */
#include "security/finder.h"

#include "base/must.h"

#include <stdlib.h>

void spans_add(struct spans *spans, struct span span)
{
    must(span.start <= span.end);
    if (spans->count == SPANS_MAX) {
        spans->overflow = true;
        return;
    }
    if (spans->count == spans->room) {
        size_t room = spans->room == 0 ? 16 : spans->room * 2;
        struct span *items = realloc(spans->items, room * sizeof *items);
        if (items == NULL) {
            must_have_memory();
        }
        spans->items = items;
        spans->room = room;
    }
    spans->items[spans->count++] = span;
}

void spans_clear(struct spans *spans)
{
    spans->count = 0;
    spans->overflow = false;
}

void spans_end(struct spans *spans)
{
    free(spans->items);
    *spans = (struct spans){0};
}

void finder_find(const struct finder *finder, struct str text, struct spans *found)
{
    struct finder_state state = {0};
    const struct window window = {text, 0, true};
    size_t safe = finder->find(finder->self, &window, &state, found);
    must(safe == text.len);
}
