/* SPDX-License-Identifier: Apache-2.0
 * hits.c - a list, and where a text may be cut. */
#include "text/hits.h"

#include "base/must.h"

#include <stdlib.h>

void hits_add(struct hits *hits, struct hit hit)
{
    if (hits->count == hits->room) {
        size_t room = hits->room == 0 ? 32 : hits->room * 2;
        hits->items = must_have(realloc(hits->items, room * sizeof *hits->items));
        hits->room = room;
    }
    hits->items[hits->count++] = hit;
}

void hits_end(struct hits *hits)
{
    free(hits->items);
    *hits = (struct hits){0};
}

size_t text_whole(struct str text)
{
    for (size_t back = 1; back <= 3 && back <= text.len; back++) {
        uint8_t byte = (uint8_t)text.at[text.len - back];
        if (byte >= 0xC0) {
            size_t needs = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
            return needs > back ? text.len - back : text.len;
        }
        if (byte < 0x80) {
            break;
        }
    }
    return text.len;
}
