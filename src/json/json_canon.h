/* SPDX-License-Identifier: Apache-2.0
 * json_canon.h - one text for all JSON texts that say the same, for comparing by digest.
 *
 * Members stand in byte order of their decoded names (those of one name keep their order), strings
 * are decoded and escaped as little as may be, numbers are exact and normal, and there is no white
 * space. It is not RFC 8785, which sends numbers through doubles: there 2^53 and 2^53 + 1 are one
 * number. Here equal numbers have equal texts and different ones different texts, however long:
 * digits without zeros at either end, 'e', and the power of ten (100 and 1e2 are "1e2"). Only what
 * is given with a power beyond JSON_CANON_EXPONENT_MAX is compared as it is written. Surrogates
 * alone, which no text decodes to, stay escapes.
 */
#ifndef AIRE_JSON_JSON_CANON_H
#define AIRE_JSON_JSON_CANON_H

#include "json/json.h"

#define JSON_MASKS_MAX       32
#define JSON_MASK_TOKENS_MAX 16

#define JSON_CANON_EXPONENT_MAX INT64_C(1000000000000000000)

/* Pointers (RFC 6901) whose tokens may be "*": any member or element. */
struct json_masks {
    struct json_mask {
        struct str tokens[JSON_MASK_TOKENS_MAX];
        size_t count;
    } masks[JSON_MASKS_MAX];
    size_t count;
};
/* INVALID: no pointer, or the root; LIMIT: too many masks or tokens. Tokens live in `arena`. */
enum err json_masks_add(struct json_masks *masks, struct str pointer, struct arena *arena) MUST_USE;

struct json_canon {
    const struct json_masks *masks; /* what they name is left out; may be NULL */
    /* What stands for a decoded string value, in the arena; may be NULL. */
    struct str (*fold)(struct str text, struct arena *arena);
    struct arena *arena; /* scratch */
};

/* Appends the canonical form of a node. LIMIT: the buffer's, or nested deeper than JSON_DEPTH_MAX.
 */
enum err json_canon(const struct json_canon *how, const struct json *json, uint32_t node,
                    struct buf *to) MUST_USE;

#endif
