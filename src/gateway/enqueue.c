/* SPDX-License-Identifier: Apache-2.0
 * enqueue.c - the digest of an input is of its canonical form, keyed by the run's key. */
#include "gateway/enqueue.h"

#include "base/must.h"
#include "gateway/run_seal.h"
#include "gateway/run_shape.h"
#include "resilience/workflow_store.h"
#include "json/json_canon.h"

#define GROWTH 6 /* of a canonical form (see run_shape.c) */

static struct run_digest input_digest(const struct data_key *key, struct str queue,
                                      struct str input)
{
    struct arena *arena = arena_new(KIB(4));
    const struct json_canon how = {.arena = arena};
    struct seal_key digests = seal_derive(&key->key, STR("digests of inputs"));
    struct json json;
    struct buf text;
    buf_init(&text, GROWTH * input.len + queue.len + 64);
    enum err code = buf_printf(&text, "%zu " STR_FMT "\n", queue.len, STR_ARG(queue));
    code = code == ERR_OK ? json_parse(&json, input, NULL, arena, NULL) : code;
    code = code == ERR_OK ? json_canon(&how, &json, JSON_ROOT, &text) : code;
    must(code == ERR_OK); /* it was read before, and GROWTH */
    struct run_digest digest = run_shape_digest(&digests, buf_str(&text));
    seal_key_wipe(&digests);
    buf_end(&text);
    arena_free(arena);
    return digest;
}

size_t enqueue(struct commons *commons, struct run_birth *birth, struct job_row *job,
               struct str input, struct arena *arena, struct store_step steps[ENQUEUE_STEPS])
{
    run_birth(commons, birth, arena, steps);
    struct run_digest digest = input_digest(&birth->key, job->queue, input);
    job->run = birth->number;
    job->tenant = birth->scope.tenant;
    job->input = run_seal(commons->keyring, NULL, &birth->key, RUN_ANSWER, input, arena);
    job->input_id = arena_str(arena, run_digest_str(&digest));
    size_t count = RUN_BIRTH_STEPS;
    steps[count++] = job_insert(job, arena);
    if (job->due_us > birth->now.us) { /* it sleeps until then, and is kept so long */
        steps[count++] = wait_insert(birth->number, 0, job->due_us, arena);
    }
    return count;
}

bool enqueue_same(const struct data_key *key, struct str queue, struct str input,
                  struct str input_id)
{
    struct run_digest digest = input_digest(key, queue, input);
    return str_equal(run_digest_str(&digest), input_id);
}
