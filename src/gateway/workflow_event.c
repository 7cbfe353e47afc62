/* SPDX-License-Identifier: Apache-2.0
 * workflow_event.c - three queries and what their rows say. */
#include "gateway/workflow_event.h"

#include "base/must.h"
#include "domain/review.h"
#include "gateway/human.h"
#include "gateway/ledger.h"
#include "gateway/run_seal.h"
#include "gateway/workflow_reply.h"
#include "resilience/workflow_store.h"
#include "json/json_writer.h"

#include <string.h>

/* The review's id follows from run and step, so that every try finds it. */
static struct str review_id(struct exchange *x, const struct run_file *file, uint32_t seq)
{
    uint8_t mac[32];
    uint64_t word;
    seal_mac(&file->digests, arena_printf(x->arena, "review of step %u", seq), mac);
    memcpy(&word, mac, sizeof word);
    return arena_printf(x->arena, "rv%016llx", (unsigned long long)word);
}

void workflow_event(struct exchange *x, struct run *run, const struct workflow_ask *ask,
                    uint32_t seq, struct workflow_event *event)
{
    const struct run_file *file = run_attached(run);
    *event = (struct workflow_event){.name = STR("")};
    if (ask->kind == WORKFLOW_WAIT) {
        event->name = waiting_signal(file->row, ask->name, x->arena);
        event->statement = &signal_next;
        event->values[0] = value_of_i64(file->row);
        event->values[1] = value_of_text(ask->name);
    } else if (ask->kind == WORKFLOW_APPROVAL) {
        event->review = review_id(x, file, seq);
        event->name = waiting_review(event->review, x->arena);
        event->statement = &review_show;
        event->values[0] = value_of_text(event->review);
    } else if (ask->kind == WORKFLOW_JOIN) {
        event->name = waiting_end(x->principal.tenant, ask->name, x->arena);
        event->statement = &end_find;
        event->values[0] = value_of_text(x->principal.tenant);
        event->values[1] = value_of_text(ask->name);
    }
}

size_t workflow_event_steps(struct exchange *x, const struct workflow_ask *ask,
                            const struct workflow_event *event, struct store_step *steps)
{
    if (ask->kind != WORKFLOW_APPROVAL) {
        return 0;
    }
    struct str details = ask->input != JSON_NONE ? json_raw(&x->json, ask->input) : STR("");
    const struct str parts[] = {ask->name, details.len > 0 ? STR("\n\n") : STR(""), details};
    RECORD(&x->record, loop_wall(x->gateway->loop), review_requested, .review = event->review,
           .route = x->route->name, .failure = STR("approval"));
    return human_steps(x, event->review, "approval", arena_join(x->arena, parts, 3), x->arena,
                       steps);
}

/* ---- reading ---- */

/* number, value */
static enum err read_signal(struct run *run, struct workflow_event *event, const struct value *row,
                            struct buf *json)
{
    const struct run_file *file = run_attached(run);
    event->signal = row[0].integer;
    event->status = WORKFLOW_DONE;
    return run_unseal(&file->key, RUN_ANSWER, row[1].bytes, json);
}

/* An edit that is no JSON is a text. */
static void put_edit(struct json_writer *w, struct str edit)
{
    json_key(w, "edit");
    if (json_valid(edit, NULL)) {
        json_put_raw(w, edit);
    } else {
        json_put_str(w, edit);
    }
}

/* As review_show has them: 0 id, 6 state, 9 answer, 10 by, 12 reason, 13 its key. */
static enum err read_review(struct exchange *x, struct workflow_event *event,
                            const struct value *row, struct buf *json)
{
    static const char *const words[] = {
        [REVIEW_APPROVED] = "approve", [REVIEW_REJECTED] = "reject", [REVIEW_EDITED] = "edit"};
    int64_t state = row[6].integer;
    struct json_writer w;
    struct buf edit;
    enum err code = ERR_OK;
    if (state < REVIEW_APPROVED || state > REVIEW_EDITED) {
        return ERR_AGAIN;
    }
    buf_init(&edit, RUN_ANSWER_MAX);
    if (row[9].kind == VALUE_BLOB) {
        code = keyring_read(x->gateway->commons->keyring, &row[0], &row[13], REVIEW_ANSWER,
                            row[9].bytes, &edit);
    }
    json_writer_init(&w, json);
    json_begin_object(&w);
    json_member_cstr(&w, "decision", words[state]);
    if (state == REVIEW_EDITED) {
        put_edit(&w, buf_str(&edit));
    }
    if (row[12].kind == VALUE_TEXT) {
        json_member_str(&w, "reason", row[12].bytes);
    }
    json_member_str(&w, "by", row[10].kind == VALUE_TEXT ? row[10].bytes : STR(""));
    json_end_object(&w);
    enum err written = json_writer_end(&w);
    buf_end(&edit);
    event->status = WORKFLOW_DONE;
    return code != ERR_OK ? ERR_DENIED : written;
}

/* What it said, or what became of it where it said nothing. */
static enum err read_answer(struct exchange *x, const struct value *row, struct buf *answer)
{
    struct data_key key;
    struct keyring *keyring = x->gateway->commons->keyring;
    if (row[2].kind != VALUE_BLOB ||
        keyring_unwrap(keyring, row[1].bytes, row[2].bytes, &key) != ERR_OK) {
        return ERR_DENIED;
    }
    enum err code = run_unseal(&key, RUN_ANSWER, row[3].bytes, answer);
    seal_key_wipe(&key.key);
    return code;
}

/* state, data key, that as it is wrapped, what it said */
static enum err read_end(struct exchange *x, struct workflow_event *event, const struct value *row,
                         struct buf *json)
{
    enum run_state state = (enum run_state)row[0].integer;
    struct workflow_told told = {0};
    struct buf answer;
    if (state == RUN_OPEN || state == RUN_DIVERGED) {
        return ERR_AGAIN;
    }
    event->status = state == RUN_DONE ? WORKFLOW_DONE : WORKFLOW_FAILED;
    if (row[3].kind != VALUE_BLOB || state == RUN_CANCELLED) {
        return buf_printf(json, "{\"message\":\"the run is %s\"}", run_state_name(state));
    }
    buf_init(&answer, RUN_ANSWER_MAX);
    enum err code = read_answer(x, row, &answer);
    code = code == ERR_OK ? workflow_recorded(buf_str(&answer), x->arena, &told) : code;
    code = code == ERR_OK ? buf_add(json, told.result.len > 0 ? told.result : told.error) : code;
    buf_end(&answer);
    return code;
}

enum err workflow_event_read(struct exchange *x, struct run *run, struct workflow_event *event,
                             const struct store_query *rows, struct buf *json)
{
    event->signal = 0;
    bool signal = event->statement == &signal_next;
    if (rows->row_count == 0) {
        return signal ? ERR_AGAIN : ERR_NOT_FOUND;
    }
    return signal                             ? read_signal(run, event, rows->rows, json)
           : event->statement == &review_show ? read_review(x, event, rows->rows, json)
                                              : read_end(x, event, rows->rows, json);
}
