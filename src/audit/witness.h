/* SPDX-License-Identifier: Apache-2.0
 * witness.h - a head of the history that somebody keeps elsewhere: who rewrites the history, even
 * with its signing key, cannot rewrite that.
 *
 * A witness is a file of its own (JSON: what it saw last, cosigned) and its key beside it
 * (FILE.key, mode 0600). It takes a newer head only if its history begins with the one it knows,
 * and only from the key that it met first. Keep both on another machine or disk than the store.
 */
#ifndef AIRE_AUDIT_WITNESS_H
#define AIRE_AUDIT_WITNESS_H

#include "crypto/checkpoint.h"
#include "store/store.h"
#include "sys/env.h"

#define WITNESS_BYTES_MAX (4 * (size_t)NOTE_BYTES_MAX)

struct witness {
    struct note_key log; /* whose history it watches */
    struct note_key key; /* its own */
    struct tree_head head;
    struct str note; /* cosigned, in the arena */
    uint64_t time_s; /* when it saw that */
};

/* NOT_FOUND: no such file; SYNTAX: not a witness's; INVALID: a signature is wrong. */
enum err witness_read(const char *path, struct arena *arena, struct witness *witness,
                      struct fault *why) MUST_USE;

struct witness_step {
    bool first; /* there was no file: the key was taken on trust, or was `log` */
    uint64_t before;
    uint64_t size;
};
/* Takes the store's head and writes the file. `log` NULL: the key that the file knows, or the first
 * one that is met. DENIED: the store's history does not begin with what was seen, or has another
 * key: the file stays as it is. Blocks. */
enum err witness_watch(const char *path, struct store *store, const struct env *env,
                       const struct note_key *log, struct witness_step *step,
                       struct fault *why) MUST_USE;

#endif
