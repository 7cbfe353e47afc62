/* SPDX-License-Identifier: Apache-2.0
 * duties.c - one thread that sleeps most of the time.
 *
 * Retention is applied in small units between other writes, so that a long backlog never holds the
 * store. */
#include "app/duties.h"

#include "app/run_retention.h"
#include "app/ticker.h"
#include "audit/retention.h"
#include "base/must.h"
#include "gateway/ledger.h"
#include "sys/memory.h"

#include <stdlib.h>

struct duties {
    const struct env *env;
    struct commons *commons;
    struct ticker ticker;
    struct run_retention retention;
    uint64_t since_prune_ms;
    uint64_t in_flight_peak; /* since the last trim */
    uint64_t trimmed_at;     /* last exchange begun before it */
};

struct pruning {
    struct store_unit unit;
    struct store_step step;
    struct value values[2];
};

static void pruned(struct store_unit *unit)
{
    free(LIST_OBJECT(unit, struct pruning, unit));
}

/* All that is over age, batch by batch: other writes go on in between. */
static void prune(struct duties *duties)
{
    for (int class = 0; class < EVENT_CLASSES; class ++) {
        int64_t from = 0;
        size_t gone = RETENTION_ROWS;
        enum err code = ERR_OK;
        while (code == ERR_OK && gone == RETENTION_ROWS && !ticker_stopping(&duties->ticker)) {
            code = retention_prune(duties->commons, (enum event_class) class, &from, &gone);
        }
        if (code != ERR_OK) {
            log_say(&duties->env->log, LOG_WARN, "store", "records over age stay: %s",
                    err_text(code));
            return;
        }
    }
}

/* A key goes with the last of what it opens; what sessions hide is kept as long as reasoning. */
static void prune_keys(struct duties *duties)
{
    static const struct {
        const struct statement *statement;
        enum event_class class;
    } keys[] = {{&keyring_prune_exchanges, CLASS_TOOL},
                {&keyring_prune_subjects, CLASS_SECURITY}, /* the class that is kept longest */
                {&keyring_prune_sessions, CLASS_REASONING},
                {&keyring_prune_values, CLASS_REASONING}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        int64_t days = event_classes[keys[i].class].retention_days;
        int64_t before_us = env_wall(duties->env).us - days * 24 * 3600 * 1000000;
        struct pruning *p = calloc(1, sizeof *p);
        if (p == NULL) {
            must_have_memory();
        }
        p->values[0] = value_of_i64(before_us);
        p->step = (struct store_step){keys[i].statement, p->values, false};
        p->unit = (struct store_unit){
            .steps = &p->step, .count = 1, .bytes = sizeof *p, .fact = true, .done = pruned};
        if (store_submit(duties->commons->store, &p->unit) != ERR_OK) {
            free(p);
        }
    }
}

static void prune_runs(struct duties *duties)
{
    struct generation *generation = commons_current(duties->commons);
    enum err code = ERR_OK;
    for (size_t i = 0; i < DUTIES_ROUNDS && code == ERR_OK && !ticker_stopping(&duties->ticker);
         i++) {
        code = run_retention_step(&duties->retention, duties->commons->store, &generation->runs,
                                  env_wall(duties->env));
    }
    generation_unref(generation);
}

/* Freed memory goes back once a burst is over: fewer than half of the peak still run. */
static void trim(struct duties *duties)
{
    struct commons *commons = duties->commons;
    uint64_t begun = atomic_load_explicit(&commons->next_exchange, memory_order_relaxed);
    uint64_t now = atomic_load_explicit(&commons->in_flight, memory_order_relaxed);
    duties->in_flight_peak = now > duties->in_flight_peak ? now : duties->in_flight_peak;
    bool quieter = now == 0 || now * 2 < duties->in_flight_peak;
    if (begun != duties->trimmed_at && quieter) {
        memory_trim();
        duties->trimmed_at = begun;
        duties->in_flight_peak = now;
    }
}

static void tick(void *object)
{
    struct duties *duties = object;
    duties->since_prune_ms += DUTIES_TICK_MS;
    trim(duties);
    if (duties->since_prune_ms >= DUTIES_PRUNE_MS) {
        duties->since_prune_ms = 0;
        prune(duties);
        prune_keys(duties);
        prune_runs(duties);
    }
}

struct duties *duties_start(const struct env *env, struct commons *commons)
{
    struct duties *duties = calloc(1, sizeof *duties);
    if (duties == NULL) {
        must_have_memory();
    }
    duties->env = env;
    duties->commons = commons;
    duties->since_prune_ms = DUTIES_PRUNE_MS - 60000; /* first a minute after the start */
    if (ticker_start(&duties->ticker, "duties", DUTIES_TICK_MS, tick, duties) != ERR_OK) {
        log_say(&env->log, LOG_WARN, "serve", "no thread for retention and memory");
    }
    return duties;
}

void duties_stop(struct duties *duties)
{
    if (duties != NULL) {
        ticker_stop(&duties->ticker);
        free(duties);
    }
}
