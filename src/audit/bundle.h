/* SPDX-License-Identifier: Apache-2.0
 * bundle.h - what leaves the store so that others can check it: JSON documents that need nothing
 * else (docs/audit.md). tools/audit_verify.py reads them without any of our code.
 *
 *   export  a line {"format", "kind": "export", "verifier", "checkpoint"}, then a line for every
 *           place in order: {"place", "record"} or, of one that is gone, {"place", "hash"}
 *   proof   {"format", "kind": "proof", "verifier", "checkpoint",
 *            "records": [{"place", "record", "path": [...]}]}
 *   growth  {"format", "kind": "growth", "verifier", "from", "checkpoint", "path": [...]}: the
 *           history of `checkpoint` begins with that of `from`
 * Records (leaf.h) and hashes are base64, checkpoints signed notes.
 */
#ifndef AIRE_AUDIT_BUNDLE_H
#define AIRE_AUDIT_BUNDLE_H

#include "audit/check.h"
#include "store/history.h"
#include "json/json_writer.h"

#define BUNDLE_FORMAT "aire-audit/1"

/* The signed head of a store, opened; INVALID with `why` when there is none or it is not well
 * signed. Blocks. */
struct bundle_head {
    struct history_head stored;
    struct tree_head signed_head;
};
enum err bundle_head(struct store *store, struct arena *arena, struct bundle_head *head,
                     struct fault *why) MUST_USE;

/* Hands over whole lines. `write` answers whether to go on. */
enum err bundle_export(struct store *store, bool (*write)(void *object, struct str lines),
                       void *object, struct fault *why) MUST_USE;
/* Of all records with keys from `first` to `last`. NOT_FOUND: there is none, or none is signed yet.
 */
enum err bundle_prove(struct store *store, int64_t first, int64_t last, struct json_writer *w,
                      struct fault *why) MUST_USE;
/* `from` is a signed note of the same log. INVALID: it is none; DENIED: this history does not begin
 * with that one. */
enum err bundle_growth(struct store *store, struct str from, struct json_writer *w,
                       struct fault *why) MUST_USE;

/* Checks a document of any kind. SYNTAX: it is none. Otherwise `report` says what was found. */
enum err bundle_verify(struct str document, const struct note_key *key,
                       const struct tree_head *witness, struct audit_report *report,
                       struct fault *why) MUST_USE;

#endif
