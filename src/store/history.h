/* SPDX-License-Identifier: Apache-2.0
 * history.h - the order in which a store took its records: a Merkle tree (crypto/tree.h) that grows
 * in the transaction that writes them, so that neither can be without the other.
 *
 * A unit says which records it writes (store.h): the hash of each, and the value that gets its
 * place. Places are dense: a unit that fails leaves no gap. After each batch the head of the tree
 * is signed (crypto/checkpoint.h), once a signer is set; until then records gather unsigned. Hashes
 * are never changed or removed: a record may go, its hash stays, and all proofs hold.
 *
 * Several writers of one database take turns: a batch with records is alone in its transaction.
 */
#ifndef AIRE_STORE_HISTORY_H
#define AIRE_STORE_HISTORY_H

#include "crypto/checkpoint.h"
#include "store/store.h"

extern const struct schema history_schema;

/* The heads are signed from here on (copies the signer). Before the first record. */
void store_sign(struct store *store, const struct note_signer *signer);

/* ---- reading: of any store, also read-only ---- */

struct history_head {
    uint64_t size;
    struct str note;     /* the last signed checkpoint, "" before the first */
    struct str verifier; /* the key it was signed with, as the store has it: compare it (note.h) */
};
/* In the arena. Blocks. A store without records has size 0. */
enum err history_read(struct store *store, struct arena *arena, struct history_head *head) MUST_USE;
/* Hashes for proofs (tree.h); blocks. */
struct tree_source history_source(struct store *store);

/* ---- inside the store only ---- */

struct database;

struct history {
    bool is_signed;
    struct note_signer signer;
    struct tree tree; /* of the transaction under way */
    uint64_t next;    /* the place of the next record */
};
void history_end(struct history *history); /* wipes */
void history_sign(struct history *history, const struct note_signer *signer);

bool history_has(const struct store_unit *unit); /* does it write records? */
/* At the beginning of a transaction: reads where the history stands. */
enum err history_begin(struct history *history, struct database *database) MUST_USE;
/* Gives places to the records of these units; all of them are expected to succeed. */
void history_place(struct history *history, struct store_unit *first, const struct store_unit *end);
/* The last unit failed: its places are given again. */
void history_take_back(struct history *history, const struct store_unit *unit);
/* Before the commit: appends the records of the units that succeeded. AGAIN: one that had places
 * failed. CORRUPT: what the database has of the history does not fit together. */
enum err history_append(struct history *history, struct database *database,
                        const struct store_unit *first) MUST_USE;

#endif
