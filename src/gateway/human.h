/* SPDX-License-Identifier: Apache-2.0
 * human.h - the last tier: a person is asked (standard C4, P5). */
#ifndef AIRE_GATEWAY_HUMAN_H
#define AIRE_GATEWAY_HUMAN_H

#include "gateway/exchange.h"

/* Stores a review, durably, then answers with its id: as an assistant's message when `in_words`
 * would satisfy the request, else as 503. False when no review can be asked for (the store's queue
 * is full). */
bool human_ask(struct exchange *x, bool in_words);

/* The steps that ask for a review, at most HUMAN_STEPS of them, in the arena; the number. `why` is
 * a word. Between keyring_begin and keyring_commit. */
#define HUMAN_STEPS 2
size_t human_steps(struct exchange *x, struct str id, const char *why, struct str question,
                   struct arena *arena, struct store_step *steps);

#endif
