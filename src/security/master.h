/* SPDX-License-Identifier: Apache-2.0
 * master.h - the master key: where it stands, reading it, making the first one, replacing it.
 *
 * It comes from an environment variable (32 bytes as hexadecimal digits or base64) or from a file
 * that nobody else may read, one key a line. The first key is the current one; a second one is from
 * a rotation that has not ended and only opens. Never shown: of a key only its id, eight bytes of a
 * keyed hash, is told.
 */
#ifndef AIRE_SECURITY_MASTER_H
#define AIRE_SECURITY_MASTER_H

#include "crypto/seal.h"
#include "sys/env.h"

#define MASTER_VARIABLE   "AIRE_MASTER_KEY" /* looked at when nothing is configured */
#define MASTER_FILE       "master.key"      /* in the data folder, otherwise */
#define MASTER_KEYS_MAX   2
#define MASTER_ID_BYTES   17 /* 16 hexadecimal digits, NUL */
#define MASTER_PATH_BYTES 4352

struct master {
    struct seal_key key;
    char id[MASTER_ID_BYTES];
};

struct masters {
    struct master items[MASTER_KEYS_MAX]; /* the first is the current one */
    size_t count;
};

struct master_place {
    bool variable;
    char name[MASTER_PATH_BYTES]; /* of the variable, or the file's path */
};

/* `setting` is keys.master of the configuration: "file:PATH", "${NAME}" or "" for the default;
 * PATH is relative to the folder of `config` (may be NULL). INVALID, LIMIT. */
enum err master_place(struct str setting, const char *config, const char *data,
                      struct master_place *place, struct fault *fault) MUST_USE;
/* NOT_FOUND: there is none yet (a file) or none at all (a variable). DENIED: others may read the
 * file. INVALID: it is no key. The words name the place, never its content. */
enum err master_read(const struct master_place *place, struct masters *masters,
                     struct fault *fault) MUST_USE;
/* Makes the first key of a file; there was none. */
enum err master_create(const struct master_place *place, const struct env *env,
                       struct masters *masters, struct fault *fault) MUST_USE;
/* The file holds these keys from now on, whole or not at all; nothing to do for a variable. */
enum err master_write(const struct master_place *place, const struct masters *masters,
                      struct fault *fault) MUST_USE;
/* The key to rotate to: random for a file, NAME_NEXT for a variable (NOT_FOUND when it is unset).
 */
enum err master_next(const struct master_place *place, const struct env *env, struct master *next,
                     struct fault *fault) MUST_USE;

struct master master_of(const struct seal_key *key);
void masters_wipe(struct masters *masters);

#endif
