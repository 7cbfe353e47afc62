/* SPDX-License-Identifier: Apache-2.0
 * jansson_opinion.h - what jansson says about a text, behind a wall: its names collide with
 * src/json.
 */
#ifndef AIRE_TESTS_JANSSON_OPINION_H
#define AIRE_TESTS_JANSSON_OPINION_H

#include "base/str.h"

enum opinion {
    OPINION_NO,
    OPINION_YES,
    OPINION_NONE /* it refuses what the grammar allows: lone surrogates, numbers out of range */
};

enum opinion jansson_opinion(struct str text);

/* Both texts are read and mean the same; the order of members does not count. */
bool jansson_equal(struct str a, struct str b);

#endif
