/* SPDX-License-Identifier: Apache-2.0
 * api_exchanges.c - recorded exchanges. Whoever may ask here may see personal fields. */
#include "console/routes.h"
#include "console/views.h"

static void list(struct asked *asked)
{
    const struct event_table *events = asked->console->options.events;
    const struct store_query *query = &asked->query;
    uint64_t left = *(const uint64_t *)asked->state;
    struct view_rows rows = {query->rows, query->row_count, query->columns};
    struct view_rows one;
    char id[EXCHANGE_ID_BYTES] = "";
    json_begin_object(&asked->w);
    json_key(&asked->w, "exchanges");
    json_begin_array(&asked->w);
    for (; left > 0 && view_next_exchange(&rows, &one); left--) {
        (void)view_exchange_id(&one, id);
        /* Without its end the summary is what is known: that it was. */
        if (!view_exchange_summary(events, &one, true, asked->console->options.commons->keyring,
                                   &asked->w)) {
            json_begin_object(&asked->w);
            json_member_cstr(&asked->w, "id", id);
            json_end_object(&asked->w);
        }
    }
    json_end_array(&asked->w);
    json_member_cstr(&asked->w, "before", left == 0 ? id : NULL); /* for the next page */
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

void api_exchanges(struct asked *asked)
{
    const struct api_value *limit = asked_value(asked, "limit");
    const struct api_value *before = asked_value(asked, "before");
    uint64_t *count = arena_new_of(asked->arena, uint64_t);
    int64_t number = before->given ? ledger_number(before->text) : INT64_MAX / EVENT_CLASS_SLOTS;
    *count = limit->given ? limit->count : 50;
    if (*count < 1 || *count > VIEW_LIST_MAX) {
        asked_refuse(asked, 400, "bad_query", "parameter 'limit' must be from 1 to %llu",
                     (unsigned long long)VIEW_LIST_MAX);
        return;
    }
    if (number < 0) {
        asked_refuse(asked, 400, "bad_query", "parameter 'before' is not the id of an exchange");
        return;
    }
    asked->state = count;
    struct value *values = arena_array_of(asked->arena, struct value, 2);
    values[0] = value_of_i64(number * EVENT_CLASS_SLOTS);
    values[1] = value_of_i64((int64_t)(*count * EVENT_CLASSES));
    asked_read(asked, &ledger_list, values, (size_t)(*count * EVENT_CLASSES), list);
}

static void show(struct asked *asked)
{
    const struct store_query *query = &asked->query;
    struct view_rows one = {query->rows, query->row_count, query->columns};
    if (one.count == 0) {
        asked_refuse(asked, 404, "unknown_exchange", "no such exchange is recorded");
        return;
    }
    view_exchange(asked->console->options.events, &one, true,
                  asked->console->options.commons->keyring, &asked->w);
    asked_answer(asked, 200);
}

void api_exchange(struct asked *asked)
{
    int64_t number = ledger_number(asked_text(asked, "id"));
    if (number < 0) {
        asked_refuse(asked, 404, "unknown_exchange", "an id is ex and 16 hexadecimal digits");
        return;
    }
    struct value *values = arena_array_of(asked->arena, struct value, 1);
    values[0] = value_of_i64(number);
    asked_read(asked, &ledger_show, values, EVENT_CLASSES, show);
}
