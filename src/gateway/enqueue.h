/* SPDX-License-Identifier: Apache-2.0
 * enqueue.h - a run that is to wait in a queue: its rows, with its input sealed under its own key.
 */
#ifndef AIRE_GATEWAY_ENQUEUE_H
#define AIRE_GATEWAY_ENQUEUE_H

#include "gateway/run_birth.h"
#include "resilience/queue_store.h"

/* Steps of the run and its job, in the arena, and their number; EXISTS as run_birth. `input` is a
 * JSON value's text; of `job` queue, priority, tries_max and due_us are given. Between
 * keyring_begin and keyring_commit. */
#define ENQUEUE_STEPS (RUN_BIRTH_STEPS + 2)
size_t enqueue(struct commons *commons, struct run_birth *birth, struct job_row *job,
               struct str input, struct arena *arena, struct store_step steps[ENQUEUE_STEPS]);
/* Is this what the run with that data key was enqueued with? */
bool enqueue_same(const struct data_key *key, struct str queue, struct str input,
                  struct str input_id);

#endif
