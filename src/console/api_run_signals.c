/* SPDX-License-Identifier: Apache-2.0
 * api_run_signals.c - words from outside to a run: kept until a step of it asks.
 *
 * Invariant: a signal is durable before it is acknowledged; whoever waits is woken after that. */
#include "console/routes.h"

#include "gateway/run_seal.h"
#include "gateway/workflow_ask.h"
#include "gateway/workflow_reply.h"
#include "resilience/run_store.h"
#include "resilience/workflow_store.h"
#include "sys/notify.h"

#define MESSAGE_BYTES_MAX 128

struct sending {
    struct str tenant;
    struct signal_row row;
    struct store_step step;
};

static void sent(struct asked *asked)
{
    const struct sending *sending = asked->state;
    if (asked->result == ERR_NOT_FOUND) {
        asked_refuse(asked, 409, "signals_full",
                     "the run has just ended, or has %d signals that no step has asked for",
                     SIGNALS_MAX);
        return;
    }
    if (asked->result != ERR_OK && asked->result != ERR_EXISTS) { /* EXISTS: it was sent before */
        asked_refuse_store(asked);
        return;
    }
    crash_at(CRASH_POINT(signal_kept));
    waiting_wake(asked->console->options.commons->waiting,
                 waiting_signal(sending->row.run, sending->row.name, asked->arena));
    json_begin_object(&asked->w);
    json_member_str(&asked->w, "run", asked_text(asked, "id"));
    json_member_str(&asked->w, "signal", sending->row.name);
    json_end_object(&asked->w);
    asked_answer(asked, 202);
}

/* As the step that takes it will keep it. */
static enum err seal_value(struct asked *asked, const struct run_row *run, struct str *sealed)
{
    struct keyring *keyring = asked->console->options.commons->keyring;
    struct str value = asked_text(asked, "value");
    struct data_key key;
    if (run->wrapped.len == 0 ||
        keyring_unwrap(keyring, run->data_key, run->wrapped, &key) != ERR_OK) {
        return ERR_DENIED;
    }
    *sealed = run_seal(keyring, NULL, &key, RUN_ANSWER, value, asked->arena);
    seal_key_wipe(&key.key);
    return ERR_OK;
}

static void send(struct asked *asked)
{
    struct sending *sending = asked->state;
    struct commons *commons = asked->console->options.commons;
    struct signal_row *row = &sending->row;
    struct run_row run;
    if (asked->query.row_count == 0) {
        asked_refuse(asked, 404, "unknown_run", "there is no such run of this tenant");
        return;
    }
    run_read(asked->query.rows, &run);
    if (run.state != RUN_OPEN && run.state != RUN_DIVERGED) {
        asked_refuse(asked, 409, "run_closed", "this run is %s", run_state_name(run.state));
        return;
    }
    if (seal_value(asked, &run, &row->value) != ERR_OK) {
        asked_refuse(asked, 410, "run_erased", "this run's key is gone, or under another master");
        return;
    }
    struct wall now = env_wall(commons->env);
    row->number = commons_number(commons, now);
    row->run = run.number;
    row->sent_us = now.us;
    sending->step = signal_insert(row, asked->arena);
    asked->unit = (struct store_unit){
        .steps = &sending->step, .count = 1, .bytes = row->value.len + 512};
    ASKED_TELL(asked, run_signalled, .run = asked_text(asked, "id"), .tenant = sending->tenant,
               .signal = row->name, .bytes = asked_text(asked, "value").len, .by = asked->by);
    asked_write(asked, sent);
}

void api_run_signal(struct asked *asked)
{
    struct sending *sending = arena_new_of(asked->arena, struct sending);
    struct str id = asked_text(asked, "message");
    asked->state = sending;
    sending->row.name = asked_text(asked, "name");
    sending->row.id = id;
    if (!asked_tenant(asked, &sending->tenant)) {
        return;
    }
    if (!workflow_name_is_valid(sending->row.name)) {
        asked_refuse(asked, 400, "bad_path", "a signal's name has 1 to %d printable bytes",
                     WORKFLOW_NAME_BYTES_MAX);
        return;
    }
    if (id.len > MESSAGE_BYTES_MAX || str_starts(id, STR(" "))) {
        asked_refuse(asked, 400, "bad_query", "'message' has at most %d bytes, no space in front",
                     MESSAGE_BYTES_MAX);
        return;
    }
    if (asked_text(asked, "value").len > SIGNAL_BYTES_MAX) {
        asked_refuse(asked, 413, "body_too_large", "a signal has at most 64 KiB");
        return;
    }
    struct value *values = arena_array_of(asked->arena, struct value, 2);
    values[0] = value_of_text(sending->tenant);
    values[1] = value_of_text(asked_text(asked, "id"));
    asked_read(asked, &run_find, values, 1, send);
}
