/* SPDX-License-Identifier: Apache-2.0
 * verify.h - is the history of a store whole? All hashes, all records, all signatures.
 *
 * Found are: a byte of a record that changed, a record that was removed or put in, hashes that do
 * not lead to the signed root, a tail that was cut off or rewritten, rows that stand outside of the
 * history, and, against a head that a witness kept elsewhere, a history that went another way.
 * Works beside a server: what is written meanwhile is looked at as well, once.
 */
#ifndef AIRE_AUDIT_VERIFY_H
#define AIRE_AUDIT_VERIFY_H

#include "audit/check.h"
#include "store/store.h"

struct audit_verify {
    struct store *store;
    const struct note_key *key;      /* NULL: the one that the store gives along */
    const struct tree_head *witness; /* NULL: none */
};
/* OK: `report` says what was found. Otherwise the store could not be read. Blocks. */
enum err audit_verify(const struct audit_verify *verify, struct audit_report *report) MUST_USE;

#endif
