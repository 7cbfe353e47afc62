/* SPDX-License-Identifier: Apache-2.0
 * run_views.c - rows of runs and steps to JSON. */
#include "console/run_views.h"

#include "base/num.h"
#include "base/when.h"

#include <stdio.h>

static void put_time(struct json_writer *w, const char *key, int64_t at_us)
{
    char at[WHEN_TEXT_BYTES];
    json_member_cstr(w, key, at_us != 0 ? wall_show((struct wall){at_us}, at) : NULL);
}

const char *view_run_number(int64_t number, char to[RUN_NUMBER_BYTES])
{
    (void)snprintf(to, RUN_NUMBER_BYTES, "rn%016llx", (unsigned long long)number);
    return to;
}

int64_t view_run_number_of(struct str text)
{
    uint64_t number;
    bool whole = text.len == RUN_NUMBER_BYTES - 1 && str_starts(text, STR("rn")) &&
                 num_hex_u64(str_cut(text, 2, text.len), &number) == ERR_OK && number <= INT64_MAX;
    return whole ? (int64_t)number : -1;
}

void view_run_members(const struct value *row, struct json_writer *w)
{
    struct run_row run;
    char number[RUN_NUMBER_BYTES];
    run_read(row, &run);
    bool is_known = (unsigned)run.state < RUN_STATES; /* else it is of a later version */
    json_member_cstr(w, "number", view_run_number(run.number, number));
    json_member_str(w, "id", run.id);
    json_member_str(w, "tenant", run.tenant);
    json_member_str(w, "agent", run.agent);
    json_member_str(w, "principal", run.principal);
    json_member_cstr(w, "state", is_known ? run_state_name(run.state) : "unknown");
    json_member_str(w, "reason", run.reason);
    json_member_u64(w, "try", run.attempt);
    json_member_u64(w, "steps", run.steps);
    json_member_u64(w, "bytes", run.bytes);
    json_member_u64(w, "divergences", run.divergences);
    put_time(w, "created_at", run.created_us);
    put_time(w, "updated_at", run.updated_us);
    if (run.wrapped.len == 0) {
        json_member_bool(w, "erased", true);
    }
}

void view_step_members(const struct value *row, size_t columns, struct json_writer *w)
{
    struct step_row read;
    if (step_read(row, columns, &read) != ERR_OK) {
        json_member_bool(w, "damaged", true);
        return;
    }
    const struct step *step = &read.step;
    int64_t took_us = step->done_at.us - step->intent_at.us;
    json_member_u64(w, "seq", step->seq);
    json_member_cstr(w, "kind", step_kind_name(step->call.kind));
    json_member_str(w, "name", read.name);
    json_member_cstr(w, "effect", step_effect_name(step->call.effect));
    json_member_cstr(w, "state", step_state_name(step->state));
    json_member_u64(w, "try", step->attempt);
    json_member_str(w, "key", step->call.key);
    json_member_str(w, "exchange", read.exchange);
    json_member_u64(w, "status", read.status);
    json_member_bool(w, "streamed", read.streamed);
    put_time(w, "intent_at", step->intent_at.us);
    put_time(w, "done_at", step->done_at.us);
    json_member_u64(w, "took_us", step->done_at.us != 0 && took_us > 0 ? (uint64_t)took_us : 0);
    json_member_u64(w, "bytes", read.bytes);
    json_member_str(w, "idempotency_key", read.idem);
}

int view_run_state(struct str word)
{
    if (word.len == 0 || str_equal(word, STR("all"))) {
        return -1;
    }
    for (int state = RUN_OPEN; state < RUN_STATES; state++) {
        if (str_equal(word, str_of(run_state_name((enum run_state)state)))) {
            return state;
        }
    }
    return -2;
}
