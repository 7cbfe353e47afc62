/* SPDX-License-Identifier: Apache-2.0
 * checkpoint.h - what a log says of itself (C2SP tlog-checkpoint): a note whose text is the log's
 * name, its size and its root, a line each, and any lines more.
 */
#ifndef AIRE_CRYPTO_CHECKPOINT_H
#define AIRE_CRYPTO_CHECKPOINT_H

#include "crypto/note.h"
#include "crypto/tree.h"

#define CHECKPOINT_EXTENSIONS_MAX 16 /* lines */

struct checkpoint {
    struct str origin; /* as a key's name (note.h) */
    struct tree_head head;
    struct str extensions; /* whole lines, none empty; or "" */
};

/* Appends the text, to be signed. INVALID: origin or extensions are not as above. */
enum err checkpoint_write(const struct checkpoint *checkpoint, struct buf *to) MUST_USE;
/* Strict: what is read is what would be written. Borrows the text. SYNTAX (`why` says in which
 * line); RANGE: a size above TREE_SIZE_MAX; LIMIT: too many extensions. */
enum err checkpoint_parse(struct str text, struct checkpoint *checkpoint,
                          struct fault *why) MUST_USE;

/* A whole note of `log`, whose name must be the origin, with its signature checked; further keys
 * (witnesses) are for note_check(note). Errors as from note_parse, note_check, checkpoint_parse;
 * DENIED: the log's key signed for another origin. */
enum err checkpoint_open(struct str bytes, const struct note_key *log, struct note *note,
                         struct checkpoint *checkpoint, struct fault *why) MUST_USE;
/* The note, signed by the log, whose name is the origin. */
enum err checkpoint_sign(const struct tree_head *head, const struct note_signer *log,
                         struct buf *to) MUST_USE;

#endif
