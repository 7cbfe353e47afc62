/* SPDX-License-Identifier: Apache-2.0
 * view.c - runs that were copied, and replacements between them.
 *
 * Invariant: every replacement lies between two steps, the first of which is marked as replaced, so
 * that the way back never compares bytes and costs a binary search, whatever was copied. The last
 * step is never marked.
 */
#include "text/view.h"

#include "base/must.h"
#include "json/json.h"

#include <string.h>

struct view view_of(struct str source)
{
    return (struct view){source, source, NULL, 0};
}

void view_begin(struct view_writer *writer, struct str source, struct arena *arena)
{
    must(source.len < VIEW_MAX);
    *writer = (struct view_writer){.source = source, .arena = arena};
    buf_init(&writer->text, 8 * source.len + 64);
}

/* A later step at the same place takes over: it knows what follows. */
static void add_step(struct view_writer *writer, bool replaced)
{
    const struct view_step step = {(uint32_t)writer->text.len,
                                   (uint32_t)writer->taken & UINT32_C(0x7FFFFFFF), replaced};
    struct view_step *last = writer->count > 0 ? &writer->steps[writer->count - 1] : NULL;
    if (last != NULL && last->at == step.at && last->from == step.from) {
        *last = step;
        return;
    }
    if (writer->count == writer->room) {
        size_t room = writer->room == 0 ? 16 : writer->room * 2;
        struct view_step *steps = arena_array_of(writer->arena, struct view_step, room);
        if (writer->steps != NULL) {
            memcpy(steps, writer->steps, writer->count * sizeof *steps);
        }
        writer->steps = steps;
        writer->room = room;
    }
    must(writer->steps != NULL);
    writer->steps[writer->count++] = step;
}

static void put(struct view_writer *writer, struct str bytes)
{
    enum err code = buf_add(&writer->text, bytes);
    must(code == ERR_OK); /* replacements are at most eight times what they replace */
}

void view_copy(struct view_writer *writer, size_t bytes)
{
    must(bytes <= writer->source.len - writer->taken);
    if (writer->count == 0) {
        add_step(writer, false);
    }
    put(writer, str_cut(writer->source, writer->taken, writer->taken + bytes));
    writer->taken += bytes;
}

void view_replace(struct view_writer *writer, size_t bytes, struct str with)
{
    must(bytes <= writer->source.len - writer->taken && with.len <= 8 * bytes + 64);
    add_step(writer, true);
    put(writer, with);
    writer->taken += bytes;
    add_step(writer, false);
}

struct view view_done(struct view_writer *writer)
{
    must(writer->taken == writer->source.len);
    bool same = writer->count <= 1 && writer->text.len == writer->source.len;
    struct view view = view_of(writer->source);
    if (!same) {
        view.text = arena_str(writer->arena, buf_str(&writer->text));
        view.steps = writer->steps;
        view.count = writer->count;
    }
    buf_end(&writer->text);
    return view;
}

/* ---- JSON strings ---- */

struct view view_unescape(struct str raw, struct arena *arena)
{
    struct view_writer writer;
    size_t at = str_find_byte(raw, '\\');
    if (at == SIZE_MAX) {
        return view_of(raw);
    }
    view_begin(&writer, raw, arena);
    while (at != SIZE_MAX) {
        view_copy(&writer, at);
        struct str rest = str_cut(raw, writer.taken, raw.len);
        char one[4];
        size_t len;
        size_t bytes = json_unescape_one(rest, one, &len);
        view_replace(&writer, bytes, (struct str){one, len});
        at = str_find_byte(str_cut(raw, writer.taken, raw.len), '\\');
    }
    view_copy(&writer, raw.len - writer.taken);
    return view_done(&writer);
}

/* ---- the way back ---- */

/* The last step at or before `at`. */
static size_t step_at(const struct view *view, size_t at)
{
    size_t low = 0;
    size_t high = view->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->steps[middle].at <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? low - 1 : 0;
}

void view_span(const struct view *view, size_t start, size_t end, size_t *from, size_t *to)
{
    must(start <= end && end <= view->text.len);
    if (view->count == 0) {
        *from = start;
        *to = end;
        return;
    }
    const struct view_step *first = &view->steps[step_at(view, start)];
    *from = first->from + (first->replaced ? 0 : start - first->at);
    *to = *from;
    if (end > start) {
        const struct view_step *last = &view->steps[step_at(view, end - 1)];
        *to = last->replaced ? (last + 1)->from : last->from + (end - last->at);
    }
}
