/* SPDX-License-Identifier: Apache-2.0
 * split.h - what a finder says of a text must not depend on how the text arrived (see
 * security/finder.h for the rules checked here).
 */
#ifndef AIRE_TESTS_SUPPORT_SPLIT_H
#define AIRE_TESTS_SUPPORT_SPLIT_H

#include "security/finder.h"

/* Fails the running cmocka test unless every prefix and suffix pair, every piece of 1, 2, 3, 7 and
 * 64 bytes and the whole text give the same spans, no span begins before a safe point that was
 * returned earlier, and every safe point keeps its bounds. Windows keep only FINDER_BEHIND_MAX
 * bytes behind `from` and are heap blocks of their exact size. Quadratic: for texts of a few KiB.
 */
void must_split_equally(const struct finder *finder, struct str text);

/* The same for texts too long for every split: pieces of `size` bytes only. */
void must_split_equally_by(const struct finder *finder, struct str text, size_t size);

#endif
