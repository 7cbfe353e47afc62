/* SPDX-License-Identifier: Apache-2.0
 * views.h - what the store keeps, as JSON: the same for the API and for commands that read the
 * database themselves. What is sealed is opened with the keyring given (NULL: there is no master
 * key); where it does not open, "sealed" says why.
 */
#ifndef AIRE_CONSOLE_VIEWS_H
#define AIRE_CONSOLE_VIEWS_H

#include "gateway/ledger.h"
#include "json/json_writer.h"

/* Rows of ledger_list or ledger_show; those of one exchange stand together. */
struct view_rows {
    const struct value *rows;
    size_t count;
    size_t columns;
};

#define VIEW_LIST_MAX     UINT64_C(1000)
#define EVENT_CLASS_SLOTS 8 /* a row's key is the exchange's number * 8 + retention class */

/* Takes the rows of the next exchange off the front; false when none is left. */
bool view_next_exchange(struct view_rows *rows, struct view_rows *one);
/* "ex" and 16 hexadecimal digits. */
const char *view_exchange_id(const struct view_rows *one, char to[EXCHANGE_ID_BYTES]);

/* Its end as one object (event exchange_ended); false when the rows do not hold one: nothing is
 * written then. */
bool view_exchange_summary(const struct event_table *events, const struct view_rows *one,
                           bool with_personal, struct keyring *keyring, struct json_writer *w);
/* {"id", "events": [...]} in the order of time; "damaged" counts rows that could not be read. */
void view_exchange(const struct event_table *events, const struct view_rows *one,
                   bool with_personal, struct keyring *keyring, struct json_writer *w);

/* One row of review_list or review_show. */
void view_review(const struct value *row, struct keyring *keyring, struct json_writer *w);
/* The state that a word names: -1 for "all" or "", -2 for no such word. */
int view_review_state(struct str word);

/* Member "rate" as it is written in a configuration, "600/min"; null when there is none. */
void view_rate(struct json_writer *w, const struct rate *rate);
void view_key(const struct key_entry *entry, struct wall now, struct json_writer *w);

/* A member with a time, or null for 0. */
void view_time(struct json_writer *w, const char *key, int64_t at_us);

#endif
