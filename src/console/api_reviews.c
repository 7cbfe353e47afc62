/* SPDX-License-Identifier: Apache-2.0
 * api_reviews.c - human decisions: looked at, and given once.
 *
 * Invariant: a decision is durable before it is acknowledged, and of two that race the store lets
 * one win (the statement changes pending rows only). */
#include "console/routes.h"
#include "console/views.h"
#include "domain/review.h"

static void list(struct asked *asked)
{
    const struct store_query *query = &asked->query;
    json_begin_object(&asked->w);
    json_key(&asked->w, "reviews");
    json_begin_array(&asked->w);
    for (size_t i = 0; i < query->row_count; i++) {
        view_review(query->rows + i * query->columns, asked->console->options.commons->keyring,
                    &asked->w);
    }
    json_end_array(&asked->w);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

void api_reviews(struct asked *asked)
{
    const struct api_value *limit = asked_value(asked, "limit");
    uint64_t count = limit->given ? limit->count : 50;
    int state = view_review_state(asked_text(asked, "state"));
    if (state < -1) {
        asked_refuse(asked, 400, "bad_query",
                     "parameter 'state' must be pending, approved, rejected, edited or all");
        return;
    }
    if (count < 1 || count > VIEW_LIST_MAX) {
        asked_refuse(asked, 400, "bad_query", "parameter 'limit' must be from 1 to %llu",
                     (unsigned long long)VIEW_LIST_MAX);
        return;
    }
    struct value *values = arena_array_of(asked->arena, struct value, 2);
    values[0] = value_of_i64(state);
    values[1] = value_of_i64((int64_t)count);
    asked_read(asked, &review_list, values, (size_t)count, list);
}

static void read_one(struct asked *asked, void (*then)(struct asked *asked))
{
    struct value *values = arena_array_of(asked->arena, struct value, 1);
    values[0] = value_of_text(asked_text(asked, "id"));
    asked_read(asked, &review_show, values, 1, then);
}

static bool found(struct asked *asked)
{
    if (asked->query.row_count == 0) {
        asked_refuse(asked, 404, "unknown_review", "there is no such review");
        return false;
    }
    return true;
}

static void show(struct asked *asked)
{
    if (found(asked)) {
        view_review(asked->query.rows, asked->console->options.commons->keyring, &asked->w);
        asked_answer(asked, 200);
    }
}

void api_review(struct asked *asked)
{
    read_one(asked, show);
}

/* ---- deciding ---- */

struct decision {
    enum review_state state;
    struct wall at;
    struct store_step steps[2];
    size_t steps_count;
    struct value values[6];
};

static void decided(struct asked *asked)
{
    const struct decision *decision = asked->state;
    if (asked->result == ERR_NOT_FOUND) {
        asked_refuse(asked, 409, "decided_already", "somebody has just decided this review");
        return;
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    waiting_wake(asked->console->options.commons->waiting,
                 waiting_review(asked_text(asked, "id"), asked->arena));
    json_begin_object(&asked->w);
    json_member_str(&asked->w, "id", asked_text(asked, "id"));
    json_member_cstr(&asked->w, "state", review_state_name(decision->state));
    json_member_str(&asked->w, "decided_by", asked->by);
    view_time(&asked->w, "decided_at", decision->at.us);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

static struct value text_or_null(const struct api_value *value)
{
    return value->given ? value_of_text(value->text) : value_null();
}

/* The words are sealed as the question is; a review that has no key yet gets one. False: it was
 * refused. */
static bool seal_answer(struct asked *asked, struct decision *decision)
{
    struct keyring *keyring = asked->console->options.commons->keyring;
    const struct value *row = asked->query.rows;
    const struct api_value *edit = asked_value(asked, "edit");
    struct data_key key;
    decision->values[2] = value_null();
    if (!edit->given) {
        return true;
    }
    if (keyring == NULL) {
        asked_refuse(asked, 503, "no_master_key", "the answer cannot be sealed without master key");
        return false;
    }
    if (row[13].kind == VALUE_BLOB) {
        if (keyring_unwrap(keyring, row[0].bytes, row[13].bytes, &key) != ERR_OK) {
            asked_refuse(asked, 503, "no_master_key", "its key is under another master key");
            return false;
        }
    } else if (row[8].kind == VALUE_BLOB && row[8].bytes.len > 0) {
        asked_refuse(asked, 409, "erased", "what this review asked was erased");
        return false;
    } else {
        const struct key_scope scope = {.tenant = row[3].bytes};
        key = keyring_make(keyring, KEY_REVIEW, row[0].bytes, &scope, asked->arena,
                           &decision->steps[decision->steps_count++]);
    }
    decision->values[2] = value_of_blob(
        keyring_seal(keyring, &key, REVIEW_ANSWER, edit->text, asked->arena));
    seal_key_wipe(&key.key);
    return true;
}

static void submit(struct asked *asked, struct decision *decision)
{
    const struct value *row = asked->query.rows;
    int64_t waited = row[1].kind == VALUE_INTEGER ? decision->at.us - row[1].integer : 0;
    decision->steps[decision->steps_count++] = (struct store_step){&review_decide, decision->values,
                                                                   true};
    asked->unit = (struct store_unit){.steps = decision->steps,
                                      .count = decision->steps_count,
                                      .bytes = http_call_body(asked->call).len + 512};
    ASKED_TELL(asked, review_answered, .review = asked_text(asked, "id"),
               .decision = asked_text(asked, "decision"), .by = asked->by,
               .waited = waited > 0 ? (uint64_t)waited : 0);
    asked_write(asked, decided);
}

static void decide(struct asked *asked)
{
    struct keyring *keyring = asked->console->options.commons->keyring;
    struct decision *decision = asked->state;
    if (!found(asked)) {
        return;
    }
    const struct value *state = &asked->query.rows[6];
    if (state->kind != VALUE_INTEGER || state->integer != REVIEW_PENDING) {
        asked_refuse(asked, 409, "decided_already", "this review was decided before");
        return;
    }
    decision->at = env_wall(asked->console->options.commons->env);
    decision->values[0] = value_of_text(asked_text(asked, "id"));
    decision->values[1] = value_of_i64(decision->state);
    decision->values[3] = value_of_text(asked->by);
    decision->values[4] = value_of_i64(decision->at.us);
    decision->values[5] = text_or_null(asked_value(asked, "reason"));
    keyring_begin(keyring);
    if (seal_answer(asked, decision)) {
        submit(asked, decision);
    }
    keyring_commit(keyring);
}

void api_review_decision(struct asked *asked)
{
    static const struct {
        struct str word;
        enum review_state state;
    } words[] = {{STR_CONST("approve"), REVIEW_APPROVED},
                 {STR_CONST("reject"), REVIEW_REJECTED},
                 {STR_CONST("edit"), REVIEW_EDITED}};
    struct decision *decision = arena_new_of(asked->arena, struct decision);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_equal(asked_text(asked, "decision"), words[i].word)) {
            decision->state = words[i].state;
        }
    }
    if (decision->state == REVIEW_PENDING) {
        asked_refuse(asked, 422, "bad_decision", "'decision' must be approve, reject or edit");
        return;
    }
    if ((decision->state == REVIEW_EDITED) != asked_value(asked, "edit")->given) {
        asked_refuse(asked, 422, "bad_edit",
                     "'edit' goes with the decision edit, and only with it");
        return;
    }
    asked->state = decision;
    read_one(asked, decide);
}
