/* SPDX-License-Identifier: Apache-2.0
 * upstream.h - the way along a route's path: targets with breakers and retries, then rules, then a
 * person (standard R4, R5).
 *
 * One attempt at a time. Before the first byte has left, every failure that the table allows moves
 * on: the same target after a back-off, another target of the tier, the next tier. After it, a
 * failure ends the answer with the dialect's typed error.
 */
#ifndef AIRE_GATEWAY_UPSTREAM_H
#define AIRE_GATEWAY_UPSTREAM_H

#include "gateway/exchange.h"

void upstream_begin(struct exchange *x);
/* The journal's answer, as the provider gave it, in place of the path. */
void upstream_replay(struct exchange *x, struct str bytes);
/* The attempt has ended without an answer; x->failed.kind says why. */
void upstream_failed(struct exchange *x);
/* The attempt has an answer: whole (plain), or its last event is waiting (stream). */
void upstream_answered(struct exchange *x);
/* Everything that had to be durable is: the answer, or its end, leaves. */
void upstream_release(struct exchange *x);
/* An answer that is complete was stopped by a judge: the client is told so instead. */
void upstream_block(struct exchange *x);
/* Releases an answer that no model gave; false when it is too large (many choices). */
bool upstream_stand_in(struct exchange *x, struct str text, double confidence);

#endif
