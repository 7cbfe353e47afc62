/* SPDX-License-Identifier: Apache-2.0
 * asked.c - the end of a call: answers, and what handlers wait for on the way.
 *
 * Invariant: one of `asked_answer...` and `asked_refuse...` ends an `asked`, exactly once; what it
 * waits for (unit, query or job) is one at a time and always comes back on the loop. */
#include "console/asked.h"

#include "base/must.h"
#include "gateway/ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void asked_end(struct asked *asked)
{
    struct http_call *call = asked->call;
    if (asked->ending != NULL) {
        asked->ending(asked);
    }
    list_remove(&asked->link);
    store_query_end(&asked->query);
    buf_end(&asked->out);
    http_call_set_data(call, NULL);
    http_call_release(call); /* takes `asked` with it */
}

void asked_write_error(struct buf *to, const char *code, struct str message)
{
    struct json_writer w;
    json_writer_init(&w, to);
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    json_member_str(&w, "message", message);
    json_member_cstr(&w, "code", code);
    json_end_object(&w);
    json_end_object(&w);
    must(json_writer_end(&w) == ERR_OK);
}

/* ---- answering ---- */

static void reply(struct asked *asked, unsigned status, const struct http_field *fields,
                  size_t count)
{
    must(asked->serving);
    http_call_begin(asked->call, status, fields, count, asked->out.len);
    http_call_give(asked->call, &asked->out);
    http_call_end(asked->call);
    asked_end(asked);
}

void asked_answer(struct asked *asked, unsigned status)
{
    if (json_writer_end(&asked->w) != ERR_OK) {
        buf_end(&asked->out);
        asked_refuse(asked, 500, "answer_too_large", "the answer is too large; ask for less");
        return;
    }
    const struct http_field fields[] = {{STR("content-type"), STR("application/json")},
                                        {STR("cache-control"), STR("no-store")}};
    reply(asked, status, fields, 2);
}

void asked_answer_text(struct asked *asked, struct str type, struct str security)
{
    const struct http_field fields[] = {{STR("content-type"), type},
                                        {STR("cache-control"), STR("no-store")},
                                        {STR("content-security-policy"), security}};
    reply(asked, 200, fields, security.len > 0 ? 3 : 2);
}

void asked_refuse(struct asked *asked, unsigned status, const char *code, const char *format, ...)
{
    char words[512];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(words, sizeof words, format, values);
    va_end(values);
    buf_clear(&asked->out);
    asked_write_error(&asked->out, code, str_of(words));
    const struct http_field fields[] = {{STR("content-type"), STR("application/json")},
                                        {STR("cache-control"), STR("no-store")}};
    reply(asked, status, fields, 2);
}

void asked_refuse_store(struct asked *asked)
{
    asked_refuse(asked, 503, asked->result == ERR_UNKNOWN ? "outcome_unknown" : "store_unavailable",
                 "the store could not do it: %s", err_text(asked->result));
}

/* ---- waiting ---- */

static void written(struct store_unit *unit)
{
    struct asked *asked = LIST_OBJECT(unit, struct asked, unit);
    asked->result = unit->result;
    if (asked->told != NULL && unit->result == ERR_OK) {
        telemetry_emit(&asked->console->options.telemetry, asked->told, asked->telling);
    }
    asked->then(asked);
}

void asked_tell(struct asked *asked, const struct event_type *type, const void *event, size_t bytes)
{
    void *copy = arena_alloc(asked->arena, bytes);
    memcpy(copy, event, bytes);
    asked->told = type;
    asked->telling = copy;
}

/* The audit's row is part of the unit: nothing privileged happens without it (standard S2). */
static enum err add_telling(struct asked *asked)
{
    struct store_unit *unit = &asked->unit;
    struct store_step *steps = arena_array_of(asked->arena, struct store_step, unit->count + 1);
    for (size_t i = 0; i < unit->count; i++) {
        steps[i] = unit->steps[i];
    }
    unit->steps = steps;
    unit->records = arena_new_of(asked->arena, struct store_record);
    unit->record_count = 1;
    unit->bytes += EVENT_BYTES_MAX;
    return ledger_event(asked->console->options.commons, asked->told, asked->telling, asked->arena,
                        &steps[unit->count++], unit->records);
}

void asked_write(struct asked *asked, void (*then)(struct asked *asked))
{
    struct console *console = asked->console;
    asked->then = then;
    asked->unit.home = console->options.loop;
    asked->unit.done = written;
    asked->result = asked->told != NULL ? add_telling(asked) : ERR_OK;
    if (asked->result == ERR_OK) {
        asked->result = store_submit(console->options.commons->store, &asked->unit);
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
    }
}

static void was_read(struct store_query *query)
{
    struct asked *asked = LIST_OBJECT(query, struct asked, query);
    /* More rows than were asked for are no error: the first ones are there. */
    asked->result = query->result == ERR_LIMIT ? ERR_OK : query->result;
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    asked->then(asked);
}

void asked_read(struct asked *asked, const struct statement *statement, const struct value *values,
                size_t rows_max, void (*then)(struct asked *asked))
{
    struct console *console = asked->console;
    asked->then = then;
    store_query_end(&asked->query);
    asked->query = (struct store_query){.statement = statement,
                                        .values = values,
                                        .rows_max = rows_max,
                                        .home = console->options.loop,
                                        .done = was_read};
    asked->result = store_submit_query(console->options.commons->store, &asked->query);
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
    }
}

static void run_job(struct job *job)
{
    struct asked *asked = LIST_OBJECT(job, struct asked, job);
    asked->result = asked->work(asked);
}

static void job_done(struct job *job)
{
    struct asked *asked = LIST_OBJECT(job, struct asked, job);
    asked->then(asked);
}

void asked_work(struct asked *asked, enum err (*run)(struct asked *asked),
                void (*then)(struct asked *asked))
{
    struct console *console = asked->console;
    asked->work = run;
    asked->then = then;
    asked->job.home = console->options.loop;
    asked->job.run = run_job;
    asked->job.done = job_done;
    /* From here on `result` is the worker's. */
    if (workers_submit(console->options.workers, &asked->job) != ERR_OK) {
        asked_refuse(asked, 503, "busy", "too much is asked for at once; try again");
    }
}
