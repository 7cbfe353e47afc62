/* SPDX-License-Identifier: Apache-2.0
 * run_retention.c - one kind of rows after the other, so that a run's row goes last and its data
 * key before it: killed in between, nothing is left that no later pass would find. */
#include "app/run_retention.h"

#include "resilience/queue_store.h"
#include "resilience/run_store.h"
#include "resilience/workflow_store.h"

static const struct statement *const kinds[] = {
    &run_prune_answers, &run_prune_parts, &signal_prune,   &end_prune,     &wait_prune,
    &job_prune,         &run_prune_steps, &run_prune_keys, &run_prune_runs};
#define KINDS  (sizeof kinds / sizeof kinds[0])
#define BODIES 2 /* the first two */

static int64_t before(struct wall now, uint64_t age_ms)
{
    return now.us - (int64_t)age_ms * 1000;
}

enum err run_retention_step(struct run_retention *r, struct store *store,
                            const struct runs_rules *rules, struct wall now)
{
    enum err code = ERR_NOT_FOUND;
    if (r->at == 0) {
        r->meta_us = before(now, rules->meta_ms);
        int64_t bodies_us = before(now, rules->bodies_ms);
        r->bodies_us = bodies_us > r->meta_us ? bodies_us : r->meta_us;
    }
    while (r->at < KINDS && code == ERR_NOT_FOUND) {
        struct value values[] = {value_of_i64(r->at < BODIES ? r->bodies_us : r->meta_us),
                                 value_of_i64(r->bodiless_us)};
        struct store_step step = {kinds[r->at], values, true};
        struct store_unit unit = {.steps = &step, .count = 1, .bytes = 256};
        code = store_write_now(store, &unit);
        r->at += code == ERR_NOT_FOUND ? 1 : 0;
    }
    if (r->at == KINDS) {
        r->at = 0;
        r->bodiless_us = r->bodies_us;
    }
    return code;
}
