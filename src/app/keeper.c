/* SPDX-License-Identifier: Apache-2.0
 * keeper.c - looks, and decides about one run at a time.
 *
 * Each decision names the try that was lost, so that a worker's own word in the same moment wins or
 * loses as a whole. */
#include "app/keeper.h"

#include "app/ticker.h"
#include "base/must.h"
#include "base/rng.h"
#include "resilience/queue_store.h"

#include <stdlib.h>

struct keeper {
    struct commons *commons;
    struct ticker ticker;
    struct rng rng;
};

/* In memory as in the store; whoever waits for its end is told. */
static void bury(struct keeper *keeper, struct str tenant, struct str id, struct arena *arena)
{
    struct run *run;
    struct journal *journal = keeper->commons->journal;
    if (journal_run(journal, tenant, id, &run) == ERR_OK) {
        enum err code = run_load(run, NULL);
        if (code == ERR_OK) {
            run_set_state(run, RUN_DEAD);
        } else if (code == ERR_AGAIN) {
            run_loaded(run, ERR_AGAIN, NULL, NULL, 0);
        }
        run_unref(run);
    }
    waiting_wake(keeper->commons->waiting, waiting_end(tenant, id, arena));
}

/* run, tenant, id, try, tries, tries_max */
static void give_back(struct keeper *keeper, const struct value *row)
{
    struct arena *arena = arena_new(1024);
    struct wall now = env_wall(keeper->commons->env);
    int64_t run = row[0].integer;
    uint32_t attempt = (uint32_t)row[3].integer;
    uint64_t tries = (uint64_t)row[4].integer;
    bool dead = row[4].integer >= row[5].integer;
    int64_t due_us = now.us + job_backoff_us(tries, rng_next(&keeper->rng));
    struct store_step steps[] = {
        job_release(run, attempt, dead ? JOB_PARKED : JOB_READY, due_us, arena),
        job_bury(run, now, arena)};
    struct store_unit unit = {.steps = steps, .count = dead ? 2 : 1, .bytes = 512};
    enum err code = store_write_now(keeper->commons->store, &unit);
    if (code == ERR_OK && dead) {
        bury(keeper, row[1].bytes, row[2].bytes, arena);
    } else if (code == ERR_NOT_FOUND && dead) { /* its run has ended meanwhile */
        unit.count = 1;
        code = store_write_now(keeper->commons->store, &unit);
    }
    if (code != ERR_OK && code != ERR_NOT_FOUND) {
        log_say(&keeper->commons->env->log, LOG_WARN, "queue", "a lost run stays as it is: %s",
                err_text(code));
    }
    arena_free(arena);
}

static void look(void *object)
{
    struct keeper *keeper = object;
    const struct value now = value_of_i64(env_wall(keeper->commons->env).us);
    struct store_query query = {.rows_max = JOB_LOST_ROWS};
    if (store_read_now(keeper->commons->store, &job_lost, &now, &query) == ERR_OK) {
        for (size_t i = 0; i < query.row_count && !ticker_stopping(&keeper->ticker); i++) {
            give_back(keeper, &query.rows[i * query.columns]);
        }
    }
    store_query_end(&query);
}

struct keeper *keeper_start(struct commons *commons)
{
    struct keeper *keeper = must_have(calloc(1, sizeof *keeper));
    uint64_t seed;
    env_entropy(commons->env, &seed, sizeof seed);
    rng_seed(&keeper->rng, seed);
    keeper->commons = commons;
    if (ticker_start(&keeper->ticker, "keeper", KEEPER_TICK_MS, look, keeper) != ERR_OK) {
        log_say(&commons->env->log, LOG_WARN, "serve", "no thread for queues: lost runs stay lost");
    }
    return keeper;
}

void keeper_stop(struct keeper *keeper)
{
    if (keeper != NULL) {
        ticker_stop(&keeper->ticker);
        free(keeper);
    }
}
