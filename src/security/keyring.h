/* SPDX-License-Identifier: Apache-2.0
 * keyring.h - data keys at rest: random, wrapped under the master key, one for each thing that may
 * have to be forgotten apart (a session, a captured exchange, a review).
 *
 * Whoever seals bytes for the store gets a new key and the step that stores it, and puts both into
 * one unit: sealed bytes without their key never stand there. Forgetting destroys keys; what was
 * sealed under them stays unreadable for ever. Rotation wraps all data keys anew under another
 * master key, in transactions of ROTATE_ROWS, with both master keys in place until the last one is
 * over: killed between any two steps, everything stays readable.
 */
#ifndef AIRE_SECURITY_KEYRING_H
#define AIRE_SECURITY_KEYRING_H

#include "base/arena.h"
#include "security/master.h"
#include "store/store.h"

struct keyring;

/* Tables data_keys and vault_values. */
extern const struct schema keyring_schema;

/* Stored. What a history is signed with is kept like any other (app/signing.h). */
enum key_kind { KEY_SESSION, KEY_EXCHANGE, KEY_REVIEW, KEY_RUN, KEY_HISTORY, KEY_SUBJECT };

/* Whom a key's data tells of; empty where there is none. */
struct key_scope {
    struct str tenant;
    struct str principal;
    struct str user;
    struct str session;
};

/* Copies the masters. */
struct keyring *keyring_new(const struct env *env, const struct master_place *place,
                            const struct masters *masters);
void keyring_free(struct keyring *keyring); /* NULL is fine */
/* Of the master key. */
const struct master_place *keyring_place(const struct keyring *keyring);

/* ---- sealing ---- */

struct data_key {
    struct seal_key key;
    struct str id;
    int64_t created_us;
};

/* A new key and the step that stores it. Between keyring_begin and keyring_commit no rotation ends:
 * in between a key is wrapped and the unit with its step is submitted. Any thread; NULL is fine. */
void keyring_begin(struct keyring *keyring);
void keyring_commit(struct keyring *keyring);
struct data_key keyring_make(struct keyring *keyring, enum key_kind kind, struct str id,
                             const struct key_scope *scope, struct arena *arena,
                             struct store_step *step);
/* The step for a key that somebody keeps: harmless where it is stored already. Likewise. */
void keyring_put(struct keyring *keyring, enum key_kind kind, const struct data_key *key,
                 const struct key_scope *scope, struct arena *arena, struct store_step *step);
/* The sealed text, in the arena; `what` and the key's id are bound to it. */
struct str keyring_seal(struct keyring *keyring, const struct data_key *key, struct str what,
                        struct str plain, struct arena *arena);

/* ---- opening; `keyring` NULL: there is no master key ---- */

/* `wrapped` as the table has it. NOT_FOUND: no master key opens it. */
enum err keyring_unwrap(struct keyring *keyring, struct str id, struct str wrapped,
                        struct data_key *key) MUST_USE;
/* Appends the plain text. INVALID: another key, or it was changed. */
enum err keyring_open(const struct data_key *key, struct str what, struct str sealed,
                      struct buf *to) MUST_USE;
/* Both at once, for readers: `wrapped` may be NULL or any other value of a row. NOT_FOUND: the data
 * key was destroyed; DENIED: no master key opens it; INVALID. */
enum err keyring_read(struct keyring *keyring, const struct value *id, const struct value *wrapped,
                      struct str what, struct str sealed, struct buf *to) MUST_USE;
/* The same outcome in words for people. */
const char *keyring_why(enum err code);

/* ---- forgetting ---- */

/* Destroys the keys of all that has this session or, session "", this user; other members narrow
 * it where they are not empty. Committing gives NOT_FOUND when there is none. */
void keyring_forget_unit(const struct key_scope *scope, struct arena *arena,
                         struct store_unit *unit);
/* How often somebody was: what keeps keys drops them then. Told before the unit is submitted, so
 * that nothing new is sealed under what goes, and after it. */
uint64_t keyring_forgets(struct keyring *keyring);
void keyring_forgotten(struct keyring *keyring); /* NULL is fine */
/* Keys of exchanges made before ?1, of sessions unused since ?1; at most a thousand at once. */
extern const struct statement keyring_prune_exchanges;
extern const struct statement keyring_prune_sessions;
extern const struct statement keyring_prune_subjects; /* made before ?1 */
extern const struct statement keyring_prune_values;   /* of sessions that have gone */

/* ---- the master key ---- */

struct rotation {
    uint64_t wrapped;             /* data keys wrapped anew */
    uint64_t unreadable;          /* under a master key that is not here; left as they were */
    char master[MASTER_ID_BYTES]; /* the new one */
    bool old_kept; /* writers were too busy to be sure; the next rotation drops the old one */
};
/* Blocks: never on a loop. BUSY: another one is under way. */
enum err keyring_rotate(struct keyring *keyring, struct store *store, struct rotation *rotation,
                        struct fault *fault) MUST_USE;

struct keyring_status {
    char master[MASTER_ID_BYTES];
    size_t masters; /* 2: a rotation has not ended */
    uint64_t sessions;
    uint64_t exchanges;
    uint64_t reviews;
    uint64_t subjects;
    uint64_t values;  /* sealed rows of vaults */
    uint64_t foreign; /* keys under another master key */
};
/* Blocks. `keyring` NULL: all keys are foreign. */
enum err keyring_status(struct keyring *keyring, struct store *store,
                        struct keyring_status *status) MUST_USE;

#endif
