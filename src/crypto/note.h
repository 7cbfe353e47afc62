/* SPDX-License-Identifier: Apache-2.0
 * note.h - signed notes (C2SP signed-note): lines of text, an empty line, then a line for each
 * signature: an em dash, the key's name, base64 of the key's id and the signature.
 *
 * A key is known by its name and its id, which is the beginning of SHA-256(name, newline, type,
 * public key). Two types: Ed25519 over the text, and cosignature/v1 of witnesses (C2SP
 * tlog-cosignature), over the text and a time. A note says nothing until a known key has signed it.
 * Signatures of unknown keys are ignored; a wrong one of a known key spoils the note.
 */
#ifndef AIRE_CRYPTO_NOTE_H
#define AIRE_CRYPTO_NOTE_H

#include "base/buf.h"
#include "crypto/sign.h"

#define NOTE_BYTES_MAX      65536
#define NOTE_SIGNATURES_MAX 32 /* the specification asks for 16 at least */
#define NOTE_NAME_MAX       255
#define NOTE_KEY_TEXT_MAX   512 /* either form of a key */

enum note_type { NOTE_PLAIN = 1, NOTE_COSIGNATURE = 4 };

/* What signatures are checked with. */
struct note_key {
    char name[NOTE_NAME_MAX + 1];
    enum note_type type;
    uint32_t id;
    struct sign_public public;
};
/* What signatures are made with: whoever holds one wipes it. */
struct note_signer {
    struct note_key key;
    struct sign_key secret;
};

/* ---- keys ---- */

/* INVALID: a name is 1 to NOTE_NAME_MAX bytes of UTF-8 without spaces, controls and '+'. */
enum err note_signer_of(struct note_signer *signer, enum note_type type, struct str name,
                        const uint8_t seed[SIGN_SEED_BYTES]) MUST_USE;
void note_signer_wipe(struct note_signer *signer);

/* As golang.org/x/mod/sumdb/note writes them: NAME+ID+BASE64, and PRIVATE+KEY+NAME+ID+BASE64, which
 * is secret: the buf is the caller's to wipe. Reading is strict: what is read is what would be
 * written. SYNTAX: not of this form; UNSUPPORTED: of another type; INVALID: the id is not the
 * key's. `why` (may be NULL) never shows the key. */
enum err note_key_write(const struct note_key *key, struct buf *to) MUST_USE;
enum err note_key_parse(struct str text, struct note_key *key, struct fault *why) MUST_USE;
enum err note_signer_write(const struct note_signer *signer, struct buf *to) MUST_USE;
enum err note_signer_parse(struct str text, struct note_signer *signer, struct fault *why) MUST_USE;

/* ---- reading ---- */

struct note_line {
    struct str name;
    struct str base64;         /* of id and signature */
    uint32_t id;               /* big-endian in the first four bytes */
    const struct note_key *by; /* NULL: not checked, or its key is unknown */
    uint64_t time_s;           /* of a cosignature that was checked, since 1970 */
};

/* Borrows the bytes it was read from. */
struct note {
    struct str text; /* with its last newline */
    size_t count;
    struct note_line lines[NOTE_SIGNATURES_MAX];
};

/* SYNTAX: not a note (`why` says in which line); LIMIT: too long, too many signatures. Nothing is
 * checked yet. */
enum err note_parse(struct str bytes, struct note *note, struct fault *why) MUST_USE;
/* Checks the signatures of these keys and marks their lines, which borrow the keys. INVALID: a
 * signature of one of them is wrong; NOT_FOUND: none of them has signed. */
enum err note_check(struct note *note, const struct note_key *keys, size_t count,
                    struct fault *why) MUST_USE;

/* ---- writing ---- */

/* The text and the empty line. INVALID: it has no last newline, or is not UTF-8 without controls.
 */
enum err note_begin(struct str text, struct buf *to) MUST_USE;
/* One line more, over the text of note_begin or of a note that was read. `time_s` is when, below
 * 2^63, for a cosignature alone. */
enum err note_sign(struct str text, const struct note_signer *signer, uint64_t time_s,
                   struct buf *to) MUST_USE;

#endif
