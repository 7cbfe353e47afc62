/* SPDX-License-Identifier: Apache-2.0
 * decoded.h - a channel's text as judges read it, and where it stands in the JSON strings it came
 * in: guards count decoded bytes, the stream counts escaped ones.
 *
 * Only escapes are remembered; between two of them both texts advance together.
 */
#ifndef AIRE_GATEWAY_DECODED_H
#define AIRE_GATEWAY_DECODED_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

struct escape {
    uint64_t raw; /* first byte of the escape */
    uint64_t text;
    uint32_t raw_len;
    uint32_t text_len;
};

/* Zero it to begin. */
struct decoded {
    uint64_t raw;  /* bytes so far, escaped */
    uint64_t text; /* and decoded */
    struct escape *escapes;
    size_t first;
    size_t count; /* behind the last one */
    size_t room;
    struct escape before; /* sums up what was forgotten */
};

/* The next piece, the inside of a JSON string; its decoded bytes are appended to `to`. A lone
 * surrogate is U+FFFD (a pair that was cut in two is two of them). */
enum err decoded_add(struct decoded *decoded, struct str piece, struct buf *to) MUST_USE;
/* Raw position of a byte of the text: of the beginning of the escape that it lies in, or (`end`) of
 * that escape's end. */
uint64_t decoded_raw(const struct decoded *decoded, uint64_t text, bool end);
/* Positions below `text` will not be asked for again. */
void decoded_forget(struct decoded *decoded, uint64_t text);
void decoded_end(struct decoded *decoded);

#endif
