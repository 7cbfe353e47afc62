/* SPDX-License-Identifier: Apache-2.0
 * exchange.c - the beginning and the one end of an exchange. */
#include "gateway/exchange.h"

#include "base/must.h"
#include "gateway/attempt.h"
#include "gateway/ledger.h"
#include "gateway/pipeline.h"
#include "gateway/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *outcome_name(enum outcome outcome)
{
    static const char *const names[] = {"none",   "answered", "refused",
                                        "failed", "broken",   "cancelled"};
    return names[outcome];
}

static void write_id(int64_t number, char id[EXCHANGE_ID_BYTES])
{
    id[0] = 'e';
    id[1] = 'x';
    for (int i = 0; i < 16; i++) {
        id[2 + i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
    }
    id[18] = '\0';
}

void exchange_begin(struct gateway *gateway, struct http_call *call,
                    const struct endpoint *endpoint, const struct run_place *place)
{
    struct arena *arena = http_call_arena(call);
    struct exchange *x = arena_new_of(arena, struct exchange);
    x->magic = EXCHANGE_MAGIC;
    x->gateway = gateway;
    x->call = call;
    x->arena = arena;
    x->endpoint = endpoint;
    x->dialect = endpoint->dialect;
    x->path = place->rest;
    x->place = *place;
    x->generation = generation_ref(gateway_generation(gateway));
    x->began = http_call_began(call);
    x->began_at = loop_wall(gateway->loop);
    x->number = commons_number(gateway->commons, x->began_at);
    write_id(x->number, x->id);
    uint8_t random[24];
    for (size_t i = 0; i < sizeof random; i += 8) {
        /* Trace ids must be unique, not secret. */
        uint64_t word = rng_next(&gateway->rng);
        memcpy(&random[i], &word, 8);
    }
    trace_begin(&x->trace, http_head_get(http_call_head(call), STR("traceparent")), random);
    x->confidence = -1;
    x->answer_confidence = -1;
    x->states = arena_zero(arena, pipeline_state_bytes() + 1);
    buf_init(&x->captured, CAPTURE_BYTES_MAX);
    record_init(&x->record, &gateway->telemetry);
    list_push_back(&gateway->exchanges, &x->in_gateway);
    gateway->count++;
    atomic_fetch_add_explicit(&gateway->commons->in_flight, 1, memory_order_relaxed);
    http_call_set_data(call, x);
    pipeline_request(x);
}

void exchange_raise(struct exchange *x, enum verdict verdict, const char *reason)
{
    must(x->magic == EXCHANGE_MAGIC);
    bool request = x->state == EXCHANGE_REQUEST;
    enum verdict *scope = request ? &x->verdict : &x->judgement.verdict;
    if (verdict > *scope) {
        *scope = verdict;
        *(request ? &x->reason : &x->judgement.reason) = reason;
    }
}

void exchange_refuse(struct exchange *x, unsigned status, const char *reason, const char *format,
                     ...)
{
    char words[512];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(words, sizeof words, format, values);
    va_end(values);
    struct wall now = loop_wall(x->gateway->loop);
    x->reason = reason;
    if (status == 401 || status == 403) {
        RECORD(&x->record, now, access_denied, .reason = str_of(reason), .status = status);
    } else {
        RECORD(&x->record, now, request_refused, .reason = str_of(reason), .status = status);
    }
    if (!x->gone) {
        reply_error(x, status, NULL, reason, str_of(words));
    }
    exchange_finish(x, OUTCOME_REFUSED);
}

bool exchange_stopped(const struct exchange *x)
{
    struct stops *stops = x->gateway->commons->stops;
    const struct tool *tool = x->tool.tool;
    return (x->agent != NULL && stops_has(stops, STOP_AGENT, x->agent->name)) ||
           (tool != NULL ? stops_has(stops, STOP_TOOL, tool->name)
                         : stops_has(stops, STOP_ROUTE, x->route->name));
}

bool exchange_charge(struct exchange *x, size_t bytes)
{
    bool granted = cap_take(&x->gateway->commons->memory, bytes);
    x->charged += granted ? bytes : 0;
    return granted;
}

void exchange_leaves(struct exchange *x, struct str bytes)
{
    x->response_bytes += bytes.len;
    if (x->route != NULL && x->route->capture == CAPTURE_FULL) {
        size_t room = x->captured.limit - x->captured.len;
        err_ignore(buf_add(&x->captured, str_cut(bytes, 0, room))); /* as much as is kept */
    }
}

void exchange_writable(struct exchange *x)
{
    if (x->state == EXCHANGE_STREAM && x->attempt != NULL) {
        attempt_resume(x->attempt);
    }
}

void exchange_client_gone(struct exchange *x)
{
    must(x->magic == EXCHANGE_MAGIC && !x->gone);
    x->gone = true;
    /* Once the answer was made, its record goes on without a listener; so does a run's call that
     * is being made: the next try will ask for its answer. */
    bool goes_on = x->state == EXCHANGE_SETTLE || (x->outlives && x->state != EXCHANGE_REQUEST);
    if (goes_on) {
        pipeline_gone(x);
        if (x->attempt != NULL) {
            attempt_resume(x->attempt); /* nobody is slow any longer */
        }
    } else {
        x->reason = "client_gone";
        exchange_finish(x, OUTCOME_CANCELLED);
    }
}

void exchange_finish(struct exchange *x, enum outcome outcome)
{
    must(x->magic == EXCHANGE_MAGIC && x->state != EXCHANGE_ENDED);
    bool walked = x->state != EXCHANGE_REQUEST;
    x->state = EXCHANGE_ENDED;
    x->outcome = outcome;
    if (walked) {
        timer_disarm(&x->total);
        timer_disarm(&x->retry);
        deferred_cancel(&x->next);
    }
    if (x->attempt != NULL) {
        attempt_abandon(x->attempt, FAILURE_cancelled);
        attempt_end(x->attempt);
    }
    if (x->pending != NULL) {
        x->pending->x = NULL;
    }
    pipeline_end(x);
    stream_end(&x->stream);
    buf_end(&x->stand_in);
    buf_end(&x->captured);
    record_end(&x->record);
    cap_return(&x->gateway->commons->memory, x->charged);
    list_remove(&x->in_gateway);
    x->gateway->count--;
    atomic_fetch_sub_explicit(&x->gateway->commons->in_flight, 1, memory_order_relaxed);
    generation_unref(x->generation);
    x->magic = 0;
    http_call_set_data(x->call, NULL);
    http_call_release(x->call);
}
