/* SPDX-License-Identifier: Apache-2.0
 * checks.h - the invariants, each a function whose name says it. What does not hold is told by
 * world_broken.
 */
#ifndef AIRE_TESTS_SIM_CHECKS_H
#define AIRE_TESTS_SIM_CHECKS_H

#include "sim/client.h"

/* ---- of one answer, as it comes in (checks_answer.c) ---- */

void nothing_of_the_provider_reaches_a_client_uninvited(struct world *world,
                                                        const struct http_head *head);
/* One event of a stream; tells the request what it said. */
void every_event_is_well_formed(struct world *world, struct sim_request *request,
                                const struct sse_event *event);
void no_byte_leaves_past_a_release_mark(struct world *world, const struct sim_request *request);
void no_stream_ends_in_silence(struct world *world, const struct sim_request *request);
void every_released_byte_arrives(struct world *world, const struct sim_request *request);
void every_plain_answer_is_in_the_clients_dialect(struct world *world,
                                                  const struct sim_request *request);

/* ---- of the whole run, at its end (checks_end.c) ---- */

/* Reads the store. */
void every_admitted_exchange_ends_exactly_once(struct world *world);
void the_history_of_records_is_whole(struct world *world);
void every_request_gets_one_whole_answer_or_a_cut(struct world *world);
void what_is_sent_is_the_original_with_the_recorded_edits(struct world *world);
void breakers_move_by_legal_steps_only(struct world *world);
void reservations_return_exactly_once(struct world *world);
void records_say_what_clients_saw(struct world *world);
void what_is_not_durable_is_not_told(struct world *world);
/* When servers, gateways and clients are gone. */
void all_memory_returns(struct world *world);
void configurations_end_with_their_last_exchange(struct world *world);

#endif
