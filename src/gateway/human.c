/* SPDX-License-Identifier: Apache-2.0
 * human.c - the review is a commitment: the id is told only once the review is durable. */
#include "gateway/human.h"

#include "base/must.h"
#include "base/utf8.h"
#include "domain/review.h"
#include "gateway/ledger.h"
#include "gateway/reply.h"
#include "gateway/upstream.h"

#define QUESTION_MAX KIB(16)

struct asking {
    struct store_unit unit;
    struct pending pending;
    struct arena *arena;
    struct store_step steps[HUMAN_STEPS];
    struct str id;
    bool in_words;
};

static void asked(struct store_unit *unit)
{
    struct asking *asking = LIST_OBJECT(unit, struct asking, unit);
    struct exchange *x = asking->pending.x;
    bool in_words = asking->in_words;
    enum err result = unit->result;
    struct str id = x != NULL ? arena_str(x->arena, asking->id) : STR("");
    arena_free(asking->arena);
    if (x == NULL) {
        return;
    }
    x->pending = NULL;
    if (result != ERR_OK) {
        reply_error(x, 503, NULL, "review_not_stored",
                    STR("no model could answer, and the review could not be stored"));
        x->reason = "store";
        exchange_finish(x, OUTCOME_FAILED);
        return;
    }
    x->review = id;
    RECORD(&x->record, loop_wall(x->gateway->loop), review_requested, .review = id,
           .route = x->route->name, .failure = str_of(failure_action(x->failed.kind)->name));
    struct str words = arena_printf(
        x->arena,
        "No model could answer this right now. A person will look at it; the review is " STR_FMT
        ".",
        STR_ARG(id));
    if (in_words && upstream_stand_in(x, words, 0.0)) {
        return;
    }
    x->degraded = false;
    x->answer_confidence = -1;
    reply_error(x, 503, NULL, "review_pending", words);
    x->reason = "review_pending";
    exchange_finish(x, OUTCOME_FAILED);
}

/* Sealed under a key of the review's own; without a keyring no word of it is stored. */
static size_t add_question(struct exchange *x, struct str question, struct arena *arena,
                           struct value *values, struct store_step *step)
{
    const struct key_scope scope = {x->principal.tenant, x->principal.name, x->user, x->session};
    struct keyring *keyring = x->gateway->commons->keyring;
    values[8] = value_of_blob(STR(""));
    if (question.len == 0 || keyring == NULL) {
        return 0;
    }
    struct data_key key = keyring_make(keyring, KEY_REVIEW, values[0].bytes, &scope, arena, step);
    values[8] = value_of_blob(keyring_seal(keyring, &key, REVIEW_QUESTION, question, arena));
    seal_key_wipe(&key.key);
    return 1;
}

size_t human_steps(struct exchange *x, struct str id, const char *why, struct str question,
                   struct arena *arena, struct store_step *steps)
{
    struct value *values = arena_array_of(arena, struct value, 9);
    values[0] = value_of_text(arena_str(arena, id));
    values[1] = value_of_i64(loop_wall(x->gateway->loop).us);
    values[2] = value_of_text(arena_str(arena, str_of(x->id)));
    values[3] = value_of_text(arena_str(arena, x->principal.tenant));
    values[4] = value_of_text(arena_str(arena, x->agent != NULL ? x->agent->name : STR("")));
    values[5] = value_of_text(arena_str(arena, x->route->name));
    values[6] = value_of_i64(REVIEW_PENDING);
    values[7] = value_of_text(str_of(why));
    steps[0] = (struct store_step){&review_insert, values, true};
    return 1 + add_question(x, question, arena, values, &steps[1]);
}

static enum err submit(struct exchange *x, struct asking *asking, struct str question)
{
    struct commons *commons = x->gateway->commons;
    const char *why = failure_action(x->failed.kind)->name;
    keyring_begin(commons->keyring);
    asking->unit.count = human_steps(x, asking->id, why, question, asking->arena, asking->steps);
    enum err code = store_submit(commons->store, &asking->unit);
    keyring_commit(commons->keyring);
    return code;
}

bool human_ask(struct exchange *x, bool in_words)
{
    struct arena *arena = arena_new(2048);
    struct asking *asking = arena_new_of(arena, struct asking);
    asking->arena = arena;
    asking->in_words = in_words;
    asking->id = arena_printf(arena, "rv%s", x->id + 2);
    /* An ephemeral route keeps no word of the body: the reviewer sees that it happened, not what.
     */
    struct str question = x->route->ephemeral
                              ? STR("")
                              : utf8_head(x->dialect->last_message(&x->json, x->arena),
                                          QUESTION_MAX);
    asking->unit = (struct store_unit){.steps = asking->steps,
                                       .bytes = sizeof *asking + question.len,
                                       .home = x->gateway->loop,
                                       .done = asked};
    if (submit(x, asking, question) != ERR_OK) {
        arena_free(arena);
        return false;
    }
    asking->pending.x = x;
    x->pending = &asking->pending;
    x->attempt = NULL;
    return true;
}
