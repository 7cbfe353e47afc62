/* SPDX-License-Identifier: Apache-2.0
 * fold.h - what a code point is for detection: its kind, and the letter it stands for once case,
 * width, style and accents are taken away.
 *
 * One table for U+0000..U+1FFFF, made from Unicode's data (utf8proc): NFKC's first point, lower
 * case, Latin, Greek and Cyrillic letters without marks. Tags (U+E0020..7E) are the ASCII they
 * hide. Beyond the table everything is a mark. Letters of other scripts that look Latin carry
 * their look-alike: who reads words decides whether it counts (see tokens.h).
 */
#ifndef AIRE_TEXT_FOLD_H
#define AIRE_TEXT_FOLD_H

#include <stdint.h>

enum fold_kind {
    FOLD_NONE, /* nothing to see: zero-width, controls, combining marks */
    FOLD_SPACE,
    FOLD_LINE, /* ends a line */
    FOLD_MARK, /* punctuation and symbols */
    FOLD_DIGIT,
    FOLD_LETTER, /* part of a word */
    FOLD_SIGN    /* a word by itself: Han, kana, Thai and others without spaces */
};

enum fold_script { FOLD_OTHER, FOLD_LATIN, FOLD_CYRILLIC, FOLD_GREEK };

/* What fold_of() gives, packed: point 21 bits, kind 3, script 2, look-alike 5 (a = 1). */
#define FOLD_POINT(entry)  ((entry)&UINT32_C(0x1FFFFF))
#define FOLD_KIND(entry)   ((enum fold_kind)(((entry) >> 21) & 7))
#define FOLD_SCRIPT(entry) ((enum fold_script)(((entry) >> 24) & 3))
/* 0: looks like no Latin letter. */
#define FOLD_ALIKE(entry) (((entry) >> 26) != 0 ? ((entry) >> 26) + 'a' - 1 : 0)

#define FOLD_POINTS 0x20000

struct fold {
    uint32_t entries[FOLD_POINTS];
};

struct fold *fold_new(void);
void fold_free(struct fold *fold); /* NULL is fine */

uint32_t fold_beyond(uint32_t code); /* for those beyond the table */

static inline uint32_t fold_of(const struct fold *fold, uint32_t code)
{
    return code < FOLD_POINTS ? fold->entries[code] : fold_beyond(code);
}

#endif
