/* SPDX-License-Identifier: Apache-2.0
 * views.c - rows to JSON.
 *
 * Invariant: whatever stands in the database, the JSON is well formed: a row that cannot be read is
 * counted, an unexpected kind of value becomes null. */
#include "console/views.h"

#include "base/must.h"
#include "domain/review.h"
#include "gateway/recorded.h"

#include <stdio.h>
#include <stdlib.h>

void view_time(struct json_writer *w, const char *key, int64_t at_us)
{
    char at[WHEN_TEXT_BYTES];
    json_member_cstr(w, key, at_us != 0 ? wall_show((struct wall){at_us}, at) : NULL);
}

/* ---- exchanges ---- */

static int64_t number_of(const struct value *row)
{
    return row[0].kind == VALUE_INTEGER ? row[0].integer / EVENT_CLASS_SLOTS : -1;
}

bool view_next_exchange(struct view_rows *rows, struct view_rows *one)
{
    if (rows->count == 0) {
        return false;
    }
    *one = *rows;
    one->count = 1;
    while (one->count < rows->count &&
           number_of(rows->rows + one->count * rows->columns) == number_of(rows->rows)) {
        one->count++;
    }
    rows->rows += one->count * rows->columns;
    rows->count -= one->count;
    return true;
}

const char *view_exchange_id(const struct view_rows *one, char to[EXCHANGE_ID_BYTES])
{
    must(one->count > 0);
    return ledger_id(number_of(one->rows), to);
}

bool view_exchange_summary(const struct event_table *events, const struct view_rows *one,
                           bool with_personal, struct keyring *keyring, struct json_writer *w)
{
    struct recorded recorded;
    struct recorded_event event;
    bool found = false;
    recorded_init(&recorded, events, keyring, one->rows, one->count);
    while (!found && recorded_next(&recorded, &event)) {
        found = event.view.type == &event_type_exchange_ended &&
                recorded_write(&recorded, &event, with_personal, w);
    }
    recorded_end(&recorded);
    return found;
}

#define MOMENTS_MAX 4096

/* Those of one time in the order in which they stand. */
static int compare_moments(const void *left, const void *right)
{
    const struct recorded_event *a = left;
    const struct recorded_event *b = right;
    int by_time = (a->view.at_us > b->view.at_us) - (a->view.at_us < b->view.at_us);
    int by_row = (a->key > b->key) - (a->key < b->key);
    int by_place = (a->encoded.at > b->encoded.at) - (a->encoded.at < b->encoded.at);
    return by_time != 0 ? by_time : by_row != 0 ? by_row : by_place;
}

void view_exchange(const struct event_table *events, const struct view_rows *one,
                   bool with_personal, struct keyring *keyring, struct json_writer *w)
{
    char id[EXCHANGE_ID_BYTES];
    struct recorded recorded;
    struct arena *arena = arena_new(4096);
    struct recorded_event *moments = arena_array_of(arena, struct recorded_event, MOMENTS_MAX);
    size_t count = 0;
    recorded_init(&recorded, events, keyring, one->rows, one->count);
    while (count < MOMENTS_MAX && recorded_next(&recorded, &moments[count])) {
        count++;
    }
    qsort(moments, count, sizeof *moments, compare_moments);
    json_begin_object(w);
    json_member_cstr(w, "id", view_exchange_id(one, id));
    json_key(w, "events");
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        must(recorded_write(&recorded, &moments[i], with_personal, w));
    }
    json_end_array(w);
    if (recorded.damaged > 0) {
        json_member_u64(w, "damaged", recorded.damaged);
    }
    if (recorded.why != NULL) {
        json_member_cstr(w, "sealed", recorded.why);
    }
    json_end_object(w);
    recorded_end(&recorded);
    arena_free(arena);
}

/* ---- reviews ---- */

struct opening {
    struct keyring *keyring;
    struct arena *arena;
    const char *why; /* something did not open */
};

static struct str open_sealed(struct opening *opening, const struct value *id,
                              const struct value *wrapped, struct str what, struct str sealed)
{
    struct buf plain;
    struct str opened = STR("");
    buf_init(&plain, RECORDED_BYTES_MAX);
    enum err code = keyring_read(opening->keyring, id, wrapped, what, sealed, &plain);
    if (code == ERR_OK) {
        opened = arena_str(opening->arena, buf_str(&plain));
    } else {
        opening->why = keyring_why(code);
    }
    buf_end(&plain);
    return opened;
}

