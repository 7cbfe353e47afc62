/* SPDX-License-Identifier: Apache-2.0
 * pack.h - bytes made smaller for keeping (zstd, RFC 8878), and back.
 *
 * A packed text is one byte that says how, then the bytes: stored as they are where zstd would not
 * make them smaller. Packing the same bytes gives the same result with the same library.
 */
#ifndef AIRE_BASE_PACK_H
#define AIRE_BASE_PACK_H

#include "base/buf.h"

/* What zstd needs for work, kept from one text to the next: making it anew costs more than packing
 * 2 KiB. Of one thread at a time. */
struct packer;

struct packer *packer_new(void);
void packer_free(struct packer *packer); /* NULL is fine */

/* Appends the packed form. Without a packer one is made for this text. LIMIT: the buffer's. */
enum err pack(struct packer *packer, struct str bytes, struct buf *to) MUST_USE;
/* Appends what was packed. LIMIT: it is longer than the buffer takes; CORRUPT: it is no packed
 * text. There is no checksum: that nothing was changed is for sealing to say. */
enum err unpack(struct str packed, struct buf *to) MUST_USE;

#endif
