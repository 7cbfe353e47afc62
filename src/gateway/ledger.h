/* SPDX-License-Identifier: Apache-2.0
 * ledger.h - exchanges and reviews in the store: tables, writing, reading, retention.
 *
 * An exchange leaves one packed row per retention class (key = number * 8 + class, so that rows
 * stand in order of time) and the spend of its subjects, in one unit; each row is a record of the
 * store's history (leaf.h). What is personal stands apart, sealed under a key of whom it tells of
 * (security/subjects.h). Rows of classes whose events
 * hold words are sealed under a data key of the exchange's own, whose id is the exchange's; so are
 * the question and the answer of a review, under the review's.
 */
#ifndef AIRE_GATEWAY_LEDGER_H
#define AIRE_GATEWAY_LEDGER_H

#include "gateway/exchange.h"

extern const struct schema ledger_schema;

/* Durable work under way for an exchange; `x` is NULL once the exchange has ended without it. */
struct pending {
    struct exchange *x;
};

/* Writes x->record. Not durable: a fact, nothing follows. Durable: a commitment; `done` gets the
 * outcome and the exchange, or nothing when the exchange ended first. LIMIT: the store's queue is
 * full. */
enum err ledger_write(struct exchange *x, bool durable,
                      void (*done)(struct exchange *x, enum err result)) MUST_USE;

/* A step that records one event outside of exchanges (keys, switches, decisions), and its place in
 * the history, for the unit of what it tells: both are durable or neither is. */
enum err ledger_event(struct commons *commons, const struct event_type *type, const void *event,
                      struct arena *arena, struct store_step *step,
                      struct store_record *record) MUST_USE;

/* ---- reading, for commands and the API ---- */

#define LEDGER_COLUMNS 5
#define LEDGER_SLOTS   8 /* of classes in a key */
/* Rows of exchanges, newest first, without what goes into other classes: ?1 keys below it, ?2 how
 * many. Columns: key, facts, data key's id (null: nothing is sealed), the data key as it is wrapped
 * (null: it was destroyed), personal (null: then it is the facts that are sealed). */
extern const struct statement ledger_list;
/* All rows of one exchange: ?1 number. The same columns. */
extern const struct statement ledger_show;
int64_t ledger_number(struct str id);                              /* -1: not an exchange's id */
const char *ledger_id(int64_t number, char id[EXCHANGE_ID_BYTES]); /* the id again */
/* What the facts of a class, a review's question and its answer are sealed as. */
struct str ledger_sealed_as(int64_t class);
#define LEDGER_PERSONAL STR("personal")
#define REVIEW_QUESTION STR("review question")
#define REVIEW_ANSWER   STR("review answer")

/* Rows of a class go by age, see audit/retention.h: ?1 class, ?2 and ?3 first and last key. */
extern const struct statement ledger_remove;
/* Keys below this are over age; 0: none ever is. */
int64_t ledger_prune_below(enum event_class class, struct wall now);

/* reviews: id, at_us, exchange, tenant, agent, route, state, failure, question, answer, decided_by,
 * decided_us, reason; then its data key as it is wrapped. Question and answer are blobs where they
 * are sealed. */
extern const struct statement review_insert; /* ?1..?9: up to question */
extern const struct statement review_list;   /* ?1 state or -1, ?2 how many */
extern const struct statement review_show;   /* ?1 id */
extern const struct statement review_decide; /* ?1 id ?2 state ?3 answer ?4 by ?5 at_us ?6 reason */

#endif