static void put_text(struct json_writer *w, const char *key, const struct value *value)
{
    json_key(w, key);
    if (value->kind == VALUE_TEXT) {
        json_put_str(w, value->bytes);
    } else {
        json_put_null(w);
    }
}

static int64_t integer_of(const struct value *value)
{
    return value->kind == VALUE_INTEGER ? value->integer : 0;
}

/* Sealed texts are blobs; one that does not open is shown as null, an empty one was not kept. */
static struct value opened_text(struct opening *opening, const struct value *row, size_t column,
                                struct str what)
{
    if (row[column].kind != VALUE_BLOB || row[column].bytes.len == 0) {
        return row[column].kind == VALUE_BLOB ? value_of_text(STR("")) : row[column];
    }
    struct str text = open_sealed(opening, &row[0], &row[13], what, row[column].bytes);
    return text.at != NULL && text.len > 0 ? value_of_text(text) : value_null();
}

void view_review(const struct value *row, struct keyring *keyring, struct json_writer *w)
{
    /* In the order of ledger.h; times, the state and what is sealed apart. */
    static const struct {
        const char *key;
        size_t column;
    } texts[] = {{"exchange", 2}, {"tenant", 3},      {"agent", 4},  {"route", 5},
                 {"failure", 7},  {"decided_by", 10}, {"reason", 12}};
    struct opening opening = {.keyring = keyring, .arena = arena_new(4096)};
    const struct value question = opened_text(&opening, row, 8, REVIEW_QUESTION);
    const struct value answer = opened_text(&opening, row, 9, REVIEW_ANSWER);
    int64_t state = integer_of(&row[6]);
    json_begin_object(w);
    put_text(w, "id", &row[0]);
    view_time(w, "at", integer_of(&row[1]));
    bool known = state >= REVIEW_PENDING && state <= REVIEW_EDITED;
    json_member_cstr(w, "state", known ? review_state_name((enum review_state)state) : "unknown");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put_text(w, texts[i].key, &row[texts[i].column]);
    }
    put_text(w, "question", &question);
    put_text(w, "answer", &answer);
    view_time(w, "decided_at", integer_of(&row[11]));
    if (opening.why != NULL) {
        json_member_cstr(w, "sealed", opening.why);
    }
    json_end_object(w);
    arena_free(opening.arena);
}

int view_review_state(struct str word)
{
    if (word.len == 0 || str_equal(word, STR("all"))) {
        return -1;
    }
    for (int state = REVIEW_PENDING; state <= REVIEW_EDITED; state++) {
        if (str_equal(word, str_of(review_state_name((enum review_state)state)))) {
            return state;
        }
    }
    return -2;
}

/* ---- keys ---- */

void view_rate(struct json_writer *w, const struct rate *rate)
{
    static const struct {
        uint64_t ms;
        const char *name;
    } periods[] = {{1000, "s"}, {60000, "min"}, {3600000, "h"}, {86400000, "d"}};
    char text[32];
    const char *shown = NULL;
    for (size_t i = 0; i < sizeof periods / sizeof periods[0]; i++) {
        if (rate->count > 0 && rate->period_ms == periods[i].ms) {
            (void)snprintf(text, sizeof text, "%llu/%s", (unsigned long long)rate->count,
                           periods[i].name);
            shown = text;
        }
    }
    json_member_cstr(w, "rate", shown);
}

static void put_limits(const struct limit_rule *limits, struct json_writer *w)
{
    json_key(w, "limits");
    json_begin_object(w);
    view_rate(w, &limits->rate);
    json_member_i64(w, "day_microusd", limits->day_microusd);
    json_member_i64(w, "month_microusd", limits->month_microusd);
    json_member_u64(w, "day_tokens", limits->day_tokens);
    json_member_u64(w, "month_tokens", limits->month_tokens);
    json_end_object(w);
}

void view_key(const struct key_entry *entry, struct wall now, struct json_writer *w)
{
    bool expired = entry->expires_us != 0 && entry->expires_us <= now.us;
    json_begin_object(w);
    json_member_str(w, "id", entry->id);
    json_member_str(w, "name", entry->principal.name);
    json_member_str(w, "tenant", entry->principal.tenant);
    json_member_str(w, "agent", entry->principal.agent);
    json_member_bool(w, "may_vouch", entry->principal.may_vouch);
    json_member_bool(w, "admin", entry->admin);
    json_member_cstr(w, "state", entry->revoked ? "revoked" : expired ? "expired" : "valid");
    view_time(w, "created", entry->created_us);
    view_time(w, "expires", entry->expires_us);
    put_limits(&entry->limits, w);
    json_end_object(w);
}
