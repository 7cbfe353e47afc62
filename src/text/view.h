/* SPDX-License-Identifier: Apache-2.0
 * view.h - a text made from another one, with the way back to the bytes it came from.
 *
 * Detection reads folded or decoded text, redaction edits the original: a view carries an offset
 * map. At a step the view stands at `at` and the source at `from`; up to the next step both advance
 * byte by byte together, or what is between is one replacement. A view that changed nothing aliases
 * its source and has no steps. Views nest: the source of one may be the text of another. All memory
 * is the arena's.
 */
#ifndef AIRE_TEXT_VIEW_H
#define AIRE_TEXT_VIEW_H

#include "base/arena.h"
#include "base/buf.h"

struct view_step {
    uint32_t at;           /* byte of the view */
    uint32_t from : 31;    /* byte of the source */
    uint32_t replaced : 1; /* up to the next step, rather than copied */
};

struct view {
    struct str text;
    struct str source;
    const struct view_step *steps; /* rising in both; step 0 is {0, 0} when there are any */
    size_t count;
};

/* Writes a view piece by piece. */
struct view_writer {
    struct str source;
    struct arena *arena;
    struct buf text;
    struct view_step *steps;
    size_t count;
    size_t room;
    size_t taken; /* bytes of the source passed */
};

/* The source itself. */
struct view view_of(struct str source);

/* Sources of VIEW_MAX and more are a programmer's error. */
#define VIEW_MAX (UINT32_MAX / 8 - 64)
void view_begin(struct view_writer *writer, struct str source, struct arena *arena);
/* The next `bytes` of the source go over as they are. */
void view_copy(struct view_writer *writer, size_t bytes);
/* The next `bytes` of the source become `with` ("" drops them): at most 8 * bytes + 64, and over
 * all at most 8 times the source + 64. */
void view_replace(struct view_writer *writer, size_t bytes, struct str with);
struct view view_done(struct view_writer *writer);

/* The inside of a JSON string (valid escapes, as the tape guarantees), decoded; lone surrogates
 * become U+FFFD. */
struct view view_unescape(struct str raw, struct arena *arena);

/* The bytes of the source that [start, end) of the view came from, widened to whole replacements.
 */
void view_span(const struct view *view, size_t start, size_t end, size_t *from, size_t *to);

#endif
