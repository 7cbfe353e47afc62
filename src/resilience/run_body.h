/* SPDX-License-Identifier: Apache-2.0
 * run_body.h - a request as it is kept: its conversation turn by turn, and the rest.
 *
 * Agents send the whole conversation with every call, so that keeping requests whole costs the
 * square of a run's length. Here each turn is a part of its own, known by a keyed digest of itself
 * and all turns before it: the next request adds one or two turns and names the last one. A
 * conversation is the elements of the root's `messages`, or of `input` where that is an array. A
 * turn's bytes run from the end of the turn before it (from behind the bracket for the first) to
 * its own end, so that joining gives every byte back, white space included.
 */
#ifndef AIRE_RESILIENCE_RUN_BODY_H
#define AIRE_RESILIENCE_RUN_BODY_H

#include "crypto/seal.h"
#include "json/json.h"

#define PART_ID_BYTES 16

struct part_id {
    uint8_t bytes[PART_ID_BYTES];
};

/* A piece of a body; `parent` is the turn before it, all zero for the first and for the rest. */
struct body_part {
    struct part_id id;
    struct part_id parent;
    struct str bytes;
};

struct run_body {
    struct body_part rest;   /* where the turns are cut out, and what stands around them */
    struct body_part *turns; /* first to last; bytes alias the body */
    size_t turn_count;
};

/* `json` is the body's tape, or NULL where the body is no JSON. Lists and the rest live in `arena`.
 */
void run_body_split(const struct seal_key *key, struct str body, const struct json *json,
                    struct arena *arena, struct run_body *split);
/* Appends the body. CORRUPT: `rest` is none; LIMIT: the buffer's. */
enum err run_body_join(struct str rest, const struct str *turns, size_t count,
                       struct buf *to) MUST_USE;

/* Part ids of one run that the store is known to have; forgetting one only costs a write. */
#define PARTS_KNOWN_MAX 4096
struct parts_known {
    struct part_id *ids; /* a table of PARTS_KNOWN_MAX slots, made when first needed */
};
void parts_known_end(struct parts_known *known);
bool parts_known_has(const struct parts_known *known, const struct part_id *id);
void parts_known_add(struct parts_known *known, const struct part_id *id);

static inline struct str part_id_str(const struct part_id *id)
{
    return (struct str){(const char *)id->bytes, PART_ID_BYTES};
}

#endif
