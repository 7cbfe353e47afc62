/* SPDX-License-Identifier: Apache-2.0
 * check.h - is a history what its signed heads say? Fed with every place in order, wherever they
 * come from; it rebuilds the tree and remembers what is missing and why.
 *
 * A record may be gone only if a later record says so (event records_pruned). Each head that is
 * expected is compared when the tree has its size. All that is wrong is counted, the first
 * AUDIT_FAULTS_MAX are kept.
 */
#ifndef AIRE_AUDIT_CHECK_H
#define AIRE_AUDIT_CHECK_H

#include "crypto/checkpoint.h"
#include "gateway/leaf.h"

#define AUDIT_FAULTS_MAX 20
#define AUDIT_HEADS_MAX  8
#define AUDIT_NO_PLACE   UINT64_MAX

struct audit_fault {
    const char *kind; /* "changed", "removed", "root", ...: for programs */
    uint64_t place;   /* or AUDIT_NO_PLACE */
    char words[200];
};

struct audit_report {
    uint64_t size;    /* places */
    uint64_t records; /* that are there */
    uint64_t gone;    /* by retention */
    uint64_t signed_size;
    uint64_t older; /* rows from before there was a history */
    char verifier[NOTE_KEY_TEXT_MAX];
    bool pinned; /* the verifier was given, not taken from what is checked */
    uint64_t fault_count;
    struct audit_fault faults[AUDIT_FAULTS_MAX];
};

void audit_fault(struct audit_report *report, const char *kind, uint64_t place, const char *format,
                 ...) PRINTF_LIKE(4, 5);

struct audit_head {
    struct tree_head head;
    const char *whose; /* "checkpoint", "witness" */
    bool met;
};

struct audit_check {
    struct audit_report *report;
    struct tree tree;
    struct audit_head heads[AUDIT_HEADS_MAX];
    size_t head_count;
    uint64_t next_head; /* the smallest size that is not met */
    uint8_t *missing;   /* a bit a place */
    uint8_t *pruned;
    size_t room; /* bytes of each */
};

void audit_check_init(struct audit_check *check, struct audit_report *report);
void audit_check_end(struct audit_check *check); /* frees */

/* Before the place behind its last one. Of more than AUDIT_HEADS_MAX the rest is ignored. */
void audit_check_expect(struct audit_check *check, const struct tree_head *head, const char *whose);
/* The next place: `hash` is what the tree gets. `facts` of the record that is there; NULL: it is
 * not. `stored` gets what became final, as tree_append says. */
size_t audit_check_place(struct audit_check *check, const struct leaf *leaf,
                         const struct digest *hash, struct tree_hash stored[TREE_LEVELS]);
/* All places were there: what is missing without a reason, and heads that were not reached. */
void audit_check_close(struct audit_check *check);

/* Opens a signed head with `key`, or with the key that is given along when it is NULL; INVALID with
 * `why`. Sets verifier and pinned. */
enum err audit_open(struct audit_report *report, struct str note, struct str verifier,
                    const struct note_key *key, struct tree_head *head, struct fault *why) MUST_USE;

#endif
