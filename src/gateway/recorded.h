/* SPDX-License-Identifier: Apache-2.0
 * recorded.h - the events of rows of the ledger, one by one, opened where they are sealed.
 *
 * Whatever stands in the database, this does not fail: a row that makes no sense is counted, what
 * does not open has a reason, and its personal texts are shown as null.
 */
#ifndef AIRE_GATEWAY_RECORDED_H
#define AIRE_GATEWAY_RECORDED_H

#include "gateway/ledger.h"

#define RECORDED_BYTES_MAX ((size_t)1 << 20) /* of one row, opened */

struct recorded {
    const struct event_table *events;
    struct keyring *keyring;
    const struct value *rows; /* LEDGER_COLUMNS each */
    size_t left;
    struct arena *arena; /* what was opened */
    struct str facts;    /* of the row under way */
    struct str texts;    /* that stand apart of them */
    bool has_texts;
    int64_t key;
    uint64_t damaged; /* rows */
    const char *why;  /* something did not open; NULL: all did */
};

/* `keyring` NULL: there is no master key. Borrows the rows until recorded_end. */
void recorded_init(struct recorded *recorded, const struct event_table *events,
                   struct keyring *keyring, const struct value *rows, size_t count);
void recorded_end(struct recorded *recorded);

struct recorded_event {
    struct event_view view;
    int64_t key; /* of its row */
    struct str encoded;
    struct str texts;
    bool has_texts;
};
bool recorded_next(struct recorded *recorded, struct recorded_event *event);
/* As event_decode; false: nothing was written. */
bool recorded_write(const struct recorded *recorded, const struct recorded_event *event,
                    bool with_personal, struct json_writer *w);
/* A text of it, also one that stands apart; false: there is none, or it does not open. */
bool recorded_str(const struct recorded_event *event, const char *field, struct str *value);

#endif
