/* SPDX-License-Identifier: Apache-2.0
 * pack.h - bytes made smaller for keeping (zstd, RFC 8878), and back.
 *
 * A packed text is one byte that says how, then the bytes: stored as they are where zstd would not
 * make them smaller. Packing the same bytes gives the same result with the same library.
 */
#ifndef AIRE_BASE_PACK_H
#define AIRE_BASE_PACK_H

#include "base/buf.h"

/* Appends the packed form. LIMIT: the buffer's. */
enum err pack(struct str bytes, struct buf *to) MUST_USE;
/* Appends what was packed. LIMIT: it is longer than the buffer takes; CORRUPT: it is no packed
 * text. There is no checksum: that nothing was changed is for sealing to say. */
enum err unpack(struct str packed, struct buf *to) MUST_USE;

#endif
